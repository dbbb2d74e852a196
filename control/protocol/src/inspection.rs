//! All that the dataplane knows of one session, for whoever asks why it does what it does.

use serde::{Deserialize, Serialize};

use crate::{SessionId, SessionState, TrackStats};

/// One session, looked at from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub session: SessionId,
    pub state: SessionState,
    /// Milliseconds since the session was accepted.
    pub age_ms: u64,
    pub ice: IceInspection,
    /// None: the handshake is not through.
    pub dtls: Option<DtlsInspection>,
    /// Round-trip time from RTCP or ICE, microseconds; None before the first measure.
    pub rtt_us: Option<u32>,
    /// Downstream loss as the peer reports it, 1/256 (RFC 3550 §6.4.1).
    pub fraction_lost: Option<u8>,
    /// What the viewer's REMB says it can take, bit/s.
    pub estimate_bps: Option<u64>,
    pub packets_in: u64,
    pub packets_out: u64,
    pub tracks: Vec<TrackStats>,
    /// The latest hundred, oldest first.
    pub notes: Vec<Note>,
}

/// The state of ICE. RFC 8445.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceInspection {
    /// Where the peer was told to send to, best first: `udp 192.0.2.1:8081`.
    pub local: Vec<String>,
    /// Where connectivity checks came from, in the order of their first.
    pub pairs: Vec<IcePair>,
}

/// One remote address and what its connectivity checks came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcePair {
    /// `udp 198.51.100.7:50000`.
    pub remote: String,
    /// Binding requests that came from there with our username fragment.
    pub checks: u64,
    /// Of those, the ones whose message integrity proved that the peer knows the password; the others were forged, or made
    /// for another session.
    pub answered: u64,
    /// Media goes there.
    pub selected: bool,
}

/// The DTLS association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DtlsInspection {
    /// `1.2`.
    pub version: String,
    /// Name in the IANA registry of DTLS-SRTP protection profiles (RFC 5764 §4.1.2).
    pub srtp_profile: String,
}

/// Something notable that happened to a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Milliseconds since the session was accepted.
    pub at_ms: u64,
    pub what: Notable,
}

/// A layer of a source, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerState {
    pub layer: String,
    /// Pixels; None: not known.
    pub width: Option<u16>,
    pub height: Option<u16>,
    /// The publisher sends it.
    pub active: bool,
}

/// What happened. `video` tells which of the session's tracks, where it could be either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notable {
    /// ICE and DTLS are up.
    Connected,
    /// Media goes to another address of the peer from now on, which has proven itself.
    PathChanged,
    /// The first media of a publisher's track came.
    TrackStarted {
        video: bool,
    },
    /// A publisher's track comes under another SSRC now.
    SourceChanged {
        video: bool,
    },
    /// A publisher sends nothing for this track any more.
    SourceSilent {
        video: bool,
    },
    /// It sends again.
    SourceBack {
        video: bool,
        silent_ms: u32,
    },
    /// Packets were lost on the way and asked for again: by us of a publisher, by a viewer of us.
    Nacked {
        video: bool,
        packets: u32,
    },
    /// Packets that never came, or that were asked for too late.
    Lost {
        video: bool,
        packets: u32,
    },
    /// A key frame was asked for: by us of a publisher, by a viewer of us.
    KeyFrameAsked,
    /// A publisher's key frame came after we had asked for it.
    KeyFrameCame {
        waited_ms: u32,
    },
    /// A viewer's first picture was sent this long after it had connected. `from_store`: without asking the publisher.
    FirstFrame {
        waited_ms: u32,
        from_store: bool,
    },
    /// A viewer that began behind live has caught up.
    CaughtUp {
        took_ms: u32,
    },
    /// What the viewer can take, by its own estimate, is less than the stream.
    Constrained {
        estimate_bps: u64,
        stream_bps: u64,
    },
    /// It can take the stream again.
    Unconstrained {
        estimate_bps: u64,
    },
    /// A viewer's video fell too far behind and went on at a newer key frame.
    VideoSkipped {
        packets: u32,
    },
    /// The viewer wants this kind no more for now, or again.
    Paused {
        video: bool,
    },
    Resumed {
        video: bool,
    },
    /// An operator lets nothing of this kind pass, or lets it pass again: of a publisher to `everybody`, or to this viewer alone.
    Muted {
        video: bool,
        everybody: bool,
    },
    Unmuted {
        video: bool,
        everybody: bool,
    },
    /// The viewer goes on with another publisher's track.
    Switched {
        video: bool,
    },
    /// ICE was restarted by the peer.
    IceRestarted,
    /// A viewer gets this layer from now on. `layers`: all that its source has, in the publisher's order.
    Layer {
        layer: String,
        /// Pixels; None: not known.
        width: Option<u16>,
        height: Option<u16>,
        layers: Vec<LayerState>,
    },
    /// Of a publisher's layers somebody watches these; the others need not be sent.
    LayersWanted {
        layers: Vec<String>,
    },
}
