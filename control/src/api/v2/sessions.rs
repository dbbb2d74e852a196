//! Sessions, one by one: look at them, change what they may, end them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use fanlight_protocol::{CloseReason, SessionId, TrackKind};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::asked::{Named, Nothing, Query, Sent};
use super::description;
use super::moment::{Moment, named};
use super::number::named_whole;
use super::page::{Order, Page, Paged, Place, page};
use super::session::{Role, Session};
use super::shown::{Shown, check_unchanged};
use crate::api::{Api, Caller};
use crate::config::AddressRange;
use crate::fault::Fault;
use crate::handle::SessionHandle;
use crate::registry;

/// Bytes of a reason that are written to the log.
const REASON_BYTES_MAX: usize = 200;

/// Which sessions, and how many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Publishers or viewers.
    role: Option<Role>,
    /// Of this app; with a room (`live/room1`) of that room.
    #[param(example = "live")]
    app: Option<String>,
    /// Of streams of this name.
    stream: Option<String>,
    /// Of whom credentials name so.
    user: Option<String>,
    /// Of this address or range: `192.0.2.1`, `2001:db8::/32`.
    #[param(schema_with = description::address_range)]
    address: Option<AddressRange>,
    /// Oldest first, or newest first.
    #[param(inline)]
    sort: Option<Sort>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// By age: oldest first, or newest first.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[schema(as = SessionOrder)]
pub(super) enum Sort {
    #[default]
    #[serde(rename = "since")]
    Since,
    #[serde(rename = "-since")]
    SinceDescending,
}

impl Sort {
    const fn order(self) -> Order {
        match self {
            Self::Since => Order { name: "since", descending: false },
            Self::SinceDescending => Order { name: "-since", descending: true },
        }
    }
}

impl Filter {
    fn takes(&self, session: &registry::Session) -> bool {
        let admission = &session.admission;
        let is = |wanted: &Option<String>, found: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| Some(wanted) == found)
        };
        self.role.is_none_or(|role| role == Role::from(session))
            && self.app.as_ref().is_none_or(|app| is_in(&session.stream.app, app))
            && is(&self.stream, Some(&session.stream.name))
            && is(&self.user, admission.grant.claim().subject.as_ref())
            && self.address.is_none_or(|range| range.contains(admission.client.address))
    }
}

/// Whether an app's path is `app`, or a room of it.
pub(super) fn is_in(path: &str, app: &str) -> bool {
    path.strip_prefix(app).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The sessions that there are: publishers and viewers.
#[utoipa::path(get, path = "/sessions", operation_id = "list_sessions", tag = "sessions", params(Filter), responses(
    (status = 200, body = Page<Session>, headers(("Link" = String, description = "The next page, `rel=next`."))),
))]
pub(super) async fn list(State(api): State<Arc<Api>>, query: Query<Filter>) -> Result<Paged<Session>, Fault> {
    let Filter { sort, limit, cursor, .. } = &query.asked;
    let order = sort.unwrap_or_default().order();
    let page = sessions(&api, |session| query.asked.takes(session), order, *limit, cursor.as_deref())?;
    Ok(Paged::new(page, &query))
}

/// One page of the sessions that `wanted` takes.
pub(super) fn sessions(
    api: &Api,
    wanted: impl Fn(&registry::Session) -> bool,
    order: Order,
    limit: Option<usize>,
    cursor: Option<&str>,
) -> Result<Page<Session>, Fault> {
    let signalling = &api.site.signalling;
    let found = signalling.collect(|id, session| wanted(session).then_some((id, session.since)));
    let places = found.into_iter().map(|(id, since)| (place(since, id), id));
    let Page { items, total, next } = page(places.collect(), order, limit, cursor)?;
    // One that has ended in between is left out.
    let shown = items.into_iter().filter_map(|id| Some(Session::new(id, &signalling.session_by_id(id)?)));
    Ok(Page { items: shown.collect(), total, next })
}

fn place(since: SystemTime, id: SessionId) -> Place {
    (microseconds(since), SessionHandle::from(id).to_string(), String::new())
}

/// Since 1970.
pub(super) fn microseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// A session by its handle.
#[utoipa::path(get, path = "/sessions/{handle}", operation_id = "show_session", tag = "sessions",
    params(("handle" = inline(Handle), Path, description = "As in lists.")),
    responses((status = 200, body = Session)),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named(handle): Named<String>,
    _: Query<Nothing>,
) -> Result<Shown<Session>, Fault> {
    let (id, session) = find(&api, &handle)?;
    Ok(Shown(Session::new(id, &session)))
}

/// Sixteen lower-case hexadecimal digits.
#[derive(ToSchema)]
#[schema(pattern = "^[0-9a-f]{16}$", example = "223e0a160af9da0a")]
#[allow(dead_code, reason = "for the description")]
pub(super) struct Handle(String);

pub(super) fn find(api: &Api, handle: &str) -> Result<(SessionId, registry::Session), Fault> {
    api.site.signalling.find(parse(handle)?).ok_or(Fault::NotThere { what: "session" })
}

