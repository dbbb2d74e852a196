//! Patience on the way up: a viewer goes to a better layer once its network has looked good enough for a while, and later each
//! time that turned out to be a mistake.

use std::time::{Duration, Instant};

use crate::limits::{RISE_PATIENCE, RISE_WAIT_MAX, RISE_WAIT_MIN};

/// A fall so soon after a rise says that the rise was a mistake.
const REGRET: Duration = Duration::from_secs(10);

/// See the file's head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rise {
    /// Since when a better layer would have fitted.
    room_since: Option<Instant>,
    rose: Option<Instant>,
    not_before: Option<Instant>,
    /// How long the last fall forbade to rise.
    wait: Duration,
}

impl Rise {
    /// Takes note of whether a better layer would fit now. Returns whether to go there.
    pub(crate) fn may(&mut self, now: Instant, has_room: bool) -> bool {
        self.room_since = has_room.then(|| self.room_since.unwrap_or(now));
        let patient = self.room_since.is_some_and(|since| now >= since + RISE_PATIENCE);
        patient && self.not_before.is_none_or(|at| now >= at)
    }

    pub(crate) fn rose(&mut self, now: Instant) {
        self.rose = Some(now);
        self.room_since = None;
    }

    /// The network took less than the layer.
    pub(crate) fn fell(&mut self, now: Instant) {
        let regrets = self.rose.take().is_some_and(|rose| now < rose + REGRET);
        let doubled = if regrets { self.wait * 2 } else { RISE_WAIT_MIN };
        self.wait = doubled.clamp(RISE_WAIT_MIN, RISE_WAIT_MAX);
        self.not_before = Some(now + self.wait);
        self.room_since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(rise: &mut Rise, from: Instant) -> Duration {
        let step = Duration::from_millis(100);
        let steps = (0..).find(|step_number| rise.may(from + step * *step_number, true)).unwrap();
        step * steps
    }

    /// A viewer whose network takes a layer for seconds only must not be shown its rise and fall for ever.
    #[test]
    fn each_rise_that_was_a_mistake_makes_the_next_one_later() {
        let mut now = crate::testing::start();
        let mut rise = Rise::default();
        assert_eq!(waits(&mut rise, now), RISE_PATIENCE);
        let mut waited = Vec::new();
        for _ in 0..8 {
            rise.rose(now);
            rise.fell(now + Duration::from_secs(1));
            let wait = waits(&mut rise, now + Duration::from_secs(1));
            waited.push(wait);
            now = now + Duration::from_secs(1) + wait;
        }
        assert_eq!(waited[0], RISE_WAIT_MIN);
        assert!(waited.windows(2).all(|pair| pair[1] == (2 * pair[0]).min(RISE_WAIT_MAX)), "{waited:?}");
        assert_eq!(*waited.last().unwrap(), RISE_WAIT_MAX);
        rise.rose(now);
        rise.fell(now + REGRET);
        assert_eq!(waits(&mut rise, now + REGRET), RISE_WAIT_MIN, "a rise that lasted was none");
    }

    #[test]
    fn room_for_a_moment_is_no_room() {
        let start = crate::testing::start();
        let mut rise = Rise::default();
        assert!(!rise.may(start, true));
        assert!(!rise.may(start + RISE_PATIENCE / 2, false));
        assert!(!rise.may(start + RISE_PATIENCE, true));
        assert!(rise.may(start + 2 * RISE_PATIENCE, true));
    }
}
