//! What happened on this server, in order, and kept: the one source of webhooks and of streams of events.
//!
//! ```text
//!   signalling ─► Journal::record ─┬─► file (a line an entry) ─► a reader that comes late, or after a restart
//!                                  ├─► tail in memory ─────────► a reader that keeps up
//!                                  └─► ledger: who is there ───► what must still be told when control was away meanwhile
//! ```
//!
//! A reader has a cursor, the number of the last entry that it took: it is never waited for, and goes on after a restart where
//! it was. Control may be killed at any moment: an entry is in the file when [`Journal::record`] returns (in the system's memory,
//! which outlives the process, not the power). What begins and ends while control is away is made up for with its next
//! snapshot, by the ledger.
//!
//! Limits: `control.journal_bytes_max` of files, the oldest go first; [`TAIL_MAX`] entries in memory.

#![allow(dead_code, reason = "streams of events and webhooks, which come next, read it")]

mod entry;
mod ledger;
mod store;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use fanlight_protocol::SessionId;
use tokio::sync::watch;

pub(crate) use entry::{Entry, Event, Number};
use ledger::Ledger;
use store::Store;

use crate::handle::SessionHandle;
use crate::registry::{Phase, Session};

/// Entries in memory: some minutes of a busy server.
const TAIL_MAX: usize = 4096;

/// See the file's head.
pub(crate) struct Journal {
    state: Mutex<State>,
    last: watch::Sender<Number>,
}

struct State {
    store: Option<Store>,
    ledger: Ledger,
    tail: VecDeque<Entry>,
    next: Number,
}

impl Journal {
    /// One that is kept in `folder`, and goes on with what is there.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub(crate) fn open(folder: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let mut store = Store::open(folder, bytes_max)?;
        let (ledger, tail) = (store.beginning()?, VecDeque::new());
        let mut state = State { store: None, ledger, tail, next: Number::FIRST };
        store.read_all(|entry| state.take(entry))?;
        state.next = state.next.max(store.next());
        state.store = Some(store);
        Ok(Self::with(state))
    }

    /// One that is forgotten with the process.
    pub(crate) fn in_memory() -> Self {
        Self::with(State {
            store: None,
            ledger: Ledger::default(),
            tail: VecDeque::new(),
            next: Number::FIRST,
        })
    }

    fn with(state: State) -> Self {
        let last = watch::Sender::new(state.next.before());
        Self { state: Mutex::new(state), last }
    }

    /// Tells the number of the last entry, now and whenever there is another.
    pub(crate) fn follow(&self) -> watch::Receiver<Number> {
        self.last.subscribe()
    }

    /// Up to `count` entries after `cursor`, and whether some between are kept no more.
    pub(crate) fn read_after(&self, cursor: Number, count: usize) -> io::Result<Page> {
        let state = self.state();
        let first = state.tail.front().map_or(state.next, |entry| entry.number);
        if cursor.next() >= first {
            let entries = state.tail.iter().filter(|entry| entry.number > cursor).take(count);
            return Ok(Page { entries: entries.cloned().collect(), has_gap: false });
        }
        let Some(store) = &state.store else {
            return Ok(Page { entries: state.tail.iter().take(count).cloned().collect(), has_gap: true });
        };
        let entries = store.read_after(cursor, count)?;
        let has_gap = entries.first().is_some_and(|entry| entry.number > cursor.next());
        Ok(Page { entries, has_gap })
    }

    /// A session's media can flow.
    pub(crate) fn connected(&self, id: SessionId, session: &Session, now: SystemTime) {
        let handle = SessionHandle::from(id);
        if !self.state().ledger.knows(handle) {
            self.record(Event::begins(handle, session), now);
        }
    }

    /// A session is over.
    pub(crate) fn ended(&self, id: SessionId, reason: &'static str, now: SystemTime) {
        let begun = self.state().ledger.find(SessionHandle::from(id)).cloned();
        if let Some(begun) = begun {
            self.record(begun.ends(reason), now);
        }
    }

    /// Makes up for what was missed: `sessions` are all that there are.
    pub(crate) fn reconcile<'a>(
        &self,
        sessions: impl Iterator<Item = (SessionId, &'a Session)>,
        now: SystemTime,
    ) {
        let there: Vec<(SessionId, &Session)> =
            sessions.filter(|(_, session)| session.phase == Phase::Connected).collect();
        let gone = self.state().ledger.all_but(there.iter().map(|(id, _)| SessionHandle::from(*id)));
        for begun in gone {
            self.record(begun.ends("unseen"), now);
        }
        for (id, session) in there {
            self.connected(id, session, now);
        }
    }

    /// Writes `event` down.
    pub(crate) fn record(&self, event: Event, now: SystemTime) {
        let mut state = self.state();
        let entry = Entry::new(state.next, event, now);
        let number = entry.number;
        state.write(&entry);
        state.take(entry);
        drop(state);
        self.last.send_replace(number);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Entry>,
    /// Entries between its cursor and these are kept no more.
    pub(crate) has_gap: bool,
}

impl State {
    fn write(&mut self, entry: &Entry) {
        let Some(store) = &mut self.store else { return };
        if let Err(error) = store.append(entry, &self.ledger) {
            // Events go on in memory: a full disk must not stop the server.
            tracing::error!(%error, "the journal of events cannot be written");
        }
    }

    fn take(&mut self, entry: Entry) {
        self.ledger.take(&entry);
        self.next = entry.number.next();
        if self.tail.len() >= TAIL_MAX {
            self.tail.pop_front();
        }
        self.tail.push_back(entry);
    }
}
