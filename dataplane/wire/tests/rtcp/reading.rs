//! Each member, byte by byte, and the ways in which its bytes can lie.

use crate::{members, only, outline};
use core::time::Duration;
use fanlight_wire::{Malformed, Member, NtpTime, Pli, ReportBlock, Ssrc, Timestamp};

/// Why: every field of a report has one place; a negative loss count has its sign in the 24th bit.
#[test]
fn a_sender_report_is_read_field_by_field() {
    let datagram = [
        0x81, 200, 0, 13, 0, 0, 0, 1, // sender 1
        0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, // NTP
        0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, // RTP time, packets, octets
        0, 0, 0, 5, 64, 0xff, 0xff, 0xfe, 0, 1, 0, 9, // one block: SSRC, losses, highest sequence
        0, 0, 0, 10, 0, 0, 0, 11, 0, 0, 0, 12, // jitter, LSR, DLSR
        0xee, 0xee, 0xee, 0xee, // a profile's extension
    ];
    let Member::SenderReport(report) = only(&datagram) else { panic!() };
    assert_eq!(report.sender(), Ssrc(1));
    assert_eq!(report.ntp(), NtpTime(0x1122_3344_5566_7788));
    assert_eq!((report.timestamp(), report.packets(), report.octets()), (Timestamp(2), 3, 4));
    let expected = ReportBlock {
        ssrc: Ssrc(5),
        fraction_lost: 64,
        cumulative_lost: -2,
        extended_highest_sequence: 0x0001_0009,
        jitter: 10,
        last_sender_report: 11,
        delay_since_last_sender_report: 12,
    };
    assert_eq!(report.reports().collect::<Vec<_>>(), [expected]);
}

/// Why: names are found by source and type, past other sources and other items.
#[test]
fn a_source_description_is_walked_chunk_by_chunk() {
    let datagram = [
        0x83, 202, 0, 9, //
        0, 0, 0, 1, 2, 1, b'n', 1, 2, b'a', b'b', 0, // NAME n, CNAME ab, end: no padding needed
        0, 0, 0, 2, 0, 0, 0, 0, // no items
        0, 0, 0, 3, 1, 3, b'x', b'y', b'z', 8, 0, 0, 0, 0, 0,
        0, // CNAME xyz, an empty PRIV, end, padding
    ];
    let Member::SourceDescription(names) = only(&datagram) else { panic!() };
    let chunks: Vec<(Ssrc, Vec<_>)> = names.chunks().map(|(ssrc, items)| (ssrc, items.collect())).collect();
    let expected = [
        (Ssrc(1), vec![(2, b"n".as_slice()), (1, b"ab")]),
        (Ssrc(2), vec![]),
        (Ssrc(3), vec![(1, b"xyz"), (8, b"")]),
    ];
    assert_eq!(chunks, expected);
    assert_eq!(names.cname(Ssrc(1)), Some(b"ab".as_slice()));
    assert_eq!(names.cname(Ssrc(2)), None);
    assert_eq!(names.cname(Ssrc(3)), Some(b"xyz".as_slice()));
}

/// Why: the reason is a length inside a length (PJSIP CVE-2021-43804 read past the end there).
#[test]
fn a_goodbye_may_say_why_but_not_lie_about_it() {
    let bare = [0x81, 203, 0, 1, 0, 0, 0, 7];
    let Member::Bye(bye) = only(&bare) else { panic!() };
    assert_eq!((bye.ssrcs().collect::<Vec<_>>(), bye.reason()), (vec![Ssrc(7)], None));

    let mut spoken = [0x81, 203, 0, 2, 0, 0, 0, 7, 3, b'e', b'n', b'd'];
    let Member::Bye(bye) = only(&spoken) else { panic!() };
    assert_eq!(bye.reason(), Some(b"end".as_slice()));

    spoken[8] = 4;
    assert_eq!(outline(&spoken), (0, Some(Malformed::BadLength)));
    let more_sources_than_bytes = [0x9f, 203, 0, 1, 0, 0, 0, 7];
    assert_eq!(outline(&more_sources_than_bytes), (0, Some(Malformed::BadLength)));
}

/// Why: PID and each bit of BLP name one packet, over the wrap as well.
#[test]
fn a_nack_names_the_packets_of_its_bits() {
    let datagram = [0x81, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0xff, 0xfe, 0x80, 0x05, 0, 9, 0, 0];
    let Member::Nack(nack) = only(&datagram) else { panic!() };
    assert_eq!((nack.sender(), nack.media()), (Ssrc(1), Ssrc(2)));
    let sequences: Vec<u16> = nack.sequences().map(|sequence| sequence.0).collect();
    assert_eq!(sequences, [0xfffe, 0xffff, 1, 14, 9]);
}

