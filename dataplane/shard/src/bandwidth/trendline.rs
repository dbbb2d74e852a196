//! Whether a queue grows on the way to the viewer: the slope of the delay that groups of packets gather.
//!
//! Follows WebRTC's `modules/congestion_controller/goog_cc/trendline_estimator.cc` and draft-ietf-rmcat-gcc-02 §5.4 (for the
//! adaptive threshold); looked at: str0m 0.25.0, `src/bwe/delay/trendline.rs`.
//!
//! ```text
//!   Δ arrival − Δ sent ──► sum ──► smoothed ──► slope over 20 groups ──► × groups × gain  ≷  threshold
//! ```

use arrayvec::ArrayVec;

use super::groups::Delta;

/// Groups that the slope is drawn through.
const WINDOW: usize = 20;
/// Weight of the past in the smoothed delay.
const SMOOTHING: f64 = 0.9;
/// By how much a slope is multiplied before it is held against the threshold: by this, and by the number of groups up to a most.
const GAIN: f64 = 4.0;
const GROUPS_MAX: f64 = 60.0;
const THRESHOLD_MS_START: f64 = 12.5;
const THRESHOLD_MS_MIN: f64 = 6.0;
const THRESHOLD_MS_MAX: f64 = 600.0;
/// How fast the threshold follows what exceeds it, and what does not, a millisecond.
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;
/// What exceeds it by more is a spike, and does not move it.
const SPIKE_MS: f64 = 15.0;
/// The threshold moves for no longer than this at once.
const STEP_MS_MAX: f64 = 100.0;
/// A slope has to be too steep for so long, in time sent, and in more than one group.
const OVERUSE_MS: f64 = 10.0;

/// What the slope says of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Usage {
    #[default]
    Normal,
    /// More is sent than it carries: a queue grows.
    Over,
    /// A queue is emptied.
    Under,
}

/// See the file's head.
#[derive(Debug, Clone)]
pub(super) struct Trendline {
    /// Arrival since the origin, and the smoothed delay by then, ms.
    samples: ArrayVec<(f64, f64), WINDOW>,
    origin_us: Option<i64>,
    groups: f64,
    delay_ms: f64,
    smoothed_ms: f64,
    threshold_ms: f64,
    threshold_moved_us: i64,
    slope: f64,
    /// For how long, ms sent, and in how many groups the slope has been too steep.
    steep: Option<(f64, u32)>,
    usage: Usage,
}

impl Default for Trendline {
    fn default() -> Self {
        Self {
            samples: ArrayVec::new(),
            origin_us: None,
            groups: 0.0,
            delay_ms: 0.0,
            smoothed_ms: 0.0,
            threshold_ms: THRESHOLD_MS_START,
            threshold_moved_us: 0,
            slope: 0.0,
            steep: None,
            usage: Usage::Normal,
        }
    }
}

