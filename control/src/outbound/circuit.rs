//! Whether a server that was down is worth asking: after some failures in a row it is left alone for a while, then asked once, and
//! left alone for twice as long if that fails too. Meanwhile whoever would wait for a time-out is told at once.
//!
//! Pure: time is passed in.

use std::time::{Duration, Instant};

/// A few may fail by chance or by a peer's own doing.
const FAILURES_MAX: u32 = 5;
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(16);

/// A trial that is not heard of for so long was given up: longer than any request takes.
const TRIAL_MAX: Duration = Duration::from_secs(10);

/// See the file's head.
#[derive(Debug)]
pub(super) struct Circuit {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant, pause: Duration },
    Trial { until: Instant, pause: Duration },
}

impl Circuit {
    pub(super) const fn new() -> Self {
        Self { state: State::Closed { failures: 0 } }
    }

    /// Whether to ask. True after a pause makes the caller the trial.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        match self.state {
            State::Closed { .. } => true,
            State::Open { until, pause } | State::Trial { until, pause } if now >= until => {
                self.state = State::Trial { until: now + TRIAL_MAX, pause };
                true
            }
            State::Open { .. } | State::Trial { .. } => false,
        }
    }

    pub(super) const fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.state = match self.state {
            State::Closed { failures } if failures + 1 < FAILURES_MAX => {
                State::Closed { failures: failures + 1 }
            }
            State::Closed { .. } => State::Open { until: now + PAUSE_MIN, pause: PAUSE_MIN },
            State::Trial { pause, .. } => {
                let pause = (2 * pause).min(PAUSE_MAX);
                State::Open { until: now + pause, pause }
            }
            // One that was under way when it was opened.
            open @ State::Open { .. } => open,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Circuit {
        let mut circuit = Circuit::new();
        (0..5).for_each(|_| circuit.failed(now));
        circuit
    }

    /// A thousand viewers must not wait three seconds each for a server that is down, nor keep it down.
    #[test]
    fn after_five_failures_in_a_row_one_request_a_pause_goes_out() {
        let mut now = Instant::now();
        let mut circuit = Circuit::new();
        for _ in 0..4 {
            circuit.failed(now);
        }
        circuit.succeeded();
        for _ in 0..4 {
            circuit.failed(now);
            assert!(circuit.admits(now), "a success begins the count anew");
        }
        circuit.failed(now);
        for pause_s in [1, 2, 4, 8, 16, 16] {
            now += Duration::from_secs(pause_s) - Duration::from_millis(1);
            assert!(!circuit.admits(now), "{pause_s}");
            now += Duration::from_millis(1);
            let admitted = (0..1000).filter(|_| circuit.admits(now)).count();
            assert_eq!(admitted, 1, "{pause_s}");
            circuit.failed(now);
        }
        now += PAUSE_MAX;
        assert!(circuit.admits(now));
        circuit.succeeded();
        assert!((0..1000).all(|_| circuit.admits(now)));
    }

    /// Requests that were under way when it opened say nothing new, and one that is given up must not close the door for ever.
    #[test]
    fn late_failures_do_not_prolong_it_and_a_lost_trial_is_followed_by_another() {
        let now = Instant::now();
        let mut circuit = opened(now);
        (0..100).for_each(|_| circuit.failed(now));
        assert!(circuit.admits(now + PAUSE_MIN));
        assert!(!circuit.admits(now + PAUSE_MIN + TRIAL_MAX - Duration::from_millis(1)));
        assert!(circuit.admits(now + PAUSE_MIN + TRIAL_MAX));
    }
}
