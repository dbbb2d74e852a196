//! Frames into RTP payloads, codec by codec.
//!
//! | codec | head of a packet | source |
//! |---|---|---|
//! | VP8 | descriptor with a picture id of 15 bits | RFC 7741 §4.2 |
//! | VP9 | descriptor of non-flexible mode with a picture id; the picture's size where a key frame begins | RFC 9628 §4.2 |
//! | H.264 | FU-A; before a key frame a STAP-A with the parameter sets | RFC 6184 §5.7.1, §5.8 |
//! | AV1 | aggregation header; where a key frame begins the sequence header as an element of its own | AV1 RTP payload §4.4 |

use super::clip::Picture;
use super::{PAYLOAD_BYTES_MAX, Packet, STAMP_BYTES};
use crate::plan::Codec;

/// Pixels of the clips.
const SIZE: [u16; 2] = [320, 180];

/// NAL unit types. RFC 6184 table 1; filler data is H.264's own.
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Cuts a frame of so many bytes, made of the picture as often as it takes.
pub(super) fn cut(codec: Codec, picture: &Picture, frame: u32, key: bool, bytes: usize) -> Vec<Packet> {
    let number = frame;
    match codec {
        Codec::Vp8 => pieces(&picture.coded, bytes, |first, _| vp8_head(number, first)),
        Codec::Vp9 => pieces(&picture.coded, bytes, |first, last| vp9_head(number, key, first, last)),
        Codec::H264 => h264(picture, bytes),
        Codec::Av1 => av1(picture, key, bytes),
    }
}

/// Payloads of so many bytes together, heads and stamps counted: nearly equal, the shorter ones first.
fn pieces(coded: &[u8], bytes: usize, head: impl Fn(bool, bool) -> Vec<u8>) -> Vec<Packet> {
    let packets = bytes.div_ceil(PAYLOAD_BYTES_MAX).clamp(1, u16::MAX.into());
    let (each, longer) = (bytes / packets, bytes % packets);
    let mut coded = coded.iter().copied().cycle();
    let piece = |at: usize| {
        let head = head(at == 0, at + 1 == packets);
        let payload = (each + usize::from(at + longer >= packets)).min(PAYLOAD_BYTES_MAX);
        let body = payload.saturating_sub(head.len() + STAMP_BYTES).max(1);
        Packet { head, body: coded.by_ref().take(body).collect() }
    };
    (0..packets).map(piece).collect()
}

/// X, and S where the frame begins; then I; then the picture id.
fn vp8_head(number: u32, first: bool) -> Vec<u8> {
    let [high, low] = picture_id(number);
    vec![0x80 | u8::from(first) << 4, 0x80, high, low]
}

/// I, P of a frame that refers to others, B and E at the ends, V with one spatial layer and its size where a key frame begins.
fn vp9_head(number: u32, key: bool, first: bool, last: bool) -> Vec<u8> {
    let [high, low] = picture_id(number);
    let has_size = key && first;
    let flags = [(!key, 0x40), (first, 0x08), (last, 0x04), (has_size, 0x02)];
    let flags = flags.iter().filter(|(is_set, _)| *is_set).fold(0x80, |flags, (_, bit)| flags | bit);
    let mut head = vec![flags, high, low];
    if has_size {
        // N_S = 0: one layer; Y: its size follows; no groups of pictures.
        head.push(0x10);
        head.extend(SIZE.iter().flat_map(|pixels| pixels.to_be_bytes()));
    }
    head
}

/// M, and 15 bits.
fn picture_id(number: u32) -> [u8; 2] {
    let [_, _, high, low] = number.to_be_bytes();
    [0x80 | high, low]
}

fn h264(picture: &Picture, bytes: usize) -> Vec<Packet> {
    let [header, coded @ ..] = &picture.coded[..] else { return Vec::new() };
    let (importance, kind) = (header & 0x60, header & 0x1f);
    let fragment =
        |first: bool, last: bool| vec![importance | FU_A, u8::from(first) << 7 | u8::from(last) << 6 | kind];
    let mut slices = pieces(coded, bytes, fragment);
    if let [whole] = &mut slices[..] {
        // A fragment that is first and last at once is forbidden (RFC 6184 §5.8): it is the unit itself.
        whole.head = vec![*header];
    }
    if picture.parameters.is_empty() {
        return slices;
    }
    let mut head = vec![importance | STAP_A];
    for unit in &picture.parameters {
        head.extend(length(unit.len()));
        head.extend(unit);
    }
    // The stamp, too, must be a unit of the aggregate: filler, which a decoder steps over.
    head.extend(length(1 + STAMP_BYTES));
    head.push(FILLER);
    slices.insert(0, Packet { head, body: Vec::new() });
    slices
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

/// Z, Y, W and N; W = 2 where the sequence header stands before the first piece, with its length.
fn av1(picture: &Picture, key: bool, bytes: usize) -> Vec<Packet> {
    const CONTINUES: u8 = 0x80;
    const CONTINUED: u8 = 0x40;
    const ELEMENTS_SHIFT: u8 = 4;
    const NEW_SEQUENCE: u8 = 0x08;
    let sequence_header = picture.parameters.first().filter(|_| key);
    let head = |first: bool, last: bool| {
        let mut flags = if first { 0 } else { CONTINUES } | if last { 0 } else { CONTINUED };
        let Some(sequence_header) = sequence_header.filter(|_| first) else {
            return vec![flags | 1 << ELEMENTS_SHIFT];
        };
        flags |= 2 << ELEMENTS_SHIFT | NEW_SEQUENCE;
        // One byte of LEB128 is enough: a sequence header has a dozen bytes.
        let mut head = vec![flags, u8::try_from(sequence_header.len()).unwrap_or(0)];
        head.extend(sequence_header);
        head
    };
    pieces(&picture.coded, bytes, head)
}
