//! Whether a viewer can take the stream, by the estimate of its link (its own, REMB, or ours, [`crate::bandwidth`]) and its losses.
//!
//! An estimate below the stream's rate alone proves nothing: a receiver's estimate follows what it gets, so that a picture
//! that was still and begins to move is far above it for a while. Only together with a sign of overuse, a falling estimate or
//! heavy loss, is the viewer held back: then media leaves at the rate of the estimate, audio first, and video that falls too
//! far behind is left out.

use std::time::{Duration, Instant};

use crate::limits::{PACE_FACTOR, PACE_RATE_MIN};
use crate::notes::Notable;

/// A sign of overuse counts for this long.
const OVERUSE_MEMORY: Duration = Duration::from_secs(3);

/// The estimate has to be too low for this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// An estimate older than this is none.
const ESTIMATE_AGE_MAX: Duration = Duration::from_secs(10);

/// Lowest rate that a viewer is held to, bit/s: below it no estimator measures anything.
const HELD_BPS_MIN: u64 = 100_000;

/// Loss that libwebrtc's loss-based control answers by sending less: 10 %, in 1/256.
const HEAVY_LOSS: u8 = 26;

/// Media leaves at this multiple of an estimate of ours, in halves: a key frame does not wait for long, and fills no queue on the way
/// by more than it has to. libwebrtc's pacer has 2.5.
const ESTIMATE_FACTOR_HALVES: u64 = 5;
/// But not slower than at this multiple of the track's rate, in halves: only who is held gets less than the stream.
const TRACK_FACTOR_HALVES: u64 = 3;

/// See the file's head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Constraint {
    estimate: Option<(u64, Instant)>,
    overuse: Option<Instant>,
    too_low_since: Option<Instant>,
    is_held: bool,
    /// The estimate is ours.
    is_measured: bool,
    /// What its viewer may have, whatever its link takes, bit/s.
    limit_bps: Option<u64>,
}

impl Constraint {
    pub(crate) fn with_limit(limit_bps: Option<u64>) -> Self {
        Self { limit_bps, ..Self::default() }
    }

    /// Its viewer may have so much, bit/s, or as much as its link takes.
    pub(crate) fn limit(&mut self, limit_bps: Option<u64>) {
        self.limit_bps = limit_bps;
    }

    pub(crate) fn is_limited(&self) -> bool {
        self.limit_bps.is_some()
    }

    /// Whether its viewer may have so much, bit/s.
    pub(crate) fn allows(&self, bps: u64) -> bool {
        self.limit_bps.is_none_or(|limit_bps| bps <= limit_bps)
    }

    /// What is known to be had, bit/s, and no more than the limit.
    pub(crate) fn within_limit(&self, known_bps: Option<u64>) -> Option<u64> {
        known_bps.into_iter().chain(self.limit_bps).min()
    }

    /// There is a new estimate: ours, or a REMB.
    pub(crate) fn note_estimate(&mut self, now: Instant, bps: u64, is_measured: bool) {
        self.is_measured = is_measured;
        if self.estimate.is_some_and(|(before, _)| bps < before - before / 20) {
            self.overuse = Some(now);
        }
        self.estimate = Some((bps, now));
    }

    /// A report block came.
    pub(crate) fn note_loss(&mut self, now: Instant, fraction_lost: u8) {
        if fraction_lost >= HEAVY_LOSS {
            self.overuse = Some(now);
        }
    }

    /// The last, bit/s.
    pub(crate) fn estimate_bps(&self) -> Option<u64> {
        self.estimate.map(|(bps, _)| bps)
    }

    /// The estimate, bit/s, while it is a limit: a receiver's own follows what it gets, and says nothing without a sign of overuse.
    pub(crate) fn limit_bps(&self, now: Instant) -> Option<u64> {
        let overused = self.overuse.is_some_and(|at| now < at + OVERUSE_MEMORY);
        let (bps, at) = self.estimate?;
        ((self.is_held || overused) && now < at + ESTIMATE_AGE_MAX).then_some(bps)
    }

    /// Holds the viewer back or lets it go, and says so if that is a change. `stream_bps`: of all that it watches.
    pub(crate) fn judge(&mut self, now: Instant, stream_bps: u64) -> Option<Notable> {
        let (estimate_bps, at) = self.estimate?;
        let current = now < at + ESTIMATE_AGE_MAX;
        if self.is_held {
            let enough = !current || estimate_bps >= stream_bps - stream_bps / 20;
            self.is_held = !enough;
            return enough.then_some(Notable::Unconstrained { estimate_bps });
        }
        let too_low = current && estimate_bps < stream_bps - stream_bps / 7;
        let since = too_low.then(|| *self.too_low_since.get_or_insert(now));
        self.too_low_since = since;
        let overused = self.overuse.is_some_and(|at| now < at + OVERUSE_MEMORY);
        self.is_held = overused && since.is_some_and(|since| now >= since + PATIENCE);
        self.is_held.then_some(Notable::Constrained { estimate_bps, stream_bps })
    }

