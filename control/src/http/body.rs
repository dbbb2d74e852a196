//! A request's body as text: of the right type, in time, of bounded size.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use crate::config::Http;
use crate::fault::Fault;

/// RFC 4566.
pub(super) const SDP: &str = "application/sdp";

/// RFC 8840 §8.2.
pub(super) const SDP_FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// What the resource of a viewer takes.
pub(super) const OF_VIEWERS: &str = "application/sdp, application/trickle-ice-sdpfrag, application/json";

/// RFC 8259.
pub(crate) const JSON: &str = "application/json";

/// Whether the body says that it is of this media type, whatever its parameters.
pub(super) fn is_type(headers: &HeaderMap, expected: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected)
}

/// Refuses another media type than `expected`, whatever its parameters, and encoded bodies.
pub(crate) fn check_type(headers: &HeaderMap, expected: &'static str) -> Result<(), Fault> {
    if !is_type(headers, expected) {
        return Err(Fault::WrongContentType { expected });
    }
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Fault::Encoded);
    }
    Ok(())
}

/// Reads the whole body as text of lines.
pub(crate) async fn text(body: Body, limits: &Http) -> Result<String, Fault> {
    let max = limits.body_bytes_max;
    // Known to be too large: not one byte of it is read.
    if body.size_hint().lower() > u64::from(max) {
        return Err(Fault::BodyTooLarge { max });
    }
    let whole = tokio::time::timeout(limits.body_timeout(), Limited::new(body, max as usize).collect());
    let bytes = match whole.await {
        Err(_) => return Err(Fault::BodyTooSlow { timeout_s: limits.body_timeout_s }),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(Fault::BodyTooLarge { max }),
        Ok(Err(error)) => return Err(Fault::BodyBroken(root_cause(&*error))),
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    let text = String::from_utf8(bytes.into()).map_err(|_| Fault::NotText)?;
    let line_characters_only = |c: char| !c.is_control() || matches!(c, '\r' | '\n' | '\t');
    if text.chars().all(line_characters_only) { Ok(text) } else { Err(Fault::NotText) }
}

/// hyper says what it was doing; what went wrong is below.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}
