//! Any bytes at all: nothing panics, no slice leaves its input, no walk is longer than the bytes allow.
//!
//! Debug builds check every addition and every shift, so an overflow anywhere would show here as well.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_types, reason = "proptest's macros share strategies by Arc")]

use core::hint::black_box;
use fanlight_wire::codec::{Codec, Vp8Descriptor, Vp9Descriptor, Vp9Structure, frame_facts};
use fanlight_wire::{
    AudioLevel, Compound, DependencyDescriptor, ExtensionElement, Kind, LOST_RUN_STATUSES_MAX, MEMBERS_MAX,
    Member, NtpTime, PayloadType, ReportBlock, RtcpWriter, RtpFields, RtpHeader, Sequence, Ssrc, Stun,
    Timestamp, classify, rtx_original_sequence, write_rtp_header,
};
use proptest::prelude::*;

/// The longest input of the sweeps: beyond an Ethernet frame.
const SWEEP_LEN_MAX: usize = 2000;

/// Fails if `part` is not made of bytes of `whole`.
fn assert_inside(whole: &[u8], part: &[u8]) {
    let (whole, part) = (whole.as_ptr_range(), part.as_ptr_range());
    assert!(part.is_empty() || whole.start <= part.start && part.end <= whole.end);
}

/// Asks every reader for everything it can say about these bytes.
fn read_everything(bytes: &[u8]) {
    read_stun(bytes);
    read_rtp(bytes);
    read_rtcp(bytes);
    read_payload(bytes);
    if let Some((_, original)) = rtx_original_sequence(bytes) {
        assert_eq!(original.len() + 2, bytes.len());
        assert_inside(bytes, original);
    }
    assert_eq!(AudioLevel::parse(bytes).is_some(), bytes.len() == 1);
}

fn read_payload(bytes: &[u8]) {
    for codec in [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1] {
        let Ok(facts) = frame_facts(codec, false, bytes) else { continue };
        assert_eq!(facts.frame_end, !codec.is_video());
        // AV1 may begin a sequence behind the end of a fragment, the others begin nothing in mid frame.
        assert!(facts.frame_start || !facts.key_frame_start || codec == Codec::Av1);
    }
    if let Ok(descriptor) = Vp8Descriptor::parse(bytes) {
        assert!((1..=bytes.len().min(6)).contains(&descriptor.len));
    }
    if let Ok(descriptor) = Vp9Descriptor::parse(bytes) {
        assert_eq!(descriptor.layer_frame_start, bytes[0] & 0x08 != 0);
        assert!(descriptor.has_structure || !matches!(Vp9Structure::parse(bytes), Ok(Some(_))));
    }
    if let Ok(descriptor) = DependencyDescriptor::parse(bytes, None) {
        let structure = descriptor.structure.as_ref().unwrap();
        assert!(descriptor.layer.spatial <= structure.highest_layers().spatial);
        assert!(structure.target_layers(structure.target_count() - 1).is_some());
        assert!(DependencyDescriptor::parse(bytes, Some(structure)).is_ok());
    }
}

fn read_stun(bytes: &[u8]) {
    let Ok(stun) = Stun::parse(bytes) else { return };
    // Methods from 0x100 on begin with a byte that RFC 7983 gives to others.
    assert_eq!(classify(bytes) == Kind::Stun, stun.method() < 0x100);
    let mut len = 20;
    for (_, value) in stun.attributes() {
        assert_inside(bytes, value);
        len += 4 + value.len().next_multiple_of(4);
    }
    assert_eq!(len, bytes.len(), "attributes tile the message");
    assert_eq!(stun.transaction_id(), bytes[8..20]);
    assert!(stun.method() < 1 << 12);
    if let Some((left, right)) = stun.username() {
        assert_inside(bytes, left);
        assert_inside(bytes, right);
    }
    assert!(!stun.use_candidate() || stun.attributes().any(|(kind, _)| kind == 0x25));
}

