//! The one place where a fault becomes a status: problem details as JSON (RFC 9457), or text for those who take only text.
//!
//! The statuses are those that WHIP (RFC 9725 §4.2, §4.3) and the SDKs in the field know: they read 404 and 409 on POST
//! as "the name", others as "the connection".

use axum::http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fanlight_protocol::Refusal;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::fault::Fault;

const JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

#[derive(Serialize)]
struct Problem<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    /// Stable name of the fault, as in the metrics.
    reason: &'a str,
    /// Of a session that has ended: what was last known of it.
    #[serde(flatten)]
    facts: Option<&'a Map<String, Value>>,
}

/// Status and stable name of a fault.
pub(crate) fn shape(fault: &Fault) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match fault {
        Fault::UnknownPath => (S::NOT_FOUND, "unknown_path"),
        Fault::BadStreamName(_) => (S::BAD_REQUEST, "bad_stream_name"),
        Fault::BadAppName(_) => (S::BAD_REQUEST, "bad_app_name"),
        Fault::ReservedApp(_) => (S::NOT_FOUND, "reserved_app"),
        Fault::UnknownApp(_) => (S::NOT_FOUND, "unknown_app"),
        Fault::BadHost => (S::BAD_REQUEST, "bad_host"),
        Fault::MethodNotAllowed { .. } => (S::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Fault::NotAllowed => (S::UNAUTHORIZED, "not_allowed"),
        Fault::TooManyRefusals { .. } => (S::TOO_MANY_REQUESTS, "too_many_refusals"),
        Fault::WrongContentType { .. } => (S::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type"),
        Fault::Encoded => (S::UNSUPPORTED_MEDIA_TYPE, "content_encoding"),
        Fault::BodyTooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "body_too_large"),
        Fault::BodyTooSlow { .. } => (S::REQUEST_TIMEOUT, "body_too_slow"),
        Fault::BodyBroken(_) => (S::BAD_REQUEST, "body_broken"),
        Fault::NotText => (S::BAD_REQUEST, "not_text"),
        Fault::NoSdp => (S::BAD_REQUEST, "no_sdp"),
        Fault::NotSdp => (S::BAD_REQUEST, "not_sdp"),
        Fault::NoFragment => (S::BAD_REQUEST, "no_fragment"),
        Fault::NameInUse(_) => (S::CONFLICT, "name_in_use"),
        Fault::NotLive(_) => (S::CONFLICT, "not_live"),
        Fault::UnknownSession | Fault::Refused(Refusal::UnknownSession) => (S::NOT_FOUND, "unknown_session"),
        Fault::BadSessionId => (S::BAD_REQUEST, "bad_session_id"),
        Fault::Ended { reason, .. } => (S::GONE, reason),
        Fault::NoSuchTrack { .. } => (S::CONFLICT, "no_such_track"),
        Fault::NoSuchLayer { .. } => (S::CONFLICT, "no_such_layer"),
        Fault::BadControl { .. } => (S::BAD_REQUEST, "bad_control"),
        Fault::BadEventList { .. } => (S::BAD_REQUEST, "bad_event_list"),
        Fault::StaleEntityTag => (S::PRECONDITION_FAILED, "stale_entity_tag"),
        Fault::Refused(Refusal::NoOfferPending) => (S::CONFLICT, "no_offer_pending"),
        Fault::Refused(Refusal::AnotherIceSession) => (S::PRECONDITION_REQUIRED, "another_ice_session"),
        Fault::Full { .. } | Fault::Refused(Refusal::Full { .. }) => (S::SERVICE_UNAVAILABLE, "full"),
        Fault::DataplaneAway { .. } => (S::SERVICE_UNAVAILABLE, "dataplane_away"),
        Fault::AuthorityAway { .. } => (S::SERVICE_UNAVAILABLE, "authority_away"),
        Fault::DataplaneSlow { .. } => (S::SERVICE_UNAVAILABLE, "dataplane_slow"),
        Fault::Refused(Refusal::BadSdp(_)) => (S::BAD_REQUEST, "bad_sdp"),
        Fault::Refused(Refusal::NotAViewer) => (S::CONFLICT, "not_a_viewer"),
        Fault::Refused(Refusal::NoCommonCodec(_)) => (S::NOT_ACCEPTABLE, "no_common_codec"),
        Fault::Internal(_) | Fault::Refused(Refusal::Internal(_)) => (S::INTERNAL_SERVER_ERROR, "internal"),
        Fault::AddressNotAllowed => (S::FORBIDDEN, "address_not_allowed"),
        Fault::TokenNotAllowed { .. } => (S::UNAUTHORIZED, "token_not_allowed"),
        Fault::ScopeMissing { .. } => (S::FORBIDDEN, "scope_missing"),
        Fault::UnknownApiPath => (S::NOT_FOUND, "unknown_path"),
        Fault::UnknownParameter { .. } => (S::BAD_REQUEST, "unknown_parameter"),
        Fault::BadParameter(_) => (S::BAD_REQUEST, "bad_parameter"),
        Fault::BadBody(_) => (S::BAD_REQUEST, "bad_body"),
        Fault::NotPossible(_) => (S::CONFLICT, "not_possible"),
        Fault::NotThere { .. } => (S::NOT_FOUND, "not_there"),
        Fault::NoSuchPage => (S::NOT_FOUND, "no_such_page"),
        Fault::NamesNobody => (S::CONFLICT, "names_nobody"),
        Fault::BadLogLevel(_) => (S::CONFLICT, "bad_log_level"),
        Fault::Draining { .. } => (S::SERVICE_UNAVAILABLE, "draining"),
        Fault::Changed => (S::PRECONDITION_FAILED, "changed"),
        Fault::WrongMethod => (S::METHOD_NOT_ALLOWED, "method_not_allowed"),
        Fault::HeadUnreadable(_) => (S::BAD_REQUEST, "head_unreadable"),
        Fault::Tls { .. } => (S::BAD_REQUEST, "tls"),
        Fault::NotTls => (S::BAD_REQUEST, "not_tls"),
        Fault::Http2 { .. } => (S::HTTP_VERSION_NOT_SUPPORTED, "http2"),
        Fault::HeadTooLarge => (S::REQUEST_HEADER_FIELDS_TOO_LARGE, "head_too_large"),
        Fault::HeadTooSlow { .. } => (S::REQUEST_TIMEOUT, "head_too_slow"),
        Fault::TooManyConnections { .. } => (S::SERVICE_UNAVAILABLE, "too_many_connections"),
    }
}

