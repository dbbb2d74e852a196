//! How many bits a second something brings, over the last second or two.

use std::time::{Duration, Instant};

/// Length of a window.
const WINDOW: Duration = Duration::from_secs(1);

/// Two windows: the last whole one, and the one that is being filled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateMeter {
    began: Instant,
    bytes: u64,
    last_bps: Option<u64>,
}

impl RateMeter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { began: now, bytes: 0, last_bps: None }
    }

    pub(crate) fn add(&mut self, now: Instant, bytes: usize) {
        let elapsed = now.saturating_duration_since(self.began);
        if elapsed >= WINDOW {
            self.last_bps = Some(bits_a_second(self.bytes, elapsed));
            (self.began, self.bytes) = (now, 0);
        }
        self.bytes += bytes as u64;
    }

    /// What was added, a second.
    pub(crate) fn a_second(&self, now: Instant) -> u64 {
        self.bps(now) / 8
    }

    /// Bit/s. A burst, such as a key frame, shows when its window is over, a silence once it is longer than a window.
    pub(crate) fn bps(&self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.began).max(WINDOW / 4);
        let running = bits_a_second(self.bytes, elapsed);
        match self.last_bps {
            Some(last) if elapsed < WINDOW => last,
            _ => running,
        }
    }
}

fn bits_a_second(bytes: u64, over: Duration) -> u64 {
    let microseconds = u64::try_from(over.as_micros()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(8_000_000) / microseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pacing follows this: it must neither lag a second behind a stream that begins nor forget a burst at once.
    #[test]
    fn a_steady_stream_is_measured_from_its_first_second_on() {
        let start = crate::testing::start();
        let mut meter = RateMeter::new(start);
        for millisecond in 0..5_000 {
            let now = start + Duration::from_millis(millisecond);
            meter.add(now, 250);
            if millisecond > 300 {
                let bps = meter.bps(now);
                assert!((1_900_000..2_100_000).contains(&bps), "{bps} at {millisecond} ms");
            }
        }
        assert!(meter.bps(start + Duration::from_secs(60)) < 100_000, "silence");
    }
}
