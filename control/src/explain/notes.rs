//! A note as a client reads it: its stable name, its values, its time twice, and a sentence.

use std::time::{Duration, SystemTime};

use fanlight_protocol::{Notable, Note};
use serde::Serialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::signalling::Role;

/// One notable event of a session, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    /// Milliseconds since the session began.
    pub(crate) at_ms: u64,
    /// RFC 3339, UTC.
    time: String,
    /// Stable name.
    pub(crate) event: String,
    /// What the event measures; `kind` tells which track, where it could be either.
    #[serde(flatten)]
    values: Map<String, Value>,
    text: String,
}

/// `since`: when the session of the note began. `role`: whose session it is, to whom it is told.
pub(crate) fn told(note: &Note, role: Role, since: SystemTime) -> Told {
    let (event, mut values) = name_and_values(&note.what);
    if let Some(Value::Bool(video)) = values.remove("video") {
        values.insert("kind".to_owned(), kind(video).into());
    }
    let time = date(since + Duration::from_millis(note.at_ms));
    Told { at_ms: note.at_ms, time, event, values, text: text(&note.what, role) }
}

/// RFC 3339, UTC, to the millisecond. Empty for years past 9999, which have no such date.
pub(crate) fn date(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let time = time.replace_millisecond(time.millisecond()).unwrap_or(time);
    time.format(&Rfc3339).unwrap_or_default()
}

/// The protocol names its events once: a unit is its name, others are a name and fields.
fn name_and_values(what: &Notable) -> (String, Map<String, Value>) {
    match serde_json::to_value(what) {
        Ok(Value::String(name)) => (name, Map::new()),
        Ok(Value::Object(tagged)) => match tagged.into_iter().next() {
            Some((name, Value::Object(values))) => (name, values),
            _ => Default::default(),
        },
        // Names, numbers and flags are JSON.
        _ => Default::default(),
    }
}

const fn kind(video: bool) -> &'static str {
    if video { "video" } else { "audio" }
}

const fn medium(video: bool) -> &'static str {
    if video { "picture" } else { "sound" }
}

fn text(what: &Notable, role: Role) -> String {
    let publisher = role == Role::Publisher;
    match *what {
        Notable::Connected => "ICE and DTLS are up.".to_owned(),
        Notable::PathChanged => "Media takes another way: the peer's address has changed.".to_owned(),
        Notable::IceRestarted => "ICE was restarted.".to_owned(),
        Notable::TrackStarted { video } => format!("The first {} arrived.", medium(video)),
        Notable::SourceChanged { video } => format!("The {} comes from another source now.", medium(video)),
        Notable::SourceSilent { video } if publisher => {
            format!("The server gets no {} from you right now.", medium(video))
        }
        Notable::SourceSilent { video } => format!("The publisher sends no {} right now.", medium(video)),
        Notable::SourceBack { video, silent_ms } => {
            format!("The {} is back after {} s.", medium(video), seconds(silent_ms))
        }
        Notable::Nacked { video, packets } => {
            format!("{} of the {} were lost on the way and asked for again.", count(packets), medium(video))
        }
        Notable::Lost { video, packets } => {
            format!("{} of the {} were lost for good.", count(packets), medium(video))
        }
        Notable::KeyFrameAsked if publisher => "A key frame was asked for.".to_owned(),
        Notable::KeyFrameAsked => "The player asked for a key frame.".to_owned(),
        Notable::KeyFrameCame { waited_ms } => format!("The key frame came after {waited_ms} ms."),
        Notable::FirstFrame { waited_ms, from_store: true } => {
            format!("The first picture was sent after {waited_ms} ms, from the server's store.")
        }
        Notable::FirstFrame { waited_ms, from_store: false } => {
            format!("The first picture was sent after {waited_ms} ms: the publisher had to make a key frame.")
        }
        Notable::CaughtUp { took_ms } => format!("Caught up with live after {took_ms} ms."),
        Notable::Constrained { estimate_bps, stream_bps } => format!(
            "Your connection is slower than the stream ({} of {} kbit/s): the picture will stutter.",
            kilobits(estimate_bps),
            kilobits(stream_bps)
        ),
        Notable::Unconstrained { estimate_bps } => {
            format!("Your connection is fast enough again ({} kbit/s).", kilobits(estimate_bps))
        }
        Notable::VideoSkipped { packets } => {
            format!("The picture fell behind and skipped {} to go on live.", count(packets))
        }
        Notable::Paused { video } => format!("The {} is paused, as asked.", medium(video)),
        Notable::Resumed { video } => format!("The {} goes on, as asked.", medium(video)),
        Notable::Muted { video, everybody: true } if publisher => {
            format!("The operator has muted your {}: it reaches nobody.", medium(video))
        }
        Notable::Muted { video, everybody: true } => {
            format!("The operator has muted the publisher's {}.", medium(video))
        }
        Notable::Muted { video, everybody: false } => {
            format!("The operator has muted the {} for you.", medium(video))
        }
        Notable::Unmuted { video, everybody: true } if publisher => {
            format!("The operator has unmuted your {}.", medium(video))
        }
        Notable::Unmuted { video, everybody: true } => {
            format!("The operator has unmuted the publisher's {}.", medium(video))
        }
        Notable::Unmuted { video, everybody: false } => {
            format!("The operator has unmuted the {} for you.", medium(video))
        }
        Notable::Switched { video } => format!("The {} comes from another publisher now.", medium(video)),
        Notable::Layer { ref layer, width: Some(width), height: Some(height), .. } => {
            format!("You get the layer {layer} now: {width} × {height}.")
        }
        Notable::Layer { ref layer, .. } => format!("You get the layer {layer} now."),
        Notable::LayersWanted { ref layers } if layers.is_empty() => "Nobody watches any layer.".to_owned(),
        Notable::LayersWanted { ref layers } => {
            format!("Layers that are watched: {}. The others need not be sent.", layers.join(", "))
        }
    }
}

fn seconds(ms: u32) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

const fn kilobits(bps: u64) -> u64 {
    bps / 1_000
}

fn count(packets: u32) -> String {
    if packets == 1 { "1 packet".to_owned() } else { format!("{packets} packets") }
}
