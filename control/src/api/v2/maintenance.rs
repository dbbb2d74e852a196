//! The log's level, and emptying the server before it is stopped.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::asked::{Nothing, Query, Sent};
use super::number::whole;
use super::shown::Shown;
use crate::api::Api;
use crate::drain;
use crate::explain::notes::date;
use crate::fault::Fault;

/// A day: longer than any question, and than any drain.
const SECONDS_MAX: u64 = 86_400;

/// How much control logs.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLevel {
    /// In force now.
    #[schema(example = "debug")]
    level: String,
    /// Of the configuration (`log.level`).
    #[schema(example = "info")]
    configured: String,
    /// When it falls back to the configured one; null: it does not by itself.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// The level of the log.
///
/// Of the control process: signalling, apps, the API. The media process logs as it was started.
#[utoipa::path(get, path = "/server/log-level", operation_id = "log_level", tag = "server",
    responses((status = 200, body = LogLevel)),
)]
pub(super) async fn log_level(State(api): State<Arc<Api>>, _: Query<Nothing>) -> Shown<LogLevel> {
    Shown(level_of(&api))
}

fn level_of(api: &Api) -> LogLevel {
    let crate::log_level::Shown { level, configured, until } = api.log.show();
    LogLevel { level, configured, until: until.map(date) }
}

/// Another level.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewLevel {
    /// `off`, `error`, `warn`, `info`, `debug`, `trace`, or directives.
    #[schema(example = "info,fanlight::http=debug", max_length = 512)]
    level: String,
    /// Seconds after which the configured one is in force again; absent or null: never by itself.
    #[schema(minimum = 1, maximum = 86400, example = 600)]
    #[serde(default, deserialize_with = "whole")]
    for_s: Option<u64>,
}

/// Log more, or less.
#[utoipa::path(put, path = "/server/log-level", operation_id = "set_log_level", tag = "server", request_body = NewLevel,
    responses(
        (status = 200, body = LogLevel),
        (status = 409, description = "The level is not understood, or the log is not this server's (`bad_log_level`).",
            body = super::description::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn set_log_level(
    State(api): State<Arc<Api>>,
    _: Query<Nothing>,
    Sent(wanted): Sent<NewLevel>,
) -> Result<Shown<LogLevel>, Fault> {
    let lasts = wanted.for_s.map(|seconds| bounded("for_s", seconds, 1)).transpose()?;
    api.log.change(&wanted.level, lasts)?;
    Ok(Shown(level_of(&api)))
}

fn bounded(name: &str, seconds: u64, least: u64) -> Result<Duration, Fault> {
    if !(least..=SECONDS_MAX).contains(&seconds) {
        return Err(Fault::BadBody(format!("{name} is from {least} to {SECONDS_MAX} seconds")));
    }
    Ok(Duration::from_secs(seconds))
}

/// Whether the server is being emptied, and how far that is.
#[derive(Serialize, ToSchema)]
pub(super) struct Drain {
    /// True: newcomers get 503, with Retry-After.
    draining: bool,
    #[schema(format = DateTime)]
    since: Option<String>,
    /// When those who are left are ended; null: they may stay.
    #[schema(format = DateTime)]
    deadline: Option<String>,
    /// Sessions when it began.
    sessions_before: Option<usize>,
    /// Sessions now.
    sessions: usize,
}

fn drain_of(api: &Api) -> Drain {
    let signalling = &api.site.signalling;
    let drain = signalling.draining.now();
    let (publishers, viewers) = signalling.counts();
    Drain {
        draining: drain.is_some(),
        since: drain.map(|drain| date(drain.since)),
        deadline: drain.and_then(|drain| drain.deadline).map(date),
        sessions_before: drain.map(|drain| drain.sessions_before),
        sessions: publishers + viewers,
    }
}

/// How far a drain is.
#[utoipa::path(get, path = "/server/drain", operation_id = "drain", tag = "server",
    responses((status = 200, body = Drain)),
)]
pub(super) async fn drain(State(api): State<Arc<Api>>, _: Query<Nothing>) -> Shown<Drain> {
    Shown(drain_of(&api))
}

/// How to drain.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDrain {
    /// Seconds after which those who are left are ended; absent or null: they may stay.
    #[schema(minimum = 0, maximum = 86400, example = 300)]
    #[serde(default, deserialize_with = "whole")]
    deadline_s: Option<u64>,
}

/// Empty the server.
///
/// Newcomers get 503 with Retry-After, and `/healthz` says 503, so that a load balancer sends them elsewhere. Whoever is here goes on,
/// at most until the deadline. Asked again, it sets another deadline. It ends with the control process.
#[utoipa::path(post, path = "/server/drain", operation_id = "begin_drain", tag = "server", request_body = NewDrain,
    responses((status = 202, body = Drain)),
)]
pub(super) async fn begin_drain(
    State(api): State<Arc<Api>>,
    _: Query<Nothing>,
    Sent(wanted): Sent<NewDrain>,
) -> Result<(StatusCode, Shown<Drain>), Fault> {
    let lasts = wanted.deadline_s.map(|seconds| bounded("deadline_s", seconds, 0)).transpose()?;
    drain::begin(&api.site.signalling, lasts);
    Ok((StatusCode::ACCEPTED, Shown(drain_of(&api))))
}

/// Let everybody in again.
///
/// The same whether the server is being drained or not.
#[utoipa::path(delete, path = "/server/drain", operation_id = "end_drain", tag = "server",
    responses((status = 204, description = "It is not being drained now.")),
)]
pub(super) async fn end_drain(State(api): State<Arc<Api>>, _: Query<Nothing>) -> StatusCode {
    drain::call_off(&api.site.signalling);
    StatusCode::NO_CONTENT
}
