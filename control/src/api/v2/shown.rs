//! Answers in JSON with an entity tag (RFC 9110 §8.8.3), and 304 for who has the same already.
//!
//! The tag is of the very bytes, so it is a strong one and serves If-Match too.

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::fault::Fault;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// To be asked again each time, with the tag; kept by the asker alone.
const REVALIDATE: HeaderValue = HeaderValue::from_static("private, no-cache");

/// A resource as it is now.
pub(super) struct Shown<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                let headers = [
                    (header::CONTENT_TYPE, JSON),
                    (header::CACHE_CONTROL, REVALIDATE),
                    (header::ETAG, tag(&bytes)),
                ];
                (headers, bytes).into_response()
            }
            Err(error) => Fault::Internal(error.to_string()).into_response(),
        }
    }
}

/// Answers 304 without a body where the asker's tag is still the resource's (RFC 9110 §13.1.2).
pub(super) async fn if_changed(request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = if reads { request.headers().clone() } else { HeaderMap::new() };
    let response = next.run(request).await;
    let same =
        response.headers().get(header::ETAG).is_some_and(|tag| names(&asked, &header::IF_NONE_MATCH, tag));
    if response.status() != StatusCode::OK || !same {
        return response;
    }
    let (mut head, _) = response.into_parts();
    head.status = StatusCode::NOT_MODIFIED;
    head.headers.remove(header::CONTENT_TYPE);
    head.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(head, axum::body::Body::empty())
}

/// For a change that is asked for only if the resource is still what its tag names (RFC 9110 §13.1.1).
pub(super) fn check_unchanged(headers: &HeaderMap, now: &impl Serialize) -> Result<(), Fault> {
    if !headers.contains_key(header::IF_MATCH) {
        return Ok(());
    }
    let bytes = serde_json::to_vec(now).map_err(|error| Fault::Internal(error.to_string()))?;
    if names(headers, &header::IF_MATCH, &tag(&bytes)) { Ok(()) } else { Err(Fault::Changed) }
}

/// Whether the list of tags in that header has this one, or `*`. Weak comparison: ours are strong, and a proxy may have weakened them.
fn names(headers: &HeaderMap, list: &header::HeaderName, tag: &HeaderValue) -> bool {
    let strong = |text: &str| text.trim().strip_prefix("W/").unwrap_or(text.trim()).to_owned();
    let values = headers.get_all(list).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(strong)
        .any(|given| given == "*" || given.as_bytes() == tag.as_bytes())
}

fn tag(bytes: &[u8]) -> HeaderValue {
    let hash = digest(&SHA256, bytes);
    let digits: String = hash.as_ref().iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    // Quotes and hexadecimal digits are header text.
    HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}
