//! Which of a peer's addresses media goes to. RFC 8445 §7.2.5, §7.3.1.5, §8.1; RFC 7675.
//!
//! ```text
//!   check comes, answered ─► place, nominated? ─┐
//!   our check leaves ─► transaction             ├─► chosen ─► media, DTLS
//!     its answer comes ─► place proven, RTT ────┘
//! ```
//!
//! Only a proven place is ever chosen: the peer answered a check of ours there not long ago, so that nobody can point media at an address
//! that did not ask for it. Of the proven ones, the peer's newest nomination wins unless a better pair lives; and when the
//! chosen place has fallen silent, one that speaks takes over without a nomination. That is what a NAT does to a peer whose
//! port it changes in mid-stream: Chromium nominates again from the new port, with the same priority; Firefox's consent checks
//! nominate nothing.

use std::time::{Duration, Instant};

use crate::limits::{ADDRESSES_PER_SESSION_MAX, CHECKS_PENDING_MAX, CONSENT_MAX, PATH_SILENCE_MAX};
use crate::remote::Remote;

/// Joins an answer to its request. RFC 8489 §5.
pub(crate) type TransactionId = [u8; 12];

/// A check from the peer, not yet known to be authentic.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) transaction: TransactionId,
    pub(crate) from: Remote,
    /// PRIORITY: what the peer's candidate would have as a peer-reflexive one.
    pub(crate) priority: u32,
    /// USE-CANDIDATE.
    pub(crate) nominates: bool,
}

/// An address that the peer proved to know our password from.
#[derive(Debug)]
struct Place {
    address: Remote,
    priority: u32,
    /// When the peer last answered a check there.
    proven: Option<Instant>,
    nominated: Option<Instant>,
    /// Last authentic message.
    heard: Instant,
}

/// A check of ours that is not answered yet.
#[derive(Debug)]
struct Check {
    transaction: TransactionId,
    to: Remote,
    sent: Instant,
    /// USE-CANDIDATE of ours: it counts once it is answered (RFC 8445 §7.2.5.3.4).
    nominates: bool,
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// At most [`ADDRESSES_PER_SESSION_MAX`]; mostly one or two.
    places: Vec<Place>,
    /// At most [`CHECKS_PENDING_MAX`]; mostly one.
    checks: Vec<Check>,
    asked: Option<Asked>,
    chosen: Option<Remote>,
}

impl Paths {
    /// Where media goes.
    pub(crate) fn chosen(&self) -> Option<Remote> {
        self.chosen
    }

    /// A check came. It counts once the agent has answered it.
    pub(crate) fn asked(&mut self, asked: Asked) {
        self.asked = Some(asked);
    }

    /// The agent answers a check: it was authentic.
    pub(crate) fn answered(&mut self, now: Instant, transaction: TransactionId, to: Remote) {
        let Some(asked) = self.asked.take_if(|asked| asked.transaction == transaction && asked.from == to)
        else {
            return;
        };
        let place = match self.places.iter_mut().position(|place| place.address == to) {
            Some(place) => place,
            None => self.add(now, to),
        };
        if let Some(place) = self.places.get_mut(place) {
            place.heard = now;
            place.priority = asked.priority;
            if asked.nominates {
                place.nominated = Some(now);
            }
        }
        self.choose(now);
    }

    /// The agent sends a check, with USE-CANDIDATE if it is the side that nominates.
    pub(crate) fn checking(&mut self, now: Instant, transaction: TransactionId, to: Remote, nominates: bool) {
        if self.checks.len() == CHECKS_PENDING_MAX {
            self.checks.remove(0);
        }
        self.checks.push(Check { transaction, to, sent: now, nominates });
    }

    /// Whether a check of ours to that address waits for this answer. An answer from elsewhere proves nothing
    /// (RFC 8445 §7.2.5.2.1).
    pub(crate) fn awaits(&self, transaction: TransactionId, from: Remote) -> bool {
        self.checks.iter().any(|check| check.transaction == transaction && check.to == from)
    }

    /// The answer to a check of ours came and is authentic. Returns the round trip.
    pub(crate) fn proven(
        &mut self,
        now: Instant,
        transaction: TransactionId,
        from: Remote,
    ) -> Option<Duration> {
        let check =
            self.checks.iter().position(|check| check.transaction == transaction && check.to == from)?;
        let check = self.checks.remove(check);
        let round_trip = now.saturating_duration_since(check.sent);
        let place = self.places.iter_mut().find(|place| place.address == from)?;
        place.proven = Some(now);
        place.heard = now;
        if check.nominates {
            place.nominated = Some(now);
        }
        self.choose(now);
        // A place that media does not go to tells nothing of the one it does.
        (self.chosen == Some(from)).then_some(round_trip)
    }

    /// Makes a place; of those that are not chosen the one that was silent for longest makes room.
    fn add(&mut self, now: Instant, address: Remote) -> usize {
        if self.places.len() == ADDRESSES_PER_SESSION_MAX {
            let others =
                self.places.iter().enumerate().filter(|(_, place)| Some(place.address) != self.chosen);
            let silent = others.min_by_key(|(_, place)| place.heard).map(|(place, _)| place);
            self.places.remove(silent.unwrap_or_default());
        }
        self.places.push(Place { address, priority: 0, proven: None, nominated: None, heard: now });
        self.places.len() - 1
    }

    fn choose(&mut self, now: Instant) {
        let current = self.places.iter().find(|place| Some(place.address) == self.chosen);
        let better =
            self.places.iter().filter(|place| place.has_consent(now) && place.is_better(current, now));
        if let Some(place) = better.max_by_key(|place| (place.nominated, place.heard)) {
            self.chosen = Some(place.address);
        }
    }
}

impl Place {
    /// RFC 7675 §5.1: a proof is good for a while, since addresses change hands.
    fn has_consent(&self, now: Instant) -> bool {
        self.proven.is_some_and(|proven| now.saturating_duration_since(proven) < CONSENT_MAX)
    }

    fn is_better(&self, current: Option<&Self>, now: Instant) -> bool {
        let Some(current) = current else { return self.nominated.is_some() };
        let nominated = self.nominated > current.nominated && self.priority >= current.priority;
        let silent = now.saturating_duration_since(current.heard) >= PATH_SILENCE_MAX;
        self.address != current.address && (nominated || silent && self.heard > current.heard)
    }
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
