//! RTCP: each member by hand and by the writer, compounds and their faults, and another implementation as the
//! oracle.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod compounds;
mod oracle;
mod reading;
mod writing;

use fanlight_wire::{Compound, Malformed, Member, NoRoom, ReportBlock, RtcpWriter, Ssrc};
use proptest::prelude::*;

/// What a writer made of the calls, in a buffer of 64 KiB.
fn written(write: impl FnOnce(&mut RtcpWriter<'_>) -> Result<(), NoRoom>) -> Vec<u8> {
    let mut out = vec![0xff; 1 << 16];
    let mut writer = RtcpWriter::new(&mut out);
    write(&mut writer).unwrap();
    assert_eq!((writer.len(), writer.len() % 4), (writer.as_bytes().len(), 0));
    assert_eq!(writer.is_empty(), writer.as_bytes().is_empty());
    writer.as_bytes().to_vec()
}

fn members(datagram: &[u8]) -> Vec<Member<'_>> {
    Compound::new(datagram).map(Result::unwrap).collect()
}

fn only(datagram: &[u8]) -> Member<'_> {
    let members = members(datagram);
    assert_eq!(members.len(), 1);
    members[0]
}

/// The names of the members, and how the walk ended.
fn outline(datagram: &[u8]) -> (usize, Option<Malformed>) {
    let results: Vec<_> = Compound::new(datagram).collect();
    let good = results.iter().take_while(|result| result.is_ok()).count();
    assert!(results.len() <= good + 1, "nothing comes after an error");
    (good, results.last().and_then(|result| result.as_ref().err().copied()))
}

fn arbitrary_block() -> impl Strategy<Value = ReportBlock> {
    (any::<(u32, u8, u32, u32, u32, u32)>(), -(1 << 23)..(1_i32 << 23)).prop_map(
        |((ssrc, fraction_lost, highest, jitter, lsr, dlsr), cumulative_lost)| ReportBlock {
            ssrc: Ssrc(ssrc),
            fraction_lost,
            cumulative_lost,
            extended_highest_sequence: highest,
            jitter,
            last_sender_report: lsr,
            delay_since_last_sender_report: dlsr,
        },
    )
}

fn arbitrary_blocks(
    count: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<ReportBlock>> {
    prop::collection::vec(arbitrary_block(), count)
}

fn arbitrary_ssrcs(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Ssrc>> {
    prop::collection::vec(any::<u32>().prop_map(Ssrc), count)
}