fn parse(handle: &str) -> Result<SessionHandle, Fault> {
    handle.parse().map_err(|error: crate::handle::ParseHandleError| Fault::BadParameter(error.to_string()))
}

/// What to change of a session. What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// When the session ends by itself, RFC 3339; null: never. A moment that is past ends it at once.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2030-01-01T00:00:00Z")]
    expires: Option<Option<Moment>>,
    /// Kinds of media that pass no more, or again: of a publisher to everybody, of a viewer to it.
    #[serde(default)]
    muted: Option<MuteChange>,
    /// Most media bits a second, to or from the session; null: as many as come.
    #[serde(default, deserialize_with = "named_whole")]
    #[schema(value_type = Option<u64>, minimum = 10000, maximum = 100_000_000_000_u64, example = 1_000_000)]
    bitrate_bps_max: Option<Option<u64>>,
}

/// What is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MuteChange {
    audio: Option<bool>,
    video: Option<bool>,
}

/// Below this not even sound passes; above it no server carries it.
const BITRATE_BPS: std::ops::RangeInclusive<u64> = 10_000..=100_000_000_000;

impl Change {
    fn check(&self) -> Result<(), Fault> {
        let fits = self.bitrate_bps_max.flatten().is_none_or(|bps| BITRATE_BPS.contains(&bps));
        let (least, most) = BITRATE_BPS.into_inner();
        let fault = || Fault::BadBody(format!("bitrate_bps_max is from {least} to {most}, or null"));
        if fits { Ok(()) } else { Err(fault()) }
    }

    /// The end last: the rest needs the session.
    async fn apply(&self, api: &Api, id: SessionId) -> Result<(), Fault> {
        let signalling = &api.site.signalling;
        if let Some(MuteChange { audio, video }) = &self.muted {
            for (kind, muted) in [(TrackKind::Audio, audio), (TrackKind::Video, video)] {
                if let Some(muted) = muted {
                    signalling.mute(id, kind, *muted).await.map_err(gone)?;
                }
            }
        }
        if let Some(limit) = self.bitrate_bps_max {
            signalling.limit(id, limit).await.map_err(gone)?;
        }
        if let Some(expires) = self.expires {
            signalling.expire_at(id, expires.map(SystemTime::from));
        }
        Ok(())
    }
}

/// It ended while it was being changed.
fn gone(fault: Fault) -> Fault {
    if fault == Fault::UnknownSession { Fault::NotThere { what: "session" } } else { fault }
}

/// Change what a session may.
///
/// With If-Match nothing is changed unless the session is still as the tag says.
#[utoipa::path(patch, path = "/sessions/{handle}", operation_id = "change_session", tag = "sessions",
    params(("handle" = inline(Handle), Path, description = "As in lists.")),
    request_body = Change,
    responses(
        (status = 200, body = Session, description = "The session as it is now."),
        (status = 412, description = "It is not as If-Match says any more (`changed`).",
            body = description::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn change(
    State(api): State<Arc<Api>>,
    Named(handle): Named<String>,
    _: Query<Nothing>,
    headers: HeaderMap,
    Sent(change): Sent<Change>,
) -> Result<Shown<Session>, Fault> {
    change.check()?;
    let (id, session) = find(&api, &handle)?;
    check_unchanged(&headers, &Session::new(id, &session))?;
    change.apply(&api, id).await?;
    let (id, session) = find(&api, &handle)?;
    Ok(Shown(Session::new(id, &session)))
}

/// Why something is ended.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Why {
    /// For the log.
    #[param(max_length = 200)]
    reason: Option<String>,
}

impl Why {
    pub(super) fn log(&self, caller: &Caller, what: &str, which: &str) -> Result<(), Fault> {
        let reason = self.reason.as_deref().unwrap_or_default();
        if reason.len() > REASON_BYTES_MAX {
            return Err(Fault::BadParameter(format!("reason has at most {REASON_BYTES_MAX} bytes")));
        }
        tracing::info!(caller = &*caller.name, which, ?reason, "{what}");
        Ok(())
    }
}

/// End a session.
///
/// Its client is told that it was kicked, and does not come back by itself. A session that is not, or not any more, is as good as
/// ended: the answer is the same.
#[utoipa::path(delete, path = "/sessions/{handle}", operation_id = "end_session", tag = "sessions",
    params(("handle" = inline(Handle), Path, description = "As in lists."), Why),
    responses((status = 204, description = "There is no such session now.")),
)]
pub(super) async fn end(
    State(api): State<Arc<Api>>,
    Named(handle): Named<String>,
    query: Query<Why>,
    axum::Extension(caller): axum::Extension<Caller>,
) -> Result<StatusCode, Fault> {
    let found = api.site.signalling.find(parse(&handle)?);
    query.asked.log(&caller, "session kicked", &handle)?;
    if let Some((id, _)) = found {
        api.site.signalling.end_and_wait(id, CloseReason::Kicked, None).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
