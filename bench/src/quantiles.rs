//! Quantiles of what was measured: exact, by sorting.

use serde::Serialize;

/// Milliseconds: what half of the samples, and 99 of 100, are not above.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub longest_ms: f64,
    pub samples: usize,
}

impl Quantiles {
    /// Of durations in nanoseconds. None of none.
    #[must_use]
    pub fn of_ns(mut samples_ns: Vec<u64>) -> Option<Self> {
        samples_ns.sort_unstable();
        let longest = milliseconds(*samples_ns.last()?);
        // The nearest rank: the smallest sample that so many per cent are not above.
        let at = |percent: usize| {
            let rank = (samples_ns.len() * percent).div_ceil(100).max(1);
            samples_ns.get(rank - 1).map(|ns| milliseconds(*ns))
        };
        let (p50_ms, p99_ms) = (at(50)?, at(99)?);
        Some(Self { p50_ms, p99_ms, longest_ms: longest, samples: samples_ns.len() })
    }
}

/// The middle one, or the mean of the two in the middle. None of none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
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

    /// Off by one rank, p99 of a small sample would be its maximum or hide it.
    #[test]
    fn quantiles_are_those_of_the_nearest_rank() {
        let quantiles = Quantiles::of_ns((1..=200).rev().map(|ms| ms * 1_000_000).collect()).unwrap();
        let expected = Quantiles { p50_ms: 100.0, p99_ms: 198.0, longest_ms: 200.0, samples: 200 };
        assert_eq!(quantiles, expected);
        let one = Quantiles::of_ns(vec![7_000_000]).unwrap();
        assert_eq!((one.p50_ms, one.p99_ms), (7.0, 7.0));
        assert_eq!(Quantiles::of_ns(Vec::new()), None);
    }

    /// Two rounds are the fewest; their median is what lies between.
    #[test]
    fn the_median_of_two_lies_between_them() {
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(Vec::new()), None);
    }
}
