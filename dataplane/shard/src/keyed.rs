//! A transport whose handshake is left out: it is connected from its first poll, with keys that it was given.
//!
//! For benchmarks, fuzzing past authentication, and tests that replay a list of turns: ICE and DTLS draw randomness of
//! their own, so a run that is to be repeated to the byte cannot contain them. Everything behind the keys is the real thing.

use std::collections::VecDeque;
use std::time::Instant;

use fanlight_srtp::SessionKeys;

use crate::remote::Remote;
use crate::transport::{IceRestart, Output, Refused, Transport, TransportEvent};

/// See the file's head.
pub struct Keyed {
    outputs: VecDeque<Output>,
}

impl Keyed {
    /// Connected to `peer` under `keys`.
    #[must_use]
    pub fn new(keys: SessionKeys, peer: Remote) -> Self {
        let proof = Output::Transmit { to: peer, datagram: Vec::new(), proves_address: true };
        let path = Output::Event(TransportEvent::Path(peer));
        let connected = Output::Event(TransportEvent::Connected(Box::new(keys)));
        Self { outputs: VecDeque::from([proof, path, connected]) }
    }
}

impl Transport for Keyed {
    fn receive(&mut self, _now: Instant, _from: Remote, _datagram: &[u8]) -> Result<(), Refused> {
        Err(Refused)
    }

    fn advance(&mut self, _now: Instant) {}

    fn poll(&mut self, _now: Instant) -> Output {
        self.outputs.pop_front().unwrap_or(Output::Wait(None))
    }

    fn restart_ice(&mut self, _now: Instant, _restart: IceRestart) {}

    fn close(&mut self, _now: Instant) {
        self.outputs.clear();
    }
}
