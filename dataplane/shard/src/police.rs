//! What a publisher may bring: a bucket of its bits that fills a quarter faster than its limit says and holds a second of that.
//!
//! The publisher is told its limit by REMB, which browsers keep to; the quarter is for what they send beside media and above it for
//! a moment. Who does not keep to it loses video first: the last quarter of the bucket is for audio. A decoder has no use for a
//! group of pictures with holes, so a track that finds no room is shut up to a key frame that finds half a bucket, and its viewers
//! see pictures that stand, not broken ones.

use std::time::{Duration, Instant};

/// The bucket fills at this many hundredths of the limit.
const FILL_PERCENT: u64 = 125;

/// And holds what comes in this time.
const DEPTH_MICROSECONDS: u64 = 1_000_000;

/// A bit in the unit of the bucket: bit/s × µs.
const BIT: u64 = 1_000_000;

/// Of the bucket, for audio alone: a part in so many.
const AUDIO_SHARE: u64 = 4;

/// What a track that was shut needs to open: a part of the bucket in so many.
const OPENING_SHARE: u64 = 2;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Police {
    /// In bit/s × µs, so that no fill is rounded.
    credit: u64,
    filled: Instant,
    fill_bps: u64,
}

impl Police {
    /// A full bucket.
    pub(crate) fn new(now: Instant, limit_bps: u64) -> Self {
        let fill_bps = limit_bps.saturating_mul(FILL_PERCENT) / 100;
        Self { credit: fill_bps.saturating_mul(DEPTH_MICROSECONDS), filled: now, fill_bps }
    }

    /// Takes the room for a packet of so many bytes. False: there is none, and it must not pass.
    pub(crate) fn admits(&mut self, now: Instant, bytes: usize, video: bool) -> bool {
        self.fill(now);
        let needed = (bytes as u64).saturating_mul(8 * BIT);
        let reserve = if video { self.depth() / AUDIO_SHARE } else { 0 };
        let has_room = self.credit >= reserve.saturating_add(needed);
        self.credit -= if has_room { needed } else { 0 };
        has_room
    }

    /// Whether there is room for a track that was shut to begin anew.
    pub(crate) fn has_room_to_open(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.credit >= self.depth() / OPENING_SHARE && self.credit > 0
    }

    fn depth(&self) -> u64 {
        self.fill_bps.saturating_mul(DEPTH_MICROSECONDS)
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled).as_micros();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX).min(DEPTH_MICROSECONDS);
        self.credit = self.credit.saturating_add(elapsed.saturating_mul(self.fill_bps)).min(self.depth());
        // What is less than a microsecond counts next time.
        self.filled =
            if elapsed == DEPTH_MICROSECONDS { now } else { self.filled + Duration::from_micros(elapsed) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT_BPS: u64 = 1_000_000;
    const MINUTE: Duration = Duration::from_secs(60);

    /// Bits a second that pass in a minute of packets of `bytes`, one each `interval`.
    fn passes_bps(bytes: usize, interval: Duration, video: bool) -> u64 {
        let start = crate::testing::start();
        let mut police = Police::new(start, LIMIT_BPS);
        let (mut now, mut passed) = (start, 0);
        while now < start + MINUTE {
            passed += if police.admits(now, bytes, video) { bytes as u64 * 8 } else { 0 };
            now += interval;
        }
        passed / MINUTE.as_secs()
    }

    /// The accuracy: over a minute a flood gets what the bucket fills by, and the one bucket that it began with, whatever its
    /// packets and its pace.
    #[test]
    fn a_flood_passes_at_the_rate_of_the_bucket_to_the_percent() {
        let filled = LIMIT_BPS * FILL_PERCENT / 100;
        for (bytes, interval) in [
            (1_200, Duration::from_micros(96)), // a hundred times the limit
            (1_200, Duration::from_nanos(4_801)),
            (100, Duration::from_micros(333)),
            (1_200, Duration::from_millis(5)),
        ] {
            let passed = passes_bps(bytes, interval, false);
            let allowed = filled + filled / MINUTE.as_secs();
            assert!((allowed - allowed / 100..=allowed).contains(&passed), "{passed} of {allowed}");
        }
    }

    /// Whoever keeps to the limit must not notice that it is policed: not by a key frame of half a second's bits, not at a
    /// tenth above it.
    #[test]
    fn who_keeps_to_the_limit_loses_nothing() {
        for (frame_bytes, key_frame_bytes) in [(3_300, 62_500), (4_100, 41_000)] {
            let start = crate::testing::start();
            let mut police = Police::new(start, LIMIT_BPS);
            for frame in 0..1_800_u32 {
                let now = start + Duration::from_micros(33_333) * frame;
                let mut left = if frame % 150 == 0 { key_frame_bytes } else { frame_bytes };
                while left > 0 {
                    assert!(police.admits(now, left.min(1_200), true), "frame {frame}");
                    left = left.saturating_sub(1_200);
                }
                assert!(police.admits(now, 160, false), "sound of frame {frame}");
            }
        }
    }

    /// A flood of video must leave the room that sound needs.
    #[test]
    fn audio_is_dropped_last() {
        let start = crate::testing::start();
        let mut police = Police::new(start, LIMIT_BPS);
        for millisecond in 0..60_000 {
            let now = start + Duration::from_millis(millisecond);
            for _ in 0..10 {
                police.admits(now, 1_200, true);
            }
            if millisecond % 20 == 0 {
                assert!(police.admits(now, 160, false), "at {millisecond} ms");
            }
        }
    }

    /// A limit of nothing, or of more than there is, is a limit.
    #[test]
    fn extreme_limits_are_kept() {
        let start = crate::testing::start();
        let mut nothing = Police::new(start, 0);
        assert!(!nothing.admits(start, 1, false) && !nothing.has_room_to_open(start + MINUTE));
        let mut all = Police::new(start, u64::MAX);
        assert!(all.admits(start, 1_500, true) && all.admits(start + MINUTE, 1_500, true));
    }
}
