//! The rate at which packets arrive at the viewer, as it tells.
//!
//! Follows WebRTC's `modules/congestion_controller/goog_cc/bitrate_estimator.cc`: the rate of each window corrects the estimate,
//! by less the further it is off (a Kalman filter of one number); looked at: str0m 0.25.0, `src/bwe/acked_bitrate_estimator.rs`.

/// The first window, and those after it, µs of the viewer's clock.
const FIRST_WINDOW_US: i64 = 500_000;
const WINDOW_US: i64 = 150_000;
/// How little a sample is believed, by how far it is off; and one of few bytes that is lower, as between two frames. WebRTC has 10
/// and 25; our windows end with a packet and not with a time, so that bursts disturb them less.
const DOUBT: f64 = 4.0;
const SMALL_DOUBT: f64 = 25.0;
const SMALL_BYTES: u64 = 2_000;
const VARIANCE_START: f64 = 50.0;
/// By how much the rate may have changed by itself since the last window.
const DRIFT: f64 = 5.0;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledged {
    estimate_bps: Option<f64>,
    variance: f64,
    bytes: u64,
    since_us: Option<i64>,
    last_us: i64,
}

impl Default for Acknowledged {
    fn default() -> Self {
        Self { estimate_bps: None, variance: VARIANCE_START, bytes: 0, since_us: None, last_us: 0 }
    }
}

impl Acknowledged {
    pub(super) fn bps(&self) -> Option<f64> {
        self.estimate_bps
    }

    /// The viewer's clock has leapt: a window across means nothing.
    pub(super) fn begin_anew(&mut self) {
        self.since_us = None;
    }

    pub(super) fn add(&mut self, arrival_us: i64, bytes: u16) {
        let window_us = if self.estimate_bps.is_some() { WINDOW_US } else { FIRST_WINDOW_US };
        let since_us = match self.since_us {
            // Nothing came for more than a window: that is the sender's pause, not the link's rate.
            Some(since) if arrival_us - self.last_us < window_us => since,
            _ => {
                self.bytes = 0;
                self.last_us = arrival_us;
                *self.since_us.insert(arrival_us)
            }
        };
        if arrival_us - since_us >= window_us {
            self.learn(arrival_us - since_us);
            self.bytes = 0;
            self.since_us = Some(arrival_us);
        }
        self.bytes += u64::from(bytes);
        self.last_us = self.last_us.max(arrival_us);
    }

    fn learn(&mut self, elapsed_us: i64) {
        let sample_bps = self.bytes as f64 * 8e6 / elapsed_us as f64;
        let Some(before_bps) = self.estimate_bps.filter(|bps| *bps > 0.0) else {
            self.estimate_bps = Some(sample_bps);
            return;
        };
        let small = self.bytes < SMALL_BYTES && sample_bps < before_bps;
        let doubt = if small { SMALL_DOUBT } else { DOUBT } * (before_bps - sample_bps).abs() / before_bps;
        let (sample_variance, variance) = (doubt * doubt, self.variance + DRIFT);
        let sum = sample_variance + variance;
        self.estimate_bps = Some((sample_variance * before_bps + variance * sample_bps) / sum);
        self.variance = sample_variance * variance / sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 1,200 bytes, so many µs apart, from `from_us` on.
    fn receive(acknowledged: &mut Acknowledged, from_us: i64, packets: i64, apart_us: i64) {
        for packet in 0..packets {
            acknowledged.add(from_us + packet * apart_us, 1_200);
        }
    }

    /// 1,200 bytes each 10 ms are 960 kbit/s, but a few packets are no rate.
    #[test]
    fn a_steady_stream_is_measured_after_half_a_second() {
        let mut acknowledged = Acknowledged::default();
        receive(&mut acknowledged, 0, 50, 10_000);
        assert_eq!(acknowledged.bps(), None);
        receive(&mut acknowledged, 500_000, 100, 10_000);
        assert_eq!(acknowledged.bps(), Some(960_000.0));
    }

    /// The estimate has to follow a link that lost four fifths of its rate, within a few windows.
    #[test]
    fn a_drop_is_followed_within_a_second() {
        let mut acknowledged = Acknowledged::default();
        receive(&mut acknowledged, 0, 1_000, 2_000);
        assert!(acknowledged.bps().is_some_and(|bps| (bps - 4_800_000.0).abs() < 50_000.0));
        receive(&mut acknowledged, 2_000_000, 100, 10_000);
        assert!(acknowledged.bps().is_some_and(|bps| bps < 1_400_000.0), "{:?}", acknowledged.bps());
    }

    /// A pause is the publisher's, and a leap the clock's.
    #[test]
    fn neither_silence_nor_a_leap_is_a_rate() {
        let mut acknowledged = Acknowledged::default();
        receive(&mut acknowledged, 0, 200, 10_000);
        receive(&mut acknowledged, 60_000_000, 200, 10_000);
        acknowledged.begin_anew();
        receive(&mut acknowledged, -9_000_000, 200, 10_000);
        assert_eq!(acknowledged.bps(), Some(960_000.0));
    }

    /// A liar who says that all arrived at once tells no rate.
    #[test]
    fn arrivals_at_one_moment_are_no_rate() {
        let mut acknowledged = Acknowledged::default();
        receive(&mut acknowledged, 7, 100_000, 0);
        assert_eq!(acknowledged.bps(), None);
    }
}
