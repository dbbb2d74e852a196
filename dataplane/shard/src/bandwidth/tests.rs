//! The whole estimator against a link in virtual time, and against viewers that lie.

use std::collections::{BTreeMap, VecDeque};

use proptest::collection::vec;
use proptest::prelude::*;

use super::testing::with_feedback;
use super::*;
use crate::rng::Rng;

/// A bottleneck: a queue that is emptied at a rate, a way behind it, and what it loses and delays by chance.
#[derive(Clone, Copy)]
struct Link {
    bps: u64,
    queue_us_max: u64,
    delay_us: u64,
    lost_percent: u64,
    jitter_us: u64,
}

const LINK: Link =
    Link { bps: 1_000_000, queue_us_max: 400_000, delay_us: 30_000, lost_percent: 0, jitter_us: 0 };

/// A sender of video at 30 frames a second, its link, and a viewer that sends feedback each 50 ms.
struct World {
    start: Instant,
    now_us: u64,
    link: Link,
    free_us: u64,
    rng: Rng,
    bandwidth: Bandwidth,
    /// What the stream has, bit/s, and whether it is cut down to the estimate as layers would be.
    media_bps: u64,
    adapts: bool,
    /// The rate that is wanted.
    wish_bps: Option<u64>,
    /// Media that waits for its pace.
    pending: u64,
    credit: i64,
    /// On the way: by arrival.
    flying: BTreeMap<(u64, u16), ()>,
    /// Arrived: sequence and time.
    received: BTreeMap<u64, u64>,
    highest: u64,
    next_base: u64,
    feedback: VecDeque<(u64, u16, Vec<Option<i64>>)>,
    padding: u64,
}

impl World {
    fn new(link: Link, media_bps: u64) -> Self {
        let start = crate::testing::start();
        Self {
            start,
            now_us: 0,
            link,
            free_us: 0,
            rng: Rng::new(7),
            bandwidth: Bandwidth::new(start),
            media_bps,
            adapts: true,
            wish_bps: None,
            pending: 0,
            credit: 0,
            flying: BTreeMap::new(),
            received: BTreeMap::new(),
            highest: 0,
            next_base: 0,
            feedback: VecDeque::new(),
            padding: 0,
        }
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_micros(self.now_us)
    }

    fn estimate_bps(&self) -> u64 {
        self.bandwidth.estimate_bps().unwrap_or(300_000)
    }

    /// Lets time go by, and returns the estimates at the end of each 100 ms.
    fn run(&mut self, milliseconds: u64) -> Vec<u64> {
        let mut estimates = Vec::new();
        for _ in 0..milliseconds {
            self.now_us += 1_000;
            self.media();
            self.pad();
            self.arrive();
            self.report();
            if self.now_us.is_multiple_of(100_000) {
                estimates.push(self.estimate_bps());
            }
        }
        estimates
    }

    fn media(&mut self) {
        let rate = if self.adapts { self.media_bps.min(self.estimate_bps()) } else { self.media_bps };
        if self.now_us.is_multiple_of(33_000) {
            self.pending += rate * 33 / 8_000;
        }
        let pace = i64::try_from(self.estimate_bps().max(rate) * 5 / 2 / 8_000).unwrap();
        self.credit = (self.credit + pace).min(2_000);
        while self.pending > 0 && self.credit > 0 {
            let bytes = self.pending.min(1_200);
            self.pending -= bytes;
            self.credit -= i64::try_from(bytes).unwrap();
            self.send(bytes, false);
        }
    }

    fn pad(&mut self) {
        let now = self.now();
        self.bandwidth.want(self.wish_bps);
        while self.bandwidth.padding_due(now) > 0 {
            self.padding += 1_000;
            self.send(1_000, true);
        }
        if self.now_us.is_multiple_of(1_000_000) {
            self.bandwidth.tick(now);
        }
    }

    fn send(&mut self, bytes: u64, is_padding: bool) {
        let sequence = self.bandwidth.next_sequence();
        self.bandwidth.sent(self.now(), sequence, usize::try_from(bytes).unwrap(), is_padding);
        let queued_us = self.free_us.saturating_sub(self.now_us);
        let lost = self.rng.next_u64() % 100 < self.link.lost_percent;
        if queued_us > self.link.queue_us_max || lost {
            return;
        }
        self.free_us = self.free_us.max(self.now_us) + bytes * 8_000_000 / self.link.bps;
        let jitter_us = self.rng.next_u64() % (self.link.jitter_us + 1);
        self.flying.insert((self.free_us + self.link.delay_us + jitter_us, sequence.0), ());
    }

