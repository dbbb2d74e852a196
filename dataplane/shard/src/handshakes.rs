//! Handshakes, a few datagrams a turn: a thousand viewers that join at once wait for each other, and media waits for none.
//!
//! ```text
//!   STUN, DTLS of a session that is not connected ─► waits ─► a few a turn, behind the media ─► transport
//!   everything else ─► at once
//! ```
//!
//! First come, first served, and only those come that have proven something: a check whose username we made, a DTLS record
//! from an address that an answered check taught us. What finds no room is dropped under a name: STUN and DTLS send again.

use std::collections::VecDeque;

use crate::limits::{HANDSHAKES_PER_SESSION_MAX, HANDSHAKES_PER_TURN_MAX, HANDSHAKES_WAITING_MAX};
use crate::reject::Reject;
use crate::remote::Remote;
use crate::shard::Shard;
use crate::spec::SessionKey;
use crate::turn::{Datagram, Outputs};

/// A datagram that waits.
pub(crate) struct Waiting {
    key: SessionKey,
    from: Remote,
    bytes: Box<[u8]>,
}

/// What became of a datagram that no stage refused.
pub(crate) enum Taken {
    Done,
    /// It is counted when its turn has come.
    Waits,
}

impl Shard {
    /// Puts a datagram of a handshake behind those that wait.
    pub(crate) fn wait_for_handshake(
        &mut self,
        key: SessionKey,
        datagram: &Datagram<'_>,
    ) -> Result<Taken, Reject> {
        let session = self.sessions.find(key).ok_or(Reject::StaleSession)?;
        if self.handshakes.len() == HANDSHAKES_WAITING_MAX {
            return Err(Reject::HandshakesFull);
        }
        if session.handshakes_waiting == HANDSHAKES_PER_SESSION_MAX {
            return Err(Reject::HandshakeCrowded);
        }
        session.handshakes_waiting += 1;
        self.shook_hands = Some(self.now);
        self.handshakes.push_back(Waiting { key, from: datagram.from, bytes: (&*datagram.bytes).into() });
        Ok(Taken::Waits)
    }

    /// Goes on with those that have waited for longest.
    pub(crate) fn shake_hands(&mut self, outputs: &mut Outputs<'_>) {
        for _ in 0..HANDSHAKES_PER_TURN_MAX {
            let Some(Waiting { key, from, bytes }) = self.handshakes.pop_front() else { break };
            if let Some(session) = self.sessions.find(key) {
                session.handshakes_waiting -= 1;
            }
            let verdict = self.hand_to_transport(key, from, &bytes, outputs);
            self.count(bytes.len(), verdict);
        }
        if self.handshakes.is_empty() {
            // A storm is over: its room is given back.
            self.handshakes = VecDeque::new();
        }
    }
}
