//! A viewer's controls: PATCH of `{"video": "paused"}` or `{"layer": "h"}` on its URL. No renegotiation: the tracks stay; media
//! stops, or comes in another layer. What the object does not name stays as it was.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use fanlight_protocol::{LayerWish, Refusal, TrackInfo, TrackKind};
use serde_json::{Map, Value};

use super::resource::Resource;
use super::{Site, body};
use crate::fault::Fault;
use crate::signalling::Role;

/// Characters of what a caller wrote that are repeated to it.
const ECHO_MAX: usize = 40;

/// The layer that is no layer: whichever is the best.
const AUTO: &str = "auto";

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wish {
    /// In the order of their application: audio first, which matters more.
    changes: Vec<(TrackKind, bool)>,
    layer: Change<String>,
    max_width: Change<u16>,
    max_height: Change<u16>,
}

/// What becomes of one part of a wish for layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Change<T> {
    #[default]
    Kept,
    Lifted,
    Set(T),
}

impl<T> Change<T> {
    fn apply(self, to: &mut Option<T>) {
        match self {
            Self::Kept => {}
            Self::Lifted => *to = None,
            Self::Set(value) => *to = Some(value),
        }
    }
}

impl Resource<'_> {
    pub(super) async fn control(&self, site: &Site, head: &Parts, body: Body) -> Result<Response, Fault> {
        let session = site.signalling.session(self.role, self.stream, self.session)?;
        body::check_type(&head.headers, body::JSON)?;
        if self.role == Role::Publisher {
            return Err(Refusal::NotAViewer.into());
        }
        let wish = Wish::parse(&body::text(body, &site.config.http).await?)?;
        let has = |kind| session.tracks.iter().any(|track| track.kind == kind);
        if let Some((kind, _)) = wish.changes.iter().find(|(kind, _)| !has(*kind)) {
            return Err(Fault::NoSuchTrack { kind: name(*kind) });
        }
        if wish.is_of_layers() {
            let video = session.video().ok_or(Fault::NoSuchTrack { kind: name(TrackKind::Video) })?;
            wish.check_layer(video)?;
        }
        for (kind, paused) in &wish.changes {
            site.signalling.pause(self.session, *kind, *paused).await?;
        }
        if wish.is_of_layers() {
            site.signalling.prefer(self.session, wish.applied_to(session.wish)).await?;
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

impl Wish {
    fn parse(text: &str) -> Result<Self, Fault> {
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| fault(format!("the body is not a JSON object ({error})")))?;
        let mut wish = Self::default();
        for (key, value) in &object {
            let unfit = || fault(format!("{key} cannot be {}", cut(&value.to_string())));
            match key.as_str() {
                "audio" => wish.changes.insert(0, (TrackKind::Audio, is_paused(value).ok_or_else(unfit)?)),
                "video" => wish.changes.push((TrackKind::Video, is_paused(value).ok_or_else(unfit)?)),
                "layer" => wish.layer = layer(value).ok_or_else(unfit)?,
                "max_width" => wish.max_width = pixels(value).ok_or_else(unfit)?,
                "max_height" => wish.max_height = pixels(value).ok_or_else(unfit)?,
                _ => return Err(fault(format!("{} is no key", cut(&format!("{key:?}"))))),
            }
        }
        if object.is_empty() { Err(fault("the object is empty".to_owned())) } else { Ok(wish) }
    }

    fn is_of_layers(&self) -> bool {
        (&self.layer, &self.max_width, &self.max_height) != (&Change::Kept, &Change::Kept, &Change::Kept)
    }

    /// A wish for a layer that is not there would be a switch without effect, which is taken for broken.
    fn check_layer(&self, video: &TrackInfo) -> Result<(), Fault> {
        let Change::Set(layer) = &self.layer else { return Ok(()) };
        let is_there = video.layers.contains(layer) || (video.scalable && is_operating_point(layer));
        if is_there {
            return Ok(());
        }
        let layer = cut(layer);
        Err(Fault::NoSuchLayer { layer, layers: video.layers.clone(), scalable: video.scalable })
    }

    /// The whole wish, of what it was before.
    fn applied_to(self, mut wish: LayerWish) -> LayerWish {
        self.layer.apply(&mut wish.layer);
        self.max_width.apply(&mut wish.max_width);
        self.max_height.apply(&mut wish.max_height);
        wish
    }
}

fn is_paused(value: &Value) -> Option<bool> {
    match value.as_str()? {
        "paused" => Some(true),
        "playing" => Some(false),
        _ => None,
    }
}

fn layer(value: &Value) -> Option<Change<String>> {
    match value {
        Value::Null => Some(Change::Lifted),
        Value::String(name) if name == AUTO => Some(Change::Lifted),
        Value::String(name) => Some(Change::Set(name.clone())),
        _ => None,
    }
}

/// 1 to 65535, or null for any.
fn pixels(value: &Value) -> Option<Change<u16>> {
    if value.is_null() {
        return Some(Change::Lifted);
    }
    let pixels = value.as_u64().and_then(|pixels| u16::try_from(pixels).ok())?;
    (pixels > 0).then_some(Change::Set(pixels))
}

/// `S1T2`: a spatial and a temporal layer of one stream. Browsers make at most three of either.
fn is_operating_point(name: &str) -> bool {
    matches!(name.as_bytes(), [b'S', b'0'..=b'3', b'T', b'0'..=b'3'])
}

fn fault(what: String) -> Fault {
    Fault::BadControl { what }
}

const fn name(kind: TrackKind) -> &'static str {
    match kind {
        TrackKind::Audio => "audio",
        TrackKind::Video => "video",
    }
}

