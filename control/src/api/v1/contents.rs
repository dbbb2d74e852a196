//! Shared objects and recorded media: what an app may hold in Red5. This version has neither, and says so in their shapes.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Named, Query};
use super::envelope::Success;
use super::scope::{Scope, checked_name};
use crate::api::Api;
use crate::fault::Fault;

/// A shared object.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::SharedObject)]
pub(super) struct SharedObject {
    name: String,
    persistent: bool,
    version: u32,
    active_listeners: u32,
    total_listeners: u64,
    max_listeners: u32,
    total_changes: u64,
    total_deletes: u64,
    total_sends: u64,
    /// The same: Red5 writes it in both ways.
    #[serde(rename = "totalSends")]
    total_sends_too: u64,
}

/// The names of an app's shared objects: none.
#[utoipa::path(get, path = "/applications/{app}/sharedobjects", operation_id = "red5_shared_objects", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
    ),
    responses((status = 200, body = Success<Vec<String>>), (status = 404, description = "There is no such scope.")),
)]
pub(super) async fn shared_objects(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<Vec<String>>, Fault> {
    Scope::find(&api, &app, &query)?;
    Ok(Success::of(Vec::new()))
}

/// A shared object: there is none.
#[utoipa::path(get, path = "/applications/{app}/sharedobjects/{name}", operation_id = "red5_shared_object", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("name" = String, Path, example = "BallControl"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
    ),
    responses((status = 200, body = Success<SharedObject>), (status = 404, description = "There is no such shared object.")),
)]
pub(super) async fn shared_object(
    State(api): State<Arc<Api>>,
    Named((app, object)): Named<(String, String)>,
    query: Query,
) -> Result<Success<SharedObject>, Fault> {
    Scope::find(&api, &app, &query)?;
    checked_name(&api, &object, "shared object")?;
    Err(Fault::NotThere { what: "shared object" })
}

/// A recorded file.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::Media)]
pub(super) struct Media {
    #[schema(example = "stream1.flv")]
    name: String,
    /// Milliseconds since 1970.
    last_modified: u64,
    /// Bytes.
    file_size: u64,
}

/// An app's recorded files: none, as there is no recorder.
#[utoipa::path(get, path = "/applications/{app}/media", operation_id = "red5_media", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
        ("extension" = Option<String>, Query, description = "Of files whose names end so: `flv`."),
    ),
    responses((status = 200, body = Success<Vec<Media>>), (status = 404, description = "There is no such scope.")),
)]
pub(super) async fn media(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<Vec<Media>>, Fault> {
    query.one("extension")?;
    Scope::find(&api, &app, &query)?;
    Ok(Success::of(Vec::new()))
}

/// Deletes a recorded file: there is none.
#[utoipa::path(delete, path = "/applications/{app}/media", operation_id = "red5_delete_media", tag = "Red5",
    params(
        ("app" = String, Path, example = "live"),
        ("scope" = Option<String>, Query, description = "A room below it: `room1`."),
        ("filename" = String, Query, min_length = 1, example = "stream1"),
        ("extension" = Option<String>, Query, description = "Of the file: `flv`."),
    ),
    responses((status = 200, body = Success<Media>), (status = 404, description = "There is no such file.")),
)]
pub(super) async fn delete_media(
    State(api): State<Arc<Api>>,
    Named(app): Named<String>,
    query: Query,
) -> Result<Success<Media>, Fault> {
    query.one("extension")?;
    if query.one("filename")?.is_none() {
        return Err(Fault::BadParameter("filename is missing: the name of the file to delete".to_owned()));
    }
    Scope::find(&api, &app, &query)?;
    Err(Fault::NotThere { what: "file" })
}
