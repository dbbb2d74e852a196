//! When a shard should wake: to be woken costs as much as dozens of packets, so that under load what is in no hurry waits for
//! what is, and comes up together with it.
//!
//! Media is expected by its rhythm. Until that is due the worker may gather what arrives (mostly reports and checks of viewers):
//! a burst ends the wait all the same, and so does the first datagram after it. Nobody who joins is kept waiting.

use std::time::{Duration, Instant};

use crate::limits::{GATHER_MIN, HANDSHAKE_MEMORY, LAZY_GRID, RHYTHMS_MAX};
use crate::shard::{Shard, ShardConfig};

impl Shard {
    /// For how long what arrives may be gathered before the next turn, instead of making a turn of each datagram.
    #[must_use]
    pub fn gather(&self) -> Duration {
        let longest = self.config.trains.hold_max;
        if !self.is_loaded() {
            return Duration::ZERO;
        }
        if self.shook_hands.is_some_and(|at| self.now < at + HANDSHAKE_MEMORY) {
            return GATHER_MIN.min(longest);
        }
        let expected =
            self.tracks.values().take(RHYTHMS_MAX).filter_map(|track| track.hold.expected(self.now));
        let until_media = expected.min().map_or(longest, |at| at.saturating_duration_since(self.now));
        until_media.max(GATHER_MIN).min(longest)
    }

    /// A time at which a session wants to come up, or a little later under load.
    pub(crate) fn not_at_once(&self, at: Instant) -> Instant {
        if self.is_loaded() { at.max(self.now + GATHER_MIN.min(self.config.trains.hold_max)) } else { at }
    }

    /// Whether there is so much to do that a few milliseconds are worth saving.
    pub(crate) fn is_loaded(&self) -> bool {
        self.egress_rate.a_second(self.now) >= self.config.trains.load_packets
    }
}

impl ShardConfig {
    /// That time or a little later: what is in no hurry comes up together, and wakes the shard once.
    pub(crate) fn lazily(&self, at: Instant) -> Instant {
        let since_start = at.saturating_duration_since(self.started);
        let past = since_start.as_nanos() % LAZY_GRID.as_nanos();
        let past = Duration::from_nanos(u64::try_from(past).unwrap_or_default());
        if past.is_zero() { at } else { at + (LAZY_GRID - past) }
    }
}
