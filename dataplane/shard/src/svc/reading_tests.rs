use super::*;

fn vp9(reader: &mut LayerReader, payload: &[u8]) -> Option<PacketLayer> {
    reader.read(ExtendedSequence(1), None, payload)
}

/// The first byte's flags of a VP9 descriptor (B, E, P), its layers (U as 0x10), and no picture id.
fn payload(flags: u8, spatial: u8, temporal: u8, up: bool) -> Vec<u8> {
    vec![0x20 | flags, temporal << 5 | u8::from(up) << 4 | spatial << 1, 0, 0]
}

const B: u8 = 0x08;
const E: u8 = 0x04;
const P: u8 = 0x40;

/// Most VP9 streams have no layers, and some of those say so in every packet.
#[test]
fn a_vp9_stream_is_in_layers_from_the_first_that_it_tells_of() {
    let mut reader = LayerReader::new(Codec::Vp9).unwrap();
    assert_eq!(vp9(&mut reader, &[B, 0]), None, "no layer indices");
    assert_eq!(vp9(&mut reader, &payload(B, 0, 0, true)), None);
    assert!(vp9(&mut reader, &payload(B | P, 0, 1, true)).is_some());
    assert!(vp9(&mut reader, &payload(B | P, 0, 0, true)).is_some(), "from then on");
    assert_eq!(vp9(&mut reader, &[]), None, "and nothing is made of what cannot be read");

    let mut reader = LayerReader::new(Codec::Vp9).unwrap();
    let mut key = payload(B | 0x02, 0, 0, false);
    key[3] = 0x20;
    assert!(vp9(&mut reader, &key).is_some(), "a structure of two spatial layers");
}

/// Each flag where it is, or viewers get pictures that they cannot decode.
#[test]
fn a_vp9_packet_is_read_flag_by_flag() {
    let mut reader = LayerReader::Vp9 { is_layered: true };
    let key = vp9(&mut reader, &payload(B, 0, 0, false)).unwrap();
    assert_eq!((key.layer, key.reach), (Point::BASE, Point::TOP));
    assert_eq!((key.begins_picture, key.ends_layer), (true, false));
    let upper = vp9(&mut reader, &payload(B | E, 1, 0, false)).unwrap();
    assert_eq!((upper.layer, upper.begins_picture, upper.ends_layer), (Point::new(1, 0), false, true));
    let up = vp9(&mut reader, &payload(B | P, 0, 1, true)).unwrap();
    assert_eq!((up.layer, up.reach), (Point::new(0, 1), Point::new(0, 3)));
    let not_up = vp9(&mut reader, &payload(B | P, 0, 1, false)).unwrap();
    assert_eq!(not_up.reach, Point::BASE);
}

/// Two spatial and two temporal layers: templates 0 (key), 1 (S0T0), 2 (S0T1), 3 (S1 of a key picture), 4 (S1T0), 5 (S1T1).
fn structure(id_offset: u8) -> Vec<u8> {
    let offset = format!("{id_offset:06b}");
    let text = [
        "10",
        &offset,
        "0000000000000001",
        "10000",
        &offset,
        "00011",
        "00 01 10 00 01 11",
        "10101010 10101111 00010011 00001010 00001010 00000001",
        "0 100110 100010 100000 10011100000 10001100000",
        "00 0",
    ]
    .concat();
    bits(&text)
}

fn bits(text: &str) -> Vec<u8> {
    let bits: Vec<_> = text.chars().filter_map(|digit| digit.to_digit(2)).collect();
    let byte = |bits: &[u32]| (0..8).fold(0, |byte, place| byte << 1 | bits.get(place).copied().unwrap_or(0));
    bits.chunks(8).map(|bits| u8::try_from(byte(bits)).unwrap()).collect()
}

fn short(id: u8) -> Vec<u8> {
    bits(&format!("11 {id:06b} 0000000000000010"))
}

fn av1(reader: &mut LayerReader, sequence: u64, descriptor: &[u8]) -> Option<PacketLayer> {
    reader.read(ExtendedSequence(sequence), Some(descriptor), &[0x10, 0x30])
}

/// The switch indications are all that tells where one may go up.
#[test]
fn an_av1_frame_reaches_the_targets_that_it_is_a_switch_to() {
    let mut reader = LayerReader::new(Codec::Av1).unwrap();
    assert_eq!(av1(&mut reader, 4, &short(0)), None, "before any structure");
    let key = av1(&mut reader, 5, &structure(0)).unwrap();
    assert_eq!((key.layer, key.reach, key.begins_picture), (Point::BASE, Point::TOP, true));
    let of = |reader: &mut LayerReader, id| {
        let read = av1(reader, 6, &short(id)).unwrap();
        (read.layer, read.reach, read.begins_picture)
    };
    assert_eq!(of(&mut reader, 1), (Point::BASE, Point::new(0, 1), true), "up in time, not in size");
    assert_eq!(of(&mut reader, 2), (Point::new(0, 1), Point::BASE, true), "to nothing");
    assert_eq!(of(&mut reader, 4), (Point::new(1, 0), Point::new(1, 1), false));
    assert_eq!(reader.read(ExtendedSequence(7), None, &[0x10, 0x30]), None, "without a descriptor");
}

/// A key frame that comes again, late, must not unlearn the newer one.
#[test]
fn an_older_structure_does_not_replace_a_newer_one() {
    let mut reader = LayerReader::new(Codec::Av1).unwrap();
    av1(&mut reader, 50, &structure(0)).unwrap();
    av1(&mut reader, 90, &structure(32)).unwrap();
    assert!(av1(&mut reader, 51, &short(1)).is_none(), "of the old one");
    av1(&mut reader, 50, &structure(0)).unwrap();
    assert!(av1(&mut reader, 91, &short(33)).is_some());
}

/// AV1 in one layer has descriptors as well, and no layers.
#[test]
fn a_structure_of_one_layer_has_none() {
    let mut reader = LayerReader::new(Codec::Av1).unwrap();
    let one = bits("10 000000 0000000000000001 10000 000000 00000 00 11 10 10 0 10000 0 0");
    assert_eq!(av1(&mut reader, 1, &one), None);
    assert_eq!(av1(&mut reader, 2, &short(1)), None);
    assert!(LayerReader::new(Codec::Vp8).is_none());
}
