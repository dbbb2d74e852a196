//! What is published: every byte a function of the stream, the frame and the packet.
//!
//! ```text
//!   codec's own bytes │ stream 4 │ frame 4 │ ordinal 4 │ packet 2 │ packets 2 │ key 1 │ filler … │ checksum 8
//! ```
//!
//! The codec's bytes are real as far as a server may look: VP8 payload descriptor and frame tag (RFC 7741, RFC 6386 §9.1),
//! H.264 STAP-A and FU-A (RFC 6184 §5.7, §5.8), an Opus TOC byte (RFC 6716 §3.1). The picture behind them is none.

use std::time::Duration;

/// What a track carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    Opus,
    Vp8,
    H264,
}

/// One track of one published stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Script {
    /// Any number of 24 bits; two streams with different ones share no payload.
    pub stream: u32,
    /// Which layer of a simulcast: 0 is the whole picture, each further one has half the sides and half the packets.
    pub layer: u8,
    pub content: Content,
}

/// Where a packet stands in its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Counts frames from 0.
    pub frame: u32,
    /// Counts packets of the track from 0.
    pub ordinal: u32,
    /// Counts packets of the frame from 0.
    pub packet: u16,
    /// Packets of the frame.
    pub packets: u16,
    pub key: bool,
}

impl Place {
    const BYTES: usize = 21;

    /// The last packet of its frame.
    #[must_use]
    pub fn ends_frame(&self) -> bool {
        self.packet + 1 == self.packets
    }
}

const CHECKSUM_BYTES: usize = 8;

impl Script {
    /// Time between two frames: 30 pictures a second, 50 packets of sound.
    #[must_use]
    pub fn interval(&self) -> Duration {
        match self.content {
            Content::Opus => Duration::from_millis(20),
            Content::Vp8 | Content::H264 => Duration::from_nanos(1_000_000_000 / 30),
        }
    }

    /// RTP clock ticks a second (RFC 7587 §4.1, RFC 7741 §4.1, RFC 6184 §8.2.1).
    #[must_use]
    pub fn clock_rate_hz(&self) -> u32 {
        match self.content {
            Content::Opus => 48_000,
            Content::Vp8 | Content::H264 => 90_000,
        }
    }

    /// RTP clock ticks of a frame.
    #[must_use]
    pub fn ticks(&self) -> u32 {
        match self.content {
            Content::Opus => 960,
            Content::Vp8 | Content::H264 => 3_000,
        }
    }

    /// RTP timestamp of a frame. It begins 3 s before the 32-bit wrap.
    #[must_use]
    pub fn timestamp(&self, frame: u32) -> u32 {
        0_u32.wrapping_sub(3 * self.clock_rate_hz()).wrapping_add(frame.wrapping_mul(self.ticks()))
    }

    /// Packets of a frame.
    #[must_use]
    pub fn packets(&self, key: bool) -> u16 {
        match self.content {
            Content::Opus => 1,
            Content::Vp8 | Content::H264 if key => 12 >> self.layer,
            Content::Vp8 | Content::H264 => (3 >> self.layer).max(1),
        }
    }

    /// The level that goes with an audio frame, -dBov (RFC 6464).
    #[must_use]
    pub fn audio_level(&self, frame: u32) -> i8 {
        const LEVELS: [i8; 5] = [-127, -60, -30, -10, 0];
        LEVELS[frame as usize % LEVELS.len()]
    }

    /// The whole payload at a place.
    #[must_use]
    pub fn payload(&self, place: &Place) -> Vec<u8> {
        let mut payload = self.prefix(place);
        let start = payload.len();
        payload.extend(self.number().to_be_bytes());
        payload.extend(place.frame.to_be_bytes());
        payload.extend(place.ordinal.to_be_bytes());
        payload.extend(place.packet.to_be_bytes());
        payload.extend(place.packets.to_be_bytes());
        payload.push(u8::from(place.key));
        let filled = (payload.len() + 1).max(self.bytes(place) - CHECKSUM_BYTES);
        let mut state = mix(u64::from(self.number()) << 32 | u64::from(place.ordinal));
        while payload.len() < filled {
            payload.push(state.to_be_bytes()[0]);
            state = mix(state);
        }
        let checksum = fnv(&payload[start..]);
        payload.extend(checksum.to_be_bytes());
        payload
    }