fn cut(text: &str) -> String {
    text.chars().take(ECHO_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_names_kinds_and_states() {
        for (text, changes) in [
            (r#"{"video": "paused"}"#, vec![(TrackKind::Video, true)]),
            (r#"{"audio":"playing"}"#, vec![(TrackKind::Audio, false)]),
            (
                "{\"video\":\"playing\",\r\n\t\"audio\":\"paused\"}",
                vec![(TrackKind::Audio, true), (TrackKind::Video, false)],
            ),
        ] {
            assert_eq!(Wish::parse(text), Ok(Wish { changes, ..Wish::default() }), "{text}");
        }
    }

    /// A page says one thing at a time: what it does not name must stay.
    #[test]
    fn a_wish_for_layers_changes_what_it_names_alone() {
        let mut wish = LayerWish::default();
        let named = |layer: Option<&str>, max_width, max_height| LayerWish {
            layer: layer.map(str::to_owned),
            max_width,
            max_height,
        };
        for (text, becomes) in [
            (r#"{"layer": "h"}"#, named(Some("h"), None, None)),
            (r#"{"max_width": 640, "max_height": 65535}"#, named(Some("h"), Some(640), Some(65535))),
            (r#"{"layer": "q", "max_height": null}"#, named(Some("q"), Some(640), None)),
            (r#"{"layer": "auto"}"#, named(None, Some(640), None)),
            (r#"{"video": "paused"}"#, named(None, Some(640), None)),
            (r#"{"layer": "S1T2", "max_width": 1}"#, named(Some("S1T2"), Some(1), None)),
            (r#"{"layer": null, "max_width": null}"#, LayerWish::default()),
        ] {
            wish = Wish::parse(text).unwrap().applied_to(wish);
            assert_eq!(wish, becomes, "{text}");
        }
    }

    /// Names are the publisher's; of a stream with layers of its own they are numbers.
    #[test]
    fn a_layer_must_be_there() {
        let video = |layers: &[&str], scalable| TrackInfo {
            kind: TrackKind::Video,
            codec: fanlight_protocol::Codec::Vp9,
            mid: "1".to_owned(),
            layers: layers.iter().map(|name| (*name).to_owned()).collect(),
            scalable,
        };
        let fault = |layer: &str, video: &TrackInfo| {
            let wish = Wish { layer: Change::Set(layer.to_owned()), ..Wish::default() };
            wish.check_layer(video).err().map(|fault| fault.to_string())
        };
        let simulcast = video(&["q", "h", "f"], false);
        assert_eq!(fault("h", &simulcast), None);
        let told = fault("S0T0", &simulcast).unwrap();
        assert!(told.contains("no layer \"S0T0\"; there are q, h, f, and \"auto\""), "{told}");
        assert!(fault(&"x".repeat(60_000), &simulcast).unwrap().len() < 200);
        let svc = video(&[], true);
        assert_eq!((fault("S2T0", &svc), fault("S3T3", &svc)), (None, None));
        for wrong in ["S4T0", "S1", "s1t1", "S1T1x", "q", ""] {
            assert!(fault(wrong, &svc).unwrap().contains("called S0T0"), "{wrong}");
        }
        assert!(fault("q", &video(&[], false)).unwrap().contains("does not use simulcast"));
    }

    /// The caller learns what it wrote and what is allowed; what is echoed is short.
    #[test]
    fn what_is_no_wish_is_told_with_what_is_allowed() {
        for (text, said) in [
            ("", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("\"paused\"", "not a JSON object"),
            ("{\"video\": \"paused\"", "not a JSON object"),
            ("{}", "the object is empty"),
            ("{\"video\": true}", "video cannot be true"),
            ("{\"video\": \"stopped\"}", "video cannot be \"stopped\""),
            ("{\"audio\": null}", "audio cannot be null"),
            ("{\"video\": \"paused\", \"Audio\": \"paused\"}", "\"Audio\" is no key"),
            ("{\"layer\": 1}", "layer cannot be 1"),
            ("{\"max_width\": 0}", "max_width cannot be 0"),
            ("{\"max_width\": -1}", "max_width cannot be -1"),
            ("{\"max_height\": 65536}", "max_height cannot be 65536"),
            ("{\"max_height\": 12.5}", "max_height cannot be 12.5"),
            ("{\"max_height\": \"360\"}", "max_height cannot be \"360\""),
            ("{\"layer\": \"h\", \"width\": 1}", "\"width\" is no key"),
        ] {
            let fault = Wish::parse(text).unwrap_err().to_string();
            assert!(fault.contains(said), "{text}: {fault}");
            assert!(fault.contains("(\"paused\" or \"playing\"), \"layer\""), "{text}: {fault}");
        }
        let long = format!("{{{:?}: 1}}", "k".repeat(60_000));
        assert!(Wish::parse(&long).unwrap_err().to_string().len() < 400);
    }
}
