//! What a load found: for people as a table, for programs as JSON. Names carry their units.

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::load::{Measured, Member};
use crate::quantiles::Quantiles;
use crate::usage::{Spent, Thread, Usage};

/// See the file's head.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub viewers_asked: usize,
    /// Saw a whole key frame.
    pub viewers_joined: usize,
    pub window_s: f64,
    pub published: Published,
    pub delivery: Delivery,
    pub join: Join,
    /// From the publisher's send call to a viewer that has opened the packet, both in this process. None without sample.
    pub latency: Option<Quantiles>,
    pub sample: Sample,
    /// None unless the server's process was named.
    pub server: Option<Server>,
    pub generator: Generator,
}

/// What went in during the window.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    pub packets: u64,
    /// Payloads of both tracks.
    pub bits_per_second: f64,
    pub key_frames: u64,
    /// PLI and FIR that the server sent.
    pub key_frame_requests: u64,
}

/// What came out, over all viewers, from the window's begin until what was under way had come.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Packets published in the window, for each viewer.
    pub packets_expected: u64,
    /// Different packets.
    pub packets_delivered: u64,
    /// Numbers left out between the first and the newest packet of each stream.
    pub packets_missing: u64,
    pub packets_duplicated: u64,
    /// Packets that came more than 1,024 behind the newest.
    pub packets_late: u64,
    /// Of neither track: retransmissions and probes.
    pub packets_other: u64,
    /// Of the expected packets, those not delivered; 0 to 1.
    pub loss: f64,
}

/// Times from just before the POST.
#[derive(Debug, Clone, Serialize)]
pub struct Join {
    pub answered: Option<Quantiles>,
    pub connected: Option<Quantiles>,
    pub first_packet: Option<Quantiles>,
    pub first_key_frame: Option<Quantiles>,
}

/// What the viewers found that open every packet.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    pub viewers: usize,
    pub packets_intact: u64,
    pub packets_not_authentic: u64,
    pub packets_damaged: u64,
    /// Out of the order in which they were published.
    pub packets_displaced: u64,
}

/// What the server used.
#[derive(Debug, Clone, Serialize)]
pub struct Server {
    /// The process and its descendants.
    pub all: Cost,
    /// The processes with the argument `dataplane`. None: there are none.
    pub dataplane: Option<Cost>,
    /// The threads named `shard-…`. None: there are none.
    pub shards: Option<Cost>,
    pub resident_bytes_before_joins: u64,
    pub resident_bytes: u64,
    pub resident_bytes_a_viewer: f64,
}

/// What some threads used in the window.
#[derive(Debug, Clone, Serialize)]
pub struct Cost {
    pub cpu_ns_a_packet: f64,
    /// 1 = one core all the time.
    pub cores: f64,
    pub voluntary_switches: u64,
    pub involuntary_switches: u64,
}

/// Whether this process kept up. A long round stretches latencies; an overflow is no loss of the server's.
#[derive(Debug, Clone, Serialize)]
pub struct Generator {
    pub rounds: u64,
    pub longest_round_ms: f64,
    /// Datagrams lost in this network namespace because a socket was full, the server's sockets included.
    pub receive_buffer_errors: u64,
}

impl Report {
    pub(crate) fn of(measured: &Measured<'_>) -> Self {
        let Measured { options, members, begin, end, .. } = measured;
        let window_s = end.at.saturating_duration_since(begin.at).as_secs_f64();
        let sent = end.sent.packets - begin.sent.packets;
        let published = Published {
            packets: sent,
            bits_per_second: ratio(8 * (end.sent.bytes - begin.sent.bytes), window_s),
            key_frames: end.sent.key_frames - begin.sent.key_frames,
            key_frame_requests: end.wishes - begin.wishes,
        };
        let readings = begin.usage.as_ref().zip(end.usage.as_ref()).zip(measured.before_joins);
        let server = readings.map(|((begin, end), before_joins)| {
            let packets = measured.delivered_in_window;
            Server::of(before_joins, begin, end, packets, window_s, members.len())
        });
        let latencies = findings(members).flat_map(|found| found.latencies_ns.iter().copied()).collect();
        Self {
            viewers_asked: options.viewers,
            viewers_joined: members.len(),
            window_s,
            published,
            delivery: Delivery::of(sent * members.len() as u64, members),
            join: Join::of(members),
            latency: Quantiles::of_ns(latencies),
            sample: Sample::of(members),
            server,
            generator: Generator {
                rounds: measured.rounds.count,
                longest_round_ms: measured.rounds.longest.as_secs_f64() * 1e3,
                receive_buffer_errors: measured.overflows,
            },
        }
    }
}

impl Delivery {
    fn of(packets_expected: u64, members: &[Member]) -> Self {
        let sum = |count: fn(&crate::tally::Tally) -> u64| {
            members.iter().flat_map(|member| member.viewer.window()).map(count).sum::<u64>()
        };
        let packets_delivered = sum(|tally| tally.received());
        let lost = packets_expected.saturating_sub(packets_delivered);
        Self {
            packets_expected,
            packets_delivered,
            packets_missing: sum(|tally| tally.missing()),
            packets_duplicated: sum(|tally| tally.duplicates()),
            packets_late: sum(|tally| tally.late()),
            packets_other: members.iter().map(|member| member.viewer.others()).sum(),
            loss: ratio(lost, float(packets_expected)),
        }
    }
}

