//! Streams: what is published, who watches, and their end.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use fanlight_protocol::{SessionId, SessionRole, StreamPath};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Named, Nothing, Query};
use super::page::{Order, Page, Paged, Place, page};
use super::session::{self, Session, Track};
use super::sessions::{Why, is_in, microseconds, sessions};
use super::shown::Shown;
use crate::api::{Api, Caller};
use crate::explain::notes::date;
use crate::fault::Fault;
use crate::handle::SessionHandle;
use crate::registry;

/// One stream.
#[derive(Serialize, ToSchema)]
pub(super) struct Stream {
    /// The app's path: `live`, or `live/room1`.
    #[schema(example = "live")]
    app: String,
    #[schema(example = "camera")]
    name: String,
    state: session::State,
    #[schema(format = DateTime)]
    since: String,
    /// Handle of the session that publishes it.
    #[schema(pattern = "^[0-9a-f]{16}$", example = "223e0a160af9da0a")]
    publisher: String,
    /// Whom the publisher's credentials name.
    user: Option<String>,
    tracks: Vec<Track>,
    viewers: u32,
    /// Media from the publisher, over the last second.
    bitrate_bps: u64,
    /// From the publisher, and not recovered.
    packets_lost: u64,
}

impl Stream {
    fn new(api: &Api, id: SessionId, publisher: &registry::Session) -> Self {
        let rate = api.site.signalling.stats.rate(id);
        Self {
            app: publisher.stream.app.clone(),
            name: publisher.stream.name.clone(),
            state: publisher.phase.into(),
            since: date(publisher.since),
            publisher: SessionHandle::from(id).to_string(),
            user: publisher.admission.grant.claim().subject.clone(),
            tracks: publisher.tracks.iter().map(Track::from).collect(),
            viewers: publisher.viewers,
            bitrate_bps: rate.bitrate_bps,
            packets_lost: rate.packets_lost,
        }
    }
}

/// Which streams, in what order, and how many.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Of this app and its rooms; with a room (`live/room1`) of that room.
    #[param(example = "live")]
    app: Option<String>,
    /// Whose names begin so.
    prefix: Option<String>,
    /// By path, age or viewers; with `-` the other way round.
    #[param(inline)]
    sort: Option<Sort>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// The same within an app.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FilterInApp {
    /// Whose names begin so.
    prefix: Option<String>,
    /// By path, age or viewers; with `-` the other way round.
    #[param(inline)]
    sort: Option<Sort>,
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// By path, age or viewers; with `-` the other way round. By viewers, a stream whose count changes between two pages may be
/// on both of them, or on none.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[schema(as = StreamOrder)]
pub(super) enum Sort {
    #[default]
    #[serde(rename = "name")]
    Name,
    #[serde(rename = "-name")]
    NameDescending,
    #[serde(rename = "since")]
    Since,
    #[serde(rename = "-since")]
    SinceDescending,
    #[serde(rename = "viewers")]
    Viewers,
    #[serde(rename = "-viewers")]
    ViewersDescending,
}

impl Sort {
    const fn order(self) -> Order {
        match self {
            Self::Name => Order { name: "name", descending: false },
            Self::NameDescending => Order { name: "-name", descending: true },
            Self::Since => Order { name: "since", descending: false },
            Self::SinceDescending => Order { name: "-since", descending: true },
            Self::Viewers => Order { name: "viewers", descending: false },
            Self::ViewersDescending => Order { name: "-viewers", descending: true },
        }
    }

    fn place(self, publisher: &registry::Session) -> Place {
        let number = match self {
            Self::Name | Self::NameDescending => 0,
            Self::Since | Self::SinceDescending => microseconds(publisher.since),
            Self::Viewers | Self::ViewersDescending => publisher.viewers.into(),
        };
        (number, publisher.stream.app.clone(), publisher.stream.name.clone())
    }
}

/// The streams that there are, in all apps.
#[utoipa::path(get, path = "/streams", operation_id = "list_streams", tag = "streams", params(Filter), responses(
    (status = 200, body = Page<Stream>, headers(("Link" = String, description = "The next page, `rel=next`."))),
))]
pub(super) async fn list(State(api): State<Arc<Api>>, query: Query<Filter>) -> Result<Paged<Stream>, Fault> {
    let Filter { app, prefix, sort, limit, cursor } = &query.asked;
    let page = streams(&api, app.as_deref(), prefix.as_deref(), *sort, *limit, cursor.as_deref())?;
    Ok(Paged::new(page, &query))
}

/// The streams of an app, and of its rooms.
#[utoipa::path(get, path = "/apps/{app}/streams", operation_id = "list_streams_of_app", tag = "streams",
    params(("app" = String, Path, description = APP, example = "live"), FilterInApp),
    responses(
        (status = 200, body = Page<Stream>, headers(("Link" = String, description = "The next page, `rel=next`."))),
    ),
)]
pub(super) async fn list_in_app(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query<FilterInApp>,
) -> Result<Paged<Stream>, Fault> {
    let FilterInApp { prefix, sort, limit, cursor } = &query.asked;
    let page = streams(&api, Some(&app), prefix.as_deref(), *sort, *limit, cursor.as_deref())?;
    Ok(Paged::new(page, &query))
}