    /// Reads where a payload says it stands. None: it is not of this script, or damaged.
    #[must_use]
    pub fn place(&self, payload: &[u8]) -> Option<Place> {
        let (number, place) = self.read(payload)?;
        (number == self.number() && self.payload(&place) == payload).then_some(place)
    }

    /// The same for a payload of any layer of the stream, with its layer. The codec's own bytes, which a server has to rewrite
    /// where layers meet, are not judged.
    #[must_use]
    pub fn place_in_layers(&self, payload: &[u8]) -> Option<(u8, Place)> {
        let (number, place) = self.read(payload)?;
        let layer = Self { layer: number.to_be_bytes()[0], ..*self };
        let known = |payload: &[u8]| payload.get(self.prefix_len(payload)?..).map(<[u8]>::to_vec);
        let is_whole = number == layer.number() && known(&layer.payload(&place)) == known(payload);
        is_whole.then_some((layer.layer, place))
    }

    /// Names stream and layer in payloads.
    fn number(&self) -> u32 {
        u32::from(self.layer) << 24 | self.stream
    }

    fn read(&self, payload: &[u8]) -> Option<(u32, Place)> {
        let known = payload.get(self.prefix_len(payload)?..)?;
        let number = |at: usize, bytes: usize| {
            let bytes = known.get(at..at + bytes)?;
            Some(bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)))
        };
        let place = Place {
            frame: number(4, 4)?,
            ordinal: number(8, 4)?,
            packet: number(12, 2)?.try_into().ok()?,
            packets: number(14, 2)?.try_into().ok()?,
            key: *known.get(Place::BYTES - 5)? == 1,
        };
        Some((number(0, 4)?, place))
    }

    /// Bytes of a payload. All packets of a frame have one length but the first, which is shorter, as libwebrtc cuts them.
    fn bytes(&self, place: &Place) -> usize {
        match self.content {
            Content::Opus => 80 + place.frame as usize % 60,
            Content::Vp8 | Content::H264 => 980 + place.frame as usize % 180 - usize::from(place.packet == 0),
        }
    }

    fn prefix(&self, place: &Place) -> Vec<u8> {
        match self.content {
            Content::Opus => vec![0x78],
            Content::Vp8 => vp8_prefix(place, self.layer),
            Content::H264 => self.h264_prefix(place),
        }
    }

    /// A key frame's first packet aggregates SPS, PPS and an SEI that holds the script's bytes; all others are FU-A.
    fn h264_prefix(&self, place: &Place) -> Vec<u8> {
        const SPS: [u8; 7] = [0x67, 0x42, 0xe0, 0x1f, 0x8d, 0x68, 0x05];
        const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
        const IDR: u8 = 5;
        const OTHER_SLICE: u8 = 1;
        if place.key && place.packet == 0 {
            let mut prefix = vec![0x78];
            for unit in [SPS.as_slice(), PPS.as_slice()] {
                // Both are a few bytes long.
                prefix.extend([0, unit.len().to_be_bytes()[7]]);
                prefix.extend(unit);
            }
            let sei = self.bytes(place) - prefix.len() - 2;
            prefix.extend(&sei.to_be_bytes()[6..]);
            prefix.push(0x06);
            return prefix;
        }
        let begins = place.packet == u16::from(place.key);
        let unit = if place.key { IDR } else { OTHER_SLICE };
        vec![0x7c, u8::from(begins) << 7 | u8::from(place.ends_frame()) << 6 | unit]
    }

    fn prefix_len(&self, payload: &[u8]) -> Option<usize> {
        match (self.content, payload) {
            (Content::Opus, _) => Some(1),
            (Content::Vp8, [0x80, ..]) => Some(4),
            (Content::Vp8, [0x90, _, _, _, tag, ..]) => Some(if tag & 1 == 0 { 14 } else { 7 }),
            (Content::H264, [0x78, ..]) => Some(19),
            (Content::H264, [0x7c, ..]) => Some(2),
            _ => None,
        }
    }
}