fn read_rtp(bytes: &[u8]) {
    let Ok(header) = RtpHeader::parse(bytes) else { return };
    assert!(matches!(classify(bytes), Kind::Rtp | Kind::Rtcp));
    assert!((12..=bytes.len()).contains(&header.header_len));
    let mut elements_len = 0;
    for element in header.extensions(bytes) {
        assert_ne!(element.id, 0);
        assert_inside(&bytes[..header.header_len], element.data);
        elements_len += 1 + element.data.len();
    }
    assert!(elements_len <= header.header_len);
    if let Ok(payload) = header.payload(bytes) {
        assert_inside(&bytes[header.header_len..], payload);
        let padding_len = bytes.len() - header.header_len - payload.len();
        assert_eq!(padding_len, if header.padding { usize::from(bytes[bytes.len() - 1]) } else { 0 });
    }
}

fn read_rtcp(bytes: &[u8]) {
    let members: Vec<_> = Compound::new(bytes).collect();
    assert!(members.len() <= MEMBERS_MAX + 1 && members.len() <= bytes.len() / 4 + 1);
    // Every step of every walk below is counted.
    let mut steps = 0;
    for member in members.into_iter().flatten() {
        steps += read_member(bytes, member);
    }
    // A vector chunk of TWCC tells of 7 packets a byte, nothing tells of more; long losses are capped in each
    // member.
    let twcc_max = bytes.len() / 20 * usize::from(LOST_RUN_STATUSES_MAX);
    assert!(steps <= 7 * bytes.len() + twcc_max, "{steps} steps for {} bytes", bytes.len());
}

fn read_block(block: &ReportBlock, now: NtpTime) {
    assert!(block.cumulative_lost.unsigned_abs() <= 1 << 23);
    assert!(block.round_trip(now).is_none_or(|round_trip| round_trip.as_secs() < 1 << 16));
}

fn read_member(bytes: &[u8], member: Member<'_>) -> usize {
    match member {
        Member::SenderReport(report) => {
            report.reports().inspect(|block| read_block(block, report.ntp())).count()
        }
        Member::ReceiverReport(report) => {
            report.reports().inspect(|block| read_block(block, NtpTime(0))).count()
        }
        Member::SourceDescription(names) => {
            let items = names.chunks().flat_map(|(ssrc, items)| {
                names.cname(ssrc).into_iter().for_each(|name| assert_inside(bytes, name));
                items
            });
            items.inspect(|(_, text)| assert_inside(bytes, text)).count()
        }
        Member::Bye(bye) => {
            assert_inside(bytes, bye.reason().unwrap_or_default());
            bye.ssrcs().count()
        }
        Member::Nack(nack) => nack.sequences().count(),
        Member::Pli(_) | Member::Other { .. } => 1,
        Member::Fir(fir) => fir.entries().count(),
        Member::Remb(remb) => {
            black_box(remb.bitrate_bps());
            remb.ssrcs().count()
        }
        Member::Twcc(twcc) => {
            let reference_us = twcc.reference_time_ms() * 1000;
            assert_eq!(reference_us % 64_000, 0);
            let read = twcc.packets().count();
            assert!(read <= usize::from(twcc.status_count()));
            read
        }
    }
}

/// One datagram of each sort that our own writers and hands can make, the fullest there is.
fn valid_datagrams() -> Vec<Vec<u8>> {
    let stun = [
        [0, 1, 0, 20, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].as_slice(),
        &[0, 6, 0, 9, b'l', b'e', b'f', b't', b':', b'r', b'g', b'h', b't', 0, 0, 0, 0, 0x25, 0, 0],
    ]
    .concat();
    let fields = RtpFields {
        marker: true,
        payload_type: PayloadType::new(96).unwrap(),
        sequence: Sequence(1),
        timestamp: Timestamp(2),
        ssrc: Ssrc(3),
        padding: true,
    };
    let rtp = |elements: &[ExtensionElement<'_>]| {
        let mut packet = vec![0; 400];
        let len = write_rtp_header(&mut packet, &fields, elements.iter().copied()).unwrap();
        packet.truncate(len);
        packet.extend([0x90, 0x80, 0x81, 0x02, 0x00, 0, 0, 3]);
        packet
    };
    let short = [ExtensionElement { id: 1, data: b"mid" }, ExtensionElement { id: 3, data: &[0x85] }];
    let long = [ExtensionElement { id: 12, data: &[0xaa; 40] }, ExtensionElement { id: 200, data: &[] }];
    vec![
        stun,
        rtp(&[]),
        rtp(&short),
        rtp(&long),
        compound(),
        payload_stap_a(),
        payload_av1(),
        dependency_descriptor(),
    ]
}

