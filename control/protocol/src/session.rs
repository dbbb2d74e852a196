//! What a session and its tracks are called on the socket.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{MutedKinds, SessionId, Terms};

/// Where a stream is published: an app (which may be a path, `live/room1`) and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamPath {
    /// `live`, or `live/room1` for a room of an app.
    pub app: String,
    /// The published name.
    pub name: String,
}

impl fmt::Display for StreamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.app, self.name)
    }
}

/// Audio or video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    Audio,
    Video,
}

/// A codec that Fanlight forwards. Names as in SDP `a=rtpmap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Codec {
    Opus,
    Vp8,
    Vp9,
    H264,
    H265,
    Av1,
}

impl Codec {
    /// The encoding name of `a=rtpmap`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::H264 => "H264",
            Self::H265 => "H265",
            Self::Av1 => "AV1",
        }
    }
}

/// One track of a publisher, or one that a viewer is subscribed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackInfo {
    pub kind: TrackKind,
    pub codec: Codec,
    /// Media identification of the m-section (RFC 8843).
    pub mid: String,
    /// Its simulcast layers by their rids (RFC 8851), in the publisher's order; of a viewer's track those that it may be sent.
    /// Empty: there is one encoding, without a name.
    pub layers: Vec<String>,
    /// An encoding may hold layers of its own (SVC), which are called `S1T2`: the spatial and the temporal one.
    pub scalable: bool,
}

/// What a viewer wants of the layers that there are. By default the best that its network takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerWish {
    /// This layer and no better one, by its name.
    pub layer: Option<String>,
    /// No layer wider or higher than this, pixels, if there is a smaller one.
    pub max_width: Option<u16>,
    pub max_height: Option<u16>,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRole {
    Publisher,
    /// Watches the tracks of that publisher.
    Viewer {
        publisher: SessionId,
    },
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// Answered; ICE or DTLS not yet up.
    Connecting,
    Connected,
}

/// One session in a snapshot: enough for a new control to adopt it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    pub session: SessionId,
    pub stream: StreamPath,
    pub role: SessionRole,
    pub state: SessionState,
    pub ice_tag: String,
    pub tracks: Vec<TrackInfo>,
    /// A viewer's, as it was last told.
    pub wish: LayerWish,
    /// Whose place a publisher takes once it is connected.
    pub replaces: Option<SessionId>,
    /// As they stand now: a limit may have changed since.
    pub terms: Terms,
    /// By an operator.
    pub muted: MutedKinds,
    /// Milliseconds since the session was accepted.
    pub age_ms: u64,
}
