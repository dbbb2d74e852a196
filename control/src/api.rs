//! The administration API: what operators and their programs ask, and change, of a running server.
//!
//! ```text
//!   connection ─► door: address (api.allow) ─► access token ─► v1 │ v2 ─► scope ─► handler ─► Signalling
//!                  │ 403                        │ 401                      │ 403
//!                  └──────────────── fault ─► envelope (v1) │ problem details (v2) ──────────► counted
//! ```
//!
//! | path | is |
//! |---|---|
//! | `/api/v1/…` | the paths, parameters and envelope that Red5's integrators know |
//! | `/api/v2/…` | the same server as resources |
//! | `/api/openapi.json` | the description of both, made of their handlers |
//! | `/api/docs` | that description to read and to try |
//! | `/tmplogs/…` | copies of the log that v1 made |
//!
//! It listens on an address of its own, and on the public one only where `api.on_public` says so. A page of another origin reads
//! nothing of it: it sends no CORS headers, and takes no credentials that a browser sends by itself.

mod access;
mod document;
mod door;
mod v1;
mod v2;

use std::sync::Arc;
use std::time::SystemTime;

use axum::Router;
use axum::middleware::from_fn_with_state;

use crate::http::Site;
use crate::log_level::LogLevel;
use access::AccessTokens;
pub(crate) use access::Caller;

/// What all requests of the API share.
pub(crate) struct Api {
    pub(crate) site: Arc<Site>,
    /// When this control began.
    pub(crate) started: SystemTime,
    /// As the dataplane knows it.
    pub(crate) epoch: u64,
    pub(crate) log: Arc<LogLevel>,
    copies: v1::Copies,
    tokens: AccessTokens,
}

impl Api {
    /// # Errors
    /// A token's file that cannot be read or is no token: what to mend.
    pub(crate) fn new(site: Arc<Site>, epoch: u64, log: LogLevel) -> Result<Self, String> {
        let tokens = AccessTokens::new(&site.config.api.tokens)?;
        Ok(Self {
            site,
            started: SystemTime::now(),
            epoch,
            log: Arc::new(log),
            copies: v1::Copies::default(),
            tokens,
        })
    }
}

/// All of the API, for a listener of its own or beside the public routes.
pub(crate) fn router(api: &Arc<Api>) -> Router {
    let (v1, v2) = (v1::router(api), v2::router(api));
    let described = document::router(document::of(v1.description, v2.description));
    let copies = Router::new()
        .route("/tmplogs/{folder}/{file}", axum::routing::get(v1::copy))
        .with_state(Arc::clone(api));
    Router::new()
        .nest("/api/v1", v1.router)
        .nest("/api/v2", v2.router)
        .merge(described)
        .merge(copies)
        .layer(from_fn_with_state(Arc::clone(api), door::by_address))
}

/// What the API's own listener answers to all else.
pub(crate) fn alone(api: &Arc<Api>) -> Router {
    router(api).fallback(door::nothing_here).layer(from_fn_with_state(Arc::clone(api), door::by_address))
}