/// Why: key-frame requests are the cheapest lever of an attacker; they are exactly their bytes.
#[test]
fn key_frame_requests_are_read_whole() {
    let pli = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    let Member::Pli(read) = only(&pli) else { panic!() };
    assert_eq!(read, Pli { sender: Ssrc(1), media: Ssrc(2) });

    let fir = [0x84, 206, 0, 6, 0, 0, 0, 1, 9, 9, 9, 9, 0, 0, 0, 2, 7, 0, 0, 0, 0, 0, 0, 3, 8, 0, 0, 0];
    let Member::Fir(read) = only(&fir) else { panic!() };
    assert_eq!(read.sender(), Ssrc(1));
    assert_eq!(read.entries().collect::<Vec<_>>(), [(Ssrc(2), 7), (Ssrc(3), 8)]);

    let long_pli = [0x81, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    assert_eq!(outline(&long_pli), (0, Some(Malformed::BadLength)));
    assert_eq!(outline(&fir[..12]), (0, Some(Malformed::BadLength)));
    let half_an_entry = [0x84, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
    assert_eq!(outline(&half_an_entry), (0, Some(Malformed::BadLength)));
    let no_entry = [0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
    assert_eq!(outline(&no_entry), (0, Some(Malformed::BadLength)));
}

/// Why: 18 bits shifted by up to 63 do not fit 64 bits: a lying receiver must not wrap round to a small
/// number.
#[test]
fn a_remb_saturates() {
    let remb = |high, middle, low| {
        [0x8f, 206, 0, 5, 0, 0, 0, 1, 0, 0, 0, 0, b'R', b'E', b'M', b'B', 1, high, middle, low, 0, 0, 0, 2]
    };
    for (bytes, expected) in [
        ((0, 0, 0), 0),
        ((0x03, 0xff, 0xff), 0x3ffff),
        ((0x04, 0, 1), 2),
        ((46 << 2 | 3, 0xff, 0xff), 0x3ffff << 46),
        ((47 << 2 | 3, 0xff, 0xff), u64::MAX),
        ((0xff, 0xff, 0xff), u64::MAX),
        ((63 << 2, 0, 1), 1 << 63),
        ((63 << 2, 0, 2), u64::MAX),
    ] {
        let datagram = remb(bytes.0, bytes.1, bytes.2);
        let Member::Remb(read) = only(&datagram) else { panic!() };
        assert_eq!((read.sender(), read.bitrate_bps()), (Ssrc(1), expected));
        assert_eq!(read.ssrcs().collect::<Vec<_>>(), [Ssrc(2)]);
    }
    let mut too_many = remb(0, 0, 0);
    too_many[16] = 2;
    assert_eq!(outline(&too_many), (0, Some(Malformed::BadLength)));
    let mut another_application = remb(0, 0, 0);
    another_application[15] = b'X';
    assert!(matches!(only(&another_application), Member::Other { packet_type: 206, format: 15 }));
}

/// Why: the round trip is what pacing and resending are timed by; the example is RFC 3550's figure 2.
#[test]
fn a_round_trip_is_what_the_rfc_computes() {
    let block = ReportBlock {
        ssrc: Ssrc(1),
        fraction_lost: 0,
        cumulative_lost: 0,
        extended_highest_sequence: 0,
        jitter: 0,
        last_sender_report: 0xb705_2000,
        delay_since_last_sender_report: 0x0005_4000,
    };
    let now = NtpTime(0xb710_8000_u64 << 16);
    assert_eq!(block.round_trip(now), Some(Duration::from_millis(6125)));
    let too_soon = NtpTime(0xb705_2000_u64 << 16);
    assert_eq!(block.round_trip(too_soon), None, "negative");
    let never = ReportBlock { last_sender_report: 0, ..block };
    assert_eq!(never.round_trip(now), None, "no report has arrived there");
}

/// Why: what we do not act on must neither stop the walk nor be guessed at.
#[test]
fn unknown_members_are_stepped_over() {
    let datagram = [
        0x80, 204, 0, 2, 0, 0, 0, 1, b'n', b'a', b'm', b'e', // APP
        0x80, 207, 0, 1, 0, 0, 0, 1, // XR
        0x82, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, // SLI
        0x81, 72, 0, 0, // no packet type at all
        0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, // PLI
    ];
    let members = members(&datagram);
    let others: Vec<(u8, u8)> = members
        .iter()
        .filter_map(|member| match member {
            Member::Other { packet_type, format } => Some((*packet_type, *format)),
            _ => None,
        })
        .collect();
    assert_eq!(others, [(204, 0), (207, 0), (206, 2), (72, 1)]);
    assert!(matches!(members[4], Member::Pli(_)));
}
