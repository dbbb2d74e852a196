//! Emptying the server before it is stopped: newcomers are sent elsewhere, whoever is here may stay until a deadline.
//!
//! It lasts until it is called off, or until this control ends: another one begins undrained.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fanlight_protocol::CloseReason;
use tokio::task::AbortHandle;

use crate::fault::Fault;
use crate::signalling::Signalling;

/// A server that is being emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drain {
    pub(crate) since: SystemTime,
    /// Sessions that are still here then are ended. None: they may stay.
    pub(crate) deadline: Option<SystemTime>,
    /// Sessions when it began.
    pub(crate) sessions_before: usize,
}

/// Whether the server is being emptied. See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Draining(Mutex<Option<(Drain, Option<AbortHandle>)>>);

impl Draining {
    pub(crate) fn now(&self) -> Option<Drain> {
        self.lock().as_ref().map(|(drain, _)| *drain)
    }

    /// # Errors
    /// `Fault::Draining`: nobody is let in.
    pub(crate) fn check(&self, retry_after_s: u32) -> Result<(), Fault> {
        if self.lock().is_some() { Err(Fault::Draining { retry_after_s }) } else { Ok(()) }
    }

    fn replace(&self, with: Option<(Drain, Option<AbortHandle>)>) {
        let former = std::mem::replace(&mut *self.lock(), with);
        if let Some((_, Some(at_deadline))) = former {
            at_deadline.abort();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Drain, Option<AbortHandle>)>> {
        // Whole values are put in its place: nothing is left half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to empty the server, or sets another deadline. Must be called within a tokio runtime.
pub(crate) fn begin(signalling: &Arc<Signalling>, lasts: Option<Duration>) -> Drain {
    let now = SystemTime::now();
    let (publishers, viewers) = signalling.counts();
    let fresh = Drain { since: now, deadline: None, sessions_before: publishers + viewers };
    let begun = signalling.draining.now().unwrap_or(fresh);
    let deadline = lasts.and_then(|lasts| now.checked_add(lasts));
    let drain = Drain { deadline, ..begun };
    let at_deadline = lasts.map(|lasts| {
        let signalling = Arc::clone(signalling);
        let end = async move {
            tokio::time::sleep(lasts).await;
            let ended = signalling.end_all(signalling.collect(|id, _| Some(id)), CloseReason::Shutdown);
            tracing::info!(ended, "the drain's deadline is reached");
        };
        tokio::spawn(end).abort_handle()
    });
    signalling.draining.replace(Some((drain, at_deadline)));
    tracing::info!(?lasts, sessions = drain.sessions_before, "the server is being drained");
    drain
}

/// Lets everybody in again.
pub(crate) fn call_off(signalling: &Signalling) {
    if signalling.draining.now().is_some() {
        tracing::info!("the server is drained no more");
    }
    signalling.draining.replace(None);
}
