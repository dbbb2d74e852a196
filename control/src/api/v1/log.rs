//! Control's log, where `api.log_access` lets it be read: one file, the latest lines in memory.
//!
//! As in Red5 a file is first asked for, which makes a copy below a path that nobody can guess, and then fetched from there without
//! a token, for a minute.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::Named;
use super::envelope::{Success, milliseconds, now_ms};
use super::{Manners, envelope};
use crate::api::Api;
use crate::fault::Fault;
use crate::log_tail::{Excerpt, LogTail};

/// What the log is called here.
const FILE: &str = "fanlight.log";

/// How long a copy can be fetched (Red5: `debug.logcachexpiretime`).
const KEPT: Duration = Duration::from_secs(60);

/// Copies at a time; a further one takes the place of the oldest.
const COPIES_MAX: usize = 8;

/// The log's paths say no in a shape of their own.
pub(super) const MANNERS: Manners = Manners { refuse, ..super::MANNERS };

/// Why it was not.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::LogError)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failure {
    error_message: String,
    /// Milliseconds since 1970.
    timestamp: u64,
}

fn refuse(fault: &Fault, request: &HeaderMap) -> Response {
    let mut response = envelope::refuse(fault, request);
    let failure = Failure { error_message: fault.to_string(), timestamp: now_ms() };
    let body = Json(failure).into_response();
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = body.into_body();
    response
}

/// Copies of the log that can be fetched, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Copies(Mutex<VecDeque<Copy>>);

#[derive(Debug)]
struct Copy {
    /// 32 hexadecimal digits.
    folder: String,
    text: Arc<str>,
    until: Instant,
}

impl Copies {
    /// Keeps a copy, and tells its folder.
    fn keep(&self, text: String, now: Instant) -> Result<String, Fault> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|error| Fault::Internal(format!("the system's randomness is not there: {error}")))?;
        let folder = format!("{:032x}", u128::from_le_bytes(bytes));
        let mut copies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|copy| copy.until > now);
        while copies.len() >= COPIES_MAX {
            copies.pop_front();
        }
        copies.push_back(Copy { folder: folder.clone(), text: text.into(), until: now + KEPT });
        Ok(folder)
    }

    fn find(&self, folder: &str, now: Instant) -> Option<Arc<str>> {
        let mut copies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        copies.retain(|copy| copy.until > now);
        copies.iter().find(|copy| copy.folder == folder).map(|copy| Arc::clone(&copy.text))
    }
}

/// One file of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::LogFile)]
pub(super) struct File {
    #[schema(example = "fanlight.log")]
    name: &'static str,
    /// Milliseconds since 1970.
    last_modified: u64,
    /// Bytes.
    size: usize,
}

/// The files of the log.
#[utoipa::path(get, path = "/log", operation_id = "red5_log", tag = "Red5",
    responses(
        (status = 200, body = Success<Vec<File>>),
        (status = 409, description = "The log is not shown: `api.log_access` is false."),
    ),
)]
pub(super) async fn list(State(api): State<Arc<Api>>) -> Result<Success<Vec<File>>, Fault> {
    let Excerpt { text, written } = tail(&api)?.read();
    let last_modified = milliseconds(written.unwrap_or(api.started));
    Ok(Success::of(vec![File { name: FILE, last_modified, size: text.len() }]))
}

/// Where a file of the log can be fetched.
#[derive(Serialize, ToSchema)]
#[schema(as = red5::LogCopy)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// The file is below it, on this listener.
    #[schema(example = "/tmplogs/0123456789abcdef0123456789abcdef/")]
    path: String,
    comment: &'static str,
    #[schema(example = "fanlight.log")]
    name: &'static str,
    /// Milliseconds since 1970.
    last_modified: u64,
    /// Bytes.
    size: usize,
}

/// Makes a copy of a file of the log, which can be fetched at `path` + `name` for a minute.
#[utoipa::path(get, path = "/log/{file}", operation_id = "red5_log_file", tag = "Red5",
    params(("file" = String, Path, example = "fanlight.log")),
    responses(
        (status = 200, body = Success<Shown>),
        (status = 404, description = "There is no such file."),
        (status = 409, description = "The log is not shown: `api.log_access` is false."),
    ),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named(file): Named<String>,
) -> Result<Success<Shown>, Fault> {
    let tail = tail(&api)?;
    if file != FILE {
        return Err(Fault::NotThere { what: "file" });
    }
    let Excerpt { text, written } = tail.read();
    let size = text.len();
    let folder = api.copies.keep(text, Instant::now())?;
    Ok(Success::of(Shown {
        path: format!("/tmplogs/{folder}/"),
        comment: "The latest lines of control's log; they can be fetched for 60 s.",
        name: FILE,
        last_modified: milliseconds(written.unwrap_or(api.started)),
        size,
    }))
}

fn tail(api: &Api) -> Result<&LogTail, Fault> {
    if !api.site.config.api.log_access {
        return Err(Fault::NotPossible("the log is not shown; the operator may set api.log_access"));
    }
    let nothing = "the program that runs this server has the log in its own hands";
    api.log.tail().ok_or(Fault::NotPossible(nothing))
}

/// A copy, for whoever knows where it is.
pub(crate) async fn copy(
    State(api): State<Arc<Api>>,
    Path((folder, file)): Path<(String, String)>,
) -> Result<Response, Fault> {
    let found = api.copies.find(&folder, Instant::now()).filter(|_| file == FILE);
    let text = found.ok_or(Fault::UnknownApiPath)?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((StatusCode::OK, headers, text.to_string()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is fetched without a token must be hard to guess, and gone soon.
    #[test]
    fn a_copy_is_there_for_a_minute_and_eight_of_them_at_most() {
        let (copies, now) = (Copies::default(), Instant::now());
        let first = copies.keep("first".to_owned(), now).unwrap();
        assert!(first.len() == 32 && first.bytes().all(|digit| digit.is_ascii_hexdigit()), "{first}");
        assert_eq!(copies.find(&first, now + KEPT / 2).as_deref(), Some("first"));
        assert_eq!(copies.find(&first.replace(|_| true, "0"), now), None);
        assert_eq!(copies.find(&first, now + KEPT), None);
        let folders: Vec<String> =
            (0..10).map(|number| copies.keep(format!("{number}"), now).unwrap()).collect();
        let there = folders.iter().filter(|folder| copies.find(folder, now).is_some());
        assert_eq!(there.count(), COPIES_MAX);
        assert_eq!(copies.find(&folders[9], now).as_deref(), Some("9"));
        assert_eq!(copies.find(&folders[1], now), None);
    }
}