/// RFC 7741 §4.2 with a 15-bit picture id, then §4.3 in the first packet of a frame.
fn vp8_prefix(place: &Place, layer: u8) -> Vec<u8> {
    let [_, _, high, low] = place.frame.to_be_bytes();
    let starts = place.packet == 0;
    let mut prefix = vec![if starts { 0x90 } else { 0x80 }, 0x80, 0x80 | high, low];
    match (starts, place.key) {
        (false, _) => {}
        (true, false) => prefix.extend([0x11, 0, 0]),
        (true, true) => {
            // Frame tag, start code, width and height.
            prefix.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a]);
            prefix.extend((640_u16 >> layer).to_le_bytes());
            prefix.extend((360_u16 >> layer).to_le_bytes());
        }
    }
    prefix
}

/// SplitMix64's step: neighbouring numbers become unlike.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// FNV-1a, 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(script: &Script) -> Vec<Place> {
        let mut places = Vec::new();
        for (frame, key) in [(0, true), (1, false), (2, false), (3, true), (40_000, false)] {
            let packets = script.packets(key);
            for packet in 0..packets {
                let ordinal = u32::try_from(places.len()).unwrap();
                places.push(Place { frame, ordinal, packet, packets, key });
            }
        }
        places
    }

    /// The viewer's verdict on every packet rests on this.
    #[test]
    fn a_payload_tells_its_place_and_no_other_script_reads_it() {
        for content in [Content::Opus, Content::Vp8, Content::H264] {
            let (script, other) =
                (Script { stream: 7, layer: 0, content }, Script { stream: 8, layer: 0, content });
            for place in places(&script) {
                let payload = script.payload(&place);
                assert_eq!(script.place(&payload), Some(place), "{content:?}");
                assert_eq!(other.place(&payload), None);
                assert!(payload.len() <= 1200, "{} bytes fit no path", payload.len());
            }
        }
    }

    /// One flipped bit anywhere must be seen.
    #[test]
    fn a_damaged_payload_has_no_place() {
        for content in [Content::Opus, Content::Vp8, Content::H264] {
            let script = Script { stream: 7, layer: 0, content };
            for place in [places(&script)[0], places(&script)[4]] {
                let payload = script.payload(&place);
                for at in 0..payload.len() {
                    let mut damaged = payload.clone();
                    damaged[at] ^= 1;
                    assert_eq!(script.place(&damaged), None, "{content:?}, byte {at}");
                }
            }
        }
    }

    /// Layers of one stream are told apart, and the picture id may have been rewritten.
    #[test]
    fn a_payload_tells_its_layer_whatever_its_picture_is_called() {
        let small = Script { stream: 7, layer: 2, content: Content::Vp8 };
        for place in places(&small) {
            let mut payload = small.payload(&place);
            payload[3] ^= 0x55;
            for (reader, told) in [(7, Some((2, place))), (8, None)] {
                let reader = Script { stream: reader, layer: 0, content: Content::Vp8 };
                assert_eq!((reader.place_in_layers(&payload), reader.place(&payload)), (told, None));
            }
            let last = payload.len() - 1;
            payload[last] ^= 1;
            assert_eq!(small.place_in_layers(&payload), None, "a damaged one has no place");
        }
    }

    /// The length in the aggregation must be that of the unit, or a strict reader refuses the packet.
    #[test]
    fn the_units_of_the_aggregation_tile_the_packet() {
        let script = Script { stream: 1, layer: 0, content: Content::H264 };
        let payload = script.payload(&places(&script)[0]);
        let mut rest = &payload[1..];
        let mut types = Vec::new();
        while let [high, low, unit @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            types.push(unit[0] & 0x1f);
            rest = &unit[len..];
        }
        assert_eq!(types, [7, 8, 6]);
    }
}
