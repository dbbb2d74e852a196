use fanlight_wire::{Codec as WireCodec, FrameFacts, Vp8Descriptor, frame_facts};

use super::*;

const CODECS: [(Codec, WireCodec); 4] = [
    (Codec::Vp8, WireCodec::Vp8),
    (Codec::Vp9, WireCodec::Vp9),
    (Codec::H264, WireCodec::H264),
    (Codec::Av1, WireCodec::Av1),
];

fn content(codec: Codec, video_kbit_per_second: u32) -> Content {
    Content::new(&Publishers { codec, video_kbit_per_second, ..Publishers::default() }, 1)
}

/// All packets of a frame.
fn frame(content: &Content, kind: Kind, frame: u32, key: bool) -> Vec<(Stamp, Vec<u8>)> {
    let packets = content.packets(kind, frame, key, 0);
    let count = u16::try_from(packets.len()).unwrap();
    let stamped = |(packet, content): (u16, &Packet)| {
        let ordinal = 77 + u32::from(packet);
        let due_ns = 1 << 40;
        let stamp = Stamp { due_ns, frame, ordinal, packet, packets: count, publisher: 9, layer: 2, key };
        (stamp, content.stamped(&stamp))
    };
    (0..).zip(&packets).map(stamped).collect()
}

/// A server that finds no key frame sends nothing: every number would be about silence. The judge is the parser of our own
/// server, which is tested against what browsers send.
#[test]
fn a_server_sees_where_key_frames_begin_in_every_codec() {
    for (codec, wire) in CODECS {
        let content = content(codec, 2_500);
        for key in [true, false] {
            for (stamp, payload) in frame(&content, Kind::Picture, 40_000, key) {
                let last = stamp.packet + 1 == stamp.packets;
                let facts: FrameFacts = frame_facts(wire, last, &payload).unwrap();
                assert_eq!(facts.frame_end, last, "{codec:?} {stamp:?}");
                if stamp.packet == 0 {
                    assert!(facts.frame_start, "{codec:?} {stamp:?}");
                    assert_eq!(facts.key_frame_start, key, "{codec:?} {stamp:?}");
                } else if stamp.packet > 1 {
                    assert!(!facts.frame_start && !facts.key_frame_start, "{codec:?} {stamp:?}");
                }
            }
        }
    }
    let (_, sound) = frame(&content(Codec::Vp8, 2_500), Kind::Sound, 3, false).remove(0);
    assert!(frame_facts(WireCodec::Opus, false, &sound).unwrap().key_frame_start);
}

/// The pictures are an encoder's: the first bytes of each frame are what the clip has.
#[test]
fn frames_begin_as_an_encoder_made_them() {
    let first = |codec, key| frame(&content(codec, 2_500), Kind::Picture, 4, key).remove(0).1;
    let vp8 = first(Codec::Vp8, true);
    assert_eq!(vp8[4] & 1, 0, "a key frame's tag (RFC 6386 §9.1)");
    assert_eq!(vp8[7..14], [0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00], "start code, 320 × 180");
    assert_eq!(first(Codec::Vp8, false)[4] & 1, 1);
    let h264 = first(Codec::H264, true);
    assert_eq!((h264[0] & 0x1f, h264[3] & 0x1f), (24, 7), "STAP-A, with the sequence parameters first");
    let av1 = first(Codec::Av1, true);
    assert_eq!(
        (av1[0], av1[2] >> 3),
        (0x40 | 0x20 | 0x08, 1),
        "continued, two elements, a new sequence; its header"
    );
}

/// Latency, order and wholeness are judged by what is read here.
#[test]
fn the_stamp_of_a_payload_is_read_back() {
    for (codec, _) in CODECS {
        let content = content(codec, 2_500);
        for (kind, key) in [(Kind::Picture, true), (Kind::Picture, false), (Kind::Sound, false)] {
            for (stamp, mut payload) in frame(&content, kind, 9, key) {
                assert_eq!(Stamp::read(&mut payload), Some(stamp), "{codec:?} {kind:?}");
            }
        }
    }
}

