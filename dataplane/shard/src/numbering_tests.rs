#![allow(clippy::disallowed_types, reason = "proptest's macros share strategies by Arc")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CLOCK: u32 = 90_000;

fn at(start: Instant, ticks: u32) -> Instant {
    start + Duration::from_micros(u64::from(ticks) * 1_000_000 / u64::from(CLOCK))
}

/// A viewer that begins two seconds back, at four times the speed, sees one stream: steps of a quarter until it is live, then
/// whole ones, and no jump between.
#[test]
fn a_catch_up_draws_the_past_together() {
    let start = crate::testing::start();
    let frame = CLOCK / 30;
    let (first, newest) = (Timestamp(1_000), Timestamp(1_000).wrapping_add(60 * frame));
    let mut numbering = Numbering::begin(ExtendedSequence(70_000), 5, 0);
    numbering.set_catch_up(CatchUp::plan(start, first, newest, 4));
    let seen: Vec<u32> = (0..120).map(|n| numbering.rewrite(first.wrapping_add(n * frame)).0).collect();
    let steps: Vec<u32> = seen.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    assert!(steps[..80].iter().all(|step| *step == frame / 4), "{steps:?}");
    assert!(steps[80..].iter().all(|step| *step == frame), "{steps:?}");
    assert_eq!(seen[0], newest.0, "its first frame is shown when live is there, not in the past");
    let way = numbering.catch_up().copied().unwrap();
    assert_eq!(way.due(first, CLOCK), start);
    assert_eq!(way.due(first.wrapping_add(80 * frame), CLOCK), at(start, 20 * frame), "live at last");
    assert!(
        way.is_over_at(first.wrapping_add(80 * frame)) && !way.is_over_at(first.wrapping_add(79 * frame))
    );
}

/// Nothing to catch up, a speed that never does, a clock that went back: no plan, and no division by zero.
#[test]
fn there_is_no_way_without_a_gain() {
    let start = crate::testing::start();
    let plan = |from, newest, speed| CatchUp::plan(start, Timestamp(from), Timestamp(newest), speed);
    assert_eq!(plan(100, 100, 4), None);
    assert_eq!(plan(100, 90_100, 1), None);
    assert_eq!(plan(100, 90_100, 0), None);
    assert_eq!(plan(200, 100, 4), None);
    assert!(plan(u32::MAX - 5, 90_000, 4).is_some(), "over the wrap of the clock");
}

/// What a viewer lives through.
#[derive(Debug, Clone)]
enum Event {
    /// Packets that the publisher sends, each with a gap of lost ones before it, of which the second half come late.
    Frames(Vec<u64>),
    /// The run breaks off and goes on later in the track: a pause, a skip.
    Gap(u64),
    /// Another publisher, whose numbers and clock stand anywhere.
    Restart { sequence: u64, timestamp: u32, behind: u32 },
    /// Wall time passes with nothing sent.
    Silence(u32),
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        vec(1..4u64, 1..20).prop_map(Event::Frames),
        (1..70_000u64).prop_map(Event::Gap),
        ((1u64 << 16)..1 << 40, any::<u32>(), 1..400_000u32)
            .prop_map(|(sequence, timestamp, behind)| Event::Restart { sequence, timestamp, behind }),
        (1..500_000u32).prop_map(Event::Silence),
    ]
}

/// A viewer, and a publisher that it watches.
struct Story {
    numbering: Numbering,
    now: Instant,
    sequence: u64,
    timestamp: u32,
    seen: Vec<(u64, Timestamp)>,
}

impl Story {
    fn begin(index: u64, sequence: u64, timestamp: u32) -> Self {
        let numbering = Numbering::begin(ExtendedSequence(sequence), index, 7);
        let now = crate::testing::start();
        Self { numbering, now, sequence, timestamp, seen: Vec::new() }
    }

    fn pass(&mut self, ticks: u32) {
        self.now = at(self.now, ticks);
        self.timestamp = self.timestamp.wrapping_add(ticks);
    }

    fn send(&mut self, sequence: u64, timestamp: u32) {
        let (sequence, timestamp) = (ExtendedSequence(sequence), Timestamp(timestamp));
        let index = self.numbering.index(sequence).unwrap();
        self.seen.push((index, self.numbering.rewrite(timestamp)));
        assert!(self.numbering.claim(self.now, index, timestamp), "index {index} is used");
    }

    fn live(&mut self, event: Event) {
        match event {
            Event::Frames(gaps) => {
                for gap in gaps {
                    self.pass(3_000);
                    let late = self.sequence + gap / 2;
                    self.sequence += gap;
                    self.send(self.sequence, self.timestamp);
                    if gap > 2 && self.numbering.index(ExtendedSequence(late)).is_some() {
                        self.send(late, self.timestamp.wrapping_sub(1_500));
                    }
                }
            }
            Event::Gap(packets) => {
                self.sequence += packets;
                self.pass(u32::try_from(packets).unwrap() * 300);
                self.numbering.splice(ExtendedSequence(self.sequence + 1));
            }
            Event::Restart { sequence, timestamp, behind } => {
                self.pass(1);
                self.sequence = sequence;
                self.timestamp = timestamp;
                let (first, live) = (Timestamp(timestamp.wrapping_sub(behind)), Timestamp(timestamp));
                self.numbering.splice(ExtendedSequence(sequence));
                self.numbering.splice_clock(self.now, live, CLOCK);
                self.numbering.set_catch_up(CatchUp::plan(self.now, first, live, 4));
                self.send(sequence, first.0);
                // It is live again when the plan says so, and gets nothing sooner than that.
                self.pass(behind / 3 + 1);
            }
            Event::Silence(ticks) => self.pass(ticks),
        }
    }
}

proptest! {
    /// The promise to a viewer, whatever publishers do: no index is used twice (it is the nonce), indices in order of sending
    /// differ by the losses alone, and time never goes back from frame to frame.
    #[test]
    fn a_viewer_sees_one_stream_over_restarts_losses_reorders_and_wraps(
        index in 1..0x7fffu64,
        sequence in (1u64 << 16)..1 << 40,
        timestamp: u32,
        story in vec(events(), 1..40),
    ) {
        let mut viewer = Story::begin(index, sequence, timestamp);
        viewer.send(sequence, timestamp);
        for event in story {
            let (before, highest) = (viewer.seen.len(), viewer.numbering.nonces.highest());
            let splices = matches!(event, Event::Restart { .. } | Event::Gap(_));
            viewer.live(event);
            if splices && viewer.seen.len() > before {
                prop_assert_eq!(viewer.seen[before].0, highest + 1, "a seam shows no gap");
            }
        }
        let mut indices: Vec<u64> = viewer.seen.iter().map(|(index, _)| *index).collect();
        let mut newest = viewer.seen[0];
        for (index, timestamp) in &viewer.seen[1..] {
            if *index > newest.0 {
                prop_assert!(timestamp.distance_from(newest.1) > 0, "time goes on: {:?} after {:?}", timestamp, newest);
                newest = (*index, *timestamp);
            }
        }
        indices.sort_unstable();
        let sent = indices.len();
        indices.dedup();
        prop_assert_eq!(indices.len(), sent, "no nonce twice");
    }
}
