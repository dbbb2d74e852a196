//! From the books of a window to its report.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{
    Cost, Delivery, FORMAT, FeedbackBooks, Generator, Join, Machine, Moment, Published, Report, Sample,
    Server, Slopes, Viewers,
};
use crate::books::{Books, MemberBooks};
use crate::clock::nanoseconds;
use crate::float::float;
use crate::latency::Latency;
use crate::plan::Plan;
use crate::road::RoadBooks;
use crate::target::Target;
use crate::usage::{Spent, Thread, Usage};
use crate::worker::Rounds;

/// A worker that is busier than this has no time left for a burst.
const BUSY_SHARE_MAX: f64 = 0.85;
/// Longer rounds blur latencies.
const ROUND_P99_MS_MAX: f64 = 5.0;
/// A publisher that is later does not send what the plan says.
const LATENESS_P99_MS_MAX: f64 = 5.0;

/// What a report is made of.
pub(crate) struct Measured<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) target: &'a Target,
    pub(crate) machine: Machine,
    /// When the window began, and in words.
    pub(crate) begin: Instant,
    pub(crate) began: String,
    pub(crate) window: Duration,
    pub(crate) asked: usize,
    pub(crate) failures: &'a BTreeMap<String, usize>,
    pub(crate) books: &'a Books,
    pub(crate) before_joins: Option<&'a Usage>,
    /// At the window's begin, and when what was under way had come.
    pub(crate) usage: Option<(&'a Usage, &'a Usage)>,
    /// Of this process, in the window.
    pub(crate) own: Spent,
    pub(crate) overflows: u64,
    pub(crate) moments: Vec<Moment>,
}

impl Report {
    pub(crate) fn of(measured: Measured<'_>) -> Self {
        let Measured { plan, target, books, window, begin, .. } = measured;
        let window_s = window.as_secs_f64();
        let steady: Vec<_> = books.present.iter().filter(|one| one.is_steady(begin)).collect();
        let delivery = Delivery::of(books, plan.publishers.layers, &steady, window_s);
        let server = measured.usage.zip(measured.before_joins).map(|((begin, end), before_joins)| {
            // All packets cost, those to viewers that came or left in the window, too.
            let packets = books.present.iter().chain(&books.left).map(|one| one.received).sum();
            Server::of(before_joins, begin, end, packets, window_s, books.present.len())
        });
        let everybody: Vec<_> = books.present.iter().chain(&books.left).collect();
        let jitters = steady.iter().filter_map(|one| one.findings).map(|(_, jitter)| whole(jitter));
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began: measured.began,
            machine: measured.machine,
            target: [target.whip.to_string(), target.whep.to_string()],
            plan: plan.clone(),
            window_s,
            viewers: Viewers {
                asked: measured.asked,
                joined: everybody.iter().filter(|one| one.joined_before(begin)).count(),
                steady: steady.len(),
                came: everybody.iter().filter(|one| one.has_seen() && !one.joined_before(begin)).count(),
                left: books.left.len(),
                lost: books.present.iter().filter(|one| one.is_closed).count(),
                failures: measured.failures.clone().into_iter().collect(),
            },
            published: Published::of(books, plan, window_s),
            delivery,
            join: Join::of(&everybody),
            latency: books.latency.quantiles(),
            jitter: Latency::of(jitters).quantiles(),
            sample: Sample::of(&steady),
            feedback: FeedbackBooks::of(plan, &steady),
            road: RoadBooks::of(&steady),
            server,
            generator: Generator::of(books, measured.own, window_s, measured.overflows),
            floor: None,
            slopes: Slopes::of(&measured.moments),
            moments: measured.moments,
        }
    }
}

impl MemberBooks {
    fn has_seen(&self) -> bool {
        self.milestones.first_frame.is_some()
    }

    fn joined_before(&self, moment: Instant) -> bool {
        self.milestones.first_frame.is_some_and(|seen| seen <= moment)
    }

    /// There all the time.
    fn is_steady(&self, begin: Instant) -> bool {
        self.joined_before(begin)
    }
}

impl Published {
    fn of(books: &Books, plan: &Plan, window_s: f64) -> Self {
        let sent = books.sent;
        Self {
            streams: plan.publishers.count,
            packets: sent.packets,
            bits_per_second: per(8 * sent.bytes, window_s),
            packets_a_frame: per(sent.packets, float(sent.frames)),
            key_frames: sent.key_frames,
            key_frame_requests: sent.wishes,
        }
    }
}

impl Delivery {
    fn of(books: &Books, layers: usize, steady: &[&MemberBooks], window_s: f64) -> Self {
        let sum = |count: fn(&MemberBooks) -> u64| steady.iter().map(|one| count(one)).sum::<u64>();
        let packets_delivered = sum(|one| one.received);
        // Which layer a viewer gets is the server's choice: there only the numbers tell.
        let packets_expected = if layers > 1 {
            packets_delivered + sum(|one| one.missing)
        } else {
            steady.iter().map(|one| books.sent_of(one.stream).packets).sum()
        };
        Self {
            packets_expected,
            packets_delivered,
            packets_per_second: per(packets_delivered, window_s),
            packets_missing: sum(|one| one.missing),
            packets_duplicated: sum(|one| one.duplicated),
            packets_overtaken: sum(|one| one.overtaken),
            packets_late: sum(|one| one.late),
            packets_recovered: sum(|one| one.counts.recovered),
            packets_other: sum(|one| one.counts.other),
            loss_percent: 100.0
                * per(packets_expected.saturating_sub(packets_delivered), float(packets_expected)),
        }
    }
}

