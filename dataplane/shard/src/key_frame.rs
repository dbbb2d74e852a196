//! The key-frame desk of one track: many wishes, at most one request upstream in [`KEY_FRAME_INTERVAL_MIN`].

use std::time::{Duration, Instant};

use crate::limits::KEY_FRAME_INTERVAL_MIN;

/// Why a key frame is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A viewer cannot begin or go on without it.
    Wished,
    /// The last one was long ago, and late joiners should find a young group of pictures.
    Refreshed,
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct KeyFrameDesk {
    wanted: bool,
    asked: Option<Instant>,
    /// When the wish that stands was passed on first.
    asked_first: Option<Instant>,
    came: Option<Instant>,
    /// A key frame is asked for when the last is older than this.
    interval: Option<Duration>,
}

impl KeyFrameDesk {
    /// A desk that asks by itself once in that time, if nothing comes unasked.
    pub(crate) fn with_interval(interval: Option<Duration>) -> Self {
        Self { interval, ..Self::default() }
    }

    /// A viewer needs a key frame.
    pub(crate) fn wish(&mut self) {
        self.wanted = true;
    }

    /// A key frame came: all wishes are fulfilled. Returns how long it took if it was asked for.
    pub(crate) fn fulfilled(&mut self, now: Instant) -> Option<Duration> {
        self.wanted = false;
        self.came = Some(now);
        self.asked_first.take().map(|asked| now.saturating_duration_since(asked))
    }

    /// When to ask upstream (again): as long as a wish stands, once in [`KEY_FRAME_INTERVAL_MIN`].
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let wished = self.asked.map_or(now, |asked| asked + KEY_FRAME_INTERVAL_MIN);
        self.wanted.then_some(wished).or_else(|| self.refresh_due())
    }

    /// Nobody wishes; a publisher that does not answer is asked again after as long.
    fn refresh_due(&self) -> Option<Instant> {
        let came = self.came?;
        let last = self.asked.map_or(came, |asked| asked.max(came));
        self.interval.map(|interval| last + interval)
    }

    /// Whether and why to ask upstream now; if so it counts as asked.
    pub(crate) fn ask(&mut self, now: Instant) -> Option<Asked> {
        self.deadline(now).filter(|at| *at <= now)?;
        self.asked = Some(now);
        self.asked_first.get_or_insert(now);
        Some(if self.wanted { Asked::Wished } else { Asked::Refreshed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand viewers that join in one second must cost the publisher two key frames, not a thousand.
    #[test]
    fn many_wishes_become_one_request_an_interval() {
        let start = crate::testing::start();
        let mut desk = KeyFrameDesk::default();
        let mut asked = 0;
        for wish in 0..1000 {
            let now = start + KEY_FRAME_INTERVAL_MIN * 2 * wish / 1000;
            desk.wish();
            asked += u32::from(desk.ask(now).is_some());
        }
        assert_eq!(asked, 2);
    }

    /// A request or its key frame may be lost: the wish stands until a key frame is seen.
    #[test]
    fn an_unanswered_request_is_repeated_until_a_key_frame_comes() {
        let start = crate::testing::start();
        let mut desk = KeyFrameDesk::default();
        desk.wish();
        assert_eq!(desk.ask(start), Some(Asked::Wished));
        assert_eq!(desk.ask(start), None);
        assert_eq!(desk.deadline(start), Some(start + KEY_FRAME_INTERVAL_MIN));
        assert!(desk.ask(start + KEY_FRAME_INTERVAL_MIN).is_some());
        assert_eq!(desk.fulfilled(start + 2 * KEY_FRAME_INTERVAL_MIN), Some(2 * KEY_FRAME_INTERVAL_MIN));
        assert_eq!(desk.deadline(start), None);
        assert_eq!(desk.ask(start + 3 * KEY_FRAME_INTERVAL_MIN), None);
    }

    /// Browsers send key frames only when asked: without this the group of pictures of a long stream is minutes old.
    #[test]
    fn without_wishes_a_key_frame_is_asked_for_once_an_interval() {
        let start = crate::testing::start();
        let second = Duration::from_secs(1);
        let mut desk = KeyFrameDesk::with_interval(Some(4 * second));
        assert_eq!(desk.deadline(start), None, "before the first key frame there is no stream to keep young");
        desk.fulfilled(start);
        assert_eq!(desk.ask(start + 3 * second), None);
        assert_eq!(desk.ask(start + 4 * second), Some(Asked::Refreshed));
        assert_eq!(desk.ask(start + 5 * second), None, "a publisher that does not answer is not pressed");
        assert_eq!(desk.ask(start + 8 * second), Some(Asked::Refreshed));
        desk.fulfilled(start + 9 * second);
        assert_eq!(desk.deadline(start), Some(start + 13 * second));
        desk.wish();
        assert_eq!(
            desk.ask(start + 10 * second),
            Some(Asked::Wished),
            "a wish does not wait for the interval"
        );
    }
}
