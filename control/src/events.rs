//! What sessions' owners are told at once: streams of events, each with a bounded queue of its own.
//!
//! ```text
//!   dataplane ─► Noted, Closed ─► Signalling ─► Events::tell ─► queue ─► Server-Sent Events of one client
//! ```
//!
//! What lasts (a silent source, a connection that is too slow, a pause, a layer) is remembered while it lasts, and told to those who
//! begin to listen later.
//!
//! Limits: `limits.event_streams_max` streams; [`STREAMS_PER_SESSION_MAX`] of one session, the oldest makes room;
//! [`QUEUE_MAX`] events that wait for a slow reader, who is cut off then; a lasting thing a session of each sort.

mod standing;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanlight_protocol::{Note, SessionId};
use hyper::body::Bytes;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::fault::Fault;
pub(crate) use standing::{Standing, concerns_viewers};

/// Events that may wait for one reader. A session has a few a minute.
const QUEUE_MAX: usize = 32;

/// A client that reconnects may find its old stream still open; more than a few are of no use to anyone.
const STREAMS_PER_SESSION_MAX: usize = 4;

/// One event as it is written: WHATWG HTML §9.2.6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    name: String,
    bytes: Bytes,
}

impl Event {
    /// `data` is written as JSON on one line.
    pub(crate) fn new(name: &str, data: &impl Serialize) -> Self {
        // Names, numbers and texts of ours: nothing in it can fail to be JSON, and JSON has no line ends.
        let data = serde_json::to_string(data).unwrap_or_default();
        Self { name: name.to_owned(), bytes: format!("event: {name}\ndata: {data}\n\n").into() }
    }
}

/// The reader's end of a stream of events. It ends with the session.
pub(crate) type Queue = mpsc::Receiver<Bytes>;

struct Listener {
    session: SessionId,
    /// Names that are wanted; None = all.
    only: Option<Vec<String>>,
    queue: mpsc::Sender<Bytes>,
}

impl Listener {
    /// False: it does not read, or is gone.
    fn tell(&self, event: &Event) -> bool {
        let wanted = self.only.as_ref().is_none_or(|only| only.contains(&event.name));
        !wanted || self.queue.try_send(event.bytes.clone()).is_ok()
    }
}

#[derive(Default)]
struct State {
    /// In the order of their beginning.
    listeners: BTreeMap<u64, Listener>,
    begun: u64,
    standing: HashMap<SessionId, Standing>,
    closed: bool,
}

/// All streams of events. See the file's head.
#[derive(Default)]
pub(crate) struct Events {
    state: Mutex<State>,
}

impl Events {
    /// Begins a stream for `session` with `first`.
    pub(crate) fn listen(
        &self,
        session: SessionId,
        only: Option<Vec<String>>,
        first: &[Event],
        limits: &crate::config::Limits,
    ) -> Result<Queue, Fault> {
        let mut state = self.lock();
        state.listeners.retain(|_, listener| !listener.queue.is_closed());
        let own = state.listeners.iter().filter(|(_, listener)| listener.session == session);
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        if own.len() >= STREAMS_PER_SESSION_MAX
            && let Some(oldest) = own.first()
        {
            state.listeners.remove(oldest);
        }
        if state.closed || state.listeners.len() >= limits.event_streams_max as usize {
            let retry_after_s = limits.retry_after_s;
            return Err(Fault::Full { limit: "limits.event_streams_max", retry_after_s });
        }
        let (sender, queue) = mpsc::channel(QUEUE_MAX);
        let listener = Listener { session, only, queue: sender };
        // The queue is longer than the few events that a stream begins with.
        let _ = first.iter().all(|event| listener.tell(event));
        state.begun += 1;
        let number = state.begun;
        state.listeners.insert(number, listener);
        Ok(queue)
    }

    /// Tells each stream what `event` makes for its session. Whoever does not read is cut off.
    pub(crate) fn tell(&self, event: impl Fn(SessionId) -> Option<Event>) {
        self.lock()
            .listeners
            .retain(|_, listener| event(listener.session).is_none_or(|event| listener.tell(&event)));
    }

    /// Remembers what of `note` lasts.
    pub(crate) fn remember(&self, session: SessionId, note: Note) {
        let mut state = self.lock();
        let standing = state.standing.entry(session).or_default();
        standing.apply(note);
        if standing.is_empty() {
            state.standing.remove(&session);
        }
    }

    /// What lasts of `session`.
    pub(crate) fn standing(&self, session: SessionId) -> Standing {
        self.lock().standing.get(&session).cloned().unwrap_or_default()
    }

    /// Ends the streams of `session` with `last`.
    pub(crate) fn end(&self, session: SessionId, last: &[Event]) {
        let mut state = self.lock();
        state.standing.remove(&session);
        state.listeners.retain(|_, listener| {
            if listener.session != session {
                return true;
            }
            // A reader that is too slow even for this finds the reason on the session's URL.
            let _ = last.iter().all(|event| listener.queue.try_send(event.bytes.clone()).is_ok());
            false
        });
    }

    /// Ends the streams of `session`, which goes on.
    pub(crate) fn cut(&self, session: SessionId) {
        self.lock().listeners.retain(|_, listener| listener.session != session);
    }

    /// Ends all streams, and takes no more: the server stops.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.listeners.clear();
    }

    /// Streams now.
    pub(crate) fn count(&self) -> usize {
        self.lock().listeners.values().filter(|listener| !listener.queue.is_closed()).count()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done if a holder panics: each holds it for one pass over a map.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
