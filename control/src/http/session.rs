//! All that is known of one session, as JSON: for its owner who asks why, and for the operator whom the owner asks.
//!
//! The same by `GET /api/sessions/{id}` and by GET on the resource URL; the id is a secret of the session's owner. A session
//! that ended lately answers `410 Gone` with the reason and what was last known.

use std::time::SystemTime;

use axum::response::Response;
use fanlight_protocol::{
    Codec, DtlsInspection, IcePair, Inspection, LayerWish, SessionId, StreamPath, TrackInfo, TrackKind,
    TrackStats,
};
use serde::Serialize;

use super::{Site, listing};
use crate::endings::Ending;
use crate::events::Standing;
use crate::explain;
use crate::explain::notes::{Told, date, told};
use crate::fault::Fault;
use crate::registry::{Phase, Session};
use crate::signalling::Role;

/// What control knows by itself.
#[derive(Serialize)]
struct Report<'a> {
    /// `connecting`, `connected` or `ended`.
    state: &'static str,
    app: &'a str,
    stream: &'a str,
    role: &'static str,
    /// Seconds since the offer.
    age: u64,
    /// When the offer came. RFC 3339, UTC.
    since: String,
    /// Of a viewer: what it does not want for now.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<Vec<TrackKind>>,
    #[serde(flatten)]
    layers: Option<Layers>,
    #[serde(flatten)]
    facts: Option<Facts>,
    /// Why the facts are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<String>,
}

/// The layers of the video: none where there is one encoding alone, which has no name.
#[derive(Serialize)]
#[serde(untagged)]
enum Layers {
    OfViewer {
        /// The one that it gets. null before the first.
        layer: Option<String>,
        layer_wish: LayerWish,
        /// All that there are, in the publisher's order.
        layers: Vec<Layer>,
    },
    OfPublisher {
        layers: Vec<String>,
        /// Those that somebody watches. null before that is known.
        layers_wanted: Option<Vec<String>>,
    },
}

/// null: not known.
#[derive(Serialize)]
struct Layer {
    layer: String,
    width: Option<u16>,
    height: Option<u16>,
    /// The publisher sends it.
    active: Option<bool>,
}

impl Layers {
    fn new(session: &Session, standing: &Standing) -> Self {
        let names = session.video().map(|video| video.layers.clone()).unwrap_or_default();
        if Role::from(session.role) == Role::Publisher {
            let layers_wanted = standing.layers_wanted().map(<[String]>::to_vec);
            return Self::OfPublisher { layers: names, layers_wanted };
        }
        let (layer, states) = standing.layer().unzip();
        let known = |name: &String| states?.iter().find(|state| state.layer == *name);
        let layers = names.into_iter().map(|layer| {
            let state = known(&layer);
            Layer {
                width: state.and_then(|state| state.width),
                height: state.and_then(|state| state.height),
                active: state.map(|state| state.active),
                layer,
            }
        });
        Self::OfViewer {
            layer: layer.map(str::to_owned),
            layer_wish: session.wish.clone(),
            layers: layers.collect(),
        }
    }
}

/// What the dataplane knows.
#[derive(Serialize)]
struct Facts {
    ice: Ice,
    /// null: the handshake is not through.
    dtls: Option<DtlsInspection>,
    /// null before the first measure.
    rtt_ms: Option<f64>,
    /// Share of what we send that the peer lost of late, 0 to 1.
    loss: Option<f64>,
    /// What a viewer's connection takes by its own estimate.
    estimate_bps: Option<u64>,
    packets_in: u64,
    packets_out: u64,
    tracks: Vec<Track>,
    /// The latest hundred, oldest first.
    events: Vec<Told>,
}

#[derive(Serialize)]
struct Ice {
    /// Stable name of how far it is.
    state: &'static str,
    /// The same for people: what it waits for, or why it failed.
    text: String,
    /// Where the peer was told to send to, best first.
    local: Vec<String>,
    /// Where connectivity checks came from.
    pairs: Vec<IcePair>,
}

#[derive(Serialize)]
struct Track {
    codec: Option<&'static str>,
    /// Of a publisher's simulcast.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    #[serde(flatten)]
    stats: TrackStats,
}

