//! The key-frame desk of one track: many wishes, at most one request upstream in [`KEY_FRAME_INTERVAL_MIN`].

use std::time::Instant;

use crate::limits::KEY_FRAME_INTERVAL_MIN;

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct KeyFrameDesk {
    wanted: bool,
    asked: Option<Instant>,
}

impl KeyFrameDesk {
    /// A viewer needs a key frame.
    pub(crate) fn wish(&mut self) {
        self.wanted = true;
    }

    /// A key frame came: all wishes are fulfilled.
    pub(crate) fn fulfilled(&mut self) {
        self.wanted = false;
    }

    /// When to ask upstream (again): as long as a wish stands, once an interval.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        let earliest = self.asked.map_or(now, |asked| asked + KEY_FRAME_INTERVAL_MIN);
        self.wanted.then_some(earliest)
    }

    /// Whether to ask upstream now; if so it counts as asked.
    pub(crate) fn ask(&mut self, now: Instant) -> bool {
        let due = self.deadline(now).is_some_and(|at| at <= now);
        if due {
            self.asked = Some(now);
        }
        due
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
            asked += u32::from(desk.ask(now));
        }
        assert_eq!(asked, 2);
    }

    /// A request or its key frame may be lost: the wish stands until a key frame is seen.
    #[test]
    fn an_unanswered_request_is_repeated_until_a_key_frame_comes() {
        let start = crate::testing::start();
        let mut desk = KeyFrameDesk::default();
        desk.wish();
        assert!(desk.ask(start));
        assert!(!desk.ask(start));
        assert_eq!(desk.deadline(start), Some(start + KEY_FRAME_INTERVAL_MIN));
        assert!(desk.ask(start + KEY_FRAME_INTERVAL_MIN));
        desk.fulfilled();
        assert_eq!(desk.deadline(start), None);
        assert!(!desk.ask(start + 2 * KEY_FRAME_INTERVAL_MIN));
    }
}
