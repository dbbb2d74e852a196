//! The two directions of the socket, and why a request or a session ends.

use serde::{Deserialize, Serialize};

use crate::{
    Inspection, LayerWish, Note, RequestId, SessionId, SessionInfo, StatsReport, StreamPath, Terms,
    TrackInfo, TrackKind,
};

/// What control asks of the dataplane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToDataplane {
    /// First message of a connection. The highest epoch wins; an older control is disconnected.
    Hello {
        /// [`crate::PROTOCOL_VERSION`] of the sender.
        protocol: u16,
        /// Grows with every start of control (milliseconds since 1970 at its start).
        epoch: u64,
    },
    /// Opens a publisher's session. Answered by [`ToControl::Accepted`] or [`ToControl::Refused`].
    Publish {
        request: RequestId,
        session: SessionId,
        stream: StreamPath,
        offer: String,
        /// Whose place it takes once it is connected: [`ToControl::Replaced`] follows.
        replaces: Option<SessionId>,
        terms: Terms,
    },
    /// Opens a viewer's session on the tracks of `publisher`. Answered as [`ToDataplane::Publish`] is.
    Watch {
        request: RequestId,
        session: SessionId,
        stream: StreamPath,
        publisher: SessionId,
        offer: String,
        terms: Terms,
    },
    /// Makes an offer to a viewer that asked for one. Answered as [`ToDataplane::Publish`] is; the session is kept for a
    /// while, waiting for [`ToDataplane::Answer`].
    Offer { request: RequestId, session: SessionId, stream: StreamPath, publisher: SessionId, terms: Terms },
    /// The viewer's answer. Answered by [`ToControl::Done`] or [`ToControl::Refused`].
    Answer { request: RequestId, session: SessionId, answer: String },
    /// A trickle ICE fragment (RFC 8840, `application/trickle-ice-sdpfrag`). Answered by [`ToControl::Done`],
    /// [`ToControl::Restarted`] or [`ToControl::Refused`].
    Trickle {
        request: RequestId,
        session: SessionId,
        fragment: String,
        /// Whether credentials that are new restart ICE (RFC 9725 §4.3.3); else they are refused.
        may_restart: bool,
    },
    /// A viewer wants no media of this kind for now, or wants it again. Answered by [`ToControl::Done`] or
    /// [`ToControl::Refused`].
    Pause { request: RequestId, session: SessionId, kind: TrackKind, paused: bool },
    /// A viewer says which of the layers it wants; what it said before is forgotten. Answered by [`ToControl::Done`] or
    /// [`ToControl::Refused`].
    Prefer { request: RequestId, session: SessionId, wish: LayerWish },
    /// An operator mutes a publisher's audio or video for everybody, or a viewer's for it, or takes that back. A viewer's own
    /// pause is apart from it. Answered by [`ToControl::Done`] or [`ToControl::Refused`].
    Mute { request: RequestId, session: SessionId, kind: TrackKind, muted: bool },
    /// Most media of a publisher, or to a viewer, bit/s, in place of what its terms say. None: as much as the way takes. Answered
    /// by [`ToControl::Done`] or [`ToControl::Refused`].
    Limit { request: RequestId, session: SessionId, bitrate_bps_max: Option<u64> },
    /// Asks for all that is known of a session. Answered by [`ToControl::Inspected`] or [`ToControl::Refused`].
    Inspect { request: RequestId, session: SessionId },
    /// Ends a session. A publisher's viewers end with it. [`ToControl::Closed`] follows for each; unknown ids are ignored.
    Close { session: SessionId, reason: CloseReason },
    /// Asks for all that is. Answered by [`ToControl::Snapshot`].
    Snapshot { request: RequestId },
}

