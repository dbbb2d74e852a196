//! The scalability structure of VP9: how many spatial layers there are, and how large their pictures. RFC 9628 §4.2.1.
//!
//! ```text
//!  behind the layer indices:
//!     P_DIFF:7 N                  if P and F, again while N, three at most: stepped over
//!     N_S:3 Y G reserved:3        if V
//!     width:16 height:16          if Y, for each of N_S + 1 layers
//!     group of pictures           if G: not read, the pictures themselves tell their layers
//! ```

use super::vp9::Vp9Descriptor;
use crate::dependency_structure::Resolution;
use crate::error::Malformed;
use crate::reader::Reader;

/// Spatial layers: N_S has three bits.
const SPATIAL_LAYERS_MAX: usize = 8;
/// Reference indices of one layer frame.
const REFERENCES_MAX: usize = 3;

/// What a key picture says of its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp9Structure {
    /// How many there are, 1 to 8.
    pub spatial_layers: u8,
    sizes: [Option<Resolution>; SPATIAL_LAYERS_MAX],
}

impl Vp9Structure {
    /// Reads the structure of a payload, if it has one.
    ///
    /// # Errors
    /// [`TooShort`](Malformed::TooShort) if the payload ends before the sizes do; [`BadPayload`](Malformed::BadPayload) if a
    /// layer frame has more reference indices than it may have.
    pub fn parse(payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let (descriptor, mut reader) = Vp9Descriptor::parse_with_rest(payload)?;
        if descriptor.flexible && descriptor.inter_picture_predicted {
            skip_references(&mut reader)?;
        }
        if !descriptor.has_structure {
            return Ok(None);
        }
        Self::read(&mut reader).ok_or(Malformed::TooShort).map(Some)
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let first = reader.u8()?;
        let spatial_layers = (first >> 5) + 1;
        let mut sizes = [None; SPATIAL_LAYERS_MAX];
        if first & 0x10 != 0 {
            for size in sizes.iter_mut().take(usize::from(spatial_layers)) {
                let (width, height) = (reader.u16()?.into(), reader.u16()?.into());
                *size = Some(Resolution { width, height });
            }
        }
        Some(Self { spatial_layers, sizes })
    }

    /// The size of a spatial layer's pictures, if the structure tells it.
    #[must_use]
    pub fn resolution(&self, spatial: u8) -> Option<Resolution> {
        self.sizes.get(usize::from(spatial)).copied().flatten()
    }
}

fn skip_references(reader: &mut Reader<'_>) -> Result<(), Malformed> {
    for _ in 0..REFERENCES_MAX {
        if reader.u8().ok_or(Malformed::TooShort)? & 0x01 == 0 {
            return Ok(());
        }
    }
    Err(Malformed::BadPayload)
}
