//! Where frames and key frames begin: payloads by hand, and those of another implementation's packetizers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use bytes::Bytes;
use fanlight_wire::codec::{
    Codec, FrameFacts, Vp8Descriptor, Vp9Descriptor, Vp9Layers, Vp9Structure, frame_facts, key_frame_size,
};
use fanlight_wire::{Malformed, Resolution};
use proptest::prelude::*;
use rtp::codecs::av1::Av1Payloader;
use rtp::codecs::h264::H264Payloader;
use rtp::codecs::h265::HevcPayloader;
use rtp::codecs::vp8::Vp8Packet;
use rtp::codecs::vp9::Vp9Packet;
use rtp::packetizer::{Depacketizer, Payloader};

const VIDEO: [Codec; 5] = [Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];

/// Whether a key frame, whether a frame begins here.
fn starts(codec: Codec, payload: &[u8]) -> Result<(bool, bool), Malformed> {
    frame_facts(codec, false, payload).map(|facts| (facts.key_frame_start, facts.frame_start))
}

/// The same for each packet that a packetizer makes of an access unit.
fn starts_of_packets(codec: Codec, payloader: &mut dyn Payloader, access_unit: Vec<u8>) -> Vec<(bool, bool)> {
    let packets = payloader.payload(1200, &Bytes::from(access_unit)).unwrap();
    packets.iter().map(|packet| starts(codec, packet).unwrap()).collect()
}

/// NAL units with start codes, the last one longer than a packet.
fn annex_b(units: &[&[u8]], last_len: usize) -> Vec<u8> {
    let mut stream: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 0, 1], *unit].concat()).collect();
    stream.resize(stream.len() + last_len, 0x55);
    stream
}

/// Why: an audio decoder can begin anywhere and every packet is whole; a packet without any bytes is padding.
#[test]
fn every_audio_packet_is_a_frame() {
    let whole = FrameFacts { key_frame_start: true, frame_start: true, frame_end: true };
    for marker in [false, true] {
        assert_eq!(frame_facts(Codec::Opus, marker, &[0xfc]), Ok(whole));
    }
    assert_eq!(frame_facts(Codec::Opus, false, &[]), Err(Malformed::TooShort));
    assert!(!Codec::Opus.is_video());
}

/// Why: the end of a frame is the marker's to say, whatever the codec.
#[test]
fn a_video_frame_ends_at_the_marker() {
    for codec in VIDEO {
        assert!(codec.is_video());
        let payload = [0x10, 0x10, 0x00, 0x00];
        for marker in [false, true] {
            let end = frame_facts(codec, marker, &payload).map(|facts| facts.frame_end);
            assert_eq!(end, Ok(marker), "{codec:?}");
        }
        assert_eq!(frame_facts(codec, true, &[]), Err(Malformed::TooShort), "{codec:?}");
    }
}

mod vp8 {
    use super::*;

    /// Why: only the first packet of the first partition shows the frame header, whose lowest bit is 0 for a
    /// key frame.
    #[test]
    fn a_key_frame_begins_at_its_first_partition() {
        assert_eq!(starts(Codec::Vp8, &[0x10, 0x00]), Ok((true, true)));
        assert_eq!(starts(Codec::Vp8, &[0x10, 0x01]), Ok((false, true)), "an interframe");
        assert_eq!(starts(Codec::Vp8, &[0x00, 0x00]), Ok((false, false)), "a continuation");
        assert_eq!(starts(Codec::Vp8, &[0x11, 0x00]), Ok((false, false)), "the second partition");
        assert_eq!(starts(Codec::Vp8, &[0x10]), Err(Malformed::TooShort), "no frame header");
    }

    /// Why: a viewer's wish for a size is held against what a layer shows, where nothing else tells.
    #[test]
    fn a_key_frame_shows_its_size_and_no_other_packet_does() {
        let key_frame = [0x10, 0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x01, 0xff];
        assert_eq!(
            key_frame_size(Codec::Vp8, &key_frame),
            Some((640, 360)),
            "the upper two bits are the scale"
        );
        let interframe = [0x10, 0x51, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x01, 0xff];
        assert_eq!(key_frame_size(Codec::Vp8, &interframe), None);
        let continuation = [0x00, 0x50, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x42, 0x68, 0x01, 0xff];
        assert_eq!(key_frame_size(Codec::Vp8, &continuation), None);
        for len in 0..11 {
            assert_eq!(key_frame_size(Codec::Vp8, &key_frame[..len]), None, "{len} bytes");
        }
    }

