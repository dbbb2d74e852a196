//! Latencies and join times: recorded in histograms, told as quantiles.
//!
//! Latency runs from the moment at which the publisher's schedule had a packet *due* to the moment at which a viewer has
//! opened it. A publisher that is held up, or a packet that waits because another was late, counts from when it should have
//! been sent: nothing is left out while the generator stands still (coordinated omission).

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The longest that is told apart: a minute.
const LONGEST_NS: u64 = 60_000_000_000;
/// Digits that are exact.
const DIGITS: u8 = 3;
/// Where a curve is drawn: from the median on, each step halves what is above.
const CURVE: [f64; 14] =
    [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0];

/// A histogram of durations in nanoseconds.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

/// What a histogram tells, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub samples: u64,
    pub min_ms: f64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    #[serde(rename = "p99_9_ms")]
    pub p999_ms: f64,
    #[serde(rename = "p99_99_ms")]
    pub p9999_ms: f64,
    pub max_ms: f64,
    /// Quantile (0 to 1) and milliseconds, rising.
    pub curve: Vec<(f64, f64)>,
}

impl Default for Latency {
    fn default() -> Self {
        let mut histogram = Histogram::new_with_bounds(1_000, LONGEST_NS, DIGITS);
        if histogram.is_err() {
            // Bounds and digits are right by construction; the widest histogram serves as well.
            histogram = Histogram::new(DIGITS);
        }
        // Neither can fail: three digits are allowed.
        Self(histogram.unwrap_or_else(|error| unreachable!("{error}")))
    }
}

impl Latency {
    /// Of many durations.
    #[must_use]
    pub fn of(durations_ns: impl IntoIterator<Item = u64>) -> Self {
        let mut latency = Self::default();
        durations_ns.into_iter().for_each(|duration| latency.record(duration));
        latency
    }

    pub fn record(&mut self, duration_ns: u64) {
        self.0.saturating_record(duration_ns);
    }

    pub fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.0.add(&other.0);
    }

    pub fn clear(&mut self) {
        self.0.reset();
    }

    /// None of nothing.
    #[must_use]
    pub fn quantiles(&self) -> Option<Quantiles> {
        let Self(histogram) = self;
        let at = |quantile| milliseconds(histogram.value_at_quantile(quantile));
        (!histogram.is_empty()).then(|| Quantiles {
            samples: histogram.len(),
            min_ms: milliseconds(histogram.min()),
            mean_ms: histogram.mean() / 1e6,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            p9999_ms: at(0.9999),
            max_ms: milliseconds(histogram.max()),
            curve: CURVE.iter().map(|quantile| (*quantile, at(*quantile))).collect(),
        })
    }
}

/// The middle one, or the mean of the two in the middle. None of none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get(values.len().checked_sub(1)? / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[expect(clippy::cast_precision_loss, reason = "exact below 104 days")]
fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every table and plot stands on this.
    #[test]
    fn quantiles_are_exact_to_three_digits() {
        let quantiles = Latency::of((1..=10_000).map(|tenth| tenth * 100_000)).quantiles().unwrap();
        let near = |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 0.001, "{value}");
        near(quantiles.p50_ms, 500.0);
        near(quantiles.p99_ms, 990.0);
        near(quantiles.p9999_ms, 999.9);
        near(quantiles.max_ms, 1_000.0);
        near(quantiles.mean_ms, 500.05);
        assert!((quantiles.min_ms - 0.1).abs() < 0.001, "{quantiles:?}");
        assert_eq!(quantiles.samples, 10_000);
        assert!(quantiles.curve.is_sorted_by_key(|(_, ms)| *ms));
        assert_eq!(Latency::default().quantiles(), None);
    }

    /// A packet that is ten minutes late is late, not lost to the books.
    #[test]
    fn what_is_out_of_bounds_counts_as_the_longest() {
        let quantiles = Latency::of([600_000_000_000, 0]).quantiles().unwrap();
        assert_eq!(quantiles.samples, 2);
        assert!(quantiles.max_ms > 59_000.0);
    }

    /// Two rounds are the fewest; their median is what lies between.
    #[test]
    fn the_median_of_two_lies_between_them() {
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
