//! What the dependency descriptors of one coded video sequence have in common: templates of frames, and the decode targets
//! that one can choose from. AV1 RTP payload format, §A.8.
//!
//! It comes once, with the first packet of a key frame, and is needed to read all descriptors after it:
//!
//! ```text
//!  id offset:6  decode targets − 1:5
//!  layers      of each template: how its layer differs from the last one's:2, or that there is no more
//!  indications of each template for each decode target: 2
//!  differences of each template: to the frames that it refers to: (1 4)* 0
//!  chains      number, the chain of each target, the difference of each template in each chain: 4
//!  resolutions 1, width − 1:16 and height − 1:16 of each spatial layer
//! ```
//!
//! Differences and chains are stepped over: who forwards every packet of a layer needs no more of them than whether a frame
//! refers to any other.

use crate::bits::Bits;

/// Templates of one structure: their ids have six bits.
pub(crate) const TEMPLATES_MAX: usize = 64;
/// Decode targets of one structure: their number has five bits.
const TARGETS_MAX: usize = 32;
/// Spatial layers: AV1 gives their ids two bits (AV1 bitstream §5.3.3).
const SPATIAL_LAYERS_MAX: usize = 4;
/// Temporal layers: AV1 gives their ids three bits.
const TEMPORAL_LAYERS_MAX: u8 = 8;

/// What a frame is to one decode target. Table A.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetIndication {
    /// It does not belong to the target.
    NotPresent,
    /// It belongs to the target, and no other frame of the target refers to it.
    Discardable,
    /// Whoever can decode it can decode all that follows of the target.
    Switch,
    /// It belongs to the target.
    Required,
}

/// What a frame is to each decode target: two bits a target, the first target's lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetIndications(u64);

impl TargetIndications {
    pub(crate) fn read(bits: &mut Bits<'_>, targets: u8) -> Option<Self> {
        let mut indications = 0;
        for target in 0..targets {
            indications |= u64::from(bits.number(2)?) << (2 * target);
        }
        Some(Self(indications))
    }

    /// Of a target that does not exist: not present.
    #[must_use]
    pub fn of(self, target: u8) -> TargetIndication {
        let indication = self.0.checked_shr(2 * u32::from(target)).unwrap_or_default() & 0x03;
        match indication {
            0 => TargetIndication::NotPresent,
            1 => TargetIndication::Discardable,
            2 => TargetIndication::Switch,
            _ => TargetIndication::Required,
        }
    }
}

/// A spatial and a temporal layer, 0 the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LayerIds {
    /// 0 to 3.
    pub spatial: u8,
    /// 0 to 7.
    pub temporal: u8,
}

/// The greatest picture of a spatial layer as it is to be shown, pixels, 1 to 65,536.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Resolution {
    pub width: u32,
    pub height: u32,
}

/// What the frames of one template have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) layer: LayerIds,
    pub(crate) indications: TargetIndications,
    /// It refers to earlier frames.
    pub(crate) refers: bool,
}

/// See the file's head. 1.2 kB, kept by the caller from one key frame to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DependencyStructure {
    id_offset: u8,
    template_count: u8,
    target_count: u8,
    pub(crate) chain_count: u8,
    templates: [Template; TEMPLATES_MAX],
    /// The highest layers that belong to each decode target.
    targets: [LayerIds; TARGETS_MAX],
    /// Each spatial layer's, if it is told.
    resolutions: [Option<Resolution>; SPATIAL_LAYERS_MAX],
}

