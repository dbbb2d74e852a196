//! A bad road between a viewer and the server, in user space: losses in runs, delay, jitter, overtaking, a rate with a queue.
//!
//! ```text
//!   datagram ─► lost? ─► rate: waits its turn in a queue of `queue_ms`, or is lost ─► delay + jitter ─► out, in order
//!                                                                                       └─ some held back: out of order
//! ```
//!
//! Losses follow Gilbert's model: a good state that loses nothing and a bad one that loses all, with the mean length of the
//! bad one as `loss_burst_packets` and the share of losses as `loss_percent`. Time and chance are passed in: the same seed
//! loses the same packets.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::plan;

/// Datagrams that wait at most; more are lost. 16 MB of a usual stream.
const WAITING_MAX: usize = 16_384;

/// What a road did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoadBooks {
    pub passed: u64,
    /// By chance.
    pub lost: u64,
    /// Because the queue of the rate limit was full.
    pub overflowed: u64,
    pub overtaken: u64,
}

/// Both directions.
#[derive(Debug)]
pub(crate) struct Road {
    pub(crate) down: Lane,
    pub(crate) up: Lane,
}

/// One direction.
#[derive(Debug)]
pub(crate) struct Lane {
    plan: plan::Lane,
    chance: Rng,
    is_bad: bool,
    /// When the rate limit has sent what waits.
    free_at: Option<Instant>,
    /// When the last one in order leaves.
    last: Option<Instant>,
    waiting: BinaryHeap<Reverse<Held>>,
    count: u64,
    books: RoadBooks,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    /// Of those due at once the first goes first.
    number: u64,
    peer: SocketAddr,
    datagram: Vec<u8>,
}

impl Road {
    pub(crate) fn new(plan: &plan::Road, seed: u64) -> Self {
        Self { down: Lane::new(&plan.down, seed), up: Lane::new(&plan.up, !seed) }
    }

    pub(crate) fn begin_again(&mut self) {
        (self.down.books, self.up.books) = Default::default();
    }
}

impl Lane {
    fn new(plan: &plan::Lane, seed: u64) -> Self {
        Self {
            plan: plan.clone(),
            chance: Rng::with_seed(seed),
            is_bad: false,
            free_at: None,
            last: None,
            waiting: BinaryHeap::new(),
            count: 0,
            books: RoadBooks::default(),
        }
    }

    /// A datagram enters. `peer` is where it is from or goes to.
    pub(crate) fn enter(&mut self, now: Instant, peer: SocketAddr, datagram: &[u8]) {
        if self.is_lost() {
            self.books.lost += 1;
            return;
        }
        let Some(sent) = self.pass_limit(now, datagram.len()) else {
            self.books.overflowed += 1;
            return;
        };
        let jitter = self.chance.f64() * self.plan.jitter_ms;
        let mut due = sent + milliseconds(self.plan.delay_ms + jitter);
        due = self.last.map_or(due, |last| due.max(last));
        if self.chance.f64() * 100.0 < self.plan.reorder_percent {
            self.books.overtaken += 1;
            due += milliseconds(self.plan.reorder_ms);
        } else {
            self.last = Some(due);
        }
        self.count += 1;
        let (number, datagram) = (self.count, datagram.to_vec());
        self.waiting.push(Reverse(Held { due, number, peer, datagram }));
    }

    /// The next datagram that has come through.
    pub(crate) fn leave(&mut self, now: Instant) -> Option<(SocketAddr, Vec<u8>)> {
        if self.waiting.peek()?.0.due > now {
            return None;
        }
        let Reverse(held) = self.waiting.pop()?;
        self.books.passed += 1;
        Some((held.peer, held.datagram))
    }

    /// When the next one will have come through.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waiting.peek().map(|held| held.0.due)
    }

    pub(crate) fn books(&self) -> RoadBooks {
        self.books
    }

    /// Gilbert's two states: from good to bad so often that the share of losses comes out.
    fn is_lost(&mut self) -> bool {
        let (loss, burst) = (self.plan.loss_percent / 100.0, self.plan.loss_burst_packets);
        if loss <= 0.0 {
            return false;
        }
        let stays_bad = 1.0 - 1.0 / burst;
        let turns_bad = (loss / (burst * (1.0 - loss).max(f64::EPSILON))).min(1.0);
        let threshold = if loss >= 1.0 {
            1.0
        } else if self.is_bad {
            stays_bad
        } else {
            turns_bad
        };
        self.is_bad = self.chance.f64() < threshold;
        self.is_bad
    }

    /// When the rate limit has let the datagram through; None if its queue is full.
    fn pass_limit(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        if self.waiting.len() >= WAITING_MAX {
            return None;
        }
        if self.plan.rate_kbit_per_second == 0 {
            return Some(now);
        }
        let begin = self.free_at.map_or(now, |free_at| free_at.max(now));
        if begin - now > milliseconds(self.plan.queue_ms) {
            return None;
        }
        let nanoseconds = bytes as u64 * 8 * 1_000_000 / u64::from(self.plan.rate_kbit_per_second);
        let sent = begin + Duration::from_nanos(nanoseconds);
        self.free_at = Some(sent);
        Some(sent)
    }
}

