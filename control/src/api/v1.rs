//! `/api/v1`: the paths, parameters and envelope of Red5's server API.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use serde_json::{Value, json};

use super::Api;
use super::door::{Manners, by_scope, by_token, nothing_here};
use crate::config::Scope;
use crate::fault::Fault;
use crate::http::problem;

const MANNERS: Manners = Manners { class: "api_v1", parameter: "accessToken", refuse };

pub(super) fn router(api: &Arc<Api>) -> Router {
    let reads = Router::new().route("/server/ping", routing::get(ping));
    let layer = Arc::clone(api);
    reads
        .route_layer(from_fn(|request, next| by_scope(Scope::Read, request, next)))
        .fallback(nothing_here)
        .layer(from_fn(move |request, next| by_token(Arc::clone(&layer), MANNERS, request, next)))
        .with_state(Arc::clone(api))
}

async fn ping() -> Response {
    success(now_ms().into())
}

/// What succeeded.
fn success(data: Value) -> Response {
    Json(json!({ "status": "success", "code": 200, "data": data, "timestamp": now_ms() })).into_response()
}

/// What did not, in the same envelope.
fn refuse(fault: &Fault, _request: &HeaderMap) -> Response {
    let status = problem::shape(fault).0;
    let message = fault.to_string();
    let body =
        json!({ "status": "error", "code": status.as_u16(), "message": message, "timestamp": now_ms() });
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
