//! RTP headers: made by hand, made by the writer, and as another implementation sees them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_types, reason = "proptest's macros share strategies by Arc")]

use bytes::Bytes;
use fanlight_wire::{
    ExtensionElement, Kind, Malformed, PayloadType, RtpFields, RtpHeader, Sequence, Ssrc, Timestamp,
    classify, rtx_original_sequence, write_rtp_header,
};
use proptest::prelude::*;
use webrtc_util::marshal::{Marshal, Unmarshal};

/// A packet with all there is: padding, a block, two CSRCs, the marker.
const FULL: [u8; 34] = [
    0xb2, 0xe0, 0x12, 0x34, 0xaa, 0xbb, 0xcc, 0xdd, 0x01, 0x02, 0x03, 0x04, // V P X CC=2, M PT=96
    0, 0, 0, 1, 0, 0, 0, 2, // CSRCs
    0xbe, 0xde, 0, 1, 0x31, 0x07, 0x08, 0x00, // element 3, two bytes, one of padding
    b'm', b'e', b'd', b'i', 0, 2, // payload and two bytes of padding
];

/// Written elements borrow; these own.
type OwnedElement = (u8, Vec<u8>);

fn borrow(elements: &[OwnedElement]) -> impl Iterator<Item = ExtensionElement<'_>> + Clone {
    elements.iter().map(|(id, data)| ExtensionElement { id: *id, data })
}

fn arbitrary_fields() -> impl Strategy<Value = RtpFields> {
    (any::<(bool, u16, u32, u32, bool)>(), 0_u8..128).prop_map(
        |((marker, sequence, timestamp, ssrc, padding), payload_type)| RtpFields {
            marker,
            payload_type: PayloadType::new(payload_type).unwrap(),
            sequence: Sequence(sequence),
            timestamp: Timestamp(timestamp),
            ssrc: Ssrc(ssrc),
            padding,
        },
    )
}

fn one_byte_elements() -> impl Strategy<Value = Vec<OwnedElement>> {
    prop::collection::vec((1_u8..=14, prop::collection::vec(any::<u8>(), 1..=16)), 0..8)
}

fn two_byte_elements() -> impl Strategy<Value = Vec<OwnedElement>> {
    prop::collection::vec((1_u8..=255, prop::collection::vec(any::<u8>(), 0..=255)), 0..8)
}

/// Why: every field has one place, and the payload is what is left without header and padding.
#[test]
fn a_full_header_is_read_field_by_field() {
    let header = RtpHeader::parse(&FULL).unwrap();
    assert!(header.marker && header.padding);
    assert_eq!(header.payload_type, PayloadType::new(96).unwrap());
    assert_eq!(header.sequence, Sequence(0x1234));
    assert_eq!(header.timestamp, Timestamp(0xaabb_ccdd));
    assert_eq!(header.ssrc, Ssrc(0x0102_0304));
    assert_eq!((header.csrc_count, header.header_len), (2, 28));
    let elements: Vec<_> = header.extensions(&FULL).collect();
    assert_eq!(elements, [ExtensionElement { id: 3, data: &[7, 8] }]);
    assert_eq!(header.payload(&FULL), Ok(b"medi".as_slice()));
}

/// Why: a truncated packet is refused at every length, by the name of what is missing.
#[test]
fn a_truncated_header_is_refused_by_name() {
    for len in 0..28 {
        let expected = if len < 20 { Malformed::TooShort } else { Malformed::BadExtension };
        assert_eq!(RtpHeader::parse(&FULL[..len]), Err(expected), "{len} bytes");
    }
    assert!(RtpHeader::parse(&FULL[..28]).is_ok());
}

/// Why: only version 2 is RTP as we know it.
#[test]
fn other_versions_are_refused() {
    for version in [0, 1, 3] {
        let mut packet = FULL;
        packet[0] = packet[0] & 0x3f | version << 6;
        assert_eq!(RtpHeader::parse(&packet), Err(Malformed::BadVersion));
    }
}

