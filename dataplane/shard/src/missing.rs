//! Which packets of one receive stream are missing, and when to ask for each (again). RFC 4585 §6.2.1.
//!
//! A gap is asked for after a short delay, since most are mere reordering. If the answer is not there a round trip later,
//! question or answer was lost, and it is asked for again, each time after half as long again: a network that loses for being
//! full is not helped by more. It is given up when it is [`HOLE_AGE_MAX`] old, after [`NACK_TRIES_MAX`] tries, or when too
//! much is missing at once: then a key frame is cheaper.

use std::time::{Duration, Instant};

use fanlight_wire::ExtendedSequence;

use crate::limits::{
    GAP_MAX, HOLE_AGE_MAX, MISSING_MAX, NACK_DELAY, NACK_INTERVAL_DEFAULT, NACK_INTERVAL_MIN, NACK_TRIES_MAX,
};

#[derive(Debug, Clone, Copy)]
struct Missing {
    sequence: ExtendedSequence,
    /// When a later packet showed that it is missing.
    since: Instant,
    due: Instant,
    tries: u8,
}

/// See the file's head. Entries are in ascending order of sequence.
#[derive(Debug, Default)]
pub(crate) struct MissingList {
    entries: Vec<Missing>,
    highest: Option<ExtendedSequence>,
    /// Missing packets that were given up.
    given_up: u64,
}

impl MissingList {
    /// A packet came. Returns whether it closed a gap.
    pub(crate) fn arrived(&mut self, now: Instant, sequence: ExtendedSequence) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return false;
        };
        if sequence <= highest {
            let place = self.entries.binary_search_by_key(&sequence, |entry| entry.sequence);
            return place.map(|place| self.entries.remove(place)).is_ok();
        }
        self.highest = Some(sequence);
        let gap = sequence.0 - highest.0 - 1;
        if gap > GAP_MAX {
            self.give_up(gap);
            return false;
        }
        let overflow =
            (self.entries.len() + usize::try_from(gap).unwrap_or(MISSING_MAX)).saturating_sub(MISSING_MAX);
        self.given_up += overflow as u64;
        self.entries.drain(..overflow.min(self.entries.len()));
        let due = now + NACK_DELAY;
        self.entries.extend((highest.0 + 1..sequence.0).map(|missing| Missing {
            sequence: ExtendedSequence(missing),
            since: now,
            due,
            tries: 0,
        }));
        false
    }

    /// Neither these packets nor any that are missing will come.
    pub(crate) fn give_up(&mut self, packets: u64) {
        self.given_up += packets + self.entries.len() as u64;
        self.entries.clear();
    }

    /// Calls `ask` for each packet that is due, and gives up those that were asked for too often or for too long.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        round_trip: Option<Duration>,
        mut ask: impl FnMut(ExtendedSequence),
    ) {
        let before = self.entries.len();
        self.entries.retain_mut(|entry| {
            if entry.due > now {
                return true;
            }
            let hopeless = entry.since + HOLE_AGE_MAX;
            if entry.tries == NACK_TRIES_MAX || hopeless <= now {
                return false;
            }
            ask(entry.sequence);
            entry.due = (now + interval(round_trip, entry.tries)).min(hopeless);
            entry.tries += 1;
            true
        });
        self.given_up += (before - self.entries.len()) as u64;
    }

    /// When [`Self::due`] has something to do next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.entries.iter().map(|entry| entry.due).min()
    }

    /// Packets that never came and are not asked for any more, cumulative.
    pub(crate) fn given_up(&self) -> u64 {
        self.given_up
    }
}

/// Until the next request for a packet that was asked for so often before this time. A publisher takes some time to answer.
fn interval(round_trip: Option<Duration>, tries: u8) -> Duration {
    let first = round_trip.map_or(NACK_INTERVAL_DEFAULT, |time| (time + NACK_DELAY).max(NACK_INTERVAL_MIN));
    (0..tries).fold(first, |interval, _| interval * 3 / 2)
}

#[cfg(test)]
#[path = "missing_tests.rs"]
mod tests;
