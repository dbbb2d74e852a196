//! The server as a whole.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::shown::Shown;
use crate::api::Api;
use crate::explain::notes::date;

/// What runs here.
#[derive(Serialize, ToSchema)]
pub(super) struct Server {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When the control process began, RFC 3339. It may be younger than the sessions: media outlives it.
    #[schema(format = DateTime)]
    started: String,
    uptime_s: u64,
    dataplane: Dataplane,
}

/// The media process.
#[derive(Serialize, ToSchema)]
struct Dataplane {
    /// Without it no session can be opened; those that are may go on.
    connected: bool,
    /// Null: not known.
    uptime_s: Option<u64>,
}

/// The server: version, age, and whether it can serve.
#[utoipa::path(get, path = "/server", tag = "server", responses((status = 200, body = Server)))]
pub(super) async fn server(State(api): State<Arc<Api>>) -> Shown<Server> {
    let signalling = &api.site.signalling;
    let connected = signalling.line.is_open();
    let uptime_s = connected.then(|| signalling.stats.report().uptime_ms / 1_000);
    Shown(Server {
        version: env!("CARGO_PKG_VERSION"),
        started: date(api.started),
        uptime_s: SystemTime::now().duration_since(api.started).unwrap_or_default().as_secs(),
        dataplane: Dataplane { connected, uptime_s },
    })
}
