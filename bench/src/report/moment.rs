//! A window in pieces of a second or more: what is drawn over time, and how resources grow.

use serde::{Deserialize, Serialize};

use crate::float::float;

/// One piece.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Moment {
    /// Its end, from the window's begin.
    pub at_s: f64,
    pub watching: usize,
    pub packets_per_second: f64,
    /// Numbers that went missing in it; those that come later are taken off again.
    pub packets_missing: i64,
    /// Of the sample.
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    pub max_ms: Option<f64>,
    pub server_cores: Option<f64>,
    pub server_resident_bytes: Option<u64>,
    pub server_descriptors: Option<u64>,
    pub server_threads: Option<u64>,
}

/// Growth an hour, by the straight line through the second half of the window's moments: the first half is for caches to fill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slopes {
    pub resident_bytes_an_hour: f64,
    /// Of what is resident at the end.
    pub resident_percent_an_hour: f64,
    pub descriptors_an_hour: f64,
    pub threads_an_hour: f64,
    /// Of the moments' p99.
    pub p99_ms_an_hour: f64,
}

impl Slopes {
    /// None where less than a minute was seen, or the server's process is not known.
    #[must_use]
    pub fn of(moments: &[Moment]) -> Option<Self> {
        let last = moments.last().filter(|last| last.at_s >= 60.0)?;
        let half = &moments[moments.len() / 2..];
        let points = |value: &dyn Fn(&Moment) -> Option<f64>| -> Vec<(f64, f64)> {
            half.iter().filter_map(|moment| Some((moment.at_s, value(moment)?))).collect()
        };
        let hourly =
            |value: &dyn Fn(&Moment) -> Option<f64>| slope(&points(value)).map(|slope| slope * 3_600.0);
        let resident = hourly(&|moment| moment.server_resident_bytes.map(float))?;
        Some(Self {
            resident_bytes_an_hour: resident,
            resident_percent_an_hour: 100.0 * resident
                / last.server_resident_bytes.map_or(1.0, float).max(1.0),
            descriptors_an_hour: hourly(&|moment| moment.server_descriptors.map(float)).unwrap_or(0.0),
            threads_an_hour: hourly(&|moment| moment.server_threads.map(float)).unwrap_or(0.0),
            p99_ms_an_hour: hourly(&|moment| moment.p99_ms).unwrap_or(0.0),
        })
    }
}

/// Least squares. None of fewer than three points, or points at one time.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let count = float(points.len() as u64);
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let common: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    (spread > 0.0).then(|| common / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(seconds: u32, bytes: impl Fn(u32) -> u64) -> Vec<Moment> {
        let moment = |second: u32| Moment {
            at_s: second.into(),
            server_resident_bytes: Some(bytes(second)),
            server_descriptors: Some(30 + u64::from(second / 60)),
            ..Moment::default()
        };
        (1..=seconds).map(moment).collect()
    }

    /// A leak of a kilobyte a second must be called so, whatever was taken at the beginning.
    #[test]
    fn a_leak_is_the_slope_of_the_second_half() {
        let leaking = moments(600, |second| 100_000_000 + 1_000 * u64::from(second));
        let slopes = Slopes::of(&leaking).unwrap();
        assert!((slopes.resident_bytes_an_hour - 3_600_000.0).abs() < 1.0, "{slopes:?}");
        assert!((slopes.descriptors_an_hour - 60.0).abs() < 3.0, "{slopes:?}");
        let filling = moments(600, |second| 1_000_000 * u64::from(second.min(200)));
        assert!(Slopes::of(&filling).unwrap().resident_bytes_an_hour.abs() < 1.0);
    }

    /// A slope of some seconds is noise.
    #[test]
    fn a_short_window_has_no_slopes() {
        assert_eq!(Slopes::of(&moments(59, |_| 1)), None);
        assert_eq!(Slopes::of(&[]), None);
    }
}
