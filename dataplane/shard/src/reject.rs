//! The names of all the ways in which a datagram or a packet comes to nothing.
//!
//! Every datagram that a shard takes is either accepted or rejected under exactly one name:
//! received = accepted + Σ rejects. A reject never ends a session and is never logged one by one.

use fanlight_srtp::OpenError;
use fanlight_wire::Malformed;

macro_rules! rejects {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// Why a datagram was dropped.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reject {
            $($(#[$doc])* $variant,)*
        }

        impl Reject {
            /// All of them, in the order of their counters.
            pub const ALL: &'static [Reject] = &[$(Reject::$variant,)*];

            /// Stable name for metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Reject::$variant => $name,)*
                }
            }
        }
    };
}

rejects! {
    /// Neither STUN, DTLS, RTP nor RTCP. RFC 7983.
    Unclassified = "unclassified",
    /// STUN that does not parse.
    MalformedStun = "malformed_stun",
    /// A binding request whose USERNAME we did not make.
    UnknownUsername = "unknown_username",
    /// A username of another shard's session: the packet came to the wrong port.
    WrongShard = "wrong_shard",
    /// A username of a session that is gone.
    StaleSession = "stale_session",
    /// Not a binding request, and from an address that no session has proven.
    UnknownAddress = "unknown_address",
    /// A handshake's, and too many of all sessions wait for their turn. It comes again.
    HandshakesFull = "handshakes_full",
    /// A handshake's, and too many of its own session wait for their turn.
    HandshakeCrowded = "handshake_crowded",
    /// The transport did not take it: bad integrity, bad record, wrong state.
    TransportRefused = "transport_refused",
    /// Media or RTCP before DTLS has given keys.
    NoKeys = "no_keys",
    /// RTP header that does not parse.
    MalformedRtp = "malformed_rtp",
    /// RTCP that does not parse.
    MalformedRtcp = "malformed_rtcp",
    /// RTP from a session that publishes nothing.
    NotPublishing = "not_publishing",
    /// A payload type that was not negotiated, or not for this track.
    UnknownPayloadType = "unknown_payload_type",
    /// Too short for its SRTP trailer.
    SrtpTooShort = "srtp_too_short",
    /// The authentication tag is wrong.
    NotAuthentic = "not_authentic",
    /// Seen before.
    Replayed = "replayed",
    /// Behind the replay window.
    TooOld = "too_old",
    /// SRTCP whose E bit is clear.
    NotEncrypted = "not_encrypted",
    /// Authentic, but for no track of the session.
    Unbound = "unbound",
    /// Authentic, and names a simulcast layer that was not negotiated. RFC 8852.
    UnknownRid = "unknown_rid",
    /// A new SSRC sooner than a track may take one.
    RebindTooSoon = "rebind_too_soon",
    /// Padding that is longer than the payload.
    BadPadding = "bad_padding",
    /// RTX without an original sequence number in it, or for a stream not yet seen.
    BadRetransmission = "bad_retransmission",
    /// A retransmission of what is already there.
    Duplicate = "duplicate",
    /// Authentic, and of a kind that an operator has muted.
    Muted = "muted",
    /// Authentic, and more than the publisher may send.
    OverLimit = "over_limit",
    /// Longer than a packet of ours may be.
    TooLong = "too_long",
}

/// How many there are.
pub const REJECTS: usize = Reject::ALL.len();

/// One counter for each reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RejectCounters([u64; REJECTS]);

impl Default for RejectCounters {
    fn default() -> Self {
        Self([0; REJECTS])
    }
}

impl RejectCounters {
    pub(crate) fn count(&mut self, reject: Reject) {
        if let Some(counter) = self.0.get_mut(reject as usize) {
            *counter += 1;
        }
    }

    /// What was counted under this name.
    #[must_use]
    pub fn of(&self, reject: Reject) -> u64 {
        self.0.get(reject as usize).copied().unwrap_or_default()
    }

    /// Σ rejects.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Each name with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Reject, u64)> + '_ {
        Reject::ALL.iter().copied().zip(self.0.iter().copied())
    }
}

impl From<OpenError> for Reject {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooShort => Self::SrtpTooShort,
            OpenError::Replayed => Self::Replayed,
            OpenError::TooOld => Self::TooOld,
            OpenError::NotEncrypted => Self::NotEncrypted,
            _ => Self::NotAuthentic,
        }
    }
}

impl From<Malformed> for Reject {
    fn from(error: Malformed) -> Self {
        match error {
            Malformed::BadPadding => Self::BadPadding,
            _ => Self::MalformedRtp,
        }
    }
}
