//! The VP8 payload descriptor. RFC 7741 §4.2, §4.3. And the size of a key frame. RFC 6386 §9.1.
//!
//! ```text
//!  0: X R N S R PID:3
//!  1: I L T K reserved:4          if X
//!     M picture id:7 (or 15)      if I
//!     TL0PICIDX:8                 if L
//!     TID:2 Y KEYIDX:5            if T or K
//! ```

use super::Starts;
use crate::error::Malformed;
use crate::reader::Reader;
use crate::writer::Writer;

/// What stands before the VP8 bits of every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// No other frame refers to this one: it can be left out (N).
    pub non_reference: bool,
    /// The packet begins a partition (S).
    pub partition_start: bool,
    /// Which partition, 0 to 7 (PID).
    pub partition: u8,
    /// Number of the frame, one more each, of 15 bits or of 7.
    pub picture_id: Option<u16>,
    /// Whether the picture id has 15 bits (M).
    pub wide_picture_id: bool,
    /// Number of the last frame of the lowest temporal layer, wrapping (TL0PICIDX).
    pub tl0_picture_index: Option<u8>,
    /// Temporal layer, 0 the lowest (TID).
    pub temporal_layer: Option<u8>,
    /// The frame refers to the lowest temporal layer only: one can switch up to its layer here (Y).
    pub layer_sync: bool,
    /// Number of the last key frame, of 5 bits (KEYIDX).
    pub key_index: Option<u8>,
    /// Bytes of the descriptor: where VP8 begins.
    pub len: usize,
}

impl Vp8Descriptor {
    /// Reads the descriptor at the front of a payload.
    ///
    /// # Errors
    /// [`TooShort`](Malformed::TooShort) if the payload ends before the descriptor does.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        Self::read(payload).ok_or(Malformed::TooShort)
    }

    fn read(payload: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(payload);
        let first = reader.u8()?;
        let present = if first & 0x80 != 0 { reader.u8()? } else { 0 };
        let has_picture_id = present & 0x80 != 0;
        let wide_picture_id = has_picture_id && reader.rest().first()? & 0x80 != 0;
        let picture_id = if has_picture_id { Some(read_picture_id(&mut reader)?) } else { None };
        let tl0_picture_index = if present & 0x40 != 0 { Some(reader.u8()?) } else { None };
        let layers = if present & 0x30 != 0 { reader.u8()? } else { 0 };
        let has_temporal_layer = present & 0x20 != 0;
        Some(Self {
            non_reference: first & 0x20 != 0,
            partition_start: first & 0x10 != 0,
            partition: first & 0x07,
            picture_id,
            wide_picture_id,
            tl0_picture_index,
            temporal_layer: has_temporal_layer.then_some(layers >> 6),
            layer_sync: has_temporal_layer && layers & 0x20 != 0,
            key_index: (present & 0x10 != 0).then_some(layers & 0x1f),
            len: payload.len() - reader.rest().len(),
        })
    }

    /// Overwrites picture id, TL0PICIDX and KEYIDX, each where the descriptor has it, and nothing else: so a viewer
    /// sees one series of numbers when its track goes over to another encoding. A narrow field takes the low bits.
    ///
    /// `payload` begins with this descriptor; if it ends inside it, nothing is written and the answer is false.
    #[must_use]
    pub fn renumber(
        &self,
        payload: &mut [u8],
        picture_id: u16,
        tl0_picture_index: u8,
        key_index: u8,
    ) -> bool {
        let Some(descriptor) = payload.get_mut(..self.len) else { return false };
        if let (Some(_), Some(layers)) = (self.key_index, descriptor.last_mut()) {
            *layers = *layers & 0xe0 | key_index & 0x1f;
        }
        // The numbers come behind two bytes of flags; where there is one byte of flags there are no numbers.
        let mut writer = Writer::new(descriptor.get_mut(2..).unwrap_or_default());
        let [_, low] = picture_id.to_be_bytes();
        let written = match self.picture_id {
            Some(_) if self.wide_picture_id => writer.u16(0x8000 | picture_id),
            Some(_) => writer.u8(low & 0x7f),
            None => Some(()),
        };
        match self.tl0_picture_index {
            Some(_) => written.and_then(|()| writer.u8(tl0_picture_index)).is_some(),
            None => written.is_some(),
        }
    }

    /// Whether the packet is the first of its frame.
    #[must_use]
    pub const fn is_frame_start(&self) -> bool {
        self.partition_start && self.partition == 0
    }
}

/// 7 bits, or 15 if the first bit says so. Shared with VP9, which writes it alike.
pub(super) fn read_picture_id(reader: &mut Reader<'_>) -> Option<u16> {
    let first = reader.u8()?;
    if first & 0x80 == 0 {
        return Some(u16::from(first));
    }
    Some(u16::from_be_bytes([first & 0x7f, reader.u8()?]))
}

/// Behind the descriptor: a frame tag of 3 bytes, a start code, 14 bits each of width and height, little-endian.
pub(super) fn key_frame_size(payload: &[u8]) -> Option<(u16, u16)> {
    let descriptor = Vp8Descriptor::parse(payload).ok()?;
    let mut reader = Reader::new(payload.get(descriptor.len..)?);
    let [tag, _, _] = reader.array()?;
    let is_key_frame = descriptor.is_frame_start() && tag & 0x01 == 0;
    let is_begun = reader.array()? == [0x9d, 0x01, 0x2a];
    let mut side = || Some(u16::from_le_bytes(reader.array()?) & 0x3fff);
    (is_key_frame && is_begun).then_some((side()?, side()?))
}

pub(super) fn starts(payload: &[u8]) -> Result<Starts, Malformed> {
    let descriptor = Vp8Descriptor::parse(payload)?;
    // In a frame's first packet the frame header comes next; its lowest bit is 0 in a key frame.
    let header = payload.get(descriptor.len).ok_or(Malformed::TooShort)?;
    let frame = descriptor.is_frame_start();
    Ok(Starts { key_frame: frame && header & 0x01 == 0, frame })
}
