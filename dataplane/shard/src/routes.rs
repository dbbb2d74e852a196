//! Which session a datagram belongs to: by our username fragment for STUN requests, by address for all else.
//!
//! An address is learned only from a STUN request that the session's own agent answered, and forgotten with the session.

use rustc_hash::FxHashMap;

use crate::remote::Remote;
use crate::session::Session;
use crate::spec::SessionKey;

/// See the file's head.
#[derive(Default)]
pub(crate) struct Routes {
    by_address: FxHashMap<Remote, SessionKey>,
}

impl Routes {
    pub(crate) fn find(&self, from: Remote) -> Option<SessionKey> {
        self.by_address.get(&from).copied()
    }

    /// The session proved itself from this address. The newest proof wins, since a NAT may give one peer's address to the
    /// next; of one session's addresses the oldest that is not its path makes room.
    pub(crate) fn learn(&mut self, session: &mut Session, address: Remote) {
        if !session.addresses.contains(&address) {
            if session.addresses.is_full() {
                let oldest = session.addresses.iter().position(|known| Some(*known) != session.path);
                let forgotten = session.addresses.remove(oldest.unwrap_or_default());
                self.forget_address(session.key, forgotten);
            }
            session.addresses.push(address);
        }
        self.by_address.insert(address, session.key);
    }

    pub(crate) fn forget(&mut self, session: &Session) {
        for address in &session.addresses {
            self.forget_address(session.key, *address);
        }
    }

    fn forget_address(&mut self, key: SessionKey, address: Remote) {
        if self.by_address.get(&address) == Some(&key) {
            self.by_address.remove(&address);
        }
    }
}