/// Stable name of a fault, for metrics and programs.
pub(crate) fn reason(fault: &Fault) -> &'static str {
    shape(fault).1
}

/// What the caller gets; `request` are the headers of the request, as far as they were read.
pub(crate) fn response(fault: &Fault, request: &HeaderMap) -> Response {
    let (status, reason) = shape(fault);
    let mut detail = fault.to_string();
    let (content_type, body) = if accepts_only_text(request) {
        detail.push('\n');
        (TEXT, detail.into_bytes())
    } else {
        let title = status.canonical_reason().unwrap_or_default();
        let facts = match fault {
            Fault::Ended { facts, .. } => Some(&**facts),
            _ => None,
        };
        let problem = Problem { title, status: status.as_u16(), detail: &detail, reason, facts };
        // Texts, numbers and JSON: nothing in it can fail to be JSON.
        (JSON, serde_json::to_vec(&problem).unwrap_or_default())
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    // 404 and 410 may be kept by default (RFC 9110 §15.1), and a name that is not live now may be in a moment.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after(fault) {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match fault {
        Fault::MethodNotAllowed { allow } => {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        Fault::NotAllowed | Fault::TokenNotAllowed { .. } => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fanlight\""));
        }
        _ => {}
    }
    response
}

fn retry_after(fault: &Fault) -> Option<u32> {
    match fault {
        Fault::Full { retry_after_s, .. }
        | Fault::DataplaneAway { retry_after_s }
        | Fault::AuthorityAway { retry_after_s }
        | Fault::DataplaneSlow { retry_after_s }
        | Fault::Draining { retry_after_s }
        | Fault::TooManyConnections { retry_after_s }
        | Fault::TooManyRefusals { retry_after_s }
        | Fault::Refused(Refusal::Full { retry_after_s, .. }) => Some(*retry_after_s),
        _ => None,
    }
}

pub(super) fn accepts(headers: &HeaderMap, wanted: impl Fn(&str) -> bool) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let kind = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        wanted(&kind)
    })
}

/// Asked for by name: `*/*`, which every client sends, does not count.
pub(super) fn accepts_json(headers: &HeaderMap) -> bool {
    accepts(headers, |kind| kind == "application/json")
}

fn accepts_only_text(headers: &HeaderMap) -> bool {
    let text = accepts(headers, |kind| kind == "text/plain" || kind == "text/*");
    let more = accepts(headers, |kind| kind == "*/*" || kind.starts_with("application/"));
    text && !more
}