    fn arrive(&mut self) {
        while let Some(entry) = self.flying.first_entry().filter(|entry| entry.key().0 <= self.now_us) {
            let (at_us, sequence) = *entry.key();
            entry.remove();
            let ahead =
                i64::from(sequence.wrapping_sub(u16::try_from(self.highest % 65_536).unwrap()).cast_signed());
            let extended = self.highest.saturating_add_signed(ahead);
            self.highest = self.highest.max(extended);
            self.received.insert(extended, at_us);
        }
    }

    /// The viewer's feedback leaves each 50 ms and is there a way later.
    fn report(&mut self) {
        if self.now_us.is_multiple_of(50_000) && !self.received.is_empty() {
            let base = self.next_base.min(*self.received.keys().next().unwrap());
            let arrivals =
                (base..=self.highest).map(|sequence| self.received.get(&sequence).map(|us| us.cast_signed()));
            let arrivals: Vec<_> = arrivals.collect();
            self.received.clear();
            self.next_base = self.highest + 1;
            let base = u16::try_from(base % 65_536).unwrap();
            self.feedback.push_back((self.now_us + self.link.delay_us, base, arrivals));
        }
        let now = self.now();
        while let Some((_, base, arrivals)) =
            self.feedback.pop_front_if(|(due_us, ..)| *due_us <= self.now_us)
        {
            let round_trip = Some(Duration::from_micros(2 * self.link.delay_us));
            with_feedback(base, &arrivals, |twcc| self.bandwidth.feedback(now, twcc, round_trip));
        }
    }
}

fn mean(estimates: &[u64]) -> u64 {
    estimates.iter().sum::<u64>() / estimates.len() as u64
}

/// The point of it all: a stream that has more than the link carries is told what the link carries.
#[test]
fn a_stream_of_more_converges_to_the_link() {
    let mut world = World::new(LINK, 3_000_000);
    world.run(10_000);
    let estimates = world.run(30_000);
    let mean = mean(&estimates);
    assert!((700_000..=1_000_000).contains(&mean), "{mean}");
    let worst = estimates.iter().filter(|bps| !(550_000..=1_200_000).contains(*bps)).count();
    assert_eq!(worst, 0, "{estimates:?}");
}

/// A train enters a tunnel: the queue must not be fed for longer than a second.
#[test]
fn a_drop_from_5_to_1_mbit_is_seen_within_a_second() {
    let mut world = World::new(Link { bps: 5_000_000, ..LINK }, 10_000_000);
    world.wish_bps = Some(6_000_000);
    world.run(15_000);
    let before = world.estimate_bps();
    assert!((3_500_000..=5_500_000).contains(&before), "{before}");
    world.link.bps = 1_000_000;
    let after = world.run(1_000);
    assert!(*after.last().unwrap() <= 1_200_000, "{after:?}");
    let later = world.run(10_000);
    assert!((600_000..=1_100_000).contains(&mean(&later[50..])), "{later:?}");
}

/// A viewer of a small layer wants the great one back as soon as there is room, and nothing but probing can tell.
#[test]
fn a_lifted_limit_is_found_within_8_seconds_by_probing() {
    let mut world = World::new(LINK, 500_000);
    (world.adapts, world.wish_bps) = (false, Some(2_750_000));
    let held = world.run(30_000);
    assert!(held[50..].iter().all(|bps| (425_000..=1_100_000).contains(bps)), "{held:?}");
    assert!(world.padding < 200_000, "{}", world.padding);
    world.link.bps = 5_000_000;
    let lifted = world.run(8_000);
    assert!(lifted.iter().any(|bps| *bps >= 2_750_000), "{lifted:?}");
}

/// Without anybody asking no padding is sent, and the estimate follows what is sent at a distance.
#[test]
fn an_estimate_that_nobody_probes_is_bounded_by_what_arrives() {
    let mut world = World::new(Link { bps: 20_000_000, ..LINK }, 500_000);
    world.adapts = false;
    let estimates = world.run(60_000);
    assert_eq!(world.padding, 0);
    assert!(estimates[100..].iter().all(|bps| (500_000..900_000).contains(bps)), "{estimates:?}");
}

