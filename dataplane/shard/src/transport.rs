//! What a shard needs of the protocol machine inside a session: ICE, DTLS and SCTP, without I/O and without a clock.
//!
//! [`crate::rtc::Rtc`] implements it on str0m; [`crate::keyed::Keyed`] is the same door with the handshake left out, for
//! benchmarks and for tests that replay a list of turns.

use std::time::{Duration, Instant};

use fanlight_srtp::SessionKeys;

use crate::remote::Remote;

/// One session's association with its peer. After every call of another method, `poll` until it says [`Output::Wait`].
pub trait Transport: Send {
    /// Takes a STUN or DTLS datagram.
    ///
    /// # Errors
    /// [`Refused`] when it came to nothing. That never ends the session.
    fn receive(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Result<(), Refused>;

    /// Time has come to the deadline of the last [`Output::Wait`].
    fn advance(&mut self, now: Instant);

    /// What is to be done now.
    fn poll(&mut self, now: Instant) -> Output;

    /// Begins another ICE session over the same association (RFC 8445 §9). The one in use goes on, and answers, until the
    /// new one has a path of its own.
    fn restart_ice(&mut self, now: Instant, restart: IceRestart);

    /// Says good-bye: the next polls give the datagrams that tell the peer.
    fn close(&mut self, now: Instant);
}

/// The credentials of a new ICE session, ours and the peer's.
#[derive(Clone, PartialEq, Eq)]
pub struct IceRestart {
    /// Made by [`crate::UfragKey::encode_restart`], so that checks find the session.
    pub local_ufrag: String,
    pub local_password: String,
    pub remote_ufrag: String,
    pub remote_password: String,
}

/// The datagram was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused;

/// What a transport wants.
#[derive(Debug)]
pub enum Output {
    /// Send this datagram.
    Transmit {
        to: Remote,
        datagram: Vec<u8>,
        /// A STUN success response: the peer at `to` has proven that it knows our password, and its packets may be
        /// routed by that address from now on.
        proves_address: bool,
    },
    /// Something happened.
    Event(TransportEvent),
    /// Nothing more now; call [`Transport::advance`] at that time.
    Wait(Option<Instant>),
}

/// What happened.
#[derive(Debug)]
pub enum TransportEvent {
    /// ICE has a path, DTLS is up and the peer's certificate is the one of its fingerprint.
    Connected(Box<SessionKeys>),
    /// Media goes to this address from now on: ICE nominated it and the peer answered from it.
    Path(Remote),
    /// A round trip by ICE consent checks.
    RoundTrip(Duration),
    /// A data channel was opened by the peer.
    ChannelOpen { label: String },
    /// The peer said good-bye.
    PeerClosed,
    /// No consent any more (RFC 7675).
    ConsentLost,
    /// The handshake cannot succeed, or the protocol machine failed.
    Failed(TransportFault),
}

/// Why a transport failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportFault {
    /// The peer's certificate is not the one announced, or DTLS met a fatal alert.
    Handshake,
    /// The protocol machine panicked; the session is poisoned, the shard goes on.
    Poisoned,
}
