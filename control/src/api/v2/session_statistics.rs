//! How a session goes, by the media process's last report.

use std::sync::Arc;

use axum::extract::State;
use fanlight_protocol::{SessionStats, TrackKind, TrackStats};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Named, Nothing, Query};
use super::session::Kind;
use super::sessions::{Handle, find};
use super::shown::Shown;
use crate::api::Api;
use crate::fault::Fault;

/// Counters of a session since it began, and what its connection is like. All is zero or null until the first report.
#[derive(Default, Serialize, ToSchema)]
pub(super) struct SessionStatistics {
    /// Media from the publisher, or to the viewer, over the last second.
    bitrate_bps: u64,
    packets_in: u64,
    bytes_in: u64,
    packets_out: u64,
    bytes_out: u64,
    /// Round-trip time, milliseconds.
    #[schema(minimum = 0)]
    rtt_ms: Option<f64>,
    /// Of packets to the peer, as the peer reports it, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    loss: Option<f64>,
    /// What the viewer's connection takes, by its own estimate.
    estimate_bps: Option<u64>,
    tracks: Vec<TrackCounters>,
}

/// Of one track, or of one layer of it.
#[derive(Serialize, ToSchema)]
struct TrackCounters {
    kind: Kind,
    packets: u64,
    bytes: u64,
    /// Of a publisher: lost on the way here, and never recovered. Of a viewer: asked for too late.
    packets_lost: u64,
    /// Of a publisher: recovered. Of a viewer: sent again.
    retransmitted: u64,
    key_frames: u64,
    frames: u64,
}

impl From<&TrackStats> for TrackCounters {
    fn from(track: &TrackStats) -> Self {
        Self {
            kind: Kind::from(track.kind),
            packets: track.packets,
            bytes: track.bytes,
            packets_lost: track.packets_lost,
            retransmitted: track.retransmitted,
            key_frames: track.key_frames,
            frames: track.frames,
        }
    }
}

impl SessionStatistics {
    fn new(stats: &SessionStats, bitrate_bps: u64) -> Self {
        Self {
            bitrate_bps,
            packets_in: stats.packets_in,
            bytes_in: stats.bytes_in,
            packets_out: stats.packets_out,
            bytes_out: stats.bytes_out,
            rtt_ms: stats.rtt_us.map(|us| f64::from(us) / 1_000.0),
            loss: stats.fraction_lost.map(|lost| f64::from(lost) / 256.0),
            estimate_bps: stats.estimate_bps,
            tracks: stats.tracks.iter().map(TrackCounters::from).collect(),
        }
    }
}

impl From<TrackKind> for Kind {
    fn from(kind: TrackKind) -> Self {
        match kind {
            TrackKind::Audio => Self::Audio,
            TrackKind::Video => Self::Video,
        }
    }
}

/// How a session goes.
///
/// A resource of its own, since it changes every second.
#[utoipa::path(get, path = "/sessions/{handle}/statistics", operation_id = "session_statistics", tag = "sessions",
    params(("handle" = inline(Handle), Path, description = "As in lists.")),
    responses((status = 200, body = SessionStatistics)),
)]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Named(handle): Named<String>,
    _: Query<Nothing>,
) -> Result<Shown<SessionStatistics>, Fault> {
    let (id, _) = find(&api, &handle)?;
    let stats = &api.site.signalling.stats;
    let report = stats.report();
    let reported = report.sessions.iter().find(|reported| reported.session == id);
    let bitrate_bps = stats.rate(id).bitrate_bps;
    Ok(Shown(reported.map(|reported| SessionStatistics::new(reported, bitrate_bps)).unwrap_or_default()))
}
