//! The dependency descriptor header extension: which layer a packet is of, and what it is to whom. AV1 RTP payload format,
//! appendix A.
//!
//! ```text
//!  frame start:1  frame end:1  template id:6  frame number:16
//!  structure present:1  active targets present:1  custom indications, differences, chains:1 each   if longer than 3 bytes
//!  the structure                       if present: see dependency_structure.rs
//!  active decode targets               a bit each, the first target's lowest; if present
//!  indications:2 for each target       if custom, else the template's
//!  differences: (size:2 4·size)* 00    if custom, else the template's
//!  chains: 8 each                      if custom: stepped over
//! ```

use crate::bits::Bits;
use crate::dependency_structure::{DependencyStructure, LayerIds, TargetIndications};
use crate::error::Malformed;

/// Bytes without the extended fields.
const SHORT_LEN: usize = 3;

/// What one packet says of its frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The packet is its frame's first. A picture has a frame for each of its spatial layers.
    pub frame_start: bool,
    /// The packet is its frame's last.
    pub frame_end: bool,
    /// One more for each frame, wrapping.
    pub frame_number: u16,
    /// The frame's layers.
    pub layer: LayerIds,
    /// What the frame is to each decode target.
    pub indications: TargetIndications,
    /// The frame refers to earlier ones; else it can be decoded by itself.
    pub refers: bool,
    /// Which decode targets are being sent from here on, a bit each. `None`: nothing has changed.
    pub active_targets: Option<u32>,
    /// What this and later descriptors are read by: a new coded video sequence begins.
    pub structure: Option<DependencyStructure>,
}

impl DependencyDescriptor {
    /// Reads an extension's data by the structure it brings, else by the last one that came.
    ///
    /// # Errors
    /// [`TooShort`](Malformed::TooShort) below three bytes; [`UnknownTemplate`](Malformed::UnknownTemplate) if there is no
    /// structure, or it has no such template; [`BadDescriptor`](Malformed::BadDescriptor) if the data end inside a field or
    /// name a layer that cannot be.
    pub fn parse(data: &[u8], known: Option<&DependencyStructure>) -> Result<Self, Malformed> {
        let mut bits = Bits::new(data);
        let head = Head::read(&mut bits).ok_or(Malformed::TooShort)?;
        let extended = if data.len() > SHORT_LEN {
            Extended::read(&mut bits).ok_or(Malformed::BadDescriptor)?
        } else {
            Extended::default()
        };
        let structure = extended.structure.as_ref().or(known).ok_or(Malformed::UnknownTemplate)?;
        let frame = Frame::read(&mut bits, &head, &extended, structure)?;
        Ok(Self {
            frame_start: head.frame_start,
            frame_end: head.frame_end,
            frame_number: head.frame_number,
            layer: frame.layer,
            indications: frame.indications,
            refers: frame.refers,
            active_targets: frame.active_targets,
            structure: extended.structure,
        })
    }
}

/// The fields of every packet.
struct Head {
    frame_start: bool,
    frame_end: bool,
    template_id: u8,
    frame_number: u16,
}

impl Head {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(Self {
            frame_start: bits.flag()?,
            frame_end: bits.flag()?,
            template_id: bits.small(6)?,
            frame_number: u16::try_from(bits.number(16)?).ok()?,
        })
    }
}

/// What a longer descriptor has besides.
#[derive(Default)]
struct Extended {
    has_active_targets: bool,
    has_indications: bool,
    has_differences: bool,
    has_chains: bool,
    structure: Option<DependencyStructure>,
}

impl Extended {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let has_structure = bits.flag()?;
        Some(Self {
            has_active_targets: bits.flag()?,
            has_indications: bits.flag()?,
            has_differences: bits.flag()?,
            has_chains: bits.flag()?,
            structure: if has_structure { Some(DependencyStructure::read(bits)?) } else { None },
        })
    }
}

/// What is left to be read when the structure is known.
struct Frame {
    layer: LayerIds,
    indications: TargetIndications,
    refers: bool,
    active_targets: Option<u32>,
}

impl Frame {
    fn read(
        bits: &mut Bits<'_>,
        head: &Head,
        extended: &Extended,
        structure: &DependencyStructure,
    ) -> Result<Self, Malformed> {
        let template = structure.template(head.template_id).ok_or(Malformed::UnknownTemplate)?;
        let mut frame = Self {
            layer: template.layer,
            indications: template.indications,
            refers: template.refers,
            // With a structure all targets are active, unless it is said otherwise.
            active_targets: extended.structure.is_some().then(|| all_targets(structure.target_count())),
        };
        frame.read_own(bits, extended, structure).ok_or(Malformed::BadDescriptor)?;
        Ok(frame)
    }

    /// What stands in place of the template's.
    fn read_own(
        &mut self,
        bits: &mut Bits<'_>,
        extended: &Extended,
        structure: &DependencyStructure,
    ) -> Option<()> {
        if extended.has_active_targets {
            self.active_targets = Some(bits.number(u32::from(structure.target_count()))?);
        }
        if extended.has_indications {
            self.indications = TargetIndications::read(bits, structure.target_count())?;
        }
        if extended.has_differences {
            self.refers = skip_differences(bits)?;
        }
        if extended.has_chains {
            for _ in 0..structure.chain_count {
                bits.number(8)?;
            }
        }
        Some(())
    }
}

/// Returns whether there is any.
fn skip_differences(bits: &mut Bits<'_>) -> Option<bool> {
    let mut any = false;
    loop {
        match bits.number(2)? {
            0 => return Some(any),
            size => bits.number(4 * size)?,
        };
        any = true;
    }
}

fn all_targets(count: u8) -> u32 {
    u32::MAX >> (u32::BITS - u32::from(count))
}
