//! The Prometheus text format, version 0.0.4: families of samples, one line each.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::{Display, Write};

/// The text under construction.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

/// Adds samples under one name.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    pub(super) fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    pub(super) fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Family { text: &mut self.text, name }
    }
}

impl Family<'_> {
    pub(super) fn sample(self, labels: &[(&str, &str)], value: impl Display) -> Self {
        self.text.push_str(self.name);
        for (at, (name, label)) in labels.iter().enumerate() {
            let _ = write!(self.text, "{}{name}=\"{}\"", if at == 0 { '{' } else { ',' }, escaped(label));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
        self
    }
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scraper drops the whole page over one bad line.
    #[test]
    fn samples_have_the_form_that_scrapers_read() {
        let mut text = Exposition::default();
        text.counter("a_total", "What it counts.")
            .sample(&[], 1)
            .sample(&[("x", "1"), ("y", "q\"\\\n")], 2.5);
        text.gauge("b", "Now.").sample(&[("x", "")], 0);
        assert_eq!(
            text.finish(),
            "# HELP a_total What it counts.\n# TYPE a_total counter\na_total 1\na_total{x=\"1\",y=\"q\\\"\\\\\\n\"} 2.5\n\
             # HELP b Now.\n# TYPE b gauge\nb{x=\"\"} 0\n"
        );
    }
}