/// Every member that we write, in one datagram.
fn compound() -> Vec<u8> {
    let block = ReportBlock {
        ssrc: Ssrc(5),
        fraction_lost: 1,
        cumulative_lost: -2,
        extended_highest_sequence: 3,
        jitter: 4,
        last_sender_report: 5,
        delay_since_last_sender_report: 6,
    };
    let mut out = vec![0; 1000];
    let mut writer = RtcpWriter::new(&mut out);
    writer.sender_report(Ssrc(1), NtpTime(2), Timestamp(3), 4, 5, &[block, block]).unwrap();
    writer.receiver_report(Ssrc(1), &[block]).unwrap();
    writer.cname(Ssrc(1), b"a name").unwrap();
    writer.nack(Ssrc(1), Ssrc(2), [7, 9, 20, 99].into_iter().map(Sequence)).unwrap();
    writer.pli(Ssrc(1), Ssrc(2)).unwrap();
    writer.fir(Ssrc(1), Ssrc(2), 3).unwrap();
    writer.remb(Ssrc(1), 2_500_000, &[Ssrc(2), Ssrc(3)]).unwrap();
    let arrivals = [Some(70_000), None, Some(70_500), Some(170_000), None, Some(60_000)];
    writer.twcc(Ssrc(1), Ssrc(2), 3, Sequence(65_533), &arrivals).unwrap();
    writer.bye(&[Ssrc(1), Ssrc(2)]).unwrap();
    writer.as_bytes().to_vec()
}

fn payload_stap_a() -> Vec<u8> {
    vec![0x78, 0, 4, 0x67, 1, 2, 3, 0, 2, 0x68, 4, 0, 3, 0x65, 5, 6]
}

/// Of a key frame in two spatial layers, with the structure.
fn dependency_descriptor() -> Vec<u8> {
    vec![
        0xbc, 0x00, 0x07, 0x87, 0x81, 0x23, 0xa8, 0x22, 0x45, 0x04, 0x5a, 0x00, 0x42, 0x22, 0x25, 0x01, 0x3f,
        0x00, 0xb3, 0x02, 0x7f, 0x01, 0x67, 0x23,
    ]
}

fn payload_av1() -> Vec<u8> {
    vec![0x28, 3, 0x08, 1, 2, 0x30, 1, 2, 3]
}

/// Why: lengths are where parsers fall over (libsrtp #50, str0m #709); every length of the plainest contents
/// is tried.
#[test]
fn no_length_of_plain_bytes_is_too_much() {
    for byte in [0x00, 0x01, 0x7f, 0x80, 0x81, 0x8f, 0xb0, 0xff] {
        let bytes = [byte; SWEEP_LEN_MAX];
        for len in 0..=SWEEP_LEN_MAX {
            read_everything(&bytes[..len]);
        }
    }
}

/// Why: the same for bytes without any order, behind first bytes that pass for STUN, DTLS, RTP and RTCP.
#[test]
fn no_length_of_noise_is_too_much() {
    // A linear congruential generator (Knuth's MMIX constants): the same noise in every run.
    let states = core::iter::successors(Some(1_u64), |state| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    });
    let mut noise: Vec<u8> = states.map(|state| state.to_be_bytes()[0]).take(SWEEP_LEN_MAX).collect();
    for head in
        [[0x00, 0x01], [0x16, 0xfe], [0x90, 0x60], [0xbf, 0x60], [0x81, 0xc8], [0x8f, 0xcd], [0xaf, 0xce]]
    {
        noise[..2].copy_from_slice(&head);
        for len in 0..=SWEEP_LEN_MAX {
            // An RTCP length that is true, so that the noise reaches the member.
            if let Some(words) = (len / 4).checked_sub(1) {
                noise[2..4].copy_from_slice(&u16::try_from(words).unwrap().to_be_bytes());
            }
            read_everything(&noise[..len]);
        }
    }
}

