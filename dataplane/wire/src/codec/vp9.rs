//! The VP9 payload descriptor, as far as its layer indices. RFC 9628 §4.2.
//!
//! ```text
//!  0: I P L F B E V Z
//!     M picture id:7 (or 15)      if I
//!     TID:3 U SID:3 D             if L
//!     TL0PICIDX:8                 if L and not F
//!     reference indices and scalability structure: see vp9_structure.rs
//! ```

use super::Starts;
use super::vp8::read_picture_id;
use crate::error::Malformed;
use crate::reader::Reader;

/// What stands before the VP9 bits of every packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Descriptor {
    /// Number of the picture (all its spatial layers share it): 15 bits or 7.
    pub picture_id: Option<u16>,
    /// The layer frame refers to earlier pictures (P).
    pub inter_picture_predicted: bool,
    /// References are told picture by picture, not by a structure announced before (F).
    pub flexible: bool,
    /// The packet begins a layer frame (B).
    pub layer_frame_start: bool,
    /// The packet ends a layer frame (E).
    pub layer_frame_end: bool,
    /// A scalability structure follows (V).
    pub has_structure: bool,
    /// No higher spatial layer refers to this layer frame (Z).
    pub not_a_spatial_reference: bool,
    /// Temporal and spatial layer; absent in a stream without layers.
    pub layers: Option<Vp9Layers>,
}

/// The layer indices of a layer frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Layers {
    /// Temporal layer, 0 the lowest (TID).
    pub temporal: u8,
    /// No later picture of a higher temporal layer refers to one before this picture that is of a higher layer than
    /// this: from here on one can go up to any (U).
    pub switching_up: bool,
    /// Spatial layer, 0 the lowest (SID).
    pub spatial: u8,
    /// The layer frame refers to the spatial layer below it in the same picture (D).
    pub inter_layer_predicted: bool,
    /// Number of the last picture of the lowest temporal layer, wrapping; none in flexible mode (TL0PICIDX).
    pub tl0_picture_index: Option<u8>,
}

impl Vp9Descriptor {
    /// Reads the descriptor at the front of a payload.
    ///
    /// # Errors
    /// [`TooShort`](Malformed::TooShort) if the payload ends before the layer indices do.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        Self::parse_with_rest(payload).map(|(descriptor, _)| descriptor)
    }

    /// The same, and what is behind the layer indices.
    pub(super) fn parse_with_rest(payload: &[u8]) -> Result<(Self, Reader<'_>), Malformed> {
        let mut reader = Reader::new(payload);
        let descriptor = Self::read(&mut reader).ok_or(Malformed::TooShort)?;
        Ok((descriptor, reader))
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        let flexible = first & 0x10 != 0;
        let picture_id = if first & 0x80 != 0 { Some(read_picture_id(reader)?) } else { None };
        let layers = if first & 0x20 != 0 { Some(Vp9Layers::read(reader, flexible)?) } else { None };
        Some(Self {
            picture_id,
            inter_picture_predicted: first & 0x40 != 0,
            flexible,
            layer_frame_start: first & 0x08 != 0,
            layer_frame_end: first & 0x04 != 0,
            has_structure: first & 0x02 != 0,
            not_a_spatial_reference: first & 0x01 != 0,
            layers,
        })
    }

    /// Whether the packet is the first of its picture.
    #[must_use]
    pub fn is_picture_start(&self) -> bool {
        self.layer_frame_start && self.layers.is_none_or(|layers| layers.spatial == 0)
    }
}

impl Vp9Layers {
    fn read(reader: &mut Reader<'_>, flexible: bool) -> Option<Self> {
        let indices = reader.u8()?;
        let tl0_picture_index = if flexible { None } else { Some(reader.u8()?) };
        Some(Self {
            temporal: indices >> 5,
            switching_up: indices & 0x10 != 0,
            spatial: indices >> 1 & 0x07,
            inter_layer_predicted: indices & 0x01 != 0,
            tl0_picture_index,
        })
    }
}

pub(super) fn starts(payload: &[u8]) -> Result<Starts, Malformed> {
    let descriptor = Vp9Descriptor::parse(payload)?;
    let frame = descriptor.is_picture_start();
    Ok(Starts { key_frame: frame && !descriptor.inter_picture_predicted, frame })
}
