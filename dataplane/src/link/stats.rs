//! The report of every second: what each shard told, under the names that control knows.

use std::path::Path;
use std::time::Instant;

use fanlight_protocol::{
    IoBackend, LaneStats, NamedCounter, SessionStats, ShardStats, StatsReport, TcpStats, ToControl,
    TrackKind, TrackStats,
};
use fanlight_ring::Backend;
use fanlight_shard::{SessionReport, ShardId, ShardReport, TrackReport};

use super::ledger::Ledger;
use super::{Link, ShardLink};
use crate::tcp::{Listening, read};
use crate::ways_out::LaneCounters;
use crate::worker::PortReport;

impl Link {
    /// Puts the shard's report in its place, and passes all on once each shard has told.
    pub(super) fn collect(&mut self, shard: ShardId, report: Box<ShardReport>, port: PortReport) {
        if let Some(linked) = self.shards.get_mut(usize::from(shard.0)) {
            linked.load.note(Instant::now(), &report);
        }
        if let Some(place) = self.reports.get_mut(usize::from(shard.0)) {
            *place = Some((report, port));
        }
        if self.reports.iter().any(Option::is_none) {
            return;
        }
        let reports: Vec<_> = self.reports.iter_mut().filter_map(Option::take).collect();
        let uptime = Instant::now().saturating_duration_since(self.started);
        let mut report = StatsReport {
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            ..StatsReport::default()
        };
        for (shard, (told, port)) in self.shards.iter().zip(&reports) {
            report.shards.push(shard_stats(&shard.link, told, port));
            report.sessions.extend(
                told.sessions
                    .iter()
                    .filter_map(|session| session_stats(&mut self.ledger, shard.link.id, session)),
            );
        }
        report.tcp = self.tcp.as_ref().map(|tcp| tcp_stats(&tcp.listening));
        self.tell(&ToControl::Stats(report));
    }
}

fn shard_stats(link: &ShardLink, told: &ShardReport, report: &PortReport) -> ShardStats {
    let (counters, port) = (&told.counters, &report.port);
    ShardStats {
        shard: link.id.0,
        port: link.port,
        backend: match link.backend {
            Backend::IoUring => IoBackend::IoUring,
            Backend::Plain => IoBackend::Plain,
        },
        sessions: u32::try_from(told.sessions.len()).unwrap_or(u32::MAX),
        tracks: u32::try_from(told.tracks).unwrap_or(u32::MAX),
        datagrams_in: counters.datagrams_in,
        datagrams_accepted: counters.accepted,
        bytes_in: counters.bytes_in,
        datagrams_out: counters.datagrams_out,
        bytes_out: counters.bytes_out,
        messages_out: counters.messages_out,
        media_packets_out: counters.media_packets_out,
        retransmissions_out: counters.retransmissions_out,
        padding_packets_out: counters.padding_packets_out,
        key_frame_requests_out: counters.key_frame_requests_out,
        turns: counters.turns,
        cpu_ns: cpu_ns(&link.schedstat),
        rejects: counters.rejects.iter().map(|(reject, value)| named(reject.name(), value)).collect(),
        port_counters: vec![
            named("egress_full", counters.egress_full),
            named("lane_video_shed", counters.lane_video_shed),
            named("lane_video_late", counters.lane_video_late),
            named("lane_full", counters.lane_full),
            named("lane_packets_in", counters.lane_packets_in),
            named("lane_packets_out", counters.lane_packets_out),
            named("resends_refused", counters.resends_refused),
            named("key_frame_refreshes_out", counters.key_frame_refreshes_out),
            named("truncated", port.truncated),
            named("receive_rearms", port.receive_rearms),
            named("trains_cut", port.trains_cut),
            named("send_would_block", port.send_errors.would_block),
            named("send_too_long", port.send_errors.too_long),
            named("send_unreachable", port.send_errors.unreachable),
            named("send_other_error", port.send_errors.other),
            named("waits", port.waits),
            named("sleeps", port.sleeps),
            named("wakes", port.wakes),
        ],
        lanes: report.lanes.iter().map(|(to, lane)| lane_stats(*to, lane)).collect(),
    }
}

fn lane_stats(to: ShardId, lane: &LaneCounters) -> LaneStats {
    LaneStats {
        to: to.0,
        waiting: lane.waiting,
        waiting_max: lane.waiting_max,
        messages: lane.messages,
        wakes: lane.wakes,
        spared: lane.spared,
        full: lane.full,
    }
}

fn tcp_stats(tcp: &Listening) -> TcpStats {
    let counters = &tcp.counters;
    TcpStats {
        port: tcp.address.port(),
        connections: read(&counters.open),
        accepted: read(&counters.accepted),
        frames_in: read(&counters.frames_in),
        frames_out: read(&counters.frames_out),
        lane_waits: read(&counters.lane_waits),
        cpu_ns: cpu_ns(&tcp.schedstat),
        closes: counters.closes().map(|(name, value)| named(name, value)).collect(),
        drops: counters.drops().map(|(name, value)| named(name, value)).collect(),
    }
}

fn named(name: &str, value: u64) -> NamedCounter {
    NamedCounter { name: name.to_owned(), value }
}

/// CPU time of a thread, nanoseconds: the first number of its schedstat. 0 where the kernel keeps none.
fn cpu_ns(schedstat: &Path) -> u64 {
    let text = std::fs::read_to_string(schedstat).unwrap_or_default();
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

pub(super) fn round_trip_us(told: &SessionReport) -> Option<u32> {
    told.round_trip.and_then(|round_trip| u32::try_from(round_trip.as_micros()).ok())
}

/// None: the session is known no more; its end is being told.
fn session_stats(ledger: &mut Ledger, shard: ShardId, told: &SessionReport) -> Option<SessionStats> {
    let session = ledger.find_key(shard, told.key)?.session;
    Some(SessionStats {
        session,
        packets_in: told.packets_in,
        bytes_in: told.bytes_in,
        packets_out: told.packets_out,
        bytes_out: told.bytes_out,
        rtt_us: round_trip_us(told),
        fraction_lost: told.fraction_lost,
        estimate_bps: told.estimate_bps,
        tracks: told.tracks.iter().map(track_stats).collect(),
    })
}

pub(super) fn track_stats(told: &TrackReport) -> TrackStats {
    TrackStats {
        kind: if told.video { TrackKind::Video } else { TrackKind::Audio },
        packets: told.packets,
        bytes: told.bytes,
        packets_lost: told.packets_lost,
        retransmitted: told.retransmitted,
        nacks: told.nacks,
        key_frame_requests: told.key_frame_requests,
        key_frames: told.key_frames,
        frames: told.frames,
        jitter: told.jitter,
    }
}
