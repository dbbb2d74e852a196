//! What the link was found to carry: the rate at which packets arrived when it was overused or probed.
//!
//! Near it the estimate grows carefully, and a rate far from it says that the link is another now. Follows WebRTC's
//! `modules/congestion_controller/goog_cc/link_capacity_estimator.cc` and the convergence of draft-ietf-rmcat-gcc-02 §5.5.

/// Weight of an overuse, which may be by chance, and of a probe, which was meant to find out.
const OVERUSE_WEIGHT: f64 = 0.05;
const PROBE_WEIGHT: f64 = 0.5;
/// Kbit/s: bounds of the variance in units of the mean.
const VARIANCE_START: f64 = 0.4;
const VARIANCE_MIN: f64 = 0.4;
const VARIANCE_MAX: f64 = 2.5;
/// A rate beyond so many standard deviations is of another link.
const DEVIATIONS: f64 = 3.0;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capacity {
    mean_kbps: Option<f64>,
    variance: f64,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { mean_kbps: None, variance: VARIANCE_START }
    }
}

impl Capacity {
    pub(super) fn bps(&self) -> Option<f64> {
        self.mean_kbps.map(|kbps| kbps * 1_000.0)
    }

    pub(super) fn overused(&mut self, arrived_bps: f64) {
        self.learn(arrived_bps, OVERUSE_WEIGHT);
    }

    pub(super) fn probed(&mut self, arrived_bps: f64) {
        self.learn(arrived_bps, PROBE_WEIGHT);
    }

    /// Forgets the link if the rate is beyond what it carries.
    pub(super) fn doubt_above(&mut self, arrived_bps: f64) {
        if self.mean_kbps.is_some_and(|mean| arrived_bps / 1_000.0 > mean + self.deviation_kbps(mean)) {
            *self = Self::default();
        }
    }

    /// Forgets the link if it carried far more.
    pub(super) fn doubt_below(&mut self, arrived_bps: f64) {
        if self.mean_kbps.is_some_and(|mean| arrived_bps / 1_000.0 < mean - self.deviation_kbps(mean)) {
            *self = Self::default();
        }
    }

    fn deviation_kbps(&self, mean_kbps: f64) -> f64 {
        DEVIATIONS * (self.variance * mean_kbps).sqrt()
    }

    fn learn(&mut self, arrived_bps: f64, weight: f64) {
        let sample = arrived_bps / 1_000.0;
        let mean = self.mean_kbps.map_or(sample, |mean| mean + weight * (sample - mean));
        self.mean_kbps = Some(mean);
        let off = mean - sample;
        let variance = self.variance + weight * (off * off / mean.max(1.0) - self.variance);
        self.variance = variance.clamp(VARIANCE_MIN, VARIANCE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Careful growth is for the link that was found, not for the one that came after it.
    #[test]
    fn a_rate_far_from_the_capacity_is_of_another_link() {
        let mut found = Capacity::default();
        found.overused(1_000_000.0);
        for near in [950_000.0, 1_050_000.0] {
            let mut capacity = found;
            capacity.doubt_above(near);
            capacity.doubt_below(near);
            assert_eq!(capacity.bps(), Some(1_000_000.0));
        }
        let mut faster = found;
        faster.doubt_above(1_500_000.0);
        assert_eq!(faster.bps(), None);
        let mut slower = found;
        slower.doubt_below(500_000.0);
        assert_eq!(slower.bps(), None);
    }

    #[test]
    fn a_probe_weighs_more_than_an_overuse() {
        let (mut overused, mut probed) = (Capacity::default(), Capacity::default());
        overused.overused(1_000_000.0);
        probed.overused(1_000_000.0);
        overused.overused(2_000_000.0);
        probed.probed(2_000_000.0);
        assert_eq!((overused.bps(), probed.bps()), (Some(1_050_000.0), Some(1_500_000.0)));
    }
}
