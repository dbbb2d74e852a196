//! What is live, how it goes, and whether the server is well.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use fanlight_protocol::TrackKind;
use serde::Serialize;

use super::Site;
use crate::app::App;
use crate::explain::notes::date;
use crate::fault::Fault;
use crate::metrics;
use crate::signalling::LiveStream;
use crate::stats::Rate;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

#[derive(Serialize)]
struct Stream {
    app: String,
    name: String,
    /// RFC 3339, UTC.
    since: String,
    tracks: Vec<Track>,
    viewers: u32,
    /// Media bits a second from the publisher.
    bitrate_bps: u64,
    /// From the publisher, not recovered.
    packets_lost: u64,
}

#[derive(Serialize)]
struct Track {
    kind: TrackKind,
    codec: &'static str,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

/// What is live below `path` of `app`, or everywhere; apps may keep it to themselves.
pub(super) fn streams(site: &Site, app: Option<&App>, path: Option<&str>) -> Result<Response, Fault> {
    if app.is_some_and(|app| !app.settings.http.listing) {
        return Err(Fault::UnknownPath);
    }
    let signalling = &site.signalling;
    let is_listed = |live: &LiveStream| {
        app.is_some() || site.app(&live.session.stream.app).is_ok_and(|app| app.settings.http.listing)
    };
    let streams: Vec<Stream> = signalling
        .live_streams(path)
        .into_iter()
        .filter(is_listed)
        .map(|live| {
            let rate = signalling.stats.rate(live.publisher);
            stream(live, rate)
        })
        .collect();
    json(&streams)
}

#[derive(Serialize)]
struct Named {
    name: String,
}

/// The names of what is live in `path`, in the shape that Red5's pages and scripts ask for.
pub(super) fn names(site: &Site, app: Option<&App>, path: &str) -> Result<Response, Fault> {
    if app.is_some_and(|app| !app.settings.http.listing) {
        return Err(Fault::UnknownPath);
    }
    let live = site.signalling.live_streams(Some(path)).into_iter();
    json(&live.map(|live| Named { name: live.session.stream.name }).collect::<Vec<_>>())
}

fn stream(live: LiveStream, rate: Rate) -> Stream {
    let session = live.session;
    let tracks = session.tracks.iter().map(|track| Track { kind: track.kind, codec: track.codec.name() });
    Stream {
        tracks: tracks.collect(),
        app: session.stream.app,
        name: session.stream.name,
        since: date(session.since),
        viewers: session.viewers,
        bitrate_bps: rate.bitrate_bps,
        packets_lost: rate.packets_lost,
    }
}

pub(super) fn metrics(site: &Site) -> Response {
    ([(header::CONTENT_TYPE, METRICS)], metrics::render(&site.signalling)).into_response()
}

/// 200 while sessions can be opened, 503 while they cannot: what a load balancer needs to know.
pub(super) fn health(site: &Site) -> Result<Response, Fault> {
    site.signalling.draining.check(site.config.limits.retry_after_s)?;
    if !site.signalling.line.is_open() {
        return Err(Fault::DataplaneAway { retry_after_s: site.config.limits.retry_after_s });
    }
    json(&Health { status: "ok" })
}

pub(super) fn json(value: &impl Serialize) -> Result<Response, Fault> {
    let body = serde_json::to_vec(value).map_err(|error| Fault::Internal(error.to_string()))?;
    let no_store = HeaderValue::from_static("no-store");
    Ok(([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, no_store)], body).into_response())
}
