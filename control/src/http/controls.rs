//! A viewer's controls: PATCH of `{"video": "paused"}` on its URL. No renegotiation: the tracks stay, media stops.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use fanlight_protocol::{Refusal, TrackKind};
use serde_json::{Map, Value};

use super::resource::Resource;
use super::{Site, body};
use crate::fault::Fault;
use crate::signalling::Role;

/// Characters of what a caller wrote that are repeated to it.
const ECHO_MAX: usize = 40;

/// What to change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wish {
    /// In the order of their application: audio first, which matters more.
    changes: Vec<(TrackKind, bool)>,
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
        for (kind, paused) in wish.changes {
            site.signalling.pause(self.session, kind, paused).await?;
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    }
}

impl Wish {
    fn parse(text: &str) -> Result<Self, Fault> {
        let fault = |what: String| Fault::BadControl { what };
        let object: Map<String, Value> = serde_json::from_str(text)
            .map_err(|error| fault(format!("the body is not a JSON object ({error})")))?;
        let mut wish = Self::default();
        for kind in [TrackKind::Audio, TrackKind::Video] {
            match object.get(name(kind)) {
                None => {}
                Some(Value::String(state)) if state == "paused" => wish.changes.push((kind, true)),
                Some(Value::String(state)) if state == "playing" => wish.changes.push((kind, false)),
                Some(other) => {
                    return Err(fault(format!("{} cannot be {}", name(kind), cut(&other.to_string()))));
                }
            }
        }
        let known = |key: &str| key == name(TrackKind::Audio) || key == name(TrackKind::Video);
        if let Some(key) = object.keys().find(|key| !known(key)) {
            return Err(fault(format!("{} is no key", cut(&format!("{key:?}")))));
        }
        if wish.changes.is_empty() {
            return Err(fault("the object is empty".to_owned()));
        }
        Ok(wish)
    }
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
            assert_eq!(Wish::parse(text), Ok(Wish { changes }), "{text}");
        }
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
        ] {
            let fault = Wish::parse(text).unwrap_err().to_string();
            assert!(fault.contains(said), "{text}: {fault}");
            assert!(fault.contains("\"paused\" or \"playing\""), "{text}: {fault}");
        }
        let long = format!("{{{:?}: 1}}", "k".repeat(60_000));
        assert!(Wish::parse(&long).unwrap_err().to_string().len() < 300);
    }
}
