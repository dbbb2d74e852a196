//! The books of a window, as the worker that kept them hands them in.

use crate::latency::Latency;
use crate::opening::Findings;
use crate::publisher::Sent;
use crate::road::RoadBooks;
use crate::viewer::{Counts, Milestones, Viewer};
use crate::worker::Rounds;

/// Of one worker; added up, of all.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) sent: Sent,
    /// By the publisher's number, which is the stream's.
    pub(crate) sent_by_stream: Vec<(usize, Sent)>,
    pub(crate) present: Vec<MemberBooks>,
    /// Left in the window.
    pub(crate) left: Vec<MemberBooks>,
    pub(crate) latency: Latency,
    pub(crate) lateness: Latency,
    pub(crate) round_times: Latency,
    /// Of each worker.
    pub(crate) rounds: Vec<Rounds>,
    pub(crate) faults: Vec<String>,
}

/// Of one viewer.
#[derive(Debug, Clone)]
pub(crate) struct MemberBooks {
    pub(crate) number: usize,
    pub(crate) stream: usize,
    pub(crate) milestones: Milestones,
    pub(crate) is_watching: bool,
    pub(crate) is_closed: bool,
    pub(crate) received: u64,
    pub(crate) missing: u64,
    pub(crate) duplicated: u64,
    pub(crate) late: u64,
    pub(crate) overtaken: u64,
    pub(crate) counts: Counts,
    /// Of the sample: what it found, and the jitter in nanoseconds.
    pub(crate) findings: Option<(Findings, f64)>,
    /// Of the road down, where there is one.
    pub(crate) road: Option<RoadBooks>,
}

impl Books {
    pub(crate) fn add(&mut self, other: Self) {
        self.sent = self.sent.plus(other.sent);
        self.sent_by_stream.extend(other.sent_by_stream);
        self.present.extend(other.present);
        self.left.extend(other.left);
        self.latency.add(&other.latency);
        self.lateness.add(&other.lateness);
        self.round_times.add(&other.round_times);
        self.rounds.extend(other.rounds);
        self.faults.extend(other.faults);
    }

    /// What a stream's publisher sent in the window.
    pub(crate) fn sent_of(&self, stream: usize) -> Sent {
        let of = |(number, sent): &(usize, Sent)| (*number == stream).then_some(*sent);
        self.sent_by_stream.iter().find_map(of).unwrap_or_default()
    }
}

impl MemberBooks {
    pub(crate) fn of(viewer: &Viewer) -> Self {
        let sum = |count: fn(&crate::tally::Tally) -> u64| viewer.window().map(count).sum();
        Self {
            number: viewer.number,
            stream: viewer.stream,
            milestones: viewer.milestones(),
            is_watching: viewer.is_watching(),
            is_closed: viewer.is_closed(),
            received: sum(|tally| tally.received()),
            missing: sum(|tally| tally.missing()),
            duplicated: sum(|tally| tally.duplicates()),
            late: sum(|tally| tally.late()),
            // A retransmission comes late by nature.
            overtaken: sum(|tally| tally.overtaken()).saturating_sub(viewer.counts().recovered),
            counts: viewer.counts(),
            findings: viewer.findings(),
            road: viewer.road(),
        }
    }
}
