//! What administrators see and do: sessions by handle, lists of them, and their end.
//!
//! The registry is held for one pass over ids and for the copies of what is shown, never for hashing or sorting.

use fanlight_protocol::CloseReason;

use super::{Session, SessionId, Signalling, StreamPath};
use crate::handle::SessionHandle;

impl Signalling {
    /// The session of that handle.
    pub(crate) fn find(&self, handle: SessionHandle) -> Option<(SessionId, Session)> {
        let ids: Vec<SessionId> = self.registry().sessions().map(|(id, _)| id).collect();
        let id = ids.into_iter().find(|id| SessionHandle::from(*id) == handle)?;
        Some((id, self.session_by_id(id)?))
    }

    /// The sessions that `wanted` takes, in no order.
    pub(crate) fn select(&self, wanted: impl Fn(&Session) -> bool) -> Vec<(SessionId, Session)> {
        let registry = self.registry();
        let found = registry.sessions().filter(|(_, session)| wanted(session));
        found.map(|(id, session)| (id, session.clone())).collect()
    }

    /// Ends these sessions; a publisher's viewers end with it. Returns how many there were.
    pub(crate) fn kick(&self, sessions: impl IntoIterator<Item = SessionId>) -> usize {
        let ended = sessions.into_iter().map(|session| self.end(session, CloseReason::Kicked, None));
        ended.count()
    }

    /// Who publishes that stream, connected or not yet.
    pub(crate) fn publisher_of(&self, stream: &StreamPath) -> Option<SessionId> {
        self.registry().publisher(stream)
    }
}
