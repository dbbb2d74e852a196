//! Reports for tests: one that knows everything, and one that knows nothing that may be unknown.

use super::{
    Cost, Delivery, FORMAT, FeedbackBooks, FloorRatio, Generator, Join, Machine, Moment, Published, Report,
    Sample, Server, Slopes, Viewers,
};
use crate::latency::{Latency, Quantiles};
use crate::plan::Plan;
use crate::road::RoadBooks;

/// All is known, and some things went wrong.
pub(crate) fn report() -> Report {
    Report {
        viewers: Viewers { joined: 98, came: 4, left: 3, lost: 1, failures: failures(), ..viewers() },
        latency: times(400_000),
        jitter: times(90_000),
        join: Join {
            answered: times(2_000_000),
            connected: times(4_000_000),
            first_packet: times(4_500_000),
            first_frame: times(7_000_000),
        },
        road: Some(RoadBooks { passed: 9_000, lost: 180, overflowed: 20, overtaken: 7 }),
        server: Some(server()),
        floor: Some(FloorRatio { train_packets: 8.0, floor_ns_a_packet: 560.0, ratio: 1.5 }),
        moments: (1..=90).map(moment).collect(),
        slopes: Some(Slopes {
            resident_bytes_an_hour: 120_000.0,
            resident_percent_an_hour: 0.25,
            descriptors_an_hour: -1.5,
            threads_an_hour: 0.0,
            p99_ms_an_hour: 0.125,
        }),
        ..bare()
    }
}

/// No sample, no server, no moment.
pub(crate) fn bare() -> Report {
    Report {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        began: "2026-11-25T10:23:27.987Z".to_owned(),
        machine: Machine { processor: "Test".to_owned(), cores: 2, ..Machine::default() },
        target: ["http://h/whip/{stream}".to_owned(), "http://h/whep/{stream}".to_owned()],
        plan: Plan { name: "webinar".to_owned(), ..Plan::default() },
        window_s: 90.0,
        viewers: viewers(),
        published: Published {
            streams: 1,
            packets: 1_000,
            bits_per_second: 2.5e6,
            packets_a_frame: 8.5,
            key_frames: 3,
            key_frame_requests: 2,
        },
        delivery: Delivery {
            packets_expected: 98_000,
            packets_delivered: 97_951,
            packets_per_second: 1_088.5,
            packets_missing: 49,
            packets_recovered: 12,
            loss_percent: 0.05,
            ..Delivery::default()
        },
        join: Join { answered: None, connected: None, first_packet: None, first_frame: None },
        latency: None,
        jitter: None,
        sample: Sample { viewers: 5, packets_intact: 4_999, packets_damaged: 1, ..Sample::default() },
        feedback: FeedbackBooks { reporting_viewers: 98, ..FeedbackBooks::default() },
        road: None,
        server: None,
        generator: Generator {
            threads: 1,
            cores: 0.97,
            busy_share: 0.25,
            busy_ns_a_datagram: 1_024.0,
            round: None,
            lateness: None,
            receive_buffer_errors: 0,
            limits: Vec::new(),
            faults: Vec::new(),
        },
        floor: None,
        moments: Vec::new(),
        slopes: None,
    }
}

fn viewers() -> Viewers {
    Viewers { asked: 100, joined: 100, steady: 98, came: 0, left: 0, lost: 0, failures: Vec::new() }
}

fn failures() -> Vec<(String, usize)> {
    vec![("the server answered 503 <busy> & \"full\"".to_owned(), 2)]
}

fn server() -> Server {
    let cost = |cpu_ns_a_packet| Cost {
        cpu_ns_a_packet,
        kernel_share: 0.5,
        cores: 0.125,
        voluntary_switches: 1_234,
        involuntary_switches: 56,
    };
    Server {
        all: cost(840.0),
        dataplane: Some(cost(820.0)),
        shards: Some(cost(800.0)),
        resident_bytes_before_joins: 60_000_000,
        resident_bytes: 68_000_000,
        resident_bytes_a_viewer: 81_632.0,
        descriptors: 47,
    }
}

fn moment(second: u32) -> Moment {
    Moment {
        at_s: second.into(),
        watching: 98,
        packets_per_second: 1_088.5,
        packets_missing: if second == 45 { 49 } else { 0 },
        p50_ms: Some(0.5),
        p99_ms: (second != 30).then_some(2.0),
        max_ms: Some(f64::from(second)),
        server_cores: Some(0.125),
        server_resident_bytes: Some(68_000_000 + u64::from(second)),
        server_descriptors: Some(47),
        server_threads: Some(9),
    }
}

/// From the given nanoseconds to a hundred times that.
fn times(least_ns: u64) -> Option<Quantiles> {
    Latency::of((1..=100).map(|factor| factor * least_ns)).quantiles()
}