impl Join {
    fn of(members: &[Member]) -> Self {
        let times = |step: &dyn Fn(&Member) -> Option<Instant>| {
            let time = |member: &Member| {
                let (asked, _) = member.signalled?;
                Some(nanoseconds(step(member)?.saturating_duration_since(asked)))
            };
            Quantiles::of_ns(members.iter().filter_map(time).collect())
        };
        Self {
            answered: times(&|member| Some(member.signalled?.1)),
            connected: times(&|member| member.milestones().connected),
            first_packet: times(&|member| member.milestones().first_packet),
            first_key_frame: times(&|member| member.milestones().first_key_frame),
        }
    }
}

impl Sample {
    fn of(members: &[Member]) -> Self {
        let mut sample = Self {
            viewers: 0,
            packets_intact: 0,
            packets_not_authentic: 0,
            packets_damaged: 0,
            packets_displaced: 0,
        };
        for found in findings(members) {
            sample.viewers += 1;
            sample.packets_intact += found.intact;
            sample.packets_not_authentic += found.not_authentic;
            sample.packets_damaged += found.damaged;
            sample.packets_displaced += found.displaced;
        }
        sample
    }
}

impl Server {
    fn of(
        before_joins: &Usage,
        begin: &Usage,
        end: &Usage,
        packets: u64,
        window_s: f64,
        viewers: usize,
    ) -> Self {
        let cost = |chosen: fn(&Thread) -> bool| {
            end.has(chosen).then(|| Cost::of(end.spent_since(begin, chosen), packets, window_s))
        };
        let grown = float(end.resident_bytes) - float(before_joins.resident_bytes);
        Self {
            all: Cost::of(end.spent_since(begin, |_| true), packets, window_s),
            dataplane: cost(|thread| thread.arguments.iter().any(|argument| argument == "dataplane")),
            shards: cost(|thread| thread.name.starts_with("shard-")),
            resident_bytes_before_joins: before_joins.resident_bytes,
            resident_bytes: end.resident_bytes,
            resident_bytes_a_viewer: grown / float(viewers as u64),
        }
    }
}

impl Cost {
    fn of(spent: Spent, packets: u64, window_s: f64) -> Self {
        Self {
            cpu_ns_a_packet: ratio(spent.cpu_ns, float(packets)),
            cores: ratio(spent.cpu_ns, window_s * 1e9),
            voluntary_switches: spent.voluntary_switches,
            involuntary_switches: spent.involuntary_switches,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { published, delivery, sample, generator, .. } = self;
        let mut line = |name: &str, value: String| writeln!(f, "{name:<24}{value}");
        line("viewers", format!("{} of {}", self.viewers_joined, self.viewers_asked))?;
        let megabits = published.bits_per_second / 1e6;
        let wishes = format!("{} key frames, {} wished", published.key_frames, published.key_frame_requests);
        let published = format!(
            "{} packets in {:.1} s, {megabits:.2} Mbit/s, {wishes}",
            published.packets, self.window_s
        );
        line("published", published)?;
        let Delivery { packets_delivered, packets_expected, .. } = delivery;
        let loss = format!("{:.4} % lost", delivery.loss * 100.0);
        line("delivered", format!("{packets_delivered} of {packets_expected} packets, {loss}"))?;
        let books = format!(
            "{} missing, {} duplicated, {} late, {} other",
            delivery.packets_missing,
            delivery.packets_duplicated,
            delivery.packets_late,
            delivery.packets_other
        );
        line("  by number", books)?;
        let findings = format!(
            "{} viewers: {} packets intact, {} not authentic, {} damaged, {} displaced",
            sample.viewers,
            sample.packets_intact,
            sample.packets_not_authentic,
            sample.packets_damaged,
            sample.packets_displaced
        );
        line("sample", findings)?;
        line("latency", quantiles(self.latency))?;
        line("join: answer", quantiles(self.join.answered))?;
        line("  connected", quantiles(self.join.connected))?;
        line("  first packet", quantiles(self.join.first_packet))?;
        line("  whole key frame", quantiles(self.join.first_key_frame))?;
        if let Some(server) = &self.server {
            line("server CPU, all", server.all.to_string())?;
            let none = "none".to_owned();
            line("  dataplane", server.dataplane.as_ref().map_or(none.clone(), Cost::to_string))?;
            line("  shards", server.shards.as_ref().map_or(none, Cost::to_string))?;
            let (now, each) = (float(server.resident_bytes) / 1e6, server.resident_bytes_a_viewer / 1e3);
            line("server memory", format!("{now:.1} MB resident, {each:.1} kB a viewer"))?;
        }
        let Generator { rounds, longest_round_ms, receive_buffer_errors } = generator;
        let kept_up = format!(
            "{rounds} rounds, the longest {longest_round_ms:.2} ms; {receive_buffer_errors} receive buffer errors"
        );
        line("generator", kept_up)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu_ns_a_packet, cores, voluntary_switches, involuntary_switches } = self;
        write!(f, "{cpu_ns_a_packet:.0} ns a packet, {cores:.3} cores, ")?;
        write!(f, "switches: {voluntary_switches} voluntary, {involuntary_switches} not")
    }
}

fn quantiles(quantiles: Option<Quantiles>) -> String {
    quantiles.map_or("none".to_owned(), |it| {
        format!("p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms", it.p50_ms, it.p99_ms, it.longest_ms)
    })
}

fn findings(members: &[Member]) -> impl Iterator<Item = &crate::opening::Findings> {
    members.iter().filter_map(|member| member.viewer.opening()).map(|opening| opening.findings())
}

fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// 0 where there is nothing to divide by.
fn ratio(count: u64, by: f64) -> f64 {
    if by > 0.0 { float(count) / by } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay below 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}