impl Trendline {
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// The viewer's clock has leapt: no line goes across.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { threshold_ms: self.threshold_ms, ..Self::default() };
    }

    pub(super) fn add(&mut self, delta: &Delta) {
        let sent_ms = milliseconds(delta.sent_us);
        self.groups += 1.0;
        self.delay_ms += milliseconds(delta.arrival_us) - sent_ms;
        self.smoothed_ms += (1.0 - SMOOTHING) * (self.delay_ms - self.smoothed_ms);
        let origin_us = *self.origin_us.get_or_insert(delta.at_us);
        if self.samples.is_full() {
            self.samples.remove(0);
        }
        self.samples.push((milliseconds(delta.at_us - origin_us), self.smoothed_ms));
        if self.samples.is_full() {
            let slope = slope(&self.samples).unwrap_or(self.slope);
            self.judge(slope, sent_ms, delta.at_us);
        }
    }

    fn judge(&mut self, slope: f64, sent_ms: f64, at_us: i64) {
        let trend_ms = self.groups.min(GROUPS_MAX) * slope * GAIN;
        if trend_ms > self.threshold_ms {
            // The first of them is counted half: it became too steep somewhere within.
            let (steep_ms, groups) =
                self.steep.map_or((sent_ms / 2.0, 1), |(ms, groups)| (ms + sent_ms, groups + 1));
            self.steep = Some((steep_ms, groups));
            if steep_ms > OVERUSE_MS && groups > 1 && slope >= self.slope {
                self.steep = None;
                self.usage = Usage::Over;
            }
        } else {
            self.steep = None;
            self.usage = if trend_ms < -self.threshold_ms { Usage::Under } else { Usage::Normal };
        }
        self.slope = slope;
        self.move_threshold(trend_ms.abs(), at_us);
    }

    /// Flows that fill every queue would starve us if the threshold did not follow them.
    fn move_threshold(&mut self, trend_ms: f64, at_us: i64) {
        let elapsed_ms = milliseconds(at_us - self.threshold_moved_us).clamp(0.0, STEP_MS_MAX);
        self.threshold_moved_us = at_us;
        if trend_ms <= self.threshold_ms + SPIKE_MS {
            let speed = if trend_ms < self.threshold_ms { THRESHOLD_DOWN } else { THRESHOLD_UP };
            let moved = self.threshold_ms + speed * (trend_ms - self.threshold_ms) * elapsed_ms;
            self.threshold_ms = moved.clamp(THRESHOLD_MS_MIN, THRESHOLD_MS_MAX);
        }
    }
}

/// Least squares. None: all arrived at one moment.
fn slope(samples: &[(f64, f64)]) -> Option<f64> {
    let count = samples.len() as f64;
    let (sum_x, sum_y) = samples.iter().fold((0.0, 0.0), |sums, (x, y)| (sums.0 + x, sums.1 + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (shared, spread) = samples.iter().fold((0.0, 0.0), |sums, (x, y)| {
        let x = x - mean_x;
        (sums.0 + x * (y - mean_y), sums.1 + x * x)
    });
    (spread > 0.0).then(|| shared / spread)
}

fn milliseconds(us: i64) -> f64 {
    us as f64 / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said after each of `groups` groups, sent 20 ms apart, that are late by so much more each, in µs.
    fn said(
        trendline: &mut Trendline,
        at_us: &mut i64,
        groups: usize,
        later_us: impl Fn(usize) -> i64,
    ) -> Vec<Usage> {
        let said = (0..groups).map(|group| {
            let delta = Delta { sent_us: 20_000, arrival_us: 20_000 + later_us(group), at_us: *at_us };
            *at_us += delta.arrival_us;
            trendline.add(&delta);
            trendline.usage()
        });
        said.collect()
    }

    /// A link that carries four fifths of what is sent: the queue grows by 5 ms with each group.
    #[test]
    fn a_growing_queue_is_overuse_until_it_shrinks() {
        let (mut trendline, mut at_us) = (Trendline::default(), 0);
        assert!(said(&mut trendline, &mut at_us, 60, |_| 0).iter().all(|usage| *usage == Usage::Normal));
        let growing = said(&mut trendline, &mut at_us, 20, |_| 5_000);
        assert!(
            growing.iter().position(|usage| *usage == Usage::Over).is_some_and(|place| place < 10),
            "{growing:?}"
        );
        let shrinking = said(&mut trendline, &mut at_us, 40, |_| -5_000);
        assert!(shrinking.contains(&Usage::Under), "{shrinking:?}");
        assert_eq!(shrinking.last(), Some(&Usage::Under));
    }

    /// Radio links are late by some milliseconds now and then; the mean does not grow.
    #[test]
    fn jitter_is_no_overuse() {
        let (mut trendline, mut at_us) = (Trendline::default(), 0);
        let said = said(&mut trendline, &mut at_us, 400, |group| if group % 2 == 0 { 4_000 } else { -4_000 });
        assert!(!said.contains(&Usage::Over), "{said:?}");
    }

    /// A receiver that says that all arrived at once has no slope.
    #[test]
    fn arrivals_at_one_moment_are_borne() {
        let (mut trendline, mut at_us) = (Trendline::default(), 0);
        let said = said(&mut trendline, &mut at_us, 100, |_| -20_000);
        assert!(!said.contains(&Usage::Over));
    }
}
