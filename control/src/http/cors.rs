//! Cross-origin use (Fetch standard, CORS protocol): every answer says who may read it, errors included.
//!
//! OPTIONS is itself a request that pages send, and one that browsers ask about first: a preflight is told from it by
//! `Access-Control-Request-Method`.

use axum::http::header::{self, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

/// A header that every answer of ours has, errors included: it tells them from hyper's own.
pub(super) const MARK: HeaderName = header::ACCESS_CONTROL_EXPOSE_HEADERS;

/// Headers of ours that pages may read.
const EXPOSED: HeaderValue = HeaderValue::from_static("Location, Link, ETag, Accept-Patch, Retry-After");

const METHODS: HeaderValue = HeaderValue::from_static("OPTIONS, HEAD, GET, POST, PUT, PATCH, DELETE");

/// Seconds that a browser may remember a preflight.
const MAX_AGE_S: HeaderValue = HeaderValue::from_static("3600");

/// Lets pages of `origins` read the answer; `*` = of all.
pub(super) fn apply(origins: &[String], request: &HeaderMap, response: &mut HeaderMap) {
    response.insert(MARK, EXPOSED);
    if origins.iter().any(|origin| origin == "*") {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        return;
    }
    // The answer differs by origin, so caches must keep them apart.
    response.append(header::VARY, HeaderValue::from_static("Origin"));
    let is_listed =
        |origin: &&HeaderValue| origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
    if let Some(origin) = request.get(header::ORIGIN).filter(is_listed) {
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
}

/// Marks an answer as ours that pages of other origins may not read.
pub(crate) fn mark(response: &mut HeaderMap) {
    response.insert(MARK, EXPOSED);
}

pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == Method::OPTIONS && head.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

pub(super) fn preflight(head: &Parts) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_S);
    if let Some(requested) = head.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
        headers.append(header::VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    }
    response
}
