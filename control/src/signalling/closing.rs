//! Ends that are done when somebody says so: whoever asked is answered after the dataplane has closed the session.
//!
//! Were the answer earlier, a control that dies in between would take the request with it: the next one finds the session alive.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fanlight_protocol::{CloseReason, Inspection, SessionId};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Signalling;
use crate::fault::Fault;

/// Who waits for which session's end. As many as there are requests.
#[derive(Debug, Default)]
pub(super) struct Closings(Mutex<HashMap<SessionId, Vec<oneshot::Sender<()>>>>);

impl Closings {
    fn wait_for(&self, session: SessionId) -> oneshot::Receiver<()> {
        let (waiter, waiting) = oneshot::channel();
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiters.entry(session).or_default().push(waiter);
        waiting
    }

    pub(super) fn closed(&self, session: SessionId) {
        let waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        for waiter in waiters.into_iter().flatten() {
            // Whoever waited may have left.
            let _ = waiter.send(());
        }
    }

    /// Nobody will say so any more; the next snapshot closes what was given up.
    pub(super) fn line_lost(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl Signalling {
    /// Ends a session, and returns when the dataplane has. While the dataplane is away the session is given up, and closed when
    /// it is back.
    ///
    /// # Errors
    /// `Fault::DataplaneSlow`: it did not say so in time; it will all the same.
    pub(crate) async fn end_and_wait(
        &self,
        session: SessionId,
        reason: CloseReason,
        last: Option<Box<Inspection>>,
    ) -> Result<(), Fault> {
        let closed = self.closings.wait_for(session);
        let can_be_told = self.line.is_open();
        let was_there = self.end(session, reason, last);
        if !can_be_told || !was_there {
            self.closings.closed(session);
            return Ok(());
        }
        let retry_after_s = self.limits.retry_after_s;
        let in_time = timeout(self.limits.dataplane_timeout(), closed).await;
        // A sender that is gone went with the line.
        in_time.map(drop).map_err(|_| Fault::DataplaneSlow { retry_after_s })
    }
}
