//! The dataplane's report as metrics: one series a shard, and its named counters.

use std::time::Duration;

use fanlight_protocol::{LaneStats, NamedCounter, ShardStats, StatsReport, TcpStats};

use super::exposition::Exposition;

/// A metric of a shard: name, help, and where the report has it.
type ShardMetric = (&'static str, &'static str, fn(&ShardStats) -> u64);

const GAUGES: &[ShardMetric] = &[
    ("fanlight_shard_sessions", "Sessions on the shard now.", |shard| shard.sessions.into()),
    ("fanlight_shard_tracks", "Tracks on the shard now, mirrored ones included.", |shard| {
        shard.tracks.into()
    }),
];

const COUNTERS: &[ShardMetric] = &[
    ("fanlight_shard_datagrams_in_total", "Datagrams received.", |shard| shard.datagrams_in),
    ("fanlight_shard_datagrams_accepted_total", "Datagrams received and not rejected.", |shard| {
        shard.datagrams_accepted
    }),
    ("fanlight_shard_bytes_in_total", "Bytes received.", |shard| shard.bytes_in),
    ("fanlight_shard_datagrams_out_total", "Datagrams sent.", |shard| shard.datagrams_out),
    ("fanlight_shard_bytes_out_total", "Bytes sent.", |shard| shard.bytes_out),
    ("fanlight_shard_messages_out_total", "Messages to the kernel: trains and single datagrams.", |shard| {
        shard.messages_out
    }),
    ("fanlight_shard_media_packets_out_total", "RTP packets to viewers, retransmissions apart.", |shard| {
        shard.media_packets_out
    }),
    ("fanlight_shard_retransmissions_out_total", "Packets sent again for a NACK.", |shard| {
        shard.retransmissions_out
    }),
    (
        "fanlight_shard_padding_packets_out_total",
        "Packets of padding, which probe viewers' links.",
        |shard| shard.padding_packets_out,
    ),
    ("fanlight_shard_key_frame_requests_out_total", "PLIs sent to publishers.", |shard| {
        shard.key_frame_requests_out
    }),
    ("fanlight_shard_turns_total", "Turns of the shard.", |shard| shard.turns),
];

