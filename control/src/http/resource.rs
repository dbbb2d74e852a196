//! One session by its URL, which only its owner knows: trickle ICE, the end, and the state for our own SDK.

use std::time::SystemTime;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fanlight_protocol::{CloseReason, Refusal, SessionId, StreamPath};
use serde::Serialize;

use super::{Site, body, endpoint};
use crate::fault::Fault;
use crate::registry::Phase;
use crate::signalling::Role;

/// What a resource URL names.
pub(super) struct Resource<'a> {
    pub(super) role: Role,
    pub(super) stream: &'a StreamPath,
    pub(super) session: SessionId,
}

#[derive(Serialize)]
struct State<'a> {
    /// `connecting` or `connected`.
    state: &'static str,
    app: &'a str,
    stream: &'a str,
    role: &'static str,
    /// Seconds since the offer.
    age: u64,
}

impl Resource<'_> {
    /// PATCH with candidates, RFC 9725 §4.3.2. Clients in the field send no If-Match, so none is asked for.
    pub(super) async fn trickle(&self, site: &Site, head: &Parts, body: Body) -> Result<Response, Fault> {
        let session = site.signalling.session(self.role, self.stream, self.session)?;
        body::check_type(&head.headers, body::SDP_FRAGMENT)?;
        let condition = Condition::of(&head.headers, &session.ice_tag);
        if condition == Condition::Stale {
            return Err(Fault::StaleEntityTag);
        }
        let fragment = body::text(body, &site.config.http).await?;
        if fragment.trim().is_empty() {
            return Err(Fault::NoFragment);
        }
        match site.signalling.trickle(self.session, whole_lines(fragment)).await {
            Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
            // RFC 9725 §4.3.1: trickling is served, restarts are not, and the client must be able to tell.
            Err(Fault::Refused(Refusal::BadSdp(why))) if condition == Condition::Any => {
                Err(Fault::NotRestarted(why))
            }
            Err(fault) => Err(fault),
        }
    }

    /// DELETE: the session is over and its name free.
    pub(super) fn end(&self, site: &Site) -> Result<Response, Fault> {
        site.signalling.session(self.role, self.stream, self.session)?;
        site.signalling.end(self.session, CloseReason::Deleted);
        Ok(StatusCode::OK.into_response())
    }

    /// GET for JSON: our SDK asks why its session went silent.
    pub(super) fn state(&self, site: &Site) -> Result<Response, Fault> {
        let session = site.signalling.session(self.role, self.stream, self.session)?;
        let state = State {
            state: if session.phase == Phase::Connected { "connected" } else { "connecting" },
            app: &session.stream.app,
            stream: &session.stream.name,
            role: self.role.name(),
            age: SystemTime::now().duration_since(session.since).map_or(0, |age| age.as_secs()),
        };
        super::listing::json(&state)
    }
}

/// What If-Match says of the ICE session, RFC 9110 §13.1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    /// It names this one, or is not there.
    Met,
    /// `*`, with which a client asks for an ICE restart (RFC 9725 §4.3.3).
    Any,
    Stale,
}

impl Condition {
    fn of(headers: &HeaderMap, ice_tag: &str) -> Self {
        let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
        if values.peek().is_none() {
            return Self::Met;
        }
        let own = endpoint::entity_tag(ice_tag);
        let tags: Vec<&str> = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        if tags.contains(&own.as_str()) {
            Self::Met
        } else if tags.contains(&"*") {
            Self::Any
        } else {
            Self::Stale
        }
    }
}

/// SDKs join the lines with CRLF and leave the last one open.
fn whole_lines(mut fragment: String) -> String {
    if !fragment.ends_with('\n') {
        fragment.push_str("\r\n");
    }
    fragment
}