impl Join {
    fn of(members: &[&MemberBooks]) -> Self {
        let times = |step: &dyn Fn(&MemberBooks) -> Option<Instant>| {
            let time = |member: &&MemberBooks| {
                Some(nanoseconds(step(member)?.saturating_duration_since(member.milestones.asked)))
            };
            Latency::of(members.iter().filter_map(time)).quantiles()
        };
        Self {
            answered: times(&|member| Some(member.milestones.answered)),
            connected: times(&|member| Some(member.milestones.connected)),
            first_packet: times(&|member| member.milestones.first_packet),
            first_frame: times(&|member| member.milestones.first_frame),
        }
    }
}

impl Sample {
    fn of(steady: &[&MemberBooks]) -> Self {
        let mut sample = Self::default();
        for (found, _) in steady.iter().filter_map(|one| one.findings) {
            sample.viewers += 1;
            sample.packets_intact += found.intact;
            sample.packets_not_authentic += found.not_authentic;
            sample.packets_damaged += found.damaged;
            sample.packets_displaced += found.displaced;
        }
        sample
    }
}

impl FeedbackBooks {
    fn of(plan: &Plan, steady: &[&MemberBooks]) -> Self {
        let who =
            |whom| steady.iter().filter(|one| crate::joining::does(whom, one.findings.is_some())).count();
        let sum = |count: fn(&MemberBooks) -> u64| steady.iter().map(|one| count(one)).sum::<u64>();
        Self {
            reporting_viewers: who(plan.feedback.reports),
            asking_viewers: who(plan.feedback.nack),
            estimating_viewers: who(plan.feedback.twcc),
            packets_requested: sum(|one| one.counts.requested),
            packets_resent: sum(|one| one.counts.resent),
            transport_feedbacks: sum(|one| one.counts.arrivals_told),
        }
    }
}

impl RoadBooks {
    fn of(steady: &[&MemberBooks]) -> Option<Self> {
        steady.iter().filter_map(|one| one.road).reduce(|sum, one| Self {
            passed: sum.passed + one.passed,
            lost: sum.lost + one.lost,
            overflowed: sum.overflowed + one.overflowed,
            overtaken: sum.overtaken + one.overtaken,
        })
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
            resident_bytes_a_viewer: grown / float(viewers.max(1) as u64),
            descriptors: end.descriptors,
        }
    }
}

impl Cost {
    fn of(spent: Spent, packets: u64, window_s: f64) -> Self {
        Self {
            cpu_ns_a_packet: per(spent.cpu_ns, float(packets)),
            kernel_share: per(spent.kernel_ticks, float(spent.kernel_ticks + spent.user_ticks)),
            cores: per(spent.cpu_ns, window_s * 1e9),
            voluntary_switches: spent.voluntary_switches,
            involuntary_switches: spent.involuntary_switches,
        }
    }
}

impl Generator {
    fn of(books: &Books, own: Spent, window_s: f64, overflows: u64) -> Self {
        let sum = |of: fn(&Rounds) -> Duration| books.rounds.iter().map(of).sum::<Duration>().as_secs_f64();
        let (busy_s, idle_s) = (sum(|rounds| rounds.busy), sum(|rounds| rounds.idle));
        let datagrams: u64 = books.rounds.iter().map(|rounds| rounds.datagrams).sum();
        let mut generator = Self {
            threads: books.rounds.len(),
            cores: per(own.cpu_ns, window_s * 1e9),
            busy_share: if busy_s + idle_s > 0.0 { busy_s / (busy_s + idle_s) } else { 0.0 },
            busy_ns_a_datagram: if datagrams > 0 { busy_s * 1e9 / float(datagrams) } else { 0.0 },
            round: books.round_times.quantiles(),
            lateness: books.lateness.quantiles(),
            receive_buffer_errors: overflows,
            limits: Vec::new(),
            faults: books.faults.clone(),
        };
        generator.limits = generator.find_limits();
        generator
    }

    fn find_limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if self.busy_share > BUSY_SHARE_MAX {
            limits.push(format!("its threads are busy {:.0} % of the time", self.busy_share * 100.0));
        }
        if let Some(round) = self.round.as_ref().filter(|round| round.p99_ms > ROUND_P99_MS_MAX) {
            limits.push(format!("it comes round to a socket each {:.1} ms (p99)", round.p99_ms));
        }
        if let Some(late) = self.lateness.as_ref().filter(|late| late.p99_ms > LATENESS_P99_MS_MAX) {
            limits.push(format!("it sends frames {:.1} ms late (p99)", late.p99_ms));
        }
        if self.receive_buffer_errors > 0 {
            limits.push(format!("{} datagrams found a full socket", self.receive_buffer_errors));
        }
        if !self.faults.is_empty() {
            limits.push(format!("sessions failed on its side: {}", self.faults.join("; ")));
        }
        limits
    }
}

/// 0 where there is nothing to divide by.
fn per(count: u64, by: f64) -> f64 {
    if by > 0.0 { float(count) / by } else { 0.0 }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates; a jitter is not negative"
)]
fn whole(nanoseconds: f64) -> u64 {
    nanoseconds as u64
}
