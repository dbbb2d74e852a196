//! Bytes in, views out.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use fanlight_wire::{Compound, Member, RtpHeader, Stun, classify, frame_facts};

use crate::scene::packets::{COMPOUND, PAYLOADS, RECEIVER_REPORT, RTP, STUN};

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

/// Header and extension elements.
fn read_rtp(packet: &[u8]) -> (RtpHeader, usize) {
    let header = RtpHeader::parse(packet).unwrap();
    let elements = header.extensions(packet).map(|element| black_box(element).data.len()).sum();
    (header, elements)
}

/// What routing and nomination ask of a check.
fn read_stun(datagram: &[u8]) -> (bool, Option<u32>, usize) {
    let message = Stun::parse(datagram).unwrap();
    let (left, _) = message.username().unwrap();
    (message.use_candidate(), message.priority(), left.len())
}

/// Every member, and every packet that transport-wide feedback tells of.
fn read_rtcp(datagram: &[u8]) -> usize {
    let members = Compound::new(datagram).map(Result::unwrap);
    members
        .map(|member| match black_box(member) {
            Member::Twcc(feedback) => feedback.packets().map(black_box).count(),
            Member::ReceiverReport(report) => report.reports().map(black_box).count(),
            Member::Nack(nack) => nack.sequences().map(black_box).count(),
            _ => 1,
        })
        .sum()
}
