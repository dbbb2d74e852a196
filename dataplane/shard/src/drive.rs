//! Doing what a session's transport wants: its datagrams, its events, its next deadline.

use crate::limits::HURRY_MAX;
use crate::notes::Notable;
use crate::remote::Remote;
use crate::shard::Shard;
use crate::spec::SessionKey;
use crate::transport::{IceRestart, Output, TransportEvent};
use crate::turn::{EndReason, Event, Outputs};

/// Outputs taken of one transport at a time. A handshake flight is a handful; the rest waits for the next turn.
const OUTPUTS_MAX: usize = 64;

impl Shard {
    /// Polls the transport until it waits, and arms the session for what it waits for.
    pub(crate) fn drive(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let mut over = None;
        for _ in 0..OUTPUTS_MAX {
            let Some(session) = self.sessions.find(key) else { return };
            session.wait = Some(self.now); // what is left over after the last round is for the next turn
            match session.transport.poll(self.now) {
                Output::Transmit { to, datagram, proves_address } => {
                    if proves_address {
                        session.checks.answered(to);
                        self.routes.learn(session, to);
                    }
                    self.send_plain(to, &datagram, outputs);
                }
                Output::Event(event) => over = self.take_event(key, event, outputs).or(over),
                Output::Wait(at) => {
                    let hurries = at.is_some_and(|at| at < self.now + HURRY_MAX);
                    session.wait = if hurries { at } else { at.map(|at| self.config.lazily(at)) };
                    break;
                }
            }
        }
        match over {
            Some(reason) => self.end(key, reason, outputs),
            None => self.arm(key),
        }
    }

    /// A key that is gone already is no fault: orders and events cross.
    pub(crate) fn restart_ice(&mut self, key: SessionKey, restart: IceRestart, outputs: &mut Outputs<'_>) {
        let Some(session) = self.sessions.find(key) else { return };
        session.transport.restart_ice(self.now, restart);
        self.drive(key, outputs);
    }

    /// Returns why the session is over, if it is.
    fn take_event(
        &mut self,
        key: SessionKey,
        event: TransportEvent,
        outputs: &mut Outputs<'_>,
    ) -> Option<EndReason> {
        let now = self.now;
        let session = self.sessions.find(key)?;
        match event {
            TransportEvent::Connected(keys) => {
                session.connect(now, &keys);
                session.note(now, Notable::Connected, outputs.events);
                outputs.events.push(Event::Connected { key });
                return self.start_subscriptions(key, outputs);
            }
            TransportEvent::Path(to) => {
                if session.path.replace(to).is_some() {
                    if let Some(bandwidth) = session.viewer_mut().and_then(|viewer| viewer.bandwidth.as_mut())
                    {
                        bandwidth.route_changed();
                    }
                    session.note(now, Notable::PathChanged, outputs.events);
                }
            }
            TransportEvent::RoundTrip(round_trip) => session.round_trip = Some(round_trip),
            TransportEvent::ChannelOpen { label } => outputs.events.push(Event::ChannelOpen { key, label }),
            TransportEvent::PeerClosed => return Some(EndReason::PeerClosed),
            TransportEvent::ConsentLost => return Some(EndReason::ConsentLost),
            TransportEvent::Failed(_) => return Some(EndReason::TransportFailed),
        }
        None
    }

    /// Sends STUN or DTLS.
    pub(crate) fn send_plain(&mut self, to: Remote, datagram: &[u8], outputs: &mut Outputs<'_>) {
        let room = outputs.egress.slot().and_then(|slot| slot.get_mut(..datagram.len()));
        let Some(room) = room else {
            self.counters.egress_full += 1;
            return;
        };
        room.copy_from_slice(datagram);
        outputs.egress.send(to, datagram.len(), datagram.len());
        self.counters.datagrams_out += 1;
        self.counters.messages_out += 1;
        self.counters.bytes_out += datagram.len() as u64;
    }
}