impl DependencyStructure {
    pub(crate) fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut structure = Self {
            id_offset: bits.small(6)?,
            template_count: 0,
            target_count: bits.small(5)? + 1,
            chain_count: 0,
            templates: [Template::default(); TEMPLATES_MAX],
            targets: [LayerIds::default(); TARGETS_MAX],
            resolutions: [None; SPATIAL_LAYERS_MAX],
        };
        structure.read_layers(bits)?;
        let (count, targets) = (usize::from(structure.template_count), structure.target_count);
        for template in structure.templates.get_mut(..count)? {
            template.indications = TargetIndications::read(bits, targets)?;
        }
        for template in structure.templates.get_mut(..count)? {
            while bits.flag()? {
                bits.number(4)?;
                template.refers = true;
            }
        }
        structure.skip_chains(bits)?;
        structure.find_target_layers();
        if bits.flag()? {
            structure.read_resolutions(bits)?;
        }
        Some(structure)
    }

    fn read_layers(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let mut layer = LayerIds::default();
        loop {
            self.templates.get_mut(usize::from(self.template_count))?.layer = layer;
            self.template_count += 1;
            match bits.number(2)? {
                0 => {}
                1 if layer.temporal + 1 < TEMPORAL_LAYERS_MAX => layer.temporal += 1,
                2 if usize::from(layer.spatial) + 1 < SPATIAL_LAYERS_MAX => {
                    layer = LayerIds { spatial: layer.spatial + 1, temporal: 0 };
                }
                3 => return Some(()),
                _ => return None,
            }
        }
    }

    fn skip_chains(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let count = bits.below(u32::from(self.target_count) + 1)?;
        if count > 0 {
            for _ in 0..self.target_count {
                bits.below(count)?;
            }
            for _ in 0..u32::from(self.template_count) * count {
                bits.number(4)?;
            }
        }
        self.chain_count = u8::try_from(count).ok()?;
        Some(())
    }

    fn find_target_layers(&mut self) {
        for (target, highest) in (0..self.target_count).zip(&mut self.targets) {
            let templates = self.templates.iter().take(usize::from(self.template_count));
            for template in templates {
                if template.indications.of(target) != TargetIndication::NotPresent {
                    highest.spatial = highest.spatial.max(template.layer.spatial);
                    highest.temporal = highest.temporal.max(template.layer.temporal);
                }
            }
        }
    }

    fn read_resolutions(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let layers = usize::from(self.highest_layers().spatial) + 1;
        for resolution in self.resolutions.iter_mut().take(layers) {
            let (width, height) = (bits.number(16)? + 1, bits.number(16)? + 1);
            *resolution = Some(Resolution { width, height });
        }
        Some(())
    }

    /// The template that a packet names.
    pub(crate) fn template(&self, id: u8) -> Option<&Template> {
        let place = id.wrapping_sub(self.id_offset) & 0x3f;
        self.templates.get(..usize::from(self.template_count))?.get(usize::from(place))
    }

    /// How many decode targets there are, 1 to 32.
    #[must_use]
    pub const fn target_count(&self) -> u8 {
        self.target_count
    }

    /// The decode target whose highest layers these are, the first of them.
    #[must_use]
    pub fn target_of(&self, layer: LayerIds) -> Option<u8> {
        (0..self.target_count).zip(&self.targets).find_map(|(target, ids)| (*ids == layer).then_some(target))
    }

    /// The highest layers that belong to a decode target.
    #[must_use]
    pub fn target_layers(&self, target: u8) -> Option<LayerIds> {
        self.targets.get(..usize::from(self.target_count))?.get(usize::from(target)).copied()
    }

    /// The highest spatial and the highest temporal layer that there are.
    #[must_use]
    pub fn highest_layers(&self) -> LayerIds {
        let templates = self.templates.iter().take(usize::from(self.template_count));
        templates.fold(LayerIds::default(), |highest, template| LayerIds {
            spatial: highest.spatial.max(template.layer.spatial),
            temporal: highest.temporal.max(template.layer.temporal),
        })
    }

    /// The size of a spatial layer, if the structure tells it.
    #[must_use]
    pub fn resolution(&self, spatial: u8) -> Option<Resolution> {
        self.resolutions.get(usize::from(spatial)).copied().flatten()
    }
}
