//! The rhythm of a track: how far apart its frames come, and when the next one is likely to.

use std::time::{Duration, Instant};

use fanlight_wire::Timestamp;

/// Frames that come so much slower or faster than before have another rhythm.
const OTHER_RHYTHM: u32 = 2;

/// See the file's head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rhythm {
    last: Option<(Timestamp, Instant)>,
    interval: Option<Duration>,
}

impl Rhythm {
    /// A packet came of the frame with that timestamp.
    pub(crate) fn note(&mut self, now: Instant, timestamp: Timestamp) {
        let Some((last, came)) = self.last else {
            self.last = Some((timestamp, now));
            return;
        };
        if timestamp.distance_from(last) <= 0 {
            return; // more of a frame, or of one before it
        }
        self.last = Some((timestamp, now));
        let since = now.saturating_duration_since(came);
        let steady = self
            .interval
            .filter(|interval| since <= *interval * OTHER_RHYTHM && *interval <= since * OTHER_RHYTHM);
        self.interval = Some(steady.map_or(since, |interval| (interval * 3 + since) / 4));
    }

    /// When the next frame is likely to begin. None: there is no rhythm, or it has stopped.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let (_, came) = self.last?;
        let interval = self.interval?;
        (now <= came + interval * OTHER_RHYTHM).then_some(came + interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slide show, and then a film. All packets of a frame are one.
    #[test]
    fn the_rhythm_is_learned_by_frames_and_anew_after_a_pause() {
        let start = crate::testing::start();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut rhythm = Rhythm::default();
        let mut frame = |came: u64, timestamp: u32| {
            rhythm.note(at(came), Timestamp(timestamp));
            rhythm.next(at(came))
        };
        assert_eq!(frame(0, 0), None);
        assert_eq!(frame(5_000, 1), Some(at(10_000)), "as slow as it looks");
        assert_eq!(frame(5_033, 2), Some(at(5_066)));
        assert_eq!(frame(5_034, 2), Some(at(5_066)), "more of the same frame");
        assert_eq!(frame(5_035, 1), Some(at(5_066)), "late");
        assert_eq!(frame(5_068, 3), Some(at(5_068) + Duration::from_micros(33_500)));
        assert_eq!(rhythm.next(at(5_120)), Some(at(5_068) + Duration::from_micros(33_500)), "a little late");
        assert_eq!(rhythm.next(at(5_200)), None, "it has stopped");
    }
}