/// Plans hold no negative times.
fn milliseconds(milliseconds: f64) -> Duration {
    Duration::try_from_secs_f64(milliseconds / 1e3).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(plan: plan::Lane) -> Lane {
        Lane::new(&plan, 7)
    }

    fn peer() -> SocketAddr {
        "127.0.0.1:9".parse().unwrap()
    }

    /// Sends numbered datagrams, 1 ms apart, and takes what comes out by the end.
    fn drive(lane: &mut Lane, datagrams: u32) -> Vec<(u32, Duration)> {
        let start = Instant::now();
        let mut out = Vec::new();
        for number in 0..datagrams + 2_000 {
            let now = start + Duration::from_millis(number.into());
            if number < datagrams {
                lane.enter(now, peer(), &number.to_be_bytes());
            }
            while let Some((_, datagram)) = lane.leave(now) {
                let sent = u32::from_be_bytes(datagram.try_into().unwrap());
                out.push((sent, now - (start + Duration::from_millis(sent.into()))));
            }
        }
        out
    }

    /// What a plan says of losses is what comes, in runs as long as it says.
    #[test]
    fn losses_have_the_share_and_the_length_of_the_plan() {
        for burst in [1.0, 4.0] {
            let mut lane =
                lane(plan::Lane { loss_percent: 5.0, loss_burst_packets: burst, ..Default::default() });
            let out = drive(&mut lane, 100_000);
            let lost = 100_000 - out.len();
            assert!((4_500..5_500).contains(&lost), "{lost} lost");
            let runs = out.windows(2).filter(|pair| pair[1].0 != pair[0].0 + 1).count();
            let mean = lost as f64 / runs as f64;
            // Losses that fall singly meet by chance now and then.
            assert!((burst * 0.85..burst * 1.2).contains(&mean), "runs of {mean}");
            assert_eq!(lane.books().lost, lost as u64);
        }
        assert!(drive(&mut lane(plan::Lane { loss_percent: 100.0, ..Default::default() }), 100).is_empty());
    }

    /// Delay and jitter are bounds that hold for each datagram, and order is kept.
    #[test]
    fn jitter_stays_within_its_bounds_and_keeps_order() {
        let mut lane = lane(plan::Lane { delay_ms: 20.0, jitter_ms: 10.0, ..Default::default() });
        let out = drive(&mut lane, 5_000);
        assert_eq!(out.len(), 5_000);
        assert!(out.is_sorted_by_key(|(number, _)| *number));
        let ms = |ms| Duration::from_millis(ms);
        assert!(out.iter().all(|(_, took)| (ms(20)..=ms(31)).contains(took)));
        assert!(out.iter().any(|(_, took)| *took > ms(25)));
    }

    /// Who is overtaken is late by as much as the plan says, and nobody is lost.
    #[test]
    fn some_are_overtaken_and_none_is_lost() {
        let mut lane = lane(plan::Lane { reorder_percent: 10.0, reorder_ms: 5.0, ..Default::default() });
        let out = drive(&mut lane, 2_000);
        assert_eq!(out.len(), 2_000);
        let late = out.iter().filter(|(_, took)| *took >= Duration::from_millis(5)).count();
        assert!((150..250).contains(&late), "{late}");
        assert_eq!(lane.books().overtaken, late as u64);
    }

    /// A limit is a queue first and a loss then.
    #[test]
    fn a_rate_limit_queues_and_then_loses() {
        // 32 kbit/s are a datagram of 4 bytes a millisecond; twice as many come.
        let plan = plan::Lane { rate_kbit_per_second: 16, queue_ms: 100.0, ..Default::default() };
        let mut lane = lane(plan);
        let out = drive(&mut lane, 2_000);
        assert!((1_030..1_080).contains(&out.len()), "half, and what the queue held: {}", out.len());
        let longest = out.iter().map(|(_, took)| *took).max().unwrap();
        assert!((Duration::from_millis(95)..=Duration::from_millis(105)).contains(&longest), "{longest:?}");
        assert_eq!(lane.books().overflowed, 2_000 - out.len() as u64);
    }

    /// A finding can be looked at again.
    #[test]
    fn the_same_seed_loses_the_same_packets() {
        let plan = plan::Lane { loss_percent: 10.0, jitter_ms: 5.0, ..Default::default() };
        assert_eq!(drive(&mut lane(plan.clone()), 500), drive(&mut lane(plan), 500));
    }
}
