//! A session as the API shows it: who it is and what it may, but not how it goes, which changes all the time and is a resource of
//! its own.

use std::net::IpAddr;

use fanlight_protocol::{SessionId, TrackInfo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::explain::notes::date;
use crate::handle::SessionHandle;
use crate::registry::{self, Phase};
use crate::signalling;

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    Publisher,
    Viewer,
}

impl From<&registry::Session> for Role {
    fn from(session: &registry::Session) -> Self {
        match signalling::Role::from(session.role) {
            signalling::Role::Publisher => Self::Publisher,
            signalling::Role::Viewer => Self::Viewer,
        }
    }
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The offer is being answered.
    Opening,
    /// Answered; ICE or DTLS is not up yet.
    Connecting,
    /// Media can flow.
    Connected,
}

impl From<Phase> for State {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Reserved => Self::Opening,
            Phase::Connecting => Self::Connecting,
            Phase::Connected => Self::Connected,
        }
    }
}

/// Audio or video.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Audio,
    Video,
}

/// One track that is published or watched.
#[derive(Serialize, ToSchema)]
pub(super) struct Track {
    kind: Kind,
    #[schema(example = "H264")]
    codec: &'static str,
    /// Names of its simulcast layers; empty: there is one encoding.
    layers: Vec<String>,
}

impl From<&TrackInfo> for Track {
    fn from(track: &TrackInfo) -> Self {
        Self { kind: Kind::from(track.kind), codec: track.codec.name(), layers: track.layers.clone() }
    }
}

/// One session of a publisher or of a viewer.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    #[schema(pattern = "^[0-9a-f]{16}$", example = "223e0a160af9da0a")]
    handle: String,
    role: Role,
    /// The app's path: `live`, or `live/room1`.
    #[schema(example = "live")]
    app: String,
    #[schema(example = "camera")]
    stream: String,
    state: State,
    #[schema(format = DateTime)]
    since: String,
    /// Whom its credentials name; null: they name nobody.
    user: Option<String>,
    /// What a revocation can name: a token's `jti`, a key's name.
    credential: Option<String>,
    /// Which of the app's validators let it in.
    #[schema(example = "jwt")]
    validator: String,
    #[schema(value_type = String, example = "192.0.2.1")]
    address: IpAddr,
    /// `User-Agent` of the request that opened it.
    agent: String,
    /// When it ends by itself; null: it does not.
    #[schema(format = DateTime)]
    expires: Option<String>,
    /// By an operator: a publisher for everybody, a viewer for itself.
    muted: Muted,
    /// Most media bits a second, to or from it; null: as many as come.
    bitrate_bps_max: Option<u64>,
    tracks: Vec<Track>,
}

/// Kinds of media that do not pass.
#[derive(Serialize, ToSchema)]
struct Muted {
    audio: bool,
    video: bool,
}

impl Session {
    pub(super) fn new(id: SessionId, session: &registry::Session) -> Self {
        let (client, claim) = (&session.admission.client, session.admission.grant.claim());
        Self {
            handle: SessionHandle::from(id).to_string(),
            role: session.into(),
            app: session.stream.app.clone(),
            stream: session.stream.name.clone(),
            state: session.phase.into(),
            since: date(session.since),
            user: claim.subject.clone(),
            credential: claim.credential.clone(),
            validator: claim.validator.clone(),
            address: client.address,
            agent: client.agent.clone(),
            // Some ends are beyond the year 9999, which is no end.
            expires: claim.expires.map(date).filter(|date| !date.is_empty()),
            muted: Muted { audio: session.muted.audio, video: session.muted.video },
            bitrate_bps_max: session.bitrate_bps_max,
            tracks: session.tracks.iter().map(Track::from).collect(),
        }
    }
}