/// A server may give pictures other numbers, and must not be blamed for it.
#[test]
fn a_renumbered_picture_keeps_its_stamp() {
    let (stamp, mut payload) = frame(&content(Codec::Vp8, 2_500), Kind::Picture, 9, true).remove(0);
    assert!(Vp8Descriptor::parse(&payload).unwrap().renumber(&mut payload, 4321, 0, 0));
    assert_eq!(Stamp::read(&mut payload), Some(stamp));
}

/// One flipped bit behind the codec's own bytes must be seen.
#[test]
fn a_damaged_payload_has_no_stamp() {
    let (_, payload) = frame(&content(Codec::Vp8, 2_500), Kind::Picture, 9, false).remove(0);
    for at in 4..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 0x10;
        assert_eq!(Stamp::read(&mut damaged), None, "byte {at}");
    }
    assert_eq!(Stamp::read(&mut payload[..20].to_vec()), None);
    assert_eq!(Stamp::read(&mut []), None);
}

/// The results are quoted for this rate and for packets of a usual size.
#[test]
fn a_minute_has_the_bit_rate_and_usual_packets() {
    for (codec, _) in CODECS {
        let content = content(codec, 2_500);
        let (mut bits, mut packets) = (0, 0);
        for number in 0..1_800 {
            let sizes: Vec<_> = frame(&content, Kind::Picture, number, false)
                .iter()
                .map(|(_, payload)| payload.len())
                .collect();
            assert!(sizes.iter().all(|bytes| (1_000..=PAYLOAD_BYTES_MAX).contains(bytes)), "{sizes:?}");
            // The shorter packets come first, and the difference is one byte.
            assert!(sizes.is_sorted() && sizes[sizes.len() - 1] - sizes[0] <= 1, "{sizes:?}");
            bits += sizes.iter().sum::<usize>() * 8;
            packets += sizes.len();
        }
        assert!((bits / 60).abs_diff(2_500_000) < 50_000, "{codec:?}: {} bit/s", bits / 60);
        assert!((270..=300).contains(&(packets / 60)), "{codec:?}: {} packets a second", packets / 60);
    }
}

/// Layers of simulcast are a quarter of each other, and each has its own key frames.
#[test]
fn a_smaller_layer_has_a_quarter_of_the_bytes() {
    let content = content(Codec::Vp8, 2_500);
    let bytes = |layer| -> usize {
        let all = (0..300).flat_map(|number| content.packets(Kind::Picture, number, false, layer));
        all.map(|packet| packet.head.len() + packet.body.len() + STAMP_BYTES).sum()
    };
    assert!((bytes(0) / 4).abs_diff(bytes(1)) < bytes(1) / 50);
    assert!((bytes(1) / 4).abs_diff(bytes(2)) < bytes(2) / 50);
}

/// At any rate that can be asked for, packets must fit a path and hold their stamp.
#[test]
fn the_extremes_of_the_rate_make_legal_packets() {
    for (codec, _) in CODECS {
        for rate in [0, 50, 200_000] {
            let content = content(codec, rate);
            for (kind, key) in [(Kind::Picture, true), (Kind::Picture, false), (Kind::Sound, false)] {
                for (stamp, mut payload) in frame(&content, kind, 9, key) {
                    assert!(payload.len() <= PAYLOAD_BYTES_MAX);
                    assert_eq!(Stamp::read(&mut payload), Some(stamp));
                }
            }
        }
    }
}

/// RTP time must not drift from the schedule, whatever the frame rate.
#[test]
fn timestamps_follow_the_schedule() {
    let content = Content::new(&Publishers { frames_per_second: 29, ..Publishers::default() }, 1);
    let hour = 29 * 3_600;
    assert_eq!(content.timestamp(Kind::Picture, hour), 90_000 * 3_600);
    assert_eq!(content.due(Kind::Picture, hour), Duration::from_secs(3_600));
    assert_eq!(content.timestamp(Kind::Sound, 50), 48_000);
}