/// What the dataplane tells control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToControl {
    /// Answer to Hello. A new `boot` means that all sessions known before are gone.
    Welcome { protocol: u16, boot: u64 },
    /// The session is open; the description goes to the peer.
    Accepted {
        request: RequestId,
        session: SessionId,
        /// SDP with CRLF line ends: the answer to the peer's offer, or an offer of ours.
        description: String,
        /// ICE username fragment of ours: names this ICE session in an entity tag (RFC 9725 §4.3.1).
        ice_tag: String,
        tracks: Vec<TrackInfo>,
    },
    /// The request came to nothing, and why.
    Refused { request: RequestId, refusal: Refusal },
    /// `publisher` has taken the place of `former`, which ends, and carried these of its viewers over.
    Replaced { publisher: SessionId, former: SessionId, viewers: Vec<SessionId> },
    /// ICE is being restarted: media goes on over the old path until there is a new one.
    Restarted {
        request: RequestId,
        session: SessionId,
        /// Our new username fragment: the ICE session has another entity tag from now on.
        ice_tag: String,
        /// Our new credentials and candidates, `application/trickle-ice-sdpfrag`.
        fragment: String,
    },
    /// The request is carried out and has no further result.
    Done { request: RequestId },
    /// ICE and DTLS are up: media can flow.
    Connected { session: SessionId },
    /// The session is gone. `last`: how it stood, where that tells why it failed.
    Closed { session: SessionId, reason: CloseReason, last: Option<Box<Inspection>> },
    /// All that is, at one moment.
    Snapshot { request: RequestId, sessions: Vec<SessionInfo> },
    /// Answer to [`ToDataplane::Inspect`].
    Inspected { request: RequestId, inspection: Box<Inspection> },
    /// Something happened that the session's user should know at once.
    Noted { session: SessionId, note: Note },
    /// Sent every second.
    Stats(StatsReport),
}

/// Why a request came to nothing. The text is for the caller: it says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The SDP or the fragment is not one we can read or serve.
    #[error("{0}")]
    BadSdp(String),
    /// Readable, but without a codec in common.
    #[error("{0}")]
    NoCommonCodec(String),
    /// The session (or the publisher to watch) does not exist (any more).
    #[error("there is no such session")]
    UnknownSession,
    /// A fragment's username is not the session's, nor one that it had.
    #[error(
        "the fragment is of another ICE session; to restart ICE send its new ice-ufrag and ice-pwd with If-Match: * \
         (RFC 9725 section 4.3.3)"
    )]
    AnotherIceSession,
    /// There is no offer of ours that waits for an answer.
    #[error("this session waits for no answer: the client made the offer, or has answered already")]
    NoOfferPending,
    /// Only a viewer can be paused, or choose a layer.
    #[error("this session publishes: pause the track, or leave out a layer, at its source")]
    NotAViewer,
    /// A limit of `conf/` is reached.
    #[error("the server is full: {limit} is at its limit; retry in {retry_after_s} s")]
    Full {
        /// Which limit, by its key in `conf/`.
        limit: String,
        /// Seconds.
        retry_after_s: u32,
    },
    /// A fault of ours; the log has more.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CloseReason {
    /// The peer asked for it: DELETE on the resource URL.
    Deleted,
    /// The peer closed its DTLS association.
    PeerClosed,
    /// No ICE consent within the time-out: the peer is gone (RFC 7675).
    ConsentLost,
    /// ICE or DTLS did not come up in time.
    NeverConnected,
    /// The publisher of the watched stream ended.
    StreamEnded,
    /// Another publisher took over the name.
    Replaced,
    /// The transport failed: DTLS fault or certificate mismatch.
    TransportFailed,
    /// An operator or a policy ended it.
    Kicked,
    /// The grant that it was opened with ran out.
    Expired,
    /// The grant that it was opened with was taken back.
    Revoked,
    /// The server is going down.
    Shutdown,
}

impl CloseReason {
    /// Stable name for logs, metrics and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::PeerClosed => "peer_closed",
            Self::ConsentLost => "consent_lost",
            Self::NeverConnected => "never_connected",
            Self::StreamEnded => "stream_ended",
            Self::Replaced => "replaced",
            Self::TransportFailed => "transport_failed",
            Self::Kicked => "kicked",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Shutdown => "shutdown",
        }
    }
}
