//! A second of real pictures for each codec, as `bench/media/make` encoded it.
//!
//! VP8, VP9 and AV1 come in IVF: a header of 32 bytes, then each frame with its length (32 bits, little-endian) and a
//! timestamp. H.264 comes as a byte stream (H.264 annex B).

use crate::plan::Codec;

const IVF_HEADER_BYTES: usize = 32;
const IVF_FRAME_HEADER_BYTES: usize = 12;

/// NAL unit types. H.264 table 7-1.
mod nal {
    pub(super) const SLICE: u8 = 1;
    pub(super) const KEY_SLICE: u8 = 5;
    pub(super) const SEQUENCE_PARAMETERS: u8 = 7;
    pub(super) const PICTURE_PARAMETERS: u8 = 8;
}

/// OBU types. AV1 §6.2.2.
mod obu {
    pub(super) const SEQUENCE_HEADER: u8 = 1;
    pub(super) const FRAME: u8 = 6;
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Picture {
    /// H.264's parameter sets, AV1's sequence header (without a size); of key frames.
    pub(super) parameters: Vec<Vec<u8>>,
    /// VP8's and VP9's frame, H.264's slice, AV1's frame (an OBU without a size).
    pub(super) coded: Vec<u8>,
}

/// The pictures of a clip; the first is a key frame, and no other is.
#[derive(Debug)]
pub(super) struct Clip {
    pictures: Vec<Picture>,
}

impl Clip {
    pub(super) fn of(codec: Codec) -> Self {
        let pictures = match codec {
            Codec::Vp8 => whole_frames(include_bytes!("../../media/vp8.ivf")),
            Codec::Vp9 => whole_frames(include_bytes!("../../media/vp9.ivf")),
            Codec::Av1 => ivf_frames(include_bytes!("../../media/av1.ivf")).map(av1_picture).collect(),
            Codec::H264 => h264_pictures(include_bytes!("../../media/h264.264")),
        };
        Self { pictures }
    }

    /// Pictures follow each other again and again; a key frame is always the clip's.
    pub(super) fn picture(&self, frame: u32, key: bool) -> &Picture {
        let others = self.pictures.len() - 1;
        let at = if key { 0 } else { 1 + frame as usize % others };
        &self.pictures[at]
    }
}

fn whole_frames(ivf: &'static [u8]) -> Vec<Picture> {
    ivf_frames(ivf).map(|frame| Picture { parameters: Vec::new(), coded: frame.to_vec() }).collect()
}

fn ivf_frames(ivf: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    let mut rest = ivf.get(IVF_HEADER_BYTES..).unwrap_or_default();
    std::iter::from_fn(move || {
        let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
        let frame = rest.get(IVF_FRAME_HEADER_BYTES..IVF_FRAME_HEADER_BYTES + length)?;
        rest = &rest[IVF_FRAME_HEADER_BYTES + length..];
        Some(frame)
    })
}

/// A temporal unit without its delimiter, and its OBUs without their sizes, as RTP wants them (AV1 RTP payload §5).
fn av1_picture(unit: &[u8]) -> Picture {
    let mut picture = Picture::default();
    let mut rest = unit;
    while let [header, after @ ..] = rest {
        // One byte of header and a size: what ffmpeg writes (AV1 §5.3.2). The low bits lie in each byte of the size first.
        let (mut size, mut size_bytes) = (0, 0);
        for byte in after.iter().take(8) {
            size |= usize::from(byte & 0x7f) << (7 * size_bytes);
            size_bytes += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let Some(body) = after.get(size_bytes..size_bytes + size) else { break };
        let without_size = [&[header & !0x02][..], body].concat();
        match header >> 3 & 0x0f {
            obu::SEQUENCE_HEADER => picture.parameters.push(without_size),
            obu::FRAME => picture.coded = without_size,
            _ => {}
        }
        rest = &after[size_bytes + size..];
    }
    picture
}

fn h264_pictures(stream: &[u8]) -> Vec<Picture> {
    let (mut pictures, mut parameters) = (Vec::new(), Vec::new());
    for unit in nal_units(stream) {
        match unit.first().map(|header| header & 0x1f) {
            Some(nal::SEQUENCE_PARAMETERS | nal::PICTURE_PARAMETERS) => parameters.push(unit.to_vec()),
            Some(nal::SLICE | nal::KEY_SLICE) => {
                pictures.push(Picture { parameters: std::mem::take(&mut parameters), coded: unit.to_vec() });
            }
            _ => {}
        }
    }
    pictures
}

/// What stands between start codes: 00 00 01, or 00 00 00 01.
fn nal_units(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        stream.windows(3).enumerate().filter(|(_, three)| *three == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts.iter().zip(ends).map(|(start, end)| without_zeros(&stream[start + 3..end])).collect()
}

/// The zero of a start code of four bytes belongs to no unit.
fn without_zeros(unit: &[u8]) -> &[u8] {
    let len = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &unit[..len]
}
