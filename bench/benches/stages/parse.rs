//! Bytes in, views out.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fanlight_wire::{classify, frame_facts};

use crate::scene::packets::{COMPOUND, PAYLOADS, RECEIVER_REPORT, RTP, STUN};
use crate::scene::reading::{read_rtcp, read_rtp, read_stun};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(1));
    group.bench_function("classify", |bencher| bencher.iter(|| classify(black_box(RTP))));
    group.bench_function("rtp", |bencher| bencher.iter(|| read_rtp(black_box(RTP))));
    group.bench_function("stun", |bencher| bencher.iter(|| read_stun(black_box(STUN))));
    group.bench_function("rtcp/receiver_report", |bencher| {
        bencher.iter(|| read_rtcp(black_box(RECEIVER_REPORT)));
    });
    group.bench_function("rtcp/compound_of_ten", |bencher| bencher.iter(|| read_rtcp(black_box(COMPOUND))));
    for (name, codec, payload) in PAYLOADS {
        group.bench_function(format!("payload/{name}"), |bencher| {
            bencher.iter(|| frame_facts(codec, true, black_box(payload)).unwrap());
        });
    }
    group.finish();
}
