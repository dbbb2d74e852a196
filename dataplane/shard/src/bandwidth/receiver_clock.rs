//! The clock by which a viewer tells arrivals: 24 bits of 64 ms that go round in twelve days, unwrapped here.
//! draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.
//!
//! It is the peer's word. A leap of it, which a clock does not make, is told, so that nothing is measured across.

use fanlight_wire::Twcc;

/// After how long the reference time comes round.
const CIRCLE_US: i64 = (1 << 24) * 64_000;

/// Feedback may be late, and more than one message under way; a clock that differs by more than this from ours has leapt.
const LEAP_US: i64 = 5_000_000;

/// See the file's head.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ReceiverClock {
    last: Option<Last>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    now_us: u64,
    /// As it came.
    reference_us: i64,
    /// What is to be added to it.
    shift_us: i64,
}

/// How the arrivals of one message are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// To be added to each.
    pub(super) shift_us: i64,
    /// They cannot be compared with those before.
    pub(super) leapt: bool,
}

impl ReceiverClock {
    pub(super) fn read(&mut self, now_us: u64, twcc: &Twcc<'_>) -> Reading {
        let reference_us = twcc.reference_time_ms() * 1_000;
        let reading = match self.last {
            None => Reading { shift_us: 0, leapt: false },
            Some(last) => last.go_on(now_us, reference_us),
        };
        self.last = Some(Last { now_us, reference_us, shift_us: reading.shift_us });
        reading
    }
}

impl Last {
    fn go_on(&self, now_us: u64, reference_us: i64) -> Reading {
        let ours_us = i64::try_from(now_us.saturating_sub(self.now_us)).unwrap_or(CIRCLE_US);
        let theirs_us = reference_us - self.reference_us;
        // The turn of the circle that agrees best with our own clock.
        let turns = (ours_us - theirs_us + CIRCLE_US / 2).div_euclid(CIRCLE_US);
        let leapt = (theirs_us + turns * CIRCLE_US - ours_us).abs() > LEAP_US;
        // From the beginning after a leap: a peer that makes many must not carry the sum away.
        Reading { shift_us: if leapt { 0 } else { self.shift_us + turns * CIRCLE_US }, leapt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bandwidth::testing::with_feedback;

    /// What the clock says of messages that come a second apart by ours, with these reference times in units of 64 ms.
    fn readings(references: &[i64]) -> Vec<(i64, bool)> {
        let mut clock = ReceiverClock::default();
        let read = references.iter().zip(0..).map(|(reference, second)| {
            with_feedback(0, &[Some(reference * 64_000)], |twcc| {
                let reading = clock.read(second * 1_000_000, twcc);
                (twcc.reference_time_ms() * 1_000 + reading.shift_us, reading.leapt)
            })
        });
        read.collect()
    }

    /// The top bit of the reference time is a sign to some and not to others: its turn is no leap.
    #[test]
    fn arrivals_go_on_when_the_reference_time_turns() {
        let half = 1 << 23;
        let read = readings(&[half - 16, half, half + 16]);
        let step = 16 * 64_000;
        let first = (half - 16) * 64_000;
        assert_eq!(read, [(first, false), (first + step, false), (first + 2 * step, false)]);
    }

    /// A receiver that begins anew, or lies.
    #[test]
    fn a_leap_is_told_once() {
        let leaps: Vec<bool> =
            readings(&[100, 116, 90_000, 90_016]).into_iter().map(|(_, leapt)| leapt).collect();
        assert_eq!(leaps, [false, false, true, false]);
    }
}
