//! What a viewer's estimate costs: each packet sent, and each feedback, which tells of 20 of them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use fanlight_shard::bandwidth::Bandwidth;
use fanlight_wire::{Compound, Member, RtcpWriter, Sequence, Ssrc};

/// Packets that a feedback tells of, and their distance: 3 Mbit/s.
const PACKETS: u16 = 20;
const APART: Duration = Duration::from_micros(2_500);
const JITTER_US: [i64; 5] = [0, 2_250, 750, 1_500, 250];

/// A link whose queue neither grows nor shrinks, in time of its own.
struct Link {
    start: Instant,
    now: Instant,
    bandwidth: Bandwidth,
}

impl Link {
    fn new() -> Self {
        let start = Instant::now();
        Self { start, now: start, bandwidth: Bandwidth::new(start) }
    }

    fn send(&mut self) -> Sequence {
        self.now += APART;
        let sequence = self.bandwidth.next_sequence();
        self.bandwidth.sent(self.now, sequence, 1_000, false);
        sequence
    }

    /// Sends what a feedback tells of, and returns that.
    fn round(&mut self) -> Vec<u8> {
        let mut arrivals_us = Vec::new();
        let base = self.send();
        (1..PACKETS).for_each(|_| _ = self.send());
        for (place, jitter_us) in (0..u32::from(PACKETS)).zip(JITTER_US.into_iter().cycle()) {
            let sent = self.now.duration_since(self.start) - APART * (u32::from(PACKETS) - 1 - place);
            arrivals_us.push(Some(i64::try_from(sent.as_micros()).unwrap() + jitter_us));
        }
        let mut buffer = [0; 200];
        let mut writer = RtcpWriter::new(&mut buffer);
        writer.twcc(Ssrc(1), Ssrc(2), 0, base, &arrivals_us).unwrap();
        writer.as_bytes().to_vec()
    }
}

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("estimate");
    let mut link = Link::new();
    group.throughput(Throughput::Elements(1));
    group.bench_function("sent", |bencher| bencher.iter(|| black_box(link.send())));
    group.throughput(Throughput::Elements(PACKETS.into()));
    let mut link = Link::new();
    group.bench_function("feedback", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut spent = Duration::ZERO;
            for _ in 0..rounds {
                let feedback = link.round();
                let Some(Ok(Member::Twcc(twcc))) = Compound::new(&feedback).next() else { continue };
                let before = Instant::now();
                link.bandwidth.feedback(link.now, &twcc, Some(Duration::from_millis(50)));
                spent += before.elapsed();
            }
            spent
        });
    });
    assert!(link.bandwidth.estimate_bps().is_some(), "nothing was estimated");
    group.finish();
}