    /// Why: libwebrtc's usual descriptor, with everything in it, and its 7-bit sibling.
    #[test]
    fn a_full_descriptor_is_read_field_by_field() {
        let payload = [0xb0, 0xf0, 0x92, 0x34, 77, 0xa5, 0x00];
        let expected = Vp8Descriptor {
            non_reference: true,
            partition_start: true,
            partition: 0,
            picture_id: Some(0x1234),
            wide_picture_id: true,
            tl0_picture_index: Some(77),
            temporal_layer: Some(2),
            layer_sync: true,
            key_index: Some(5),
            len: 6,
        };
        assert_eq!(Vp8Descriptor::parse(&payload), Ok(expected));
        assert_eq!(starts(Codec::Vp8, &payload), Ok((true, true)));
        for len in 0..6 {
            assert_eq!(Vp8Descriptor::parse(&payload[..len]), Err(Malformed::TooShort), "{len} bytes");
        }
        assert_eq!(starts(Codec::Vp8, &payload[..6]), Err(Malformed::TooShort));

        let short = Vp8Descriptor::parse(&[0x83, 0x90, 0x7f, 0x1f, 0x00]).unwrap();
        assert_eq!((short.partition, short.picture_id, short.len), (3, Some(0x7f), 4));
        assert!(!short.wide_picture_id);
        assert_eq!((short.temporal_layer, short.layer_sync), (None, false), "a key index alone is no layer");
        assert_eq!(short.key_index, Some(0x1f));
    }

    proptest! {
        /// Why: renumbering is done in a copy of a payload that others share the rest of: what was asked for is there,
        /// and every other bit is as it was.
        #[test]
        fn renumbering_changes_the_numbers_and_nothing_else(
            payload in prop::collection::vec(any::<u8>(), 0..12),
            picture_id in 0_u16..1 << 15,
            tl0_picture_index in any::<u8>(),
            key_index in 0_u8..1 << 5,
        ) {
            let Ok(before) = Vp8Descriptor::parse(&payload) else { return Ok(()) };
            let mut renumbered = payload.clone();
            prop_assert!(before.renumber(&mut renumbered, picture_id, tl0_picture_index, key_index));
            let shown = if before.wide_picture_id { picture_id } else { picture_id & 0x7f };
            let expected = Vp8Descriptor {
                picture_id: before.picture_id.map(|_| shown),
                tl0_picture_index: before.tl0_picture_index.map(|_| tl0_picture_index),
                key_index: before.key_index.map(|_| key_index),
                ..before
            };
            prop_assert_eq!(Vp8Descriptor::parse(&renumbered), Ok(expected));

            let (old_id, old_index) = (before.picture_id.unwrap_or(0), before.tl0_picture_index.unwrap_or(0));
            let old_key = before.key_index.unwrap_or(0);
            prop_assert!(before.renumber(&mut renumbered, old_id, old_index, old_key));
            prop_assert_eq!(&renumbered, &payload);
            for len in 0..before.len {
                prop_assert!(!before.renumber(&mut renumbered[..len], !old_id, !old_index, !old_key));
            }
            prop_assert_eq!(renumbered, payload);
        }

        /// Why: another implementation must read the same descriptor wherever it accepts one.
        #[test]
        fn another_reader_sees_the_same_descriptor(payload in prop::collection::vec(any::<u8>(), 4..12)) {
            let mut theirs = Vp8Packet::default();
            let rest = theirs.depacketize(&Bytes::from(payload.clone()));
            let ours = Vp8Descriptor::parse(&payload);
            if let Ok(rest) = rest {
                let ours = ours.unwrap();
                prop_assert_eq!(payload.len() - rest.len(), ours.len);
                prop_assert_eq!((theirs.n == 1, theirs.s == 1, theirs.pid), (ours.non_reference, ours.partition_start, ours.partition));
                prop_assert_eq!((theirs.i == 1).then_some(theirs.picture_id), ours.picture_id);
                prop_assert_eq!((theirs.l == 1).then_some(theirs.tl0_pic_idx), ours.tl0_picture_index);
                prop_assert_eq!((theirs.t == 1).then_some(theirs.tid), ours.temporal_layer);
                prop_assert_eq!(theirs.t == 1 && theirs.y == 1, ours.layer_sync);
            }
        }
    }
}

mod vp9 {
    use super::*;

