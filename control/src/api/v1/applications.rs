//! Apps and their rooms, and the methods of an app.

use std::sync::Arc;

use axum::extract::{Request, State};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::asked::{Named, Query};
use super::envelope::{Success, milliseconds};
use super::scope::{Scope, apps, checked_name};
use super::streams::names_in;
use super::unit::Unit;
use crate::api::Api;
use crate::fault::Fault;
use crate::http::body;
use crate::tally::Tally;

/// An app or a room, with all that is in it.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::ScopeStatistics)]
pub(super) struct ScopeStatistics {
    #[schema(example = "live")]
    name: String,
    /// Of the scope that it is in.
    #[schema(example = "/default")]
    path: String,
    /// When the first came, milliseconds since 1970.
    creation_time: u64,
    /// Of an app 1, of a room 2.
    depth: usize,
    active_connections: u32,
    total_connections: u64,
    max_connections: u32,
    /// Rooms directly below.
    active_subscopes: u32,
    total_subscopes: u64,
    max_subscopes: u32,
    #[schema(value_type = f64)]
    bytes_in: Number,
    #[schema(value_type = f64)]
    bytes_out: Number,
    /// Packets of media.
    messages_in: u64,
    messages_out: u64,
    #[schema(example = "APPLICATION")]
    r#type: &'static str,
    data_unit: Unit,
}

impl ScopeStatistics {
    fn new(scope: &Scope, tally: &Tally, unit: Unit) -> Self {
        Self {
            name: scope.name().to_owned(),
            path: scope.parent_path(),
            creation_time: milliseconds(tally.created),
            depth: scope.depth(),
            active_connections: tally.sessions.now,
            total_connections: tally.sessions.total,
            max_connections: tally.sessions.most,
            active_subscopes: tally.scopes.now,
            total_subscopes: tally.scopes.total,
            max_subscopes: tally.scopes.most,
            bytes_in: unit.of(tally.flow.bytes_in),
            bytes_out: unit.of(tally.flow.bytes_out),
            messages_in: tally.flow.packets_in,
            messages_out: tally.flow.packets_out,
            r#type: if scope.depth() == 1 { "APPLICATION" } else { "ROOM" },
            data_unit: unit,
        }
    }
}

/// The names of the apps.
#[utoipa::path(get, path = "/applications", operation_id = "red5_applications", tag = "Red5",
    responses((status = 200, body = Success<Vec<String>>)),
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Success<Vec<String>> {
    Success::of(apps(&api).into_iter().collect())
}

/// The statistics of these apps, or of all.
#[utoipa::path(get, path = "/applications/statistics", operation_id = "red5_applications_statistics", tag = "Red5",
    params(
        ("unit" = Option<Unit>, Query, description = "Of bytes; b if absent."),
        ("app" = Option<Vec<String>>, Query, description = "May be repeated; all if absent."),
    ),
    responses((status = 200, body = Success<Vec<ScopeStatistics>>), (status = 404, description = "There is no such app.")),
)]
pub(super) async fn statistics(
    State(api): State<Arc<Api>>,
    query: Query,
) -> Result<Success<Vec<ScopeStatistics>>, Fault> {
    let unit = query.unit()?;
    let known = apps(&api);
    let asked: Result<Vec<String>, Fault> = query
        .all("app")
        .map(|app| {
            let app = checked_name(&api, app, "application")?;
            if known.contains(&app) { Ok(app) } else { Err(Fault::NotThere { what: "application" }) }
        })
        .collect();
    let asked = asked?;
    let chosen = if asked.is_empty() { known.into_iter().collect() } else { asked };
    let shown = chosen.into_iter().map(|app| {
        let scope = Scope::of_app(app);
        ScopeStatistics::new(&scope, &scope.tally(&api), unit)
    });
    Ok(Success::of(shown.collect()))
}

/// The statistics of an app or a room.
#[utoipa::path(get, path = "/applications/{app}", operation_id = "red5_application", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
        ("unit" = Option<Unit>, Query, description = "Of bytes; b if absent."),
    ),
    responses((status = 200, body = Success<ScopeStatistics>), (status = 404, description = "There is no such scope.")),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<ScopeStatistics>, Fault> {
    let unit = query.unit()?;
    let scope = Scope::find(&api, &app, &query)?;
    Ok(Success::of(ScopeStatistics::new(&scope, &scope.tally(&api), unit)))
}

/// A call of an app's method.
#[derive(Deserialize, ToSchema)]
#[schema(as = red5::Invocation)]
pub(super) struct Invocation {
    #[schema(example = "getLiveStreams")]
    method: String,
    #[serde(default)]
    #[schema(example = json!([]))]
    parameters: Vec<Value>,
}

/// Calls a method of an app.
///
/// There is `getLiveStreams`: the names of the streams that are live in the app, or in the room that is its one parameter.
#[utoipa::path(post, path = "/applications/{app}/invoke", operation_id = "red5_invoke", tag = "Red5",
    params(("app" = String, Path, example = "live")),
    request_body = Invocation,
    responses(
        (status = 200, body = Success<Value>),
        (status = 404, description = "There is no such app, room or method."),
        (status = 408, description = "The body did not come in time."),
        (status = 413, description = "The body is too large."),
        (status = 415, description = "The body is not called JSON."),
    ),
)]
pub(super) async fn invoke(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
    request: Request,
) -> Result<Success<Value>, Fault> {
    let scope = Scope::find(&api, &app, &query)?;
    body::check_type(request.headers(), body::JSON)?;
    let text = body::text(request.into_body(), &api.site.config.http).await?;
    let Invocation { method, parameters } =
        serde_json::from_str(&text).map_err(|error| Fault::BadBody(error.to_string()))?;
    match (method.as_str(), parameters.as_slice()) {
        ("getLiveStreams", []) => Ok(Success::of(names_in(&api, &scope).into())),
        ("getLiveStreams", [Value::String(room)]) => {
            let room = room.trim_matches('/');
            let path = if room.is_empty() { scope.path } else { format!("{}/{room}", scope.path) };
            Ok(Success::of(names_in(&api, &Scope { path }).into()))
        }
        // As in Red5, where a method is found by its parameters too.
        ("getLiveStreams", _) => Err(Fault::NotThere { what: "method with such parameters" }),
        _ => Err(Fault::NotThere { what: "method" }),
    }
}
