//! Descriptors as plain values, and the bits that the text makes of them (AV1 RTP payload format, §A.8.2).

use fanlight_wire::{DependencyDescriptor, LayerIds, Resolution, TargetIndication};

/// Bits, most significant first.
#[derive(Default)]
pub(crate) struct BitWriter(Vec<bool>);

impl BitWriter {
    pub(crate) fn put(&mut self, value: u32, width: usize) {
        self.0.extend((0..width).rev().map(|place| value >> place & 1 == 1));
    }

    /// `write_ns(n, v)` of the text.
    fn put_below(&mut self, n: u32, value: u32) {
        let mut width = 0;
        while n >> width != 0 {
            width += 1;
        }
        let short = (1 << width) - n;
        if value < short {
            self.put(value, width - 1);
        } else {
            self.put(value + short, width);
        }
    }

    /// With zeros up to a whole byte.
    pub(crate) fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), false);
        let byte = |bits: &[bool]| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        self.0.chunks(8).map(byte).collect()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// 0 to 3 for each target.
    pub(crate) indications: Vec<u32>,
    /// 1 to 16 each.
    pub(crate) differences: Vec<u32>,
    /// 0 to 15 for each chain.
    pub(crate) chains: Vec<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Structure {
    pub(crate) id_offset: u32,
    pub(crate) targets: u32,
    pub(crate) templates: Vec<Template>,
    /// Of each target; empty without chains.
    pub(crate) protected_by: Vec<u32>,
    pub(crate) chains: u32,
    /// Width and height of each spatial layer; empty if they are not told.
    pub(crate) resolutions: Vec<(u32, u32)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) start: bool,
    pub(crate) end: bool,
    /// Place of its template.
    pub(crate) template: usize,
    pub(crate) number: u16,
    pub(crate) active: Option<u32>,
    pub(crate) indications: Option<Vec<u32>>,
    /// Each with how many groups of four bits it takes.
    pub(crate) differences: Option<Vec<(u32, u32)>>,
    pub(crate) chains: Option<Vec<u32>>,
}

impl Structure {
    fn write(&self, bits: &mut BitWriter) {
        bits.put(self.id_offset, 6);
        bits.put(self.targets - 1, 5);
        for pair in self.templates.windows(2) {
            let [last, next] = pair else { unreachable!() };
            let same_spatial = next.spatial == last.spatial;
            bits.put(if !same_spatial { 2 } else { u32::from(next.temporal != last.temporal) }, 2);
        }
        bits.put(3, 2);
        self.templates.iter().flat_map(|template| &template.indications).for_each(|dti| bits.put(*dti, 2));
        for template in &self.templates {
            for difference in &template.differences {
                bits.put(1, 1);
                bits.put(difference - 1, 4);
            }
            bits.put(0, 1);
        }
        bits.put_below(self.targets + 1, self.chains);
        if self.chains > 0 {
            self.protected_by.iter().for_each(|chain| bits.put_below(self.chains, *chain));
            self.templates.iter().flat_map(|template| &template.chains).for_each(|chain| bits.put(*chain, 4));
        }
        bits.put(u32::from(!self.resolutions.is_empty()), 1);
        for (width, height) in &self.resolutions {
            bits.put(width - 1, 16);
            bits.put(height - 1, 16);
        }
    }

    /// The highest layers of a target, as `decode_target_layers` of the text finds them.
    pub(crate) fn target_layers(&self, target: usize) -> LayerIds {
        let present = self.templates.iter().filter(|template| template.indications[target] != 0);
        present.fold(LayerIds::default(), |highest, template| LayerIds {
            spatial: highest.spatial.max(template.spatial),
            temporal: highest.temporal.max(template.temporal),
        })
    }
}

impl Frame {
    /// The bits of a frame whose descriptor brings the structure along, or does not.
    pub(crate) fn write(&self, structure: &Structure, attached: bool) -> Vec<u8> {
        let mut bits = BitWriter::default();
        let id = structure.id_offset + u32::try_from(self.template).unwrap();
        bits.put(self.start.into(), 1);
        bits.put(self.end.into(), 1);
        bits.put(id % 64, 6);
        bits.put(self.number.into(), 16);
        let flags = [
            attached,
            self.active.is_some(),
            self.indications.is_some(),
            self.differences.is_some(),
            self.chains.is_some(),
        ];
        if flags == [false; 5] {
            return bits.bytes();
        }
        flags.into_iter().for_each(|flag| bits.put(flag.into(), 1));
        if attached {
            structure.write(&mut bits);
        }
        if let Some(active) = self.active {
            bits.put(active, usize::try_from(structure.targets).unwrap());
        }
        self.indications.iter().flatten().for_each(|dti| bits.put(*dti, 2));
        if let Some(differences) = &self.differences {
            for (size, difference) in differences {
                bits.put(*size, 2);
                bits.put(difference - 1, usize::try_from(4 * size).unwrap());
            }
            bits.put(0, 2);
        }
        self.chains.iter().flatten().for_each(|chain| bits.put(*chain, 8));
        bits.bytes()
    }

    /// Fails where the parser says something else than was written.
    pub(crate) fn assert_read(&self, structure: &Structure, attached: bool, read: &DependencyDescriptor) {
        let template = &structure.templates[self.template];
        assert_eq!((read.frame_start, read.frame_end), (self.start, self.end));
        assert_eq!(read.frame_number, self.number);
        assert_eq!(read.layer, LayerIds { spatial: template.spatial, temporal: template.temporal });
        let indications = self.indications.as_ref().unwrap_or(&template.indications);
        for target in 0..=u8::MAX {
            let expected = indications.get(usize::from(target)).copied().unwrap_or(0);
            assert_eq!(read.indications.of(target), indication(expected), "target {target}");
        }
        let own = self.differences.as_ref().map(|differences| !differences.is_empty());
        assert_eq!(read.refers, own.unwrap_or(!template.differences.is_empty()));
        let all = u32::try_from((1_u64 << structure.targets) - 1).unwrap();
        assert_eq!(read.active_targets, self.active.or(attached.then_some(all)));
        assert_eq!(read.structure.is_some(), attached);
        if let Some(read) = &read.structure {
            structure.assert_read(read);
        }
    }
}

impl Structure {
    fn assert_read(&self, read: &fanlight_wire::DependencyStructure) {
        assert_eq!(u32::from(read.target_count()), self.targets);
        for target in 0..read.target_count() {
            let layers = self.target_layers(usize::from(target));
            assert_eq!(read.target_layers(target), Some(layers));
            let first = (0..=target).find(|other| self.target_layers(usize::from(*other)) == layers);
            assert_eq!(read.target_of(layers), first);
        }
        assert_eq!(read.target_layers(read.target_count()), None);
        let highest = |of: fn(&Template) -> u8| self.templates.iter().map(of).max().unwrap();
        let layers = LayerIds { spatial: highest(|t| t.spatial), temporal: highest(|t| t.temporal) };
        assert_eq!(read.highest_layers(), layers);
        for spatial in 0..=u8::MAX {
            let told = self.resolutions.get(usize::from(spatial));
            let expected = told.map(|(width, height)| Resolution { width: *width, height: *height });
            assert_eq!(read.resolution(spatial), expected);
        }
    }
}

pub(crate) fn indication(value: u32) -> TargetIndication {
    match value {
        0 => TargetIndication::NotPresent,
        1 => TargetIndication::Discardable,
        2 => TargetIndication::Switch,
        _ => TargetIndication::Required,
    }
}
