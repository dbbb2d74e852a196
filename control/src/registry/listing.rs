//! All that there is, for those who administer it.

use fanlight_protocol::{SessionId, StreamPath};

use super::Registry;

impl Registry {
    /// Who has the name: live, or about to be.
    pub(crate) fn publisher(&self, stream: &StreamPath) -> Option<SessionId> {
        self.publishers.get(stream).copied()
    }
}
