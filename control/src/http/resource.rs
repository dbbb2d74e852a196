//! One session by its URL, which only its owner knows: the answer to an offer of ours, trickle ICE, ICE restart and the end.
//! `session` tells its state, `controls` steers it, `events` tells what happens to it.

use std::sync::Arc;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use fanlight_protocol::{CloseReason, SessionId, StreamPath};

use super::{Site, body, endpoint};
use crate::fault::Fault;
use crate::registry::Phase;
use crate::signalling::{Role, Trickled};

/// What a resource URL names.
pub(super) struct Resource<'a> {
    pub(super) role: Role,
    pub(super) stream: &'a StreamPath,
    pub(super) session: SessionId,
}

impl Resource<'_> {
    /// PATCH of a viewer's answer to an offer of ours, of its controls, or of a fragment.
    pub(super) async fn patch(&self, site: &Site, head: &Parts, body: Body) -> Result<Response, Fault> {
        if self.role == Role::Viewer && body::is_type(&head.headers, body::SDP) {
            return self.answer(site, head, body).await;
        }
        if body::is_type(&head.headers, body::JSON) {
            return self.control(site, head, body).await;
        }
        self.trickle(site, head, body).await
    }

    async fn answer(&self, site: &Site, head: &Parts, body: Body) -> Result<Response, Fault> {
        let session = site.signalling.session(self.role, self.stream, self.session)?;
        if Condition::of(&head.headers, &session.ice_tag) == Condition::Stale {
            return Err(Fault::StaleEntityTag);
        }
        let answer = endpoint::sdp(site, head, body).await?;
        site.signalling.answer(self.session, answer).await?;
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    /// PATCH with candidates, RFC 9725 §4.3.2, or for an ICE restart, §4.3.3. Clients in the field send no If-Match with
    /// their candidates, so none is asked for.
    async fn trickle(&self, site: &Site, head: &Parts, body: Body) -> Result<Response, Fault> {
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
        let may_restart = condition == Condition::Any;
        match site.signalling.trickle(self.session, whole_lines(fragment), may_restart).await? {
            Trickled::Taken => Ok(StatusCode::NO_CONTENT.into_response()),
            Trickled::Restarted { ice_tag, fragment } => Ok(restarted(&ice_tag, fragment)),
        }
    }

    /// DELETE: the session is over and its name free.
    pub(super) async fn end(&self, site: &Site) -> Result<Response, Fault> {
        let session = site.signalling.session(self.role, self.stream, self.session)?;
        let (signalling, id) = (Arc::clone(&site.signalling), self.session);
        // A task of its own, which a client that does not wait for its answer cannot undo.
        let ending = tokio::spawn(async move {
            // A client that gives up knows less of why than we do.
            let last = match session.phase {
                Phase::Connected => None,
                Phase::Reserved | Phase::Connecting => signalling.last_look(id).await,
            };
            signalling.end_and_wait(id, CloseReason::Deleted, last).await
        });
        ending.await.map_err(|error| Fault::Internal(error.to_string()))??;
        Ok(StatusCode::OK.into_response())
    }
}

/// What the resource of a session takes by PATCH.
pub(super) const fn accept_patch(role: Role) -> &'static str {
    match role {
        Role::Publisher => body::SDP_FRAGMENT,
        Role::Viewer => body::OF_VIEWERS,
    }
}

/// The answer to an ICE restart. RFC 9725 §4.3.3.
fn restarted(ice_tag: &str, fragment: String) -> Response {
    let mut response = (StatusCode::OK, fragment).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(body::SDP_FRAGMENT));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // An ice-ufrag is of ice-char (RFC 8839 §5.4): header text.
    if let Ok(tag) = HeaderValue::from_str(&endpoint::entity_tag(ice_tag)) {
        headers.insert(header::ETAG, tag);
    }
    response
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
