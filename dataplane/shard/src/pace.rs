//! How fast media may leave to one viewer: a bucket of bytes that fills at a rate and holds one long train.
//!
//! A frame of ordinary size finds the bucket full and leaves at once, as one train; a long key frame, or a viewer that catches
//! up, leaves in several, so that no queue on the way has to hold it all. Audio takes from the bucket and never waits for it.

use std::time::{Duration, Instant};

use crate::limits::{PACE_BURST_BYTES, PACE_QUANTUM_BYTES};

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// May be in debt by what went out regardless.
    credit_bytes: i64,
    filled: Instant,
    rate_bps: u64,
}

impl Pace {
    /// A full bucket.
    pub(crate) fn new(now: Instant, rate_bps: u64) -> Self {
        Self { credit_bytes: PACE_BURST_BYTES, filled: now, rate_bps }
    }

    /// Fills the bucket by the time that passed, at the rate that held, and sets the rate that holds from now on.
    pub(crate) fn fill(&mut self, now: Instant, rate_bps: u64) {
        let elapsed = now.saturating_duration_since(self.filled).as_micros();
        let bytes = elapsed * u128::from(self.rate_bps) / 8_000_000;
        if bytes > 0 {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.credit_bytes = self.credit_bytes.saturating_add(bytes).min(PACE_BURST_BYTES);
            self.filled = now;
        }
        self.rate_bps = rate_bps;
    }

    /// Fills it at the rate that holds.
    pub(crate) fn refill(&mut self, now: Instant) {
        self.fill(now, self.rate_bps);
    }

    pub(crate) fn spend(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        // A debt is bounded too, or a storm of audio would silence video for minutes.
        self.credit_bytes = self.credit_bytes.saturating_sub(bytes).max(-PACE_BURST_BYTES);
    }

    /// Whether nothing that can wait should leave now.
    pub(crate) fn is_spent(&self) -> bool {
        self.credit_bytes <= 0
    }

    /// When there is room for a few packets again.
    pub(crate) fn ready_at(&self) -> Instant {
        let missing = u64::try_from(PACE_QUANTUM_BYTES - self.credit_bytes).unwrap_or_default();
        let microseconds = missing.saturating_mul(8_000_000).checked_div(self.rate_bps).unwrap_or(u64::MAX);
        self.filled + Duration::from_micros(microseconds).min(Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over any time no more leaves than the rate allows, and one burst.
    #[test]
    fn what_leaves_is_bounded_by_the_rate_and_one_burst() {
        let start = crate::testing::start();
        let mut pace = Pace::new(start, 8_000_000);
        let mut sent = 0;
        for millisecond in 0..1_000 {
            let now = start + Duration::from_millis(millisecond);
            pace.fill(now, 8_000_000);
            while !pace.is_spent() {
                pace.spend(1_200);
                sent += 1_200;
            }
        }
        let allowed = 1_000_000 + PACE_BURST_BYTES + 1_200;
        assert!((1_000_000..=allowed).contains(&sent), "{sent}");
    }

    /// Who waits is woken when there is something to do, not before, and not never.
    #[test]
    fn a_spent_pace_is_ready_when_it_says() {
        let start = crate::testing::start();
        let mut pace = Pace::new(start, 800_000);
        pace.spend(1_000_000);
        assert!(pace.is_spent());
        let ready = pace.ready_at();
        assert!(ready > start);
        pace.fill(ready, 800_000);
        assert!(!pace.is_spent());
        let stopped = Pace { rate_bps: 0, ..pace };
        assert!(stopped.ready_at() <= start + Duration::from_secs(2));
    }
}