/// Why: a packet cut short anywhere, or long by what is behind it, is what a truncating network or a wrong
/// length makes.
#[test]
fn no_cut_of_a_valid_packet_is_too_much() {
    for datagram in valid_datagrams() {
        for len in 0..=datagram.len() {
            read_everything(&datagram[..len]);
            read_everything(&datagram[len..]);
        }
        let longer = [datagram.as_slice(), &[0xff; 40]].concat();
        for len in datagram.len()..longer.len() {
            read_everything(&longer[..len]);
        }
    }
}

/// Why: one wrong byte in a packet that is else right reaches deeper than noise does; all of them are tried.
#[test]
fn no_changed_byte_of_a_valid_packet_is_too_much() {
    for datagram in valid_datagrams() {
        for index in 0..datagram.len() {
            let mut changed = datagram.clone();
            for byte in 0..=u8::MAX {
                changed[index] = byte;
                read_everything(&changed);
            }
        }
    }
}

/// Why: the sweeps above are worth what their packets hold; these must be whole and read to their ends.
#[test]
fn the_valid_packets_are_valid() {
    let datagrams = valid_datagrams();
    assert!(Stun::parse(&datagrams[0]).unwrap().use_candidate());
    for (index, elements) in [(1, 0), (2, 2), (3, 2)] {
        let header = RtpHeader::parse(&datagrams[index]).unwrap();
        assert_eq!(header.extensions(&datagrams[index]).count(), elements);
        assert_eq!(header.payload(&datagrams[index]).unwrap().len(), 5);
    }
    assert_eq!(Compound::new(&datagrams[4]).filter(Result::is_ok).count(), 9);
    assert!(frame_facts(Codec::H264, false, &datagrams[5]).unwrap().key_frame_start);
    assert!(frame_facts(Codec::Av1, false, &datagrams[6]).unwrap().key_frame_start);
    assert!(DependencyDescriptor::parse(&datagrams[7], None).unwrap().structure.is_some());
}

/// A header of RTCP that frames noise well, so that the noise reaches the members.
fn framed_noise() -> impl Strategy<Value = Vec<u8>> {
    let member = (0x80_u8..=0xbf, 192_u8..=223, prop::collection::vec(any::<[u8; 4]>(), 0..60));
    prop::collection::vec(member, 0..40).prop_map(|members| {
        members
            .into_iter()
            .flat_map(|(first, packet_type, words)| {
                let len = u16::try_from(words.len()).unwrap().to_be_bytes();
                [vec![first, packet_type, len[0], len[1]], words.concat()].concat()
            })
            .collect()
    })
}

/// The same, aimed at the formats of feedback that we read.
fn framed_feedback() -> impl Strategy<Value = Vec<u8>> {
    let formats = prop_oneof![
        Just((0x81, 205)),
        Just((0x8f, 205)),
        Just((0x81, 206)),
        Just((0x84, 206)),
        Just((0x8f, 206))
    ];
    (formats, prop::collection::vec(any::<[u8; 4]>(), 0..300)).prop_map(|((first, packet_type), words)| {
        let len = u16::try_from(words.len()).unwrap().to_be_bytes();
        [vec![first, packet_type, len[0], len[1]], words.concat()].concat()
    })
}

/// A STUN header that frames noise well.
fn framed_stun() -> impl Strategy<Value = Vec<u8>> {
    let attribute = (
        prop_oneof![Just(6_u16), Just(8), Just(0x25), any::<u16>()],
        prop::collection::vec(any::<u8>(), 0..30),
    );
    prop::collection::vec(attribute, 0..10).prop_map(|attributes| {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            body.extend(value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        [vec![0, 1, len[0], len[1], 0x21, 0x12, 0xa4, 0x42], vec![7; 12], body].concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Why: noise of any length, as a port on the internet receives it.
    #[test]
    fn no_noise_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..=SWEEP_LEN_MAX)) {
        read_everything(&bytes);
    }

    /// Why: noise behind a first byte that passes for RTP or RTCP.
    #[test]
    fn no_noise_behind_a_version_is_too_much(first in 0x80_u8..=0xbf, bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_everything(&[vec![first], bytes].concat());
    }

    /// Why: noise inside right frames gets to the innermost readers.
    #[test]
    fn no_framed_noise_is_too_much(bytes in prop_oneof![framed_noise(), framed_feedback(), framed_stun()]) {
        read_everything(&bytes);
    }
}
