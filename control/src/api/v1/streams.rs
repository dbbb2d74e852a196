//! Streams: those that are live, and what is done to one.

use std::sync::Arc;

use axum::extract::State;
use fanlight_protocol::{CloseReason, SessionId, SessionRole, StreamPath};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Named, Query};
use super::envelope::{Success, milliseconds};
use super::scope::{Scope, checked_name, parent_path};
use crate::api::Api;
use crate::fault::Fault;
use crate::handle::SessionHandle;
use crate::registry::{Phase, Session};

/// What a stream is.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::StreamStatistics)]
pub(super) struct StreamStatistics {
    /// The client that publishes it.
    #[schema(example = "223e0a160af9da0a")]
    id: String,
    /// A UUID of this publication.
    #[schema(example = "223e0a16-0af9-8a0a-8123-456789abcdef")]
    name: String,
    #[schema(example = "stream1")]
    publish_name: String,
    /// Milliseconds since 1970.
    creation_time: u64,
    /// Of the app or room that it is in.
    #[schema(example = "/default")]
    scope_path: String,
    is_recording: bool,
    state: Progress,
}

/// With its numbers.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::Stream)]
pub(super) struct Stream {
    bytes_received: u64,
    active_subscribers: u32,
    total_subscribers: u64,
    max_subscribers: u32,
    #[serde(flatten)]
    statistics: StreamStatistics,
}

/// How far a stream is.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = red5::StreamState)]
enum Progress {
    /// Its publisher is not connected yet.
    Uninit,
    Publishing,
    Closed,
}

impl StreamStatistics {
    fn new(id: SessionId, publisher: &Session, state: Progress) -> Self {
        Self {
            id: SessionHandle::from(id).to_string(),
            name: SessionHandle::uuid(id),
            publish_name: publisher.stream.name.clone(),
            creation_time: milliseconds(publisher.since),
            scope_path: parent_path(&publisher.stream.app),
            is_recording: false,
            state,
        }
    }
}

impl From<Phase> for Progress {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Reserved | Phase::Connecting => Self::Uninit,
            Phase::Connected => Self::Publishing,
        }
    }
}

/// The names of the streams that are live in a scope, rooms below it apart.
pub(super) fn names_in(api: &Api, scope: &Scope) -> Vec<String> {
    let live = api.site.signalling.live_streams(Some(&scope.path));
    live.into_iter().map(|stream| stream.session.stream.name).collect()
}

/// The names of the streams that are live in an app or a room.
#[utoipa::path(get, path = "/applications/{app}/streams", operation_id = "red5_streams", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
    ),
    responses((status = 200, body = Success<Vec<String>>), (status = 404, description = "There is no such scope.")),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<Vec<String>>, Fault> {
    let scope = Scope::find(&api, &app, &query)?;
    Ok(Success::of(names_in(&api, &scope)))
}

/// A stream with its numbers.
#[utoipa::path(get, path = "/applications/{app}/streams/{stream}", operation_id = "red5_stream", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("stream" = String, Path, example = "stream1"),
        ("scope" = Option<String>, Query, description = "A room of the app: `room1`."),
    ),
    responses((status = 200, body = Success<Stream>), (status = 404, description = "There is no such stream.")),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named((app, stream)): Named<(String, String)>,
    query: Query,
) -> Result<Success<Stream>, Fault> {
    let (id, publisher) = find(&api, &app, &stream, &query)?;
    let tally = api.site.signalling.tallied(|tallies| tallies.stream(&publisher.stream).copied());
    let viewers = tally.map(|tally| tally.viewers).unwrap_or_default();
    Ok(Success::of(Stream {
        bytes_received: tally.map_or(0, |tally| tally.flow.bytes_in),
        active_subscribers: viewers.now,
        total_subscribers: viewers.total,
        max_subscribers: viewers.most,
        statistics: StreamStatistics::new(id, &publisher, publisher.phase.into()),
    }))
}

/// Ends a stream: its publisher, and with it its viewers.
#[utoipa::path(get, path = "/applications/{app}/streams/{stream}/action/unpublish", operation_id = "red5_unpublish", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("stream" = String, Path, example = "stream1"),
        ("scope" = Option<String>, Query, description = "A room of the app: `room1`."),
    ),
    responses(
        (status = 200, body = Success<StreamStatistics>, description = "The stream as it was, closed."),
        (status = 404, description = "There is no such stream."),
        (status = 503, description = "The media process did not say in time that it has ended the stream; it will."),
    ),
)]
pub(super) async fn unpublish(
    State(api): State<Arc<Api>>,
    Named((app, stream)): Named<(String, String)>,
    query: Query,
) -> Result<Success<StreamStatistics>, Fault> {
    let (id, publisher) = find(&api, &app, &stream, &query)?;
    let signalling = &api.site.signalling;
    // Whoever is about to take its place would bring it back at once.
    let challengers = signalling.collect(|other, session| {
        let is_publisher = session.role == SessionRole::Publisher && session.stream == publisher.stream;
        (is_publisher && other != id).then_some(other)
    });
    signalling.end_all(challengers, CloseReason::Kicked);
    signalling.end_and_wait(id, CloseReason::Kicked, None).await?;
    Ok(Success::of(StreamStatistics::new(id, &publisher, Progress::Closed)))
}

const NO_RECORDER: &str = "recording is not possible: this version has no recorder";

/// Begins to record a stream. This version has no recorder.
#[utoipa::path(get, path = "/applications/{app}/streams/{stream}/action/startrecord", operation_id = "red5_start_record", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("stream" = String, Path, example = "stream1"),
        ("scope" = Option<String>, Query, description = "A room of the app: `room1`."),
        ("saveas" = Option<String>, Query, description = "Name of the file."),
        ("append" = Option<bool>, Query, description = "Whether to go on with a file that is there."),
    ),
    responses(
        (status = 404, description = "There is no such stream."),
        (status = 409, description = "It is not possible."),
    ),
)]
pub(super) async fn start_record(
    State(api): State<Arc<Api>>,
    Named((app, stream)): Named<(String, String)>,
    query: Query,
) -> Result<Success<StreamStatistics>, Fault> {
    query.flag("append")?;
    find(&api, &app, &stream, &query)?;
    Err(Fault::NotPossible(NO_RECORDER))
}

/// Ends a recording that was begun by API. This version has no recorder.
#[utoipa::path(get, path = "/applications/{app}/streams/{stream}/action/stoprecord", operation_id = "red5_stop_record", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("stream" = String, Path, example = "stream1"),
        ("scope" = Option<String>, Query, description = "A room of the app: `room1`."),
    ),
    responses(
        (status = 404, description = "There is no such stream."),
        (status = 409, description = "It is not possible."),
    ),
)]
pub(super) async fn stop_record(
    State(api): State<Arc<Api>>,
    Named((app, stream)): Named<(String, String)>,
    query: Query,
) -> Result<Success<StreamStatistics>, Fault> {
    find(&api, &app, &stream, &query)?;
    Err(Fault::NotPossible(NO_RECORDER))
}

/// Who publishes that stream, connected or not yet.
fn find(api: &Api, app: &str, stream: &str, query: &Query) -> Result<(SessionId, Session), Fault> {
    let scope = Scope::find(api, app, query)?;
    let path = StreamPath { app: scope.path, name: checked_name(api, stream, "stream")? };
    let signalling = &api.site.signalling;
    let publisher = signalling.publisher_of(&path);
    let found = publisher.and_then(|id| Some((id, signalling.session_by_id(id)?)));
    found.ok_or(Fault::NotThere { what: "stream" })
}
