//! A publisher of one stream in layers: VP9 in three spatial and three temporal layers, or AV1 in two and three.

use fanlight_shard::PublishSpec;
use fanlight_wire::ExtensionKind;
use fanlight_wire::codec::Codec;

use super::packet::{Packet, noise};
use super::publisher::{Publisher, VIDEO_CLOCK_HZ, VIDEO_PAYLOAD_TYPE, id};
use super::world::World;

/// The publisher's id of the dependency descriptor.
const DESCRIPTOR: u8 = 9;
/// Temporal layers of the pictures, over and over.
const TEMPORAL: [u8; 4] = [0, 2, 1, 2];
/// Packets of each layer of a picture.
const PACKETS: usize = 2;

/// A packet, and of which layer it is.
#[derive(Debug, Clone)]
pub(crate) struct Layered {
    pub(crate) packet: Packet,
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// The last packet of its layer in its picture.
    pub(crate) ends_layer: bool,
}

impl Layered {
    pub(crate) fn is_in(&self, point: (u8, u8)) -> bool {
        self.spatial <= point.0 && self.temporal <= point.1
    }
}

/// See the file's head.
pub(crate) struct LayeredFilm {
    codec: Codec,
    spatial_layers: u8,
    pictures: usize,
    frames: u16,
}

impl LayeredFilm {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, spatial_layers: if codec == Codec::Vp9 { 3 } else { 2 }, pictures: 0, frames: 0 }
    }

    /// To be given to [`Publisher::join_with`].
    pub(crate) fn spec(codec: Codec) -> impl FnOnce(&mut PublishSpec) {
        move |spec| {
            spec.tracks[0].codec = codec;
            assert!(spec.extensions.insert(DESCRIPTOR, ExtensionKind::DependencyDescriptor));
        }
    }

    /// The temporal layer of the next picture.
    pub(crate) fn next_temporal(&self) -> u8 {
        TEMPORAL[self.pictures % TEMPORAL.len()]
    }

    /// The packets of the next picture. A key picture begins the pattern anew.
    pub(crate) fn picture(&mut self, publisher: &mut Publisher, is_key: bool) -> Vec<Layered> {
        if is_key {
            self.pictures = 0;
        }
        let temporal = self.next_temporal();
        self.pictures += 1;
        publisher.video.timestamp = publisher.video.timestamp.wrapping_add(VIDEO_CLOCK_HZ / 30);
        let mut picture = Vec::new();
        for spatial in 0..self.spatial_layers {
            for part in 0..PACKETS {
                let is_last = part + 1 == PACKETS;
                let index = publisher.video.index;
                publisher.video.index += 1;
                let mut elements = vec![(id::MID, b"v".to_vec())];
                if self.codec == Codec::Av1 {
                    elements.push((DESCRIPTOR, self.descriptor(is_key, spatial, temporal, part)));
                }
                let head = if self.codec == Codec::Vp9 {
                    vp9_head(is_key, spatial, temporal, part)
                } else {
                    av1_head(is_key, spatial, part)
                };
                let packet = Packet {
                    ssrc: publisher.video.ssrc,
                    payload_type: VIDEO_PAYLOAD_TYPE,
                    index,
                    timestamp: publisher.video.timestamp,
                    marker: is_last && spatial + 1 == self.spatial_layers,
                    elements,
                    payload: [head, noise(index, 200)].concat(),
                };
                picture.push(Layered { packet, spatial, temporal, ends_layer: is_last });
            }
            self.frames = self.frames.wrapping_add(1);
        }
        picture
    }

    /// Sends so many pictures, a thirtieth of a second each; the first is a key picture if so wished.
    pub(crate) fn play(
        &mut self,
        world: &mut World,
        publisher: &mut Publisher,
        pictures: usize,
        begins_with_key: bool,
    ) -> Vec<Layered> {
        let mut sent = Vec::new();
        for picture in 0..pictures {
            let packets = self.picture(publisher, begins_with_key && picture == 0);
            for layered in &packets {
                publisher.deliver(world, std::slice::from_ref(&layered.packet));
            }
            sent.extend(packets);
            world.pass_ms(33);
        }
        sent
    }

    /// RTP payload format for AV1, §A.8: with the structure in a key picture's first packet.
    fn descriptor(&self, is_key: bool, spatial: u8, temporal: u8, part: usize) -> Vec<u8> {
        let template = match (spatial, temporal, is_key) {
            (0, 0, true) => 0,
            (0, temporal, _) => 1 + temporal,
            (_, 0, true) => 4,
            (_, temporal, _) => 5 + temporal,
        };
        let (start, end) = (u8::from(part == 0), u8::from(part + 1 == PACKETS));
        let mut text = format!("{start}{end}{template:06b}{:016b}", self.frames);
        if is_key && spatial == 0 && part == 0 {
            text.push_str("10000 000000 00101 00 01 01 10 00 01 01 11");
            for dtis in ["SSSSSS", "SSSRRR", "-DS-RR", "--D--R", "---SSS", "---SSS", "----DS", "-----D"] {
                text.extend(dtis.chars().map(|dti| match dti {
                    '-' => "00",
                    'D' => "01",
                    'S' => "10",
                    _ => "11",
                }));
            }
            // What each refers to, no chains, and two sizes.
            text.push_str("0 101110 100110 100010 100000 10111100000 10011100000 10001100000 00 1");
            text.push_str("0000000100111111 0000000010110011 0000001001111111 0000000101100111");
        }
        let bits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(2)).collect();
        let byte =
            |bits: &[u32]| (0..8).fold(0, |byte, place| byte << 1 | bits.get(place).copied().unwrap_or(0));
        bits.chunks(8).map(|bits| u8::try_from(byte(bits)).unwrap()).collect()
    }
}

/// RFC 9628 §4.2: P, L, B, E, V; then T, U, S, D and TL0PICIDX, and the sizes in a key picture's first packet.
fn vp9_head(is_key: bool, spatial: u8, temporal: u8, part: usize) -> Vec<u8> {
    let begins = if part == 0 { 0x08 } else { 0 };
    let ends = if part + 1 == PACKETS { 0x04 } else { 0 };
    let has_structure = is_key && spatial == 0 && part == 0;
    let flags = 0x20 | if is_key { 0 } else { 0x40 } | begins | ends | if has_structure { 0x02 } else { 0 };
    let up = u8::from(temporal < 2) << 4;
    let mut head = vec![flags, temporal << 5 | up | spatial << 1 | u8::from(spatial > 0), 0];
    if has_structure {
        head.push(2 << 5 | 0x10);
        for (width, height) in [(320_u16, 180_u16), (640, 360), (1280, 720)] {
            head.extend([width.to_be_bytes(), height.to_be_bytes()].concat());
        }
    }
    head
}

/// An OBU of a frame, whole or a part of it; a new sequence in a key picture.
fn av1_head(is_key: bool, spatial: u8, part: usize) -> Vec<u8> {
    let continues = if part > 0 { 0x80 } else { 0 };
    let begins = if is_key && spatial == 0 && part == 0 { 0x08 } else { 0 };
    vec![0x10 | continues | begins, 0x30]
}
