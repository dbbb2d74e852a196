//! What is written reads back, what does not fit is not there.

use crate::{arbitrary_blocks, arbitrary_ssrcs, members, only, written};
use fanlight_wire::{Member, NoRoom, NtpTime, Pli, ReportBlock, RtcpWriter, Sequence, Ssrc, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Why: a compound is built in a buffer that may be full; half a member would spoil those before it.
#[test]
fn what_does_not_fit_leaves_the_compound_as_it_was() {
    let block = ReportBlock {
        ssrc: Ssrc(5),
        fraction_lost: 0,
        cumulative_lost: 0,
        extended_highest_sequence: 0,
        jitter: 0,
        last_sender_report: 0,
        delay_since_last_sender_report: 0,
    };
    type Write = fn(&mut RtcpWriter<'_>, ReportBlock) -> Result<(), NoRoom>;
    let writes: [(usize, Write); 9] = [
        (52, |w, block| w.sender_report(Ssrc(1), NtpTime(2), Timestamp(3), 4, 5, &[block])),
        (32, |w, block| w.receiver_report(Ssrc(1), &[block])),
        (20, |w, _| w.cname(Ssrc(1), b"abcdef")),
        (12, |w, _| w.bye(&[Ssrc(1), Ssrc(2)])),
        (20, |w, _| w.nack(Ssrc(1), Ssrc(2), [1, 99].into_iter().map(Sequence))),
        (12, |w, _| w.pli(Ssrc(1), Ssrc(2))),
        (20, |w, _| w.fir(Ssrc(1), Ssrc(2), 3)),
        (24, |w, _| w.remb(Ssrc(1), 1_000_000, &[Ssrc(2)])),
        (28, |w, _| w.twcc(Ssrc(1), Ssrc(2), 3, Sequence(4), &[Some(0), None, Some(99_000)]).map(drop)),
    ];
    for (index, (len, write)) in writes.into_iter().enumerate() {
        for room in 0..len {
            let mut out = vec![0; 12 + room];
            let mut writer = RtcpWriter::new(&mut out);
            writer.pli(Ssrc(8), Ssrc(9)).unwrap();
            let before = writer.as_bytes().to_vec();
            assert_eq!(write(&mut writer, block), Err(NoRoom), "write {index} in {room} bytes");
            assert_eq!(writer.as_bytes(), before);
        }
        let mut out = vec![0; 12 + len];
        let mut writer = RtcpWriter::new(&mut out);
        writer.pli(Ssrc(8), Ssrc(9)).unwrap();
        write(&mut writer, block).unwrap();
        assert_eq!((writer.len(), members(writer.as_bytes()).len()), (12 + len, 2), "write {index}");
    }
}

/// Why: a header counts to 31. More sources must go on in a further member, or all of it must fail.
#[test]
fn more_than_a_header_can_count_goes_on_in_the_next_member() {
    let sources: Vec<Ssrc> = (0..63).map(Ssrc).collect();
    let datagram = written(|writer| writer.bye(&sources));
    let read: Vec<Vec<Ssrc>> = members(&datagram)
        .into_iter()
        .map(|member| match member {
            Member::Bye(bye) => bye.ssrcs().collect(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [31, 31, 1]);
    assert_eq!(read.concat(), sources);

    let mut out = vec![0; datagram.len() - 1];
    let mut writer = RtcpWriter::new(&mut out);
    assert_eq!((writer.bye(&sources), writer.len()), (Err(NoRoom), 0));
}

/// Why: a field of eight bits must refuse what it cannot hold, not take it modulo 256.
#[test]
fn what_no_field_can_hold_is_refused() {
    let mut out = vec![0; 1 << 12];
    let mut writer = RtcpWriter::new(&mut out);
    assert_eq!(writer.cname(Ssrc(1), &[b'x'; 256]), Err(NoRoom));
    assert_eq!(writer.remb(Ssrc(1), 1, &[Ssrc(2); 256]), Err(NoRoom));
    assert!(writer.is_empty());
    assert_eq!(writer.cname(Ssrc(1), &[b'x'; 255]), Ok(()));
    assert_eq!(writer.remb(Ssrc(1), 1, &[Ssrc(2); 255]), Ok(()));
}

/// Why: a feedback message about nothing is not legal, so it is not written.
#[test]
fn nothing_missing_is_nothing_to_say() {
    assert!(written(|writer| writer.nack(Ssrc(1), Ssrc(2), core::iter::empty())).is_empty());
    assert!(written(|writer| writer.bye(&[])).is_empty());
}

/// Why: the count has 24 bits; a longer one is clamped and must not change its sign.
#[test]
fn losses_beyond_24_bits_are_clamped() {
    for (given, expected) in [(i32::MAX, 0x7f_ffff), (i32::MIN, -0x80_0000), (-1, -1)] {
        let block = ReportBlock {
            ssrc: Ssrc(5),
            fraction_lost: 0,
            cumulative_lost: given,
            extended_highest_sequence: 0,
            jitter: 0,
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        };
        let datagram = written(|writer| writer.receiver_report(Ssrc(1), &[block]));
        let Member::ReceiverReport(report) = only(&datagram) else { panic!() };
        assert_eq!(report.reports().next().unwrap().cumulative_lost, expected);
    }
}

proptest! {
    /// Why: reports carry the figures that rates are chosen by; all of them come back, whatever their number.
    #[test]
    fn reports_read_back(
        (sender, ntp, timestamp, packets, octets) in any::<(u32, u64, u32, u32, u32)>(),
        blocks in arbitrary_blocks(0..70),
    ) {
        let (sender, ntp, timestamp) = (Ssrc(sender), NtpTime(ntp), Timestamp(timestamp));
        let datagram = written(|writer| writer.sender_report(sender, ntp, timestamp, packets, octets, &blocks));
        let members = members(&datagram);
        let Member::SenderReport(first) = members[0] else { panic!() };
        prop_assert_eq!((first.sender(), first.ntp(), first.timestamp()), (sender, ntp, timestamp));
        prop_assert_eq!((first.packets(), first.octets()), (packets, octets));
        let mut read: Vec<ReportBlock> = first.reports().collect();
        for member in &members[1..] {
            let Member::ReceiverReport(further) = member else { panic!() };
            prop_assert_eq!(further.sender(), sender);
            read.extend(further.reports());
        }
        prop_assert_eq!(read, blocks);
    }

    /// Why: the set of packets asked for must be exactly the set meant, in as few entries as there can be.
    #[test]
    fn a_nack_asks_for_exactly_what_is_missing(start in any::<u16>(), missing in prop::collection::btree_set(0_u16..400, 1..60)) {
        let sequences = missing.iter().map(|&later| Sequence(start).wrapping_add(later));
        let datagram = written(|writer| writer.nack(Ssrc(1), Ssrc(2), sequences));
        let Member::Nack(nack) = only(&datagram) else { panic!() };
        let read: Vec<u16> = nack.sequences().map(|sequence| sequence.0.wrapping_sub(start)).collect();
        prop_assert_eq!(&read, &missing.iter().copied().collect::<Vec<_>>());
        let mut entries = 0;
        let mut reach = None;
        for &later in &missing {
            if reach.is_none_or(|reach| later > reach) {
                entries += 1;
                reach = Some(later + 16);
            }
        }
        prop_assert_eq!(datagram.len(), 12 + 4 * entries);
    }

    /// Why: the order is the caller's promise. A broken one may cost bytes, but never ask for other packets.
    #[test]
    fn a_nack_in_any_order_asks_for_the_same_packets(missing in prop::collection::vec(any::<u16>(), 1..60)) {
        let datagram = written(|writer| writer.nack(Ssrc(1), Ssrc(2), missing.iter().copied().map(Sequence)));
        let Member::Nack(nack) = only(&datagram) else { panic!() };
        let read: BTreeSet<u16> = nack.sequences().map(|sequence| sequence.0).collect();
        prop_assert_eq!(read, missing.into_iter().collect::<BTreeSet<_>>());
    }

    /// Why: an estimate is rounded down, never up: sending more than was asked for is what it is to prevent.
    #[test]
    fn a_remb_reads_back_rounded_down(bits in 0_u32..64, noise in any::<u64>(), sources in arbitrary_ssrcs(0..=255)) {
        let bitrate = noise >> bits;
        let datagram = written(|writer| writer.remb(Ssrc(1), bitrate, &sources));
        let Member::Remb(remb) = only(&datagram) else { panic!() };
        prop_assert!(remb.bitrate_bps() <= bitrate);
        prop_assert!(bitrate - remb.bitrate_bps() <= bitrate >> 17);
        prop_assert!(remb.ssrcs().eq(sources));
    }

    /// Why: the small members have few bytes and no excuse.
    #[test]
    fn small_members_read_back((sender, media, number) in any::<(u32, u32, u8)>(), name in prop::collection::vec(1_u8.., 0..=255)) {
        let (sender, media) = (Ssrc(sender), Ssrc(media));
        let datagram = written(|writer| {
            writer.cname(sender, &name)?;
            writer.pli(sender, media)?;
            writer.fir(sender, media, number)?;
            writer.bye(&[sender])
        });
        let members = members(&datagram);
        let [Member::SourceDescription(names), Member::Pli(pli), Member::Fir(fir), Member::Bye(bye)] = members[..] else { panic!() };
        prop_assert_eq!(names.chunks().count(), 1);
        prop_assert_eq!(names.cname(sender), Some(name.as_slice()));
        prop_assert_eq!(pli, Pli { sender, media });
        prop_assert_eq!(fir.sender(), sender);
        prop_assert_eq!(fir.entries().collect::<Vec<_>>(), [(media, number)]);
        prop_assert_eq!((bye.ssrcs().collect::<Vec<_>>(), bye.reason()), (vec![sender], None));
    }
}