/// Counters of a shard with names of their own.
type NamedMetric = (&'static str, &'static str, &'static str, fn(&ShardStats) -> &[NamedCounter]);

const NAMED: &[NamedMetric] = &[
    ("fanlight_shard_rejects_total", "Datagrams dropped, by reason.", "reason", |shard| &shard.rejects),
    ("fanlight_shard_port_events_total", "Events of the sockets and rings, by kind.", "event", |shard| {
        &shard.port_counters
    }),
];

pub(super) fn write(report: &StatsReport, text: &mut Exposition) {
    text.gauge("fanlight_dataplane_uptime_seconds", "Since the start of the media process.")
        .sample(&[], Duration::from_millis(report.uptime_ms).as_secs_f64());
    let numbers: Vec<String> = report.shards.iter().map(|shard| shard.shard.to_string()).collect();
    let shards: Vec<(&str, &ShardStats)> = numbers.iter().map(String::as_str).zip(&report.shards).collect();
    let mut info = text.gauge("fanlight_shard_info", "1 for each shard, with its port and backend.");
    for (number, shard) in &shards {
        let labels =
            [("shard", *number), ("port", &shard.port.to_string()), ("backend", shard.backend.name())];
        info = info.sample(&labels, 1);
    }
    for (name, help, value) in GAUGES {
        let mut family = text.gauge(name, help);
        for (number, shard) in &shards {
            family = family.sample(&[("shard", number)], value(shard));
        }
    }
    for (name, help, value) in COUNTERS {
        let mut family = text.counter(name, help);
        for (number, shard) in &shards {
            family = family.sample(&[("shard", number)], value(shard));
        }
    }
    let mut family = text.counter("fanlight_shard_cpu_seconds_total", "CPU time of the shard's thread.");
    for (number, shard) in &shards {
        family = family.sample(&[("shard", number)], Duration::from_nanos(shard.cpu_ns).as_secs_f64());
    }
    for (name, help, label, counters) in NAMED {
        let mut family = text.counter(name, help);
        for (number, shard) in &shards {
            for counter in counters(shard) {
                family = family.sample(&[("shard", number), (label, &counter.name)], counter.value);
            }
        }
    }
    write_lanes(&report.shards, text);
    if let Some(tcp) = &report.tcp {
        write_tcp(tcp, text);
    }
}

/// A number of a lane, under its metric's name, with what it is.
type LaneMetric = (&'static str, &'static str, fn(&LaneStats) -> u64);

const LANE_GAUGES: &[LaneMetric] = &[
    ("fanlight_lane_waiting", "Messages for the shard `to` that wait on its lane.", |lane| lane.waiting),
    ("fanlight_lane_waiting_max", "The most messages that ever waited there.", |lane| lane.waiting_max),
];

const LANE_COUNTERS: &[LaneMetric] = &[
    ("fanlight_lane_messages_total", "Messages to the shard `to`: packets, wishes, ends.", |lane| {
        lane.messages
    }),
    ("fanlight_lane_wakes_total", "Turns after which the shard `to` was told of messages.", |lane| {
        lane.wakes
    }),
    (
        "fanlight_lane_video_spared_total",
        "Times that video found no room but what is kept for audio.",
        |lane| lane.spared,
    ),
    ("fanlight_lane_full_total", "Messages that found the lane full.", |lane| lane.full),
];

fn write_lanes(shards: &[ShardStats], text: &mut Exposition) {
    let families = LANE_GAUGES.iter().map(|metric| (true, metric));
    for (is_gauge, (name, help, value)) in families.chain(LANE_COUNTERS.iter().map(|metric| (false, metric)))
    {
        let mut family = if is_gauge { text.gauge(name, help) } else { text.counter(name, help) };
        for shard in shards {
            for lane in &shard.lanes {
                let labels = [("shard", &*shard.shard.to_string()), ("to", &*lane.to.to_string())];
                family = family.sample(&labels, value(lane));
            }
        }
    }
}

fn write_tcp(tcp: &TcpStats, text: &mut Exposition) {
    let port = tcp.port.to_string();
    text.gauge("fanlight_tcp_info", "1 while ICE-TCP listens, with its port.").sample(&[("port", &port)], 1);
    text.gauge("fanlight_tcp_connections", "ICE-TCP connections now.").sample(&[], tcp.connections);
    for (name, help, value) in [
        ("fanlight_tcp_connections_total", "ICE-TCP connections accepted.", tcp.accepted),
        ("fanlight_tcp_frames_in_total", "Frames received by TCP and handed to shards.", tcp.frames_in),
        ("fanlight_tcp_frames_out_total", "Frames queued for peers by TCP.", tcp.frames_out),
        ("fanlight_tcp_lane_waits_total", "Times that a connection waited for a full shard.", tcp.lane_waits),
    ] {
        text.counter(name, help).sample(&[], value);
    }
    text.counter("fanlight_tcp_cpu_seconds_total", "CPU time of the TCP thread.")
        .sample(&[], Duration::from_nanos(tcp.cpu_ns).as_secs_f64());
    for (name, help, counters) in [
        ("fanlight_tcp_closes_total", "ICE-TCP connections closed, by reason.", &tcp.closes),
        ("fanlight_tcp_drops_total", "Frames to peers by TCP dropped, by reason.", &tcp.drops),
    ] {
        let mut family = text.counter(name, help);
        for counter in counters {
            family = family.sample(&[("reason", &counter.name)], counter.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use fanlight_protocol::IoBackend;

    use super::*;

    /// Every number that the dataplane reports of a shard is on the page, under the shard's label.
    #[test]
    fn every_counter_of_a_shard_is_written() {
        let named = |name: &str, value| vec![NamedCounter { name: name.into(), value }];
        let shard = ShardStats {
            shard: 3,
            port: 8192,
            backend: IoBackend::IoUring,
            sessions: 101,
            tracks: 102,
            datagrams_in: 103,
            datagrams_accepted: 104,
            bytes_in: 105,
            datagrams_out: 106,
            bytes_out: 107,
            messages_out: 108,
            media_packets_out: 109,
            retransmissions_out: 110,
            padding_packets_out: 100,
            key_frame_requests_out: 111,
            turns: 112,
            cpu_ns: 113_500_000_000,
            rejects: named("replayed", 114),
            port_counters: named("rearmed", 115),
            lanes: vec![LaneStats {
                to: 4,
                waiting: 301,
                waiting_max: 302,
                messages: 303,
                wakes: 304,
                spared: 305,
                full: 306,
            }],
        };
        let tcp = TcpStats {
            port: 8189,
            connections: 201,
            accepted: 202,
            frames_in: 203,
            frames_out: 204,
            lane_waits: 205,
            cpu_ns: 206_500_000_000,
            closes: named("idle", 207),
            drops: named("slow_reader", 208),
        };
        let mut text = Exposition::default();
        let report = StatsReport { uptime_ms: 1_500, shards: vec![shard], tcp: Some(tcp), sessions: vec![] };
        write(&report, &mut text);
        let text = text.finish();
        for number in 100..=112 {
            assert!(text.contains(&format!("{{shard=\"3\"}} {number}\n")), "{number} is missing in\n{text}");
        }
        for line in [
            "fanlight_shard_info{shard=\"3\",port=\"8192\",backend=\"io_uring\"} 1",
            "fanlight_shard_cpu_seconds_total{shard=\"3\"} 113.5",
            "fanlight_shard_rejects_total{shard=\"3\",reason=\"replayed\"} 114",
            "fanlight_shard_port_events_total{shard=\"3\",event=\"rearmed\"} 115",
            "fanlight_lane_waiting{shard=\"3\",to=\"4\"} 301",
            "fanlight_lane_waiting_max{shard=\"3\",to=\"4\"} 302",
            "fanlight_lane_messages_total{shard=\"3\",to=\"4\"} 303",
            "fanlight_lane_wakes_total{shard=\"3\",to=\"4\"} 304",
            "fanlight_lane_video_spared_total{shard=\"3\",to=\"4\"} 305",
            "fanlight_lane_full_total{shard=\"3\",to=\"4\"} 306",
            "fanlight_dataplane_uptime_seconds 1.5",
            "fanlight_tcp_info{port=\"8189\"} 1",
            "fanlight_tcp_connections 201",
            "fanlight_tcp_connections_total 202",
            "fanlight_tcp_frames_in_total 203",
            "fanlight_tcp_frames_out_total 204",
            "fanlight_tcp_lane_waits_total 205",
            "fanlight_tcp_cpu_seconds_total 206.5",
            "fanlight_tcp_closes_total{reason=\"idle\"} 207",
            "fanlight_tcp_drops_total{reason=\"slow_reader\"} 208",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
