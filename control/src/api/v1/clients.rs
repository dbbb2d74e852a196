//! Clients: publishers and viewers, each by its session's handle.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use fanlight_protocol::{CloseReason, Inspection, SessionId, SessionStats};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::asked::{Named, Query};
use super::envelope::{Success, milliseconds};
use super::scope::Scope;
use crate::api::Api;
use crate::fault::Fault;
use crate::handle::SessionHandle;
use crate::registry::{Phase, Session};

/// What Red5 shows where it does not know.
const UNKNOWN: i64 = -1;

/// One client.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::Client)]
pub(super) struct Client {
    #[schema(example = "223e0a160af9da0a")]
    id: String,
    /// Milliseconds since 1970.
    creation_time: u64,
    /// Round trip, milliseconds; -1: not known.
    last_ping: i64,
    #[schema(example = "192.0.2.7")]
    remote_address: String,
}

impl Client {
    fn new(id: SessionId, session: &Session, stats: Option<&SessionStats>) -> Self {
        let rtt_us = stats.and_then(|stats| stats.rtt_us);
        Self {
            id: SessionHandle::from(id).to_string(),
            creation_time: milliseconds(session.since),
            last_ping: rtt_us.map_or(UNKNOWN, |rtt_us| i64::from(rtt_us / 1_000)),
            remote_address: session.admission.client.address.to_string(),
        }
    }
}

/// One client, with its numbers.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::ClientStatistics)]
pub(super) struct ClientStatistics {
    #[serde(flatten)]
    client: Client,
    /// Of its app or room.
    #[schema(example = "live")]
    path: String,
    bytes_out: u64,
    bytes_in: u64,
    /// Packets of media to it.
    messages_written: u64,
    messages_read: u64,
    /// That were lost, and not repaired.
    messages_dropped: u64,
    /// None is kept for a client alone.
    messages_pending: u64,
    /// Of its media; -1: not known.
    remote_port: i64,
    #[schema(example = "whep")]
    connection_protocol: &'static str,
    /// Where media reaches the server; empty: not known.
    #[schema(example = "192.0.2.1")]
    host: String,
}

impl ClientStatistics {
    fn new(
        id: SessionId,
        session: &Session,
        stats: Option<&SessionStats>,
        seen: Option<&Inspection>,
    ) -> Self {
        let number = |read: fn(&SessionStats) -> u64| stats.map_or(0, read);
        let remote = seen.and_then(|seen| seen.ice.pairs.iter().find(|pair| pair.selected));
        let remote = remote.and_then(|pair| address(&pair.remote));
        let local = seen.and_then(|seen| seen.ice.local.first()).and_then(|local| address(local));
        Self {
            client: Client::new(id, session, stats),
            path: session.stream.app.clone(),
            bytes_out: number(|stats| stats.bytes_out),
            bytes_in: number(|stats| stats.bytes_in),
            messages_written: number(|stats| stats.packets_out),
            messages_read: number(|stats| stats.packets_in),
            messages_dropped: number(|stats| stats.tracks.iter().map(|track| track.packets_lost).sum()),
            messages_pending: 0,
            remote_port: remote.map_or(UNKNOWN, |remote| remote.port().into()),
            connection_protocol: protocol(session),
            host: local.map(|local| local.ip().to_string()).unwrap_or_default(),
        }
    }
}

/// As the dataplane writes one: `udp 198.51.100.7:50000`.
fn address(text: &str) -> Option<SocketAddr> {
    text.split_once(' ')?.1.parse().ok()
}

fn protocol(session: &Session) -> &'static str {
    match crate::signalling::Role::from(session.role) {
        crate::signalling::Role::Publisher => "whip",
        crate::signalling::Role::Viewer => "whep",
    }
}

