//! When each session wants to be looked at: a heap of times with at most one live entry a session.
//!
//! An entry is live if the session still has that time noted; others are left behind when a session's time moves forward,
//! and are dropped as they come up.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::spec::SessionKey;

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, SessionKey)>>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, key: SessionKey) {
        self.heap.push(Reverse((at, key)));
    }

    /// The next entry that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, SessionKey)> {
        let due = self.heap.peek().is_some_and(|Reverse((at, _))| *at <= now);
        if due { self.heap.pop().map(|Reverse(entry)| entry) } else { None }
    }

    pub(crate) fn earliest(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }
}
