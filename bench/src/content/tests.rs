use fanlight_wire::{Codec, FrameFacts, frame_facts};

use super::*;

const RATE: u32 = 2_500_000;

/// All packets of a frame.
fn frame(content: &Content, kind: Kind, frame: u32, key: bool) -> Vec<(Stamp, Vec<u8>)> {
    let sizes = content.cut(kind, frame, key);
    let packets = u16::try_from(sizes.len()).unwrap();
    let packet = |(packet, bytes): (u16, &usize)| {
        let stamp = Stamp { frame, ordinal: 77 + u32::from(packet), packet, packets, key, sent_ns: 1 << 40 };
        let payload = content.payload(kind, &stamp, *bytes);
        assert_eq!(payload.len(), *bytes);
        (stamp, payload)
    };
    (0..).zip(&sizes).map(packet).collect()
}

/// A server that finds no key frame sends nothing: every number would be about silence.
#[test]
fn a_server_sees_where_frames_and_key_frames_begin_and_end() {
    let content = Content::new(RATE);
    for key in [true, false] {
        let packets = frame(&content, Kind::Picture, 40_000, key);
        for (stamp, payload) in &packets {
            let last = stamp.packet + 1 == stamp.packets;
            let expected = FrameFacts {
                key_frame_start: key && stamp.packet == 0,
                frame_start: stamp.packet == 0,
                frame_end: last,
            };
            assert_eq!(frame_facts(Codec::Vp8, last, payload), Ok(expected), "{stamp:?}");
        }
        let id = Vp8Descriptor::parse(&packets[0].1).unwrap().picture_id;
        assert_eq!(id, Some(40_000 & 0x7fff));
    }
    let (_, sound) = frame(&content, Kind::Sound, 3, false).remove(0);
    assert!(frame_facts(Codec::Opus, false, &sound).unwrap().key_frame_start);
}

/// Latency, order and wholeness are judged by what is read here.
#[test]
fn the_stamp_of_a_payload_is_read_back() {
    let content = Content::new(RATE);
    for (kind, key) in [(Kind::Picture, true), (Kind::Picture, false), (Kind::Sound, false)] {
        for (stamp, payload) in frame(&content, kind, 9, key) {
            assert_eq!(Stamp::read(kind, &payload), Some(stamp), "{kind:?}");
        }
    }
}

/// A server may give pictures other numbers, and must not be blamed for it.
#[test]
fn a_renumbered_picture_keeps_its_stamp() {
    let content = Content::new(RATE);
    let (stamp, mut payload) = frame(&content, Kind::Picture, 9, true).remove(0);
    assert!(Vp8Descriptor::parse(&payload).unwrap().renumber(&mut payload, 4321, 0));
    assert_eq!(Stamp::read(Kind::Picture, &payload), Some(stamp));
}

/// One flipped bit behind the codec's own bytes must be seen.
#[test]
fn a_damaged_payload_has_no_stamp() {
    let content = Content::new(RATE);
    let (_, payload) = frame(&content, Kind::Picture, 9, false).remove(0);
    for at in DESCRIPTOR_BYTES + OTHER_HEADER_BYTES..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x10;
        assert_eq!(Stamp::read(Kind::Picture, &damaged), None, "byte {at}");
    }
    assert_eq!(Stamp::read(Kind::Picture, &payload[..20]), None);
    assert_eq!(Stamp::read(Kind::Sound, &[]), None);
}

/// The results are quoted for this rate and for packets of a usual size.
#[test]
fn a_minute_has_the_bit_rate_and_usual_packets() {
    let content = Content::new(RATE);
    let (mut bits, mut packets) = (0, 0);
    for number in 0..60 * FRAMES_PER_SECOND {
        let sizes = content.cut(Kind::Picture, number, false);
        assert!(sizes.iter().all(|bytes| (1_000..=PAYLOAD_BYTES_MAX).contains(bytes)), "{sizes:?}");
        // The shorter packets come first, and the difference is one byte.
        assert!(sizes.is_sorted() && sizes[sizes.len() - 1] - sizes[0] <= 1, "{sizes:?}");
        bits += sizes.iter().sum::<usize>() * 8;
        packets += sizes.len();
    }
    assert!((bits / 60).abs_diff(RATE as usize) < RATE as usize / 50, "{} bit/s", bits / 60);
    assert!((270..=300).contains(&(packets / 60)), "{} packets a second", packets / 60);
}

/// At any rate that can be asked for, packets must fit a path and hold their stamp.
#[test]
fn the_extremes_of_the_rate_make_legal_packets() {
    for rate in [0, 50_000, 100_000_000, u32::MAX] {
        let content = Content::new(rate);
        for (kind, key) in [(Kind::Picture, true), (Kind::Picture, false), (Kind::Sound, false)] {
            for (stamp, payload) in frame(&content, kind, 9, key) {
                assert!(payload.len() <= PAYLOAD_BYTES_MAX);
                assert_eq!(Stamp::read(kind, &payload), Some(stamp));
            }
        }
    }
}
