//! `/metrics` as values. The Prometheus text format, version 0.0.4.

use std::collections::BTreeMap;

/// One line: a name, labels and a value.
#[derive(Debug, Clone, PartialEq)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// All samples of one reading.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics(Vec<Sample>);

/// A line that is no sample.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no metric sample: {0:?}")]
pub struct NoSample(String);

impl Metrics {
    /// Reads the text.
    ///
    /// # Errors
    /// The first line that is neither a comment nor a sample.
    pub fn parse(text: &str) -> Result<Self, NoSample> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| sample(line).ok_or_else(|| NoSample(line.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The sum of the samples of that name which carry all these labels; 0 without any.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.of(name, labels).map(|sample| sample.value).sum()
    }

    /// Sums by the values of one label.
    #[must_use]
    pub fn by(&self, name: &str, label: &str) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for sample in self.of(name, &[]) {
            if let Some(value) = sample.labels.get(label) {
                *sums.entry(value.clone()).or_default() += sample.value;
            }
        }
        sums
    }

    fn of<'a>(&'a self, name: &'a str, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Sample> {
        self.0.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        })
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (series, value) = line.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = series.split_once('{') else {
        return Some(Sample { name: series.to_owned(), labels: BTreeMap::new(), value });
    };
    // Label values here come from fixed sets in the server: no commas, no quotes.
    let pairs = labels.strip_suffix('}')?.split(',').filter(|pair| !pair.is_empty());
    let labels = pairs
        .map(|pair| {
            let (key, quoted) = pair.split_once('=')?;
            Some((key.to_owned(), quoted.strip_prefix('"')?.strip_suffix('"')?.to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests of the server's books add up what this reads.
    #[test]
    fn samples_are_summed_by_name_and_label() {
        let text = "# HELP a A.\n# TYPE a counter\na{s=\"0\",r=\"x\"} 1\na{s=\"1\",r=\"x\"} 2\na{s=\"1\",r=\"y\"} 4\nb 0.5\n";
        let metrics = Metrics::parse(text).unwrap();
        assert_eq!(metrics.sum("a", &[]), 7.0);
        assert_eq!(metrics.sum("a", &[("s", "1")]), 6.0);
        assert_eq!(metrics.sum("a", &[("s", "1"), ("r", "x")]), 2.0);
        assert_eq!(metrics.sum("b", &[]), 0.5);
        assert_eq!(metrics.by("a", "r"), BTreeMap::from([("x".to_owned(), 3.0), ("y".to_owned(), 4.0)]));
    }

    /// A page that cannot be read must not look like a page of zeros.
    #[test]
    fn a_line_that_is_no_sample_is_an_error() {
        for line in ["a", "a{x=1} 2", "a{x=\"1\" 2", "a one"] {
            assert_eq!(Metrics::parse(line), Err(NoSample(line.to_owned())));
        }
    }
}
