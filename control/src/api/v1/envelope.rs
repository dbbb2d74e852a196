//! What every answer is wrapped in: `{"status","code","data","timestamp"}`, or `message` in place of `data`.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::fault::Fault;
use crate::http::problem;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What was asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::Success)]
pub(super) struct Success<T> {
    #[schema(example = "success")]
    status: &'static str,
    #[schema(example = 200)]
    code: u16,
    data: T,
    /// Milliseconds since 1970.
    timestamp: u64,
}

impl<T> Success<T> {
    pub(super) fn of(data: T) -> Self {
        Self { status: "success", code: 200, data, timestamp: now_ms() }
    }
}

impl<T: Serialize> IntoResponse for Success<T> {
    fn into_response(self) -> Response {
        ([(header::CACHE_CONTROL, NO_STORE)], Json(self)).into_response()
    }
}

/// Why it was not.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::Error)]
pub(super) struct Failure {
    #[schema(example = "error")]
    status: &'static str,
    /// As the status of the answer.
    #[schema(example = 404)]
    code: u16,
    /// What is wrong, and what to do.
    message: String,
    /// Milliseconds since 1970.
    timestamp: u64,
}

/// A fault in that shape.
pub(super) fn refuse(fault: &Fault, _request: &HeaderMap) -> Response {
    let status = problem::shape(fault).0;
    let failure =
        Failure { status: "error", code: status.as_u16(), message: fault.to_string(), timestamp: now_ms() };
    let mut response = (status, [(header::CACHE_CONTROL, NO_STORE)], Json(failure)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

pub(super) fn now_ms() -> u64 {
    milliseconds(SystemTime::now())
}

/// Since 1970.
pub(super) fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