/// What a probe has shown must not be forgotten while little is sent: a slide stands still for minutes.
#[test]
fn an_idle_stream_keeps_what_a_probe_has_shown() {
    let mut world = World::new(Link { bps: 5_000_000, jitter_us: 4_000, ..LINK }, 200_000);
    (world.adapts, world.wish_bps) = (false, Some(2_750_000));
    world.run(5_000);
    let estimates = world.run(60_000);
    assert!(estimates.iter().all(|bps| *bps >= 2_500_000), "{estimates:?}");
}

/// Radio loses a little however little is sent; that is no reason to send less.
#[test]
fn random_loss_leaves_the_estimate_on_the_link() {
    for (lost_percent, least) in [(2, 650_000), (10, 500_000)] {
        let mut world = World::new(Link { lost_percent, ..LINK }, 3_000_000);
        world.run(10_000);
        let mean = mean(&world.run(30_000));
        assert!((least..=1_050_000).contains(&mean), "{lost_percent} %: {mean}");
    }
}

/// A policer drops what is too much and never queues: only losses tell.
#[test]
fn a_policer_is_found_by_its_losses() {
    let mut world = World::new(Link { queue_us_max: 12_000, ..LINK }, 2_500_000);
    world.adapts = false;
    world.run(5_000);
    let estimates = world.run(20_000);
    assert!(estimates.iter().all(|bps| (600_000..=1_300_000).contains(bps)), "{estimates:?}");
}

/// Some milliseconds of jitter are on every radio link.
#[test]
fn jitter_leaves_the_estimate_on_the_link() {
    let mut world = World::new(Link { jitter_us: 10_000, ..LINK }, 3_000_000);
    world.run(10_000);
    let mean = mean(&world.run(30_000));
    assert!((600_000..=1_050_000).contains(&mean), "{mean}");
}

/// A radio stands still for a fifth of a second now and then, and delivers what it held: a small layer on a wide link is not to
/// be given up for that.
#[test]
fn stalls_of_a_wide_link_do_not_cost_a_small_layer() {
    let mut world = World::new(Link { bps: 5_000_000, jitter_us: 3_000, ..LINK }, 500_000);
    (world.adapts, world.wish_bps) = (false, Some(2_750_000));
    world.run(5_000);
    for _ in 0..20 {
        let estimates = world.run(3_000);
        assert!(estimates.iter().all(|bps| *bps >= 600_000), "{estimates:?}");
        world.free_us = world.free_us.max(world.now_us) + 200_000;
    }
}

/// From a cable to a mobile network: the first words about the new way must not be averaged with years of the old one.
#[test]
fn another_route_is_measured_anew() {
    let mut world = World::new(Link { bps: 5_000_000, ..LINK }, 3_000_000);
    world.wish_bps = Some(4_000_000);
    world.run(10_000);
    assert!(world.estimate_bps() > 3_000_000);
    world.bandwidth.route_changed();
    assert_eq!(world.bandwidth.estimate_bps(), None);
    world.link = Link { delay_us: 120_000, ..LINK };
    let estimates = world.run(5_000);
    assert!(estimates[10..].iter().all(|bps| (300_000..=1_200_000).contains(bps)), "{estimates:?}");
}

/// What a viewer with a choice costs in memory, of the 40 KiB that it may.
#[test]
fn the_estimator_is_a_log_of_8_kib_and_a_kibibyte() {
    assert_eq!(SentLog::new().allocated_bytes(), 8 * 1024);
    assert!(size_of::<Bandwidth>() <= 1024, "{}", size_of::<Bandwidth>());
}

/// Sends so many packets of 1,200 bytes, 1 ms apart, and returns the first number.
fn send(bandwidth: &mut Bandwidth, now: &mut Instant, packets: u16) -> u16 {
    let sent = (0..packets).map(|_| {
        *now += Duration::from_millis(1);
        let sequence = bandwidth.next_sequence();
        bandwidth.sent(*now, sequence, 1_200, false);
        sequence.0
    });
    sent.collect::<Vec<_>>().first().copied().unwrap_or_default()
}