impl Facts {
    fn new(inspection: &Inspection, session: &Session, ice: explain::Explanation) -> Self {
        let role = Role::from(session.role);
        let streams = |kind| {
            let tracks = session.tracks.iter().filter(move |track| track.kind == kind);
            tracks.flat_map(move |track| streams(track, role).map(|layer| (codec(track), layer)))
        };
        let (mut audio, mut video) = (streams(TrackKind::Audio), streams(TrackKind::Video));
        let tracks = inspection.tracks.iter().map(|stats| {
            let stream = match stats.kind {
                TrackKind::Audio => audio.next(),
                TrackKind::Video => video.next(),
            };
            let (codec, layer) = stream.unzip();
            Track { codec, layer: layer.flatten(), stats: stats.clone() }
        });
        Self {
            tracks: tracks.collect(),
            ice: Ice {
                state: ice.cause,
                text: ice.text,
                local: inspection.ice.local.clone(),
                pairs: inspection.ice.pairs.clone(),
            },
            dtls: inspection.dtls.clone(),
            rtt_ms: inspection.rtt_us.map(|us| f64::from(us) / 1_000.0),
            loss: inspection.fraction_lost.map(|lost| f64::from(lost) / 256.0),
            estimate_bps: inspection.estimate_bps,
            packets_in: inspection.packets_in,
            packets_out: inspection.packets_out,
            events: inspection.notes.iter().map(|note| told(note, role, session.since)).collect(),
        }
    }
}

/// The names of what is counted apart: a publisher's layers; else one stream without a name.
fn streams(track: &TrackInfo, role: Role) -> impl Iterator<Item = Option<String>> {
    let layers = if role == Role::Publisher { track.layers.as_slice() } else { &[] };
    let alone = layers.is_empty().then_some(None);
    layers.iter().cloned().map(Some).chain(alone)
}

fn codec(track: &TrackInfo) -> &'static str {
    Codec::name(track.codec)
}

impl<'a> Report<'a> {
    fn new(session: &'a Session, state: &'static str, until: SystemTime) -> Self {
        Self {
            state,
            app: &session.stream.app,
            stream: &session.stream.name,
            role: Role::from(session.role).name(),
            age: until.duration_since(session.since).map_or(0, |age| age.as_secs()),
            since: date(session.since),
            paused: None,
            layers: None,
            facts: None,
            incomplete: None,
        }
    }
}

/// `owner`: role and path that the session must have, where the request names them.
pub(super) async fn report(
    site: &Site,
    id: SessionId,
    owner: Option<(Role, &StreamPath)>,
) -> Result<Response, Fault> {
    let signalling = &site.signalling;
    let session = match owner {
        Some((role, stream)) => signalling.session(role, stream, id).ok(),
        None => signalling.session_by_id(id),
    };
    let Some(session) = session else { return Err(gone(site, id, owner)) };
    let inspection = match signalling.inspect(id).await {
        Err(Fault::UnknownSession) if session.phase != Phase::Reserved => return Err(gone(site, id, owner)),
        inspection => inspection,
    };
    let state = if session.phase == Phase::Connected { "connected" } else { "connecting" };
    let mut report = Report::new(&session, state, SystemTime::now());
    let standing = signalling.standing(id, inspection.as_deref().ok());
    report.layers = Some(Layers::new(&session, &standing));
    if Role::from(session.role) == Role::Viewer {
        let kinds = [(TrackKind::Audio, false), (TrackKind::Video, true)].into_iter();
        let paused = kinds.filter(|(_, video)| standing.is_paused(*video)).map(|(kind, _)| kind);
        report.paused = Some(paused.collect());
    }
    match inspection {
        Ok(known) => report.facts = Some(Facts::new(&known, &session, explain::progress(&known))),
        // The session is there all the same, and its owner must not take it for gone.
        Err(fault) => report.incomplete = Some(fault.to_string()),
    }
    listing::json(&report)
}

/// The fault of asking for a session that is not: with the reason, if it ended lately.
pub(super) fn gone(site: &Site, id: SessionId, owner: Option<(Role, &StreamPath)>) -> Fault {
    match site.signalling.ending(id, owner) {
        Some(ending) => ended(&ending),
        None => site.signalling.unknown_session(),
    }
}

fn ended(ending: &Ending) -> Fault {
    let Ending { session, ended, reason, last } = ending;
    let why = explain::ending(*reason, last.as_deref());
    let mut report = Report::new(session, "ended", *ended);
    report.facts = last.as_ref().map(|last| Facts::new(last, session, why.clone()));
    let facts = match serde_json::to_value(&report) {
        Ok(serde_json::Value::Object(mut facts)) => {
            facts.insert("ended".to_owned(), date(*ended).into());
            facts.insert("cause".to_owned(), why.cause.into());
            facts
        }
        // A struct of texts and numbers is an object.
        _ => serde_json::Map::new(),
    };
    Fault::Ended { reason: reason.name(), text: why.text, facts: Box::new(facts) }
}
