//! A datagram's first steps: classify by its first byte (RFC 7983), route to its session, hand over.

use fanlight_wire::{Kind, Stun, classify};

use crate::handshakes::Taken;
use crate::reject::Reject;
use crate::remote::Remote;
use crate::shard::Shard;
use crate::spec::SessionKey;
use crate::turn::{Datagram, Outputs};

impl Shard {
    pub(crate) fn receive_datagram(
        &mut self,
        datagram: Datagram<'_>,
        outputs: &mut Outputs<'_>,
    ) -> Result<Taken, Reject> {
        let key = match classify(datagram.bytes) {
            Kind::Stun => self.route_stun(&datagram)?,
            Kind::Dtls => self.routes.find(datagram.from).ok_or(Reject::UnknownAddress)?,
            Kind::Rtp => return self.ingest(datagram, outputs).map(|()| Taken::Done),
            Kind::Rtcp => return self.take_feedback(datagram, outputs).map(|()| Taken::Done),
            Kind::Unknown => return Err(Reject::Unclassified),
        };
        if self.sessions.find(key).is_some_and(|session| session.is_connected()) {
            self.hand_to_transport(key, datagram.from, datagram.bytes, outputs).map(|()| Taken::Done)
        } else {
            self.wait_for_handshake(key, &datagram)
        }
    }

    /// A request leads to the session that its username was made for, with no table; anything else comes by address.
    fn route_stun(&mut self, datagram: &Datagram<'_>) -> Result<SessionKey, Reject> {
        let stun = Stun::parse(datagram.bytes).map_err(|_| Reject::MalformedStun)?;
        if !stun.is_check() {
            return self.routes.find(datagram.from).ok_or(Reject::UnknownAddress);
        }
        let (shard, key) = self.config.ufrag_key.addressee(&stun).ok_or(Reject::UnknownUsername)?;
        if shard != self.config.id {
            return Err(Reject::WrongShard);
        }
        let session = self.sessions.find(key).ok_or(Reject::StaleSession)?;
        session.checks.came(datagram.from);
        Ok(key)
    }

    pub(crate) fn hand_to_transport(
        &mut self,
        key: SessionKey,
        from: Remote,
        bytes: &[u8],
        outputs: &mut Outputs<'_>,
    ) -> Result<(), Reject> {
        let session = self.sessions.find(key).ok_or(Reject::StaleSession)?;
        let taken = session.transport.receive(self.now, from, bytes);
        self.drive(key, outputs);
        taken.map_err(|_| Reject::TransportRefused)
    }
}