    /// Why: a picture's spatial layers each begin, but a decoder begins with the lowest, and only if it
    /// refers to nothing.
    #[test]
    fn a_key_picture_begins_at_its_lowest_layer() {
        for (first, layers, expected) in [
            (0x08, None, (true, true)),
            (0x48, None, (false, true)),
            (0x00, None, (false, false)),
            (0x28, Some(0x00), (true, true)),
            (0x28, Some(0x02), (false, false)),
            (0x28, Some(0xe1), (true, true)),
            (0x68, Some(0x00), (false, true)),
        ] {
            let mut payload = vec![first];
            payload.extend(layers.map(|layers| [layers, 9]).into_iter().flatten());
            assert_eq!(starts(Codec::Vp9, &payload), Ok(expected), "{first:#x} {layers:?}");
        }
    }

    /// Why: both modes and both widths of the picture id, cut at every byte.
    #[test]
    fn a_descriptor_is_read_field_by_field() {
        let payload = [0xad, 0x92, 0x34, 0x75, 99];
        let expected = Vp9Descriptor {
            picture_id: Some(0x1234),
            inter_picture_predicted: false,
            flexible: false,
            layer_frame_start: true,
            layer_frame_end: true,
            has_structure: false,
            not_a_spatial_reference: true,
            layers: Some(Vp9Layers {
                temporal: 3,
                switching_up: true,
                spatial: 2,
                inter_layer_predicted: true,
                tl0_picture_index: Some(99),
            }),
        };
        assert_eq!(Vp9Descriptor::parse(&payload), Ok(expected));
        for len in 0..payload.len() {
            assert_eq!(Vp9Descriptor::parse(&payload[..len]), Err(Malformed::TooShort), "{len} bytes");
        }
        let flexible = Vp9Descriptor::parse(&[0xb2, 0x12, 0x20]).unwrap();
        assert_eq!((flexible.picture_id, flexible.has_structure), (Some(0x12), true));
        assert_eq!(flexible.layers.unwrap().tl0_picture_index, None);
        assert_eq!(flexible.layers.unwrap().temporal, 1);
    }

    /// Why: the sizes of the layers stand behind whatever else a key picture says, in both modes.
    #[test]
    fn a_structure_tells_the_sizes_of_its_layers() {
        let sizes = [0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68];
        let [small, large] = [(320, 180), (640, 360)].map(|(width, height)| Resolution { width, height });
        let non_flexible = [[0xaa, 0x12, 0x00, 99, 0x30].as_slice(), &sizes].concat();
        let flexible = [[0xfa, 0x92, 0x34, 0x00, 0x03, 0x02, 0x30].as_slice(), &sizes].concat();
        for payload in [non_flexible, flexible] {
            let structure = Vp9Structure::parse(&payload).unwrap().unwrap();
            assert_eq!(structure.spatial_layers, 2);
            assert_eq!(
                [0, 1, 2].map(|spatial| structure.resolution(spatial)),
                [Some(small), Some(large), None]
            );
            for len in 0..payload.len() {
                assert_eq!(Vp9Structure::parse(&payload[..len]), Err(Malformed::TooShort), "{len} bytes");
            }
        }
        assert_eq!(Vp9Structure::parse(&[0x08]), Ok(None), "none is said to be there");
        let without_sizes = Vp9Structure::parse(&[0x0a, 0x40]).unwrap().unwrap();
        assert_eq!((without_sizes.spatial_layers, without_sizes.resolution(0)), (3, None));
        assert_eq!(Vp9Structure::parse(&[0x50, 3, 3, 3, 0]), Err(Malformed::BadPayload), "four references");
    }

    proptest! {
        /// Why: another implementation must read the same descriptor wherever it accepts one.
        #[test]
        fn another_reader_sees_the_same_descriptor(payload in prop::collection::vec(any::<u8>(), 1..40)) {
            let mut theirs = Vp9Packet::default();
            if theirs.depacketize(&Bytes::from(payload.clone())).is_ok() {
                let ours = Vp9Descriptor::parse(&payload).unwrap();
                prop_assert_eq!(theirs.i.then_some(theirs.picture_id), ours.picture_id);
                prop_assert_eq!((theirs.p, theirs.f, theirs.b), (ours.inter_picture_predicted, ours.flexible, ours.layer_frame_start));
                prop_assert_eq!((theirs.e, theirs.v, theirs.z), (ours.layer_frame_end, ours.has_structure, ours.not_a_spatial_reference));
                let layers = theirs.l.then(|| Vp9Layers {
                    temporal: theirs.tid,
                    switching_up: theirs.u,
                    spatial: theirs.sid,
                    inter_layer_predicted: theirs.d,
                    tl0_picture_index: (!theirs.f).then_some(theirs.tl0picidx),
                });
                prop_assert_eq!(layers, ours.layers);
                let structure = Vp9Structure::parse(&payload).unwrap();
                prop_assert_eq!(structure.map(|structure| structure.spatial_layers), theirs.v.then_some(theirs.ns + 1));
                for (spatial, (width, height)) in (0..8).zip(theirs.width.iter().zip(&theirs.height)) {
                    let size = Resolution { width: (*width).into(), height: (*height).into() };
                    prop_assert_eq!(structure.unwrap().resolution(spatial), Some(size));
                }
            }
        }
    }
}

