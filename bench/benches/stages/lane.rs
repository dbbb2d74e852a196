//! The hand-over of packets from shard to shard, by value.

use std::hint::{black_box, spin_loop};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use fanlight_ring::{LaneFull, LaneReceiver, LaneSender, Wake, cores, lane, pin_to_core};
use fanlight_shard::limits::PACKET_BYTES_MAX;
use fanlight_shard::{LaneMessage, LanePacket, PacketFacts, TrackId};
use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::scene::hall::FRAME_PACKETS;

/// Messages that a lane holds, as between the server's shards.
const DEPTH: usize = 512;

/// Both ends are awake.
struct Awake;

impl Wake for Awake {
    fn wake(&self) {}
}

type Sender = LaneSender<LaneMessage, Awake>;
type Receiver = LaneReceiver<LaneMessage>;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lane");
    group.throughput(Throughput::Elements(FRAME_PACKETS as u64));
    let (mut sender, mut receiver) = lane(DEPTH, Awake);
    group.bench_function("frame/same_thread", |bencher| {
        bencher.iter(|| {
            push_frame(&mut sender);
            while let Some(message) = receiver.pop() {
                black_box(message);
            }
        });
    });
    // Two threads that share a core would be timed by the scheduler.
    if cores() > 1 {
        group.bench_function("frame/two_threads", |bencher| bencher.iter_custom(hand_over));
    }
    group.finish();
}

/// As many frames, pushed on one core and popped on another, until the last one is there.
fn hand_over(frames: u64) -> Duration {
    let (mut sender, mut receiver) = lane(DEPTH, Awake);
    thread::scope(|scope| {
        let pushing = scope.spawn(move || {
            pin_to_core(0).unwrap();
            let start = Instant::now();
            (0..frames).for_each(|_| push_frame(&mut sender));
            start
        });
        let popping = scope.spawn(move || {
            pin_to_core(1).unwrap();
            (0..frames * FRAME_PACKETS as u64).for_each(|_| pop(&mut receiver));
            Instant::now()
        });
        let (start, end) = (pushing.join().unwrap(), popping.join().unwrap());
        end - start
    })
}

fn push_frame(sender: &mut Sender) {
    for _ in 0..FRAME_PACKETS {
        let mut message = packet();
        while let Err(LaneFull(back)) = sender.push(message) {
            message = back;
            spin_loop();
        }
    }
}

fn pop(receiver: &mut Receiver) {
    let message = loop {
        match receiver.pop() {
            Some(message) => break message,
            None => spin_loop(),
        }
    };
    black_box(message);
}

/// A full packet, copied as from a store.
fn packet() -> LaneMessage {
    let facts = PacketFacts {
        timestamp: Timestamp(1),
        marker: false,
        key_frame_start: false,
        extension_len: 3,
        payload_len: 1_160,
        redundant_len: 0,
        layer: None,
    };
    let bytes = *black_box(&[0x5a; PACKET_BYTES_MAX]);
    let (track, sequence) = (TrackId(1), ExtendedSequence(1));
    LaneMessage::Packet(LanePacket { track, sequence, facts, sent: Instant::now(), after_gap: false, bytes })
}