/// What the variable is.
const APP: &str = "The app's path, its slashes percent-encoded: `live`, `live%2Froom1`.";

fn streams(
    api: &Api,
    app: Option<&str>,
    prefix: Option<&str>,
    sort: Option<Sort>,
    limit: Option<usize>,
    cursor: Option<&str>,
) -> Result<Page<Stream>, Fault> {
    let sort = sort.unwrap_or_default();
    let signalling = &api.site.signalling;
    let found = signalling.collect(|id, session| {
        let wanted = session.role == SessionRole::Publisher
            && app.is_none_or(|app| is_in(&session.stream.app, app))
            && prefix.is_none_or(|prefix| session.stream.name.starts_with(prefix));
        wanted.then(|| (sort.place(session), id))
    });
    let Page { items, total, next } = page(found, sort.order(), limit, cursor)?;
    // One that has ended in between is left out.
    let shown = items.into_iter().filter_map(|id| Some(Stream::new(api, id, &signalling.session_by_id(id)?)));
    Ok(Page { items: shown.collect(), total, next })
}

/// A stream by its path.
#[utoipa::path(get, path = "/apps/{app}/streams/{stream}", operation_id = "show_stream", tag = "streams",
    params(("app" = String, Path, description = APP, example = "live"), ("stream" = String, Path, description = "The stream's name, percent-encoded.", example = "camera")),
    responses((status = 200, body = Stream)),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named((app, name)): Named<(String, String)>,
    _: Query<Nothing>,
) -> Result<Shown<Stream>, Fault> {
    let (id, session) = find(&api, &StreamPath { app, name })?;
    Ok(Shown(Stream::new(&api, id, &session)))
}

fn find(api: &Api, stream: &StreamPath) -> Result<(SessionId, registry::Session), Fault> {
    let signalling = &api.site.signalling;
    let id = signalling.publisher_of(stream);
    id.and_then(|id| Some((id, signalling.session_by_id(id)?))).ok_or(Fault::NotThere { what: "stream" })
}

/// End a stream: its publisher, and with it its viewers.
///
/// The publisher is told that it was kicked, and does not come back by itself. A stream that is not, or not any more, is as good as
/// ended: the answer is the same.
#[utoipa::path(delete, path = "/apps/{app}/streams/{stream}", operation_id = "end_stream", tag = "streams",
    params(("app" = String, Path, description = APP, example = "live"), ("stream" = String, Path, description = "The stream's name, percent-encoded.", example = "camera"), Why),
    responses((status = 204, description = "There is no such stream now.")),
)]
pub(super) async fn unpublish(
    State(api): State<Arc<Api>>,
    Named((app, name)): Named<(String, String)>,
    query: Query<Why>,
    Extension(caller): Extension<Caller>,
) -> Result<StatusCode, Fault> {
    let stream = StreamPath { app, name };
    query.asked.log(&caller, "stream ended", &stream.to_string())?;
    api.site.signalling.unpublish(&stream).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which page of viewers.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<usize>,
    /// Where the last page ended: its `next`.
    cursor: Option<String>,
}

/// Who watches a stream, the longest first.
#[utoipa::path(get, path = "/apps/{app}/streams/{stream}/viewers", operation_id = "list_viewers", tag = "streams",
    params(("app" = String, Path, description = APP, example = "live"), ("stream" = String, Path, description = "The stream's name, percent-encoded.", example = "camera"), Paging),
    responses(
        (status = 200, body = Page<Session>, headers(("Link" = String, description = "The next page, `rel=next`."))),
    ),
)]
pub(super) async fn viewers(
    State(api): State<Arc<Api>>,
    Named((app, name)): Named<(String, String)>,
    query: Query<Paging>,
) -> Result<Paged<Session>, Fault> {
    let stream = StreamPath { app, name };
    find(&api, &stream)?;
    let order = Order { name: "since", descending: false };
    let Paging { limit, cursor } = &query.asked;
    let page = sessions(&api, |session| watches(session, &stream), order, *limit, cursor.as_deref())?;
    Ok(Paged::new(page, &query))
}

fn watches(session: &registry::Session, stream: &StreamPath) -> bool {
    matches!(session.role, SessionRole::Viewer { .. }) && session.stream == *stream
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Ended {
    #[schema(example = 12)]
    pub(super) ended: usize,
}

/// End all viewers of a stream, which goes on.
#[utoipa::path(delete, path = "/apps/{app}/streams/{stream}/viewers", operation_id = "end_viewers", tag = "streams",
    params(("app" = String, Path, description = APP, example = "live"), ("stream" = String, Path, description = "The stream's name, percent-encoded.", example = "camera"), Why),
    responses((status = 200, body = Ended)),
)]
pub(super) async fn end_viewers(
    State(api): State<Arc<Api>>,
    Named((app, name)): Named<(String, String)>,
    query: Query<Why>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Ended>, Fault> {
    let stream = StreamPath { app, name };
    query.asked.log(&caller, "viewers kicked", &stream.to_string())?;
    Ok(Json(Ended { ended: api.site.signalling.kick(|session| watches(session, &stream)) }))
}