mod h264 {
    use super::*;

    /// Why: every type of NAL unit, alone and as the first fragment: 5 and 7 begin a key frame, no other
    /// does.
    #[test]
    fn parameter_sets_and_idr_pictures_begin_a_key_frame() {
        for unit_type in 0..32_u8 {
            let key = matches!(unit_type, 5 | 7);
            let alone = starts(Codec::H264, &[0x60 | unit_type, 0xff]);
            match unit_type {
                1..=23 => assert_eq!(alone, Ok((key, true))),
                24 | 28 => {}
                _ => assert_eq!(alone, Err(Malformed::BadPayload), "type {unit_type}"),
            }
            assert_eq!(starts(Codec::H264, &[0x7c, 0x80 | unit_type]), Ok((key, true)), "first fragment");
            assert_eq!(starts(Codec::H264, &[0x7c, unit_type]), Ok((false, false)), "middle fragment");
            assert_eq!(starts(Codec::H264, &[0x7c, 0x40 | unit_type]), Ok((false, false)), "last fragment");
        }
        assert_eq!(starts(Codec::H264, &[0x7c]), Err(Malformed::TooShort));
    }

    /// Why: sizes inside an aggregate are a sender's word (libwebrtc once read past its end there).
    #[test]
    fn an_aggregate_must_be_tiled_by_its_units() {
        assert_eq!(starts(Codec::H264, &[0x78, 0, 1, 0x09, 0, 2, 0x67, 0x42]), Ok((true, true)));
        assert_eq!(starts(Codec::H264, &[0x78, 0, 1, 0x09, 0, 1, 0x61]), Ok((false, true)));
        for broken in [
            [0x78].as_slice(),
            &[0x78, 0],
            &[0x78, 0, 0],
            &[0x78, 0, 2, 0x67],
            &[0x78, 0, 1, 0x67, 0],
            &[0x78, 0xff, 0xff, 0x67, 0x42],
        ] {
            assert_eq!(starts(Codec::H264, broken), Err(Malformed::BadPayload), "{broken:?}");
        }
    }

    /// Why: what a real packetizer makes of a key frame: parameter sets together, then fragments.
    #[test]
    fn a_packetized_key_frame_begins_twice() {
        let key = annex_b(&[&[0x67, 1, 2, 3], &[0x68, 4], &[0x65]], 3000);
        let packets = starts_of_packets(Codec::H264, &mut H264Payloader::default(), key);
        assert_eq!(packets, [(true, true), (true, true), (false, false), (false, false)]);
        let delta = annex_b(&[&[0x61]], 2000);
        let packets = starts_of_packets(Codec::H264, &mut H264Payloader::default(), delta);
        assert_eq!(packets, [(false, true), (false, false)]);
    }
}

mod h265 {
    use super::*;

    /// Why: every type of NAL unit, alone and as the first fragment.
    #[test]
    fn parameter_sets_and_irap_pictures_begin_a_key_frame() {
        for unit_type in 0..64_u8 {
            let key = matches!(unit_type, 16..=23 | 32 | 33);
            let alone = starts(Codec::H265, &[unit_type << 1, 1, 0xff]);
            match unit_type {
                0..=47 => assert_eq!(alone, Ok((key, true))),
                48 | 49 => {}
                _ => assert_eq!(alone, Err(Malformed::BadPayload), "type {unit_type}"),
            }
            assert_eq!(starts(Codec::H265, &[0x62, 1, 0x80 | unit_type]), Ok((key, true)), "first fragment");
            assert_eq!(starts(Codec::H265, &[0x62, 1, unit_type]), Ok((false, false)), "middle fragment");
        }
        assert_eq!(starts(Codec::H265, &[0x62, 1]), Err(Malformed::TooShort));
        assert_eq!(starts(Codec::H265, &[0x62]), Err(Malformed::TooShort));
    }