/// The clients of an app with its rooms, or of a room; the oldest first.
#[utoipa::path(get, path = "/applications/{app}/clients", operation_id = "red5_clients", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
    ),
    responses((status = 200, body = Success<Vec<Client>>), (status = 404, description = "There is no such scope.")),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<Vec<Client>>, Fault> {
    let scope = Scope::find(&api, &app, &query)?;
    let signalling = &api.site.signalling;
    let report = signalling.stats.report();
    let mut found = clients_in(&api, &scope);
    found.sort_unstable_by_key(|(id, session)| (session.since, *id));
    let stats: std::collections::HashMap<SessionId, &SessionStats> =
        report.sessions.iter().map(|stats| (stats.session, stats)).collect();
    let shown = found.iter().map(|(id, session)| Client::new(*id, session, stats.get(id).copied()));
    Ok(Success::of(shown.collect()))
}

/// A client with its numbers.
#[utoipa::path(get, path = "/applications/{app}/clients/{id}", operation_id = "red5_client", tag = "Red5",
    params(("app" = String, Path, example = "live"), ("id" = String, Path, example = "223e0a160af9da0a")),
    responses((status = 200, body = Success<ClientStatistics>), (status = 404, description = "There is no such client.")),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named((app, id)): Named<(String, String)>,
    query: Query,
) -> Result<Success<ClientStatistics>, Fault> {
    let (id, session) = find(&api, &app, &id, &query)?;
    let seen = api.site.signalling.last_look(id).await;
    let report = api.site.signalling.stats.report();
    let stats = report.sessions.iter().find(|stats| stats.session == id);
    Ok(Success::of(ClientStatistics::new(id, &session, stats, seen.as_deref())))
}

/// Ends a client's session. Where it publishes, its viewers end with it.
#[utoipa::path(delete, path = "/applications/{app}/clients/{id}", operation_id = "red5_end_client", tag = "Red5",
    params(("app" = String, Path, example = "live"), ("id" = String, Path, example = "223e0a160af9da0a")),
    responses(
        (status = 200, body = Success<Client>, description = "The client as it was."),
        (status = 404, description = "There is no such client."),
        (status = 503, description = "The media process did not say in time that it has ended the client; it will."),
    ),
)]
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    Named((app, id)): Named<(String, String)>,
    query: Query,
) -> Result<Success<Client>, Fault> {
    let (id, session) = find(&api, &app, &id, &query)?;
    let report = api.site.signalling.stats.report();
    let stats = report.sessions.iter().find(|stats| stats.session == id);
    let was = Client::new(id, &session, stats);
    api.site.signalling.end_and_wait(id, CloseReason::Kicked, None).await?;
    Ok(Success::of(was))
}

/// Ends all clients of an app with its rooms, or of a room.
#[utoipa::path(delete, path = "/applications/{app}/clients", operation_id = "red5_end_clients", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
    ),
    responses((status = 200, body = Success<Object>), (status = 404, description = "There is no such scope.")),
)]
pub(super) async fn end_all(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<Map<String, Value>>, Fault> {
    let scope = Scope::find(&api, &app, &query)?;
    api.site.signalling.kick(|session| scope.holds(&session.stream.app));
    Ok(Success::of(Map::new()))
}

/// The dataplane has them, or had.
fn clients_in(api: &Api, scope: &Scope) -> Vec<(SessionId, Session)> {
    api.site.signalling.collect(|id, session| {
        let is_one = session.phase != Phase::Reserved && scope.holds(&session.stream.app);
        is_one.then(|| (id, session.clone()))
    })
}

fn find(api: &Api, app: &str, id: &str, query: &Query) -> Result<(SessionId, Session), Fault> {
    let scope = Scope::find(api, app, query)?;
    let unknown = Fault::NotThere { what: "client" };
    // Another server's id, or a number, is no client of this one.
    let Ok(handle) = id.parse::<SessionHandle>() else { return Err(unknown) };
    let found = api.site.signalling.find(handle).filter(|(_, session)| scope.holds(&session.stream.app));
    found.ok_or(unknown)
}