/// A32: a viewer that says that all came at once, each time.
#[test]
fn a_viewer_for_whom_all_arrives_at_once_gains_nothing() {
    let mut now = crate::testing::start();
    let mut bandwidth = Bandwidth::new(now);
    for round in 0..200 {
        let base = send(&mut bandwidth, &mut now, 50);
        let arrivals = [Some(round * 50_000); 50];
        with_feedback(base, &arrivals, |twcc| bandwidth.feedback(now, twcc, None));
        bandwidth.want(Some(u64::MAX));
    }
    // It is sent 9.6 Mbit/s; that much more is proved by nothing.
    assert!(bandwidth.estimate_bps().is_none_or(|bps| bps <= 15_000_000), "{:?}", bandwidth.estimate_bps());
}

/// A32: a viewer whose clock goes a thousand times slower tells of huge rates.
#[test]
fn no_lie_lifts_the_estimate_above_the_most() {
    let mut now = crate::testing::start();
    let mut bandwidth = Bandwidth::new(now);
    for round in 0..2_000 {
        let base = send(&mut bandwidth, &mut now, 50);
        let arrivals: Vec<_> = (0..50).map(|packet| Some(round * 5_000 + packet * 100)).collect();
        with_feedback(base, &arrivals, |twcc| bandwidth.feedback(now, twcc, None));
    }
    assert!(bandwidth.estimate_bps().is_some_and(|bps| bps <= whole(ESTIMATE_BPS_MAX)));
}

/// A33: a viewer that says that all was lost is sent less, down to the least.
#[test]
fn a_viewer_that_loses_all_is_estimated_at_the_least() {
    let mut now = crate::testing::start();
    let mut bandwidth = Bandwidth::new(now);
    for round in 0..400_i64 {
        let base = send(&mut bandwidth, &mut now, 50);
        let arrivals: Vec<_> =
            (0..50).map(|packet| (round < 20).then_some(round * 50_000 + packet * 1_000)).collect();
        with_feedback(base, &arrivals, |twcc| bandwidth.feedback(now, twcc, None));
    }
    assert_eq!(bandwidth.estimate_bps(), Some(whole(ESTIMATE_BPS_MIN)));
}

/// A viewer that vanished is not sent a stream for minutes on the word that it gave before.
#[test]
fn silence_halves_the_estimate() {
    let mut world = World::new(LINK, 3_000_000);
    world.run(10_000);
    let before = world.estimate_bps();
    world.link.lost_percent = 100;
    // What is in the queue still arrives.
    world.run(4_000);
    let after = world.estimate_bps();
    assert!(after <= before * 6 / 10 && after >= before / 4, "{before} → {after}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever feedback says and whenever it comes: no panic, and an estimate within its bounds.
    #[test]
    fn any_feedback_leaves_the_estimate_within_its_bounds(
        messages in vec((any::<u16>(), 0..200_u64, 0..60_u16, vec(any::<u8>(), 16..200)), 1..80),
    ) {
        let mut now = crate::testing::start();
        let mut bandwidth = Bandwidth::new(now);
        for (word, apart_ms, packets, mut body) in messages {
            let first = send(&mut bandwidth, &mut now, packets);
            now += Duration::from_millis(apart_ms);
            if word % 4 != 0 {
                body[8..10].copy_from_slice(&first.to_be_bytes());
            }
            body.truncate(body.len() / 4 * 4);
            let words = u16::try_from(body.len() / 4).unwrap();
            let packet: Vec<u8> = [vec![0x8f, 205], words.to_be_bytes().to_vec(), body].concat();
            if let Some(Ok(fanlight_wire::Member::Twcc(twcc))) = fanlight_wire::Compound::new(&packet).next() {
                bandwidth.feedback(now, &twcc, Some(Duration::from_millis(apart_ms)));
            }
            bandwidth.want((word % 5 != 0).then_some(u64::from(word) * 1_000));
            bandwidth.tick(now);
            if let Some(bps) = bandwidth.estimate_bps() {
                prop_assert!((whole(ESTIMATE_BPS_MIN)..=whole(ESTIMATE_BPS_MAX)).contains(&bps));
            }
            prop_assert!(bandwidth.padding_due(now) <= 2_000_000);
        }
    }
}