    /// Why: as with H.264, sizes inside an aggregate are a sender's word.
    #[test]
    fn an_aggregate_must_be_tiled_by_its_units() {
        assert_eq!(starts(Codec::H265, &[0x60, 1, 0, 2, 0x46, 1, 0, 2, 0x42, 1]), Ok((true, true)));
        assert_eq!(starts(Codec::H265, &[0x60, 1, 0, 2, 0x46, 1]), Ok((false, true)));
        for broken in
            [[0x60, 1].as_slice(), &[0x60, 1, 0, 0], &[0x60, 1, 0, 3, 0x42, 1], &[0x60, 1, 0, 2, 0x42, 1, 0]]
        {
            assert_eq!(starts(Codec::H265, broken), Err(Malformed::BadPayload), "{broken:?}");
        }
    }

    /// Why: what a real packetizer makes of a key frame.
    #[test]
    fn a_packetized_key_frame_begins_twice() {
        let key = annex_b(&[&[0x40, 1, 9], &[0x42, 1, 9], &[0x44, 1, 9], &[0x26, 1]], 3000);
        let packets = starts_of_packets(Codec::H265, &mut HevcPayloader::default(), key);
        assert_eq!(packets, [(true, true), (true, true), (false, false), (false, false)]);
    }
}

mod av1 {
    use super::*;

    const SEQUENCE_HEADER: u8 = 1 << 3;
    const FRAME: u8 = 6 << 3;

    /// Why: N says it, a sequence header shows it; a fragment that goes on has no OBU header to be misread.
    #[test]
    fn a_coded_video_sequence_begins_at_n_or_a_sequence_header() {
        assert_eq!(starts(Codec::Av1, &[0x18, FRAME, 1]), Ok((true, true)), "N");
        assert_eq!(starts(Codec::Av1, &[0x10, SEQUENCE_HEADER, 1]), Ok((true, true)), "one element");
        assert_eq!(
            starts(Codec::Av1, &[0x20, 2, FRAME, 1, SEQUENCE_HEADER]),
            Ok((true, true)),
            "the second of two"
        );
        assert_eq!(
            starts(Codec::Av1, &[0x00, 1, FRAME, 1, SEQUENCE_HEADER]),
            Ok((true, true)),
            "each with a length"
        );
        assert_eq!(starts(Codec::Av1, &[0x10, FRAME, SEQUENCE_HEADER]), Ok((false, true)));
        assert_eq!(starts(Codec::Av1, &[0x90, SEQUENCE_HEADER]), Ok((false, false)), "inside a fragment");
        assert_eq!(
            starts(Codec::Av1, &[0xa0, 1, SEQUENCE_HEADER, SEQUENCE_HEADER]),
            Ok((true, false)),
            "after one"
        );
        assert_eq!(
            starts(Codec::Av1, &[0x00, 0, 1, FRAME]),
            Ok((false, true)),
            "an empty element says nothing"
        );
    }

    /// Why: counts and lengths are a sender's word (str0m #1002).
    #[test]
    fn elements_must_tile_the_payload() {
        assert_eq!(starts(Codec::Av1, &[0x10]), Err(Malformed::TooShort), "no element at all");
        for broken in [
            [0x98, FRAME].as_slice(),                                      // N in a continuation
            &[0x20, 1, FRAME],                                             // one of two
            &[0x30, 1, FRAME, 1, FRAME],                                   // two of three
            &[0x00, 2, FRAME],                                             // past the end
            &[0x00, 0x80],                                                 // half a length
            &[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // more than eight bytes of length
            &[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x01], // 2⁵⁶ − 1
        ] {
            assert_eq!(starts(Codec::Av1, broken), Err(Malformed::BadPayload), "{broken:x?}");
        }
        assert_eq!(starts(Codec::Av1, &[0x00, 0x81, 0x80, 0x00, FRAME]), Ok((false, true)), "a roundabout 1");
    }

    /// Why: what a real packetizer makes of a key frame and of the frame after it.
    #[test]
    fn a_packetized_key_frame_begins_once() {
        // OBUs with sizes, as an encoder writes them.
        let sequence_header = [SEQUENCE_HEADER | 2, 3, 1, 2, 3];
        let frame = [vec![FRAME | 2, 0xc0, 0x17], vec![0x55; 3008]].concat();
        let key = [sequence_header.as_slice(), &frame].concat();
        let packets = starts_of_packets(Codec::Av1, &mut Av1Payloader::default(), key);
        assert_eq!(packets, [(true, true), (false, false), (false, false)]);
        let packets = starts_of_packets(Codec::Av1, &mut Av1Payloader::default(), frame);
        assert_eq!(packets, [(false, true), (false, false), (false, false)]);
    }
}
