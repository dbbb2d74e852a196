//! The server as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use fanlight_protocol::{NamedCounter, ShardStats, StatsReport};
use serde::Serialize;
use utoipa::ToSchema;

use super::asked::{Nothing, Query};
use super::shown::Shown;
use crate::api::Api;
use crate::explain::notes::date;

/// What runs here.
#[derive(Serialize, ToSchema)]
pub(super) struct Server {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// When the control process began. It may be younger than the sessions: media outlives it.
    #[schema(format = DateTime)]
    started: String,
    /// Grows with every start of control; milliseconds since 1970.
    epoch: u64,
    /// Without the media process no session can be opened; those that are may go on.
    dataplane: Dataplane,
    draining: bool,
}

/// The media process.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Dataplane {
    Connected,
    Away,
}

/// The server: version, age, and whether it can serve.
#[utoipa::path(get, path = "/server", operation_id = "server", tag = "server", responses((status = 200, body = Server)))]
pub(super) async fn server(State(api): State<Arc<Api>>, _: Query<Nothing>) -> Shown<Server> {
    let signalling = &api.site.signalling;
    Shown(Server {
        version: env!("CARGO_PKG_VERSION"),
        started: date(api.started),
        epoch: api.epoch,
        dataplane: if signalling.line.is_open() { Dataplane::Connected } else { Dataplane::Away },
        draining: signalling.draining.now().is_some(),
    })
}

/// What goes on, and what went through so far.
#[derive(Serialize, ToSchema)]
pub(super) struct Statistics {
    /// Of the control process, seconds.
    uptime_s: u64,
    streams: usize,
    publishers: usize,
    viewers: usize,
    /// Null: the media process is away, or has not reported yet.
    dataplane: Option<Media>,
}

/// Of the media process, since it began.
#[derive(Serialize, ToSchema)]
struct Media {
    uptime_s: u64,
    /// Of all shards.
    totals: Counters,
    shards: Vec<Shard>,
}

/// One thread that moves media.
#[derive(Serialize, ToSchema)]
struct Shard {
    shard: u16,
    /// Its UDP port.
    port: u16,
    /// What moves its datagrams.
    #[schema(example = "io_uring")]
    backend: &'static str,
    #[serde(flatten)]
    counters: Counters,
    /// Datagrams that were dropped, by reason.
    #[schema(example = json!({ "unknown_path": 10 }))]
    rejects: BTreeMap<String, u64>,
}

#[derive(Default, Serialize, ToSchema)]
struct Counters {
    /// Now.
    sessions: u64,
    /// Now; those that are mirrored on other shards count there too.
    tracks: u64,
    datagrams_in: u64,
    bytes_in: u64,
    datagrams_out: u64,
    bytes_out: u64,
    media_packets_out: u64,
    retransmissions_out: u64,
    key_frame_requests_out: u64,
    rejected: u64,
    cpu_ms: u64,
}

impl From<&ShardStats> for Counters {
    fn from(shard: &ShardStats) -> Self {
        Self {
            sessions: shard.sessions.into(),
            tracks: shard.tracks.into(),
            datagrams_in: shard.datagrams_in,
            bytes_in: shard.bytes_in,
            datagrams_out: shard.datagrams_out,
            bytes_out: shard.bytes_out,
            media_packets_out: shard.media_packets_out,
            retransmissions_out: shard.retransmissions_out,
            key_frame_requests_out: shard.key_frame_requests_out,
            rejected: shard.rejects.iter().map(|counter| counter.value).sum(),
            cpu_ms: shard.cpu_ns / 1_000_000,
        }
    }
}

impl Counters {
    fn add(mut self, other: &Self) -> Self {
        for (sum, part) in [
            (&mut self.sessions, other.sessions),
            (&mut self.tracks, other.tracks),
            (&mut self.datagrams_in, other.datagrams_in),
            (&mut self.bytes_in, other.bytes_in),
            (&mut self.datagrams_out, other.datagrams_out),
            (&mut self.bytes_out, other.bytes_out),
            (&mut self.media_packets_out, other.media_packets_out),
            (&mut self.retransmissions_out, other.retransmissions_out),
            (&mut self.key_frame_requests_out, other.key_frame_requests_out),
            (&mut self.rejected, other.rejected),
            (&mut self.cpu_ms, other.cpu_ms),
        ] {
            *sum += part;
        }
        self
    }
}

impl Media {
    fn new(report: &StatsReport) -> Self {
        let shards: Vec<Shard> = report.shards.iter().map(Shard::from).collect();
        let totals = shards.iter().fold(Counters::default(), |sum, shard| sum.add(&shard.counters));
        Self { uptime_s: report.uptime_ms / 1_000, totals, shards }
    }
}

impl From<&ShardStats> for Shard {
    fn from(shard: &ShardStats) -> Self {
        let named = |counter: &NamedCounter| (counter.name.clone(), counter.value);
        Self {
            shard: shard.shard,
            port: shard.port,
            backend: shard.backend.name(),
            counters: shard.into(),
            rejects: shard.rejects.iter().map(named).collect(),
        }
    }
}

/// Counters of the server, all together and by shard.
///
/// The media process reports once a second. `/metrics` has more, in the Prometheus format.
#[utoipa::path(get, path = "/server/statistics", operation_id = "statistics", tag = "server",
    responses((status = 200, body = Statistics)),
)]
pub(super) async fn statistics(State(api): State<Arc<Api>>, _: Query<Nothing>) -> Shown<Statistics> {
    let signalling = &api.site.signalling;
    let (publishers, viewers) = signalling.counts();
    let report = signalling.stats.report();
    Shown(Statistics {
        uptime_s: SystemTime::now().duration_since(api.started).unwrap_or_default().as_secs(),
        streams: signalling.live_streams(None).len(),
        publishers,
        viewers,
        dataplane: (report.uptime_ms > 0).then(|| Media::new(&report)),
    })
}
