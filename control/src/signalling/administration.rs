//! What administrators see and do: sessions by handle, lists of them, their ends and their end.
//!
//! The registry is held for one pass that takes what is needed of each session, never for hashing, sorting or writing.

use std::time::SystemTime;

use fanlight_protocol::{CloseReason, SessionRole};

use super::{Session, SessionId, Signalling, StreamPath};
use crate::fault::Fault;
use crate::handle::SessionHandle;

impl Signalling {
    /// What `look` takes of each session, in no order.
    pub(crate) fn collect<T>(&self, mut look: impl FnMut(SessionId, &Session) -> Option<T>) -> Vec<T> {
        let registry = self.registry();
        registry.sessions().filter_map(|(id, session)| look(id, session)).collect()
    }

    /// The session of that handle.
    pub(crate) fn find(&self, handle: SessionHandle) -> Option<(SessionId, Session)> {
        let ids = self.collect(|id, _| Some(id));
        let id = ids.into_iter().find(|id| SessionHandle::from(*id) == handle)?;
        Some((id, self.session_by_id(id)?))
    }

    /// Ends the sessions that `wanted` takes, and returns how many. A publisher's viewers end with it, uncounted.
    pub(crate) fn kick(&self, wanted: impl Fn(&Session) -> bool) -> usize {
        self.end_all(self.collect(|id, session| wanted(session).then_some(id)), CloseReason::Kicked)
    }

    /// Ends these sessions.
    pub(crate) fn end_all(&self, sessions: Vec<SessionId>, reason: CloseReason) -> usize {
        for session in &sessions {
            self.end(*session, reason, None);
        }
        sessions.len()
    }

    /// Ends whoever publishes that stream, and whoever is about to take its place; returns when the dataplane has. False: nobody
    /// did.
    ///
    /// # Errors
    /// As [`Self::end_and_wait`].
    pub(crate) async fn unpublish(&self, stream: &StreamPath) -> Result<bool, Fault> {
        let is_meant =
            |session: &Session| session.role == SessionRole::Publisher && session.stream == *stream;
        let publishers = self.collect(|id, session| is_meant(session).then_some(id));
        for publisher in &publishers {
            self.end_and_wait(*publisher, CloseReason::Kicked, None).await?;
        }
        Ok(!publishers.is_empty())
    }

    /// Who publishes that stream, or is about to.
    pub(crate) fn publisher_of(&self, stream: &StreamPath) -> Option<SessionId> {
        self.registry().publisher(stream)
    }

    /// The session's grant ends then; None: it does not by itself. False: there is no such session.
    pub(crate) fn expire_at(&self, session: SessionId, end: Option<SystemTime>) -> bool {
        self.registry().expire_at(session, end)
    }
}