/// Why: the padding count is the sender's word; every value of it is tried.
#[test]
fn padding_is_taken_off_only_if_it_is_there() {
    let header = RtpHeader::parse(&FULL).unwrap();
    for count in 0..=u8::MAX {
        let mut packet = FULL;
        packet[33] = count;
        let expected = match count {
            1..=6 => Ok(&FULL[28..34 - usize::from(count)]),
            _ => Err(Malformed::BadPadding),
        };
        assert_eq!(header.payload(&packet), expected, "count {count}");
    }
    assert_eq!(header.payload(&FULL[..28]), Err(Malformed::BadPadding), "nothing that could hold a count");
    assert_eq!(header.payload(&FULL[..27]), Err(Malformed::TooShort));
}

/// Why: a header is kept while its packet changes hands; with a wrong packet it may say nothing but must not
/// reach out.
#[test]
fn a_header_used_on_a_shorter_packet_yields_nothing() {
    let header = RtpHeader::parse(&FULL).unwrap();
    assert_eq!(header.extensions(&FULL[..27]).count(), 0);
    assert_eq!(header.extensions(&[]).count(), 0);
}

/// Why: what does not fit must not be half sent, and room is exactly what the header takes.
#[test]
fn a_header_is_written_only_where_it_fits() {
    let fields = RtpHeader::parse(&FULL).unwrap().fields();
    let elements = [(1, vec![9; 3]), (2, vec![8])];
    let mut out = [0; 24];
    for room in 0..out.len() {
        let fits = write_rtp_header(&mut out[..room], &fields, borrow(&elements));
        assert_eq!(fits, None, "room for {room}");
    }
    assert_eq!(write_rtp_header(&mut out, &fields, borrow(&elements)), Some(24));
    assert_eq!(write_rtp_header(&mut [0; 12], &fields, [].into_iter()), Some(12));
}

/// Why: the smallest form that can hold all elements is what every receiver understands.
#[test]
fn the_two_byte_form_is_taken_only_when_needed() {
    let fields = RtpHeader::parse(&FULL).unwrap().fields();
    for (elements, profile) in [
        (vec![(1, vec![0; 16]), (14, vec![0])], [0xbe, 0xde]),
        (vec![(1, vec![0; 17])], [0x10, 0x00]),
        (vec![(1, vec![])], [0x10, 0x00]),
        (vec![(15, vec![0])], [0x10, 0x00]),
        (vec![(255, vec![0; 255])], [0x10, 0x00]),
    ] {
        let mut out = [0xff; 400];
        let len = write_rtp_header(&mut out, &fields, borrow(&elements)).unwrap();
        assert_eq!((len % 4, &out[12..14]), (0, profile.as_slice()));
        let header = RtpHeader::parse(&out).unwrap();
        assert_eq!(header.header_len, len);
        assert!(header.extensions(&out).eq(borrow(&elements)));
    }
}

/// Why: an element that no form can hold would shift all that follow it.
#[test]
fn illegal_elements_are_not_written() {
    let fields = RtpHeader::parse(&FULL).unwrap().fields();
    let mut out = vec![0; 300_000];
    for elements in [vec![(0, vec![1])], vec![(1, vec![0; 256])], vec![(1, vec![0; 255]); 1100]] {
        assert_eq!(write_rtp_header(&mut out, &fields, borrow(&elements)), None);
    }
}

/// Why: RTX puts two bytes before the payload; probes on the RTX stream may have none.
#[test]
fn a_retransmission_names_its_original() {
    assert_eq!(rtx_original_sequence(&[0x12, 0x34, 5, 6]), Some((Sequence(0x1234), [5, 6].as_slice())));
    assert_eq!(rtx_original_sequence(&[0x12, 0x34]), Some((Sequence(0x1234), [].as_slice())));
    assert_eq!(rtx_original_sequence(&[0x12]), None);
    assert_eq!(rtx_original_sequence(&[]), None);
}

