//! What the shard asks of packets, all answers taken.

use std::hint::black_box;

use fanlight_wire::{Compound, Member, RtpHeader, Stun};

/// Header and extension elements.
pub(crate) fn read_rtp(packet: &[u8]) -> (RtpHeader, usize) {
    let header = RtpHeader::parse(packet).unwrap();
    let elements = header.extensions(packet).map(|element| black_box(element).data.len()).sum();
    (header, elements)
}

/// What routing and nomination ask of a check.
pub(crate) fn read_stun(datagram: &[u8]) -> (bool, Option<u32>, usize) {
    let message = Stun::parse(datagram).unwrap();
    let (left, _) = message.username().unwrap();
    (message.use_candidate(), message.priority(), left.len())
}

/// Every member, and every packet that transport-wide feedback tells of.
pub(crate) fn read_rtcp(datagram: &[u8]) -> usize {
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
