//! The way to the dataplane: requests with one answer each over a Unix socket that may come and go.
//!
//! [`Line`] is what request tasks hold; [`link`] is the one task that owns the socket, and alone opens and closes the
//! line. A request that is given up (its client left, or the deadline passed) stays pending until its answer or the end of
//! the connection, so that its session can be told from one that is wanted.
//!
//! Limits: `limits.requests_in_flight_max` pending requests; the queue to the socket holds those and one close a session.

pub(crate) mod link;
pub mod socket;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fanlight_protocol::{Inspection, Refusal, RequestId, SessionId, ToDataplane};
use tokio::sync::{mpsc, oneshot};

use crate::config::Limits;
use crate::fault::Fault;

/// How the dataplane carried out a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A session is open.
    Accepted {
        /// SDP.
        description: String,
        ice_tag: String,
    },
    /// ICE is being restarted.
    Restarted {
        ice_tag: String,
        /// `application/trickle-ice-sdpfrag`.
        fragment: String,
    },
    /// Carried out, nothing to tell.
    Done,
    Inspected(Box<Inspection>),
}

type Outcome = Result<Answer, Refusal>;

struct Pending {
    /// The session that the request opens, if it opens one.
    opens: Option<SessionId>,
    waiter: oneshot::Sender<Outcome>,
}

#[derive(Default)]
struct State {
    /// Some while the dataplane is there and its snapshot has been taken over. Unbounded, because what goes in is bounded:
    /// see the head of the file.
    outbox: Option<mpsc::UnboundedSender<ToDataplane>>,
    pending: HashMap<RequestId, Pending>,
    last_request: u64,
}

/// Requests to the dataplane.
pub(crate) struct Line {
    limits: Limits,
    state: Mutex<State>,
}

impl Line {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::default() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.lock().outbox.is_some()
    }

    /// Sends what `message` makes of a fresh id and waits for the answer.
    ///
    /// `opens`: the session that comes to be if the answer is yes.
    pub(crate) async fn request(
        &self,
        opens: Option<SessionId>,
        message: impl FnOnce(RequestId) -> ToDataplane,
    ) -> Result<Answer, Fault> {
        let waiting = self.enqueue(opens, message)?;
        let retry_after_s = self.limits.retry_after_s;
        match tokio::time::timeout(self.limits.dataplane_timeout(), waiting).await {
            Ok(Ok(outcome)) => Ok(outcome?),
            Ok(Err(_)) => Err(Fault::DataplaneAway { retry_after_s }),
            Err(_) => Err(Fault::DataplaneSlow { retry_after_s }),
        }
    }

    fn enqueue(
        &self,
        opens: Option<SessionId>,
        message: impl FnOnce(RequestId) -> ToDataplane,
    ) -> Result<oneshot::Receiver<Outcome>, Fault> {
        let retry_after_s = self.limits.retry_after_s;
        let mut state = self.lock();
        if state.pending.len() >= self.limits.requests_in_flight_max as usize {
            return Err(Fault::Full { limit: "limits.requests_in_flight_max", retry_after_s });
        }
        state.last_request += 1;
        let request = RequestId(state.last_request);
        let sent = state.outbox.as_ref().is_some_and(|outbox| outbox.send(message(request)).is_ok());
        if !sent {
            return Err(Fault::DataplaneAway { retry_after_s });
        }
        let (waiter, waiting) = oneshot::channel();
        state.pending.insert(request, Pending { opens, waiter });
        Ok(waiting)
    }

    /// Sends what needs no answer; nothing happens while the dataplane is away.
    pub(crate) fn tell(&self, message: ToDataplane) {
        if let Some(outbox) = &self.lock().outbox {
            // It fails only when the link is about to close the line.
            let _ = outbox.send(message);
        }
    }

    fn open(&self, outbox: mpsc::UnboundedSender<ToDataplane>) {
        self.lock().outbox = Some(outbox);
    }

    /// Fails all pending requests, and names the sessions that may have come to be by them.
    pub(crate) fn close(&self) -> Vec<SessionId> {
        let mut state = self.lock();
        state.outbox = None;
        state.pending.drain().filter_map(|(_, pending)| pending.opens).collect()
    }

    fn answer(&self, request: RequestId, outcome: Outcome) {
        if let Some(pending) = self.lock().pending.remove(&request) {
            // Nobody waits any more: the client left.
            let _ = pending.waiter.send(outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done if a holder panics: each holds it for one map operation.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