/// Why: the first two bytes choose the parser; all 65,536 of them are held against the tables of the RFCs.
#[test]
fn datagrams_are_sorted_by_their_first_two_bytes() {
    assert_eq!(classify(&[]), Kind::Unknown);
    for first in 0..=u8::MAX {
        let alone = classify(&[first]);
        for second in 0..=u8::MAX {
            let expected = match first {
                0..=3 => Kind::Stun,
                20..=63 => Kind::Dtls,
                // RFC 5761 §4: packet types 192 to 223, and their twins without the marker.
                128..=191 if matches!(second, 192..=223 | 64..=95) => Kind::Rtcp,
                128..=191 => Kind::Rtp,
                _ => Kind::Unknown,
            };
            assert_eq!(classify(&[first, second]), expected);
            assert_eq!(classify(&[first, second, 0xff, 0]), expected, "what follows has no say");
        }
        let media = matches!(first, 128..=191);
        assert_eq!(alone, if media { Kind::Unknown } else { classify(&[first, 0]) });
    }
}

proptest! {
    /// Why: what we write is what we mean, in both forms of the extension block.
    #[test]
    fn a_written_header_reads_back(
        fields in arbitrary_fields(),
        elements in prop_oneof![one_byte_elements(), two_byte_elements()],
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut packet = vec![0xff; 3000];
        let len = write_rtp_header(&mut packet, &fields, borrow(&elements)).unwrap();
        packet.truncate(len);
        packet.extend(&payload);
        let header = RtpHeader::parse(&packet).unwrap();
        prop_assert_eq!(header.fields(), fields);
        prop_assert_eq!((header.header_len, header.csrc_count), (len, 0));
        prop_assert!(header.extensions(&packet).eq(borrow(&elements)));
        if !fields.padding {
            prop_assert_eq!(header.payload(&packet), Ok(payload.as_slice()));
        }
    }

    /// Why: a mistake made alike in writer and reader would pass the test above. Another implementation reads
    /// what we write.
    #[test]
    fn another_reader_sees_what_we_wrote(
        fields in arbitrary_fields(),
        elements in prop_oneof![one_byte_elements(), two_byte_elements()],
    ) {
        let mut packet = vec![0; 3000];
        let len = write_rtp_header(&mut packet, &fields, borrow(&elements)).unwrap();
        let theirs = rtp::header::Header::unmarshal(&mut &packet[..len]).unwrap();
        prop_assert_eq!(
            (theirs.version, theirs.marker, theirs.padding, theirs.payload_type),
            (2, fields.marker, fields.padding, fields.payload_type.value())
        );
        prop_assert_eq!(
            (theirs.sequence_number, theirs.timestamp, theirs.ssrc),
            (fields.sequence.0, fields.timestamp.0, fields.ssrc.0)
        );
        prop_assert!(theirs.csrc.is_empty());
        let read: Vec<OwnedElement> =
            theirs.extensions.iter().map(|element| (element.id, element.payload.to_vec())).collect();
        prop_assert_eq!(read, elements);
    }

    /// Why: and the other way round, with CSRCs, which we never write.
    #[test]
    fn we_see_what_another_writer_wrote(
        fields in arbitrary_fields(),
        (two_byte, elements) in prop_oneof![
            one_byte_elements().prop_map(|elements| (false, elements)),
            two_byte_elements().prop_map(|elements| (true, elements)),
        ],
        csrc in prop::collection::vec(any::<u32>(), 0..=15),
        payload in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let theirs = rtp::packet::Packet {
            header: rtp::header::Header {
                version: 2,
                padding: false,
                extension: !elements.is_empty(),
                marker: fields.marker,
                payload_type: fields.payload_type.value(),
                sequence_number: fields.sequence.0,
                timestamp: fields.timestamp.0,
                ssrc: fields.ssrc.0,
                csrc: csrc.clone(),
                extension_profile: if two_byte { 0x1000 } else { 0xbede },
                extensions: elements
                    .iter()
                    .map(|(id, data)| rtp::header::Extension { id: *id, payload: Bytes::from(data.clone()) })
                    .collect(),
                extensions_padding: 0,
            },
            payload: Bytes::from(payload.clone()),
        };
        let packet = theirs.marshal().unwrap();
        let header = RtpHeader::parse(&packet).unwrap();
        prop_assert_eq!(header.fields(), RtpFields { padding: false, ..fields });
        prop_assert_eq!(usize::from(header.csrc_count), csrc.len());
        prop_assert!(header.extensions(&packet).eq(borrow(&elements)));
        prop_assert_eq!(header.payload(&packet), Ok(payload.as_slice()));
    }
}