    /// At what rate video may leave for a viewer of a track of that rate, bit/s.
    pub(crate) fn pace_bps(&self, now: Instant, track_bps: u64) -> u64 {
        let link_bps = self.link_pace_bps(now, track_bps);
        self.limit_bps.map_or(link_bps, |limit_bps| limit_bps.min(link_bps))
    }

    fn link_pace_bps(&self, now: Instant, track_bps: u64) -> u64 {
        match self.estimate {
            Some((estimate, at)) if self.is_held && now < at + ESTIMATE_AGE_MAX => estimate.max(HELD_BPS_MIN),
            Some((estimate, _)) if self.is_measured => {
                let by_track = track_bps.saturating_mul(TRACK_FACTOR_HALVES) / 2;
                (estimate.saturating_mul(ESTIMATE_FACTOR_HALVES) / 2).max(by_track)
            }
            _ => track_bps.saturating_mul(PACE_FACTOR).max(PACE_RATE_MIN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: u64 = 2_500_000;

    /// Estimates, one each half second, and what is said of them.
    fn judged(estimates: &[u64]) -> Vec<Notable> {
        let start = crate::testing::start();
        let mut constraint = Constraint::default();
        let said = estimates.iter().zip(0..).filter_map(|(estimate, place)| {
            let now = start + Duration::from_millis(500) * place;
            constraint.note_estimate(now, *estimate, false);
            constraint.judge(now, STREAM)
        });
        said.collect()
    }

    /// The network got worse: the estimate falls below the stream, and stays there until it recovers.
    #[test]
    fn a_viewer_whose_estimate_falls_below_the_stream_is_held_until_it_recovers() {
        let estimates =
            [3_000_000, 1_500_000, 1_200_000, 1_100_000, 1_000_000, 1_400_000, 1_900_000, 2_450_000];
        let held = Notable::Constrained { estimate_bps: 1_100_000, stream_bps: STREAM };
        let free = Notable::Unconstrained { estimate_bps: 2_450_000 };
        assert_eq!(judged(&estimates), [held, free]);
    }

    /// A slide that becomes a film: the receiver has seen little and estimates little, and nothing is wrong.
    #[test]
    fn a_low_estimate_that_rises_holds_nobody_back() {
        assert_eq!(judged(&[200_000, 220_000, 250_000, 400_000, 600_000, 900_000, 1_500_000]), []);
    }

    #[test]
    fn one_low_estimate_is_forgiven() {
        assert_eq!(judged(&[3_000_000, 1_000_000, 3_000_000, 1_000_000, 3_000_000]), []);
    }

    /// A player that stops estimating must not be held for ever.
    #[test]
    fn a_stale_estimate_holds_nobody() {
        let start = crate::testing::start();
        let mut constraint = Constraint::default();
        constraint.note_estimate(start, 3_000_000, false);
        constraint.note_estimate(start, 500_000, false);
        assert_eq!(constraint.judge(start, STREAM), None);
        assert!(constraint.judge(start + PATIENCE, STREAM).is_some());
        assert_eq!(constraint.pace_bps(start + PATIENCE, STREAM), 500_000);
        let free = constraint.pace_bps(start + ESTIMATE_AGE_MAX, STREAM);
        assert_eq!(free, STREAM * PACE_FACTOR, "whether it ever says another word or not");
        assert!(constraint.judge(start + ESTIMATE_AGE_MAX, STREAM).is_some());
        assert_eq!(constraint.pace_bps(start + ESTIMATE_AGE_MAX, STREAM), STREAM * PACE_FACTOR);
    }

    /// A key frame of ten times a frame's size must not stand in the queue of a link that carries little more than the stream.
    #[test]
    fn what_was_measured_paces_media_and_never_below_the_stream() {
        let start = crate::testing::start();
        let mut constraint = Constraint::default();
        constraint.note_estimate(start, 3_000_000, true);
        assert_eq!(constraint.pace_bps(start, STREAM), 7_500_000);
        constraint.note_estimate(start, 1_000_000, true);
        assert_eq!(constraint.pace_bps(start, STREAM), STREAM * 3 / 2);
    }
}
