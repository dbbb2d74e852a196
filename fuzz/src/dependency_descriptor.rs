use fanlight_wire::{DependencyDescriptor, DependencyStructure, LayerIds, Malformed, Resolution, TargetIndication};

use crate::bits::Bits;

/// Dependency descriptors (AV1 RTP payload format, §A.8): the first byte is the length of one, which may bring a structure; the
/// rest is the next one, which is read by that.
///
/// Both say what a parser says that follows the text's pseudocode bit by bit.
pub fn dependency_descriptor(data: &[u8]) {
    let Some((len, data)) = data.split_first() else { return };
    let (first, second) = data.split_at(usize::from(*len).min(data.len()));
    let read = DependencyDescriptor::parse(first, None);
    let expected = Reference::read(first, None);
    compare(&read, expected.as_ref());
    let structure = read.ok().and_then(|read| read.structure);
    let reference = expected.and_then(|expected| expected.structure);
    compare(&DependencyDescriptor::parse(second, structure.as_ref()), Reference::read(second, reference.as_ref()).as_ref());
}

fn compare(read: &Result<DependencyDescriptor, Malformed>, expected: Option<&Reference>) {
    let (read, expected) = match (read, expected) {
        (Ok(read), Some(expected)) => (read, expected),
        (Err(fault), None) => {
            use Malformed::{BadDescriptor, TooShort, UnknownTemplate};
            return assert!(matches!(fault, TooShort | BadDescriptor | UnknownTemplate), "{fault:?}");
        }
        (read, expected) => panic!("{read:?}, where the text makes it {expected:?}"),
    };
    assert_eq!((read.frame_start, read.frame_end), (expected.frame_start, expected.frame_end));
    assert_eq!(u32::from(read.frame_number), expected.frame_number);
    assert_eq!(read.layer, expected.layer);
    assert_eq!(read.refers, expected.refers);
    assert_eq!(read.active_targets, expected.active_targets);
    for target in 0..=u8::MAX {
        let value = expected.indications.get(usize::from(target)).copied().unwrap_or(0);
        assert_eq!(read.indications.of(target), indication(value));
    }
    assert_eq!(read.structure.is_some(), expected.structure.is_some());
    if let Some((read, expected)) = read.structure.as_ref().zip(expected.structure.as_ref()) {
        compare_structures(read, expected);
    }
}

fn compare_structures(read: &DependencyStructure, expected: &Structure) {
    assert_eq!(u32::from(read.target_count()), expected.targets);
    for target in 0..read.target_count() {
        let layers = expected.target_layers(usize::from(target));
        assert_eq!(read.target_layers(target), Some(layers));
        assert!(read.target_of(layers).is_some_and(|first| first <= target));
    }
    for (spatial, resolution) in (0..).zip(&expected.resolutions) {
        assert_eq!(read.resolution(spatial), Some(*resolution));
    }
    assert_eq!(read.resolution(u8::try_from(expected.resolutions.len()).unwrap()), None);
}

fn indication(value: u32) -> TargetIndication {
    [
        TargetIndication::NotPresent,
        TargetIndication::Discardable,
        TargetIndication::Switch,
        TargetIndication::Required,
    ][usize::try_from(value).unwrap()]
}

#[derive(Debug)]
struct Template {
    layer: LayerIds,
    indications: Vec<u32>,
    refers: bool,
}

#[derive(Debug)]
struct Structure {
    id_offset: u32,
    targets: u32,
    chains: u32,
    templates: Vec<Template>,
    resolutions: Vec<Resolution>,
}

#[derive(Debug)]
struct Reference {
    frame_start: bool,
    frame_end: bool,
    frame_number: u32,
    layer: LayerIds,
    indications: Vec<u32>,
    refers: bool,
    active_targets: Option<u32>,
    structure: Option<Structure>,
}

impl Reference {
    fn read(data: &[u8], known: Option<&Structure>) -> Option<Self> {
        let mut bits = Bits::new(data);
        let (frame_start, frame_end) = (bits.flag()?, bits.flag()?);
        let (template_id, frame_number) = (bits.number(6)?, bits.number(16)?);
        let mut flags = [false; 5];
        if data.len() > 3 {
            for flag in &mut flags {
                *flag = bits.flag()?;
            }
        }
        let [has_structure, has_active, has_indications, has_differences, has_chains] = flags;
        let attached = if has_structure { Some(Structure::read(&mut bits)?) } else { None };
        let structure = attached.as_ref().or(known)?;
        let place = (template_id + 64 - structure.id_offset) % 64;
        let template = structure.templates.get(usize::try_from(place).unwrap())?;
        let all = u32::try_from((1_u64 << structure.targets) - 1).unwrap();
        let mut active_targets = has_structure.then_some(all);
        if has_active {
            active_targets = Some(bits.number(structure.targets)?);
        }
        let mut indications = template.indications.clone();
        if has_indications {
            for indication in &mut indications {
                *indication = bits.number(2)?;
            }
        }
        let mut refers = template.refers;
        if has_differences {
            refers = false;
            while let size @ 1.. = bits.number(2)? {
                bits.number(4 * size)?;
                refers = true;
            }
        }
        if has_chains {
            bits.number(8 * structure.chains)?;
        }
        let layer = template.layer;
        let structure = attached;
        Some(Self {
            frame_start,
            frame_end,
            frame_number,
            layer,
            indications,
            refers,
            active_targets,
            structure,
        })
    }
}

impl Structure {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let (id_offset, targets) = (bits.number(6)?, bits.number(5)? + 1);
        let mut structure =
            Self { id_offset, targets, chains: 0, templates: Vec::new(), resolutions: Vec::new() };
        structure.read_layers(bits)?;
        for template in &mut structure.templates {
            for _ in 0..targets {
                template.indications.push(bits.number(2)?);
            }
        }
        for template in &mut structure.templates {
            while bits.flag()? {
                bits.number(4)?;
                template.refers = true;
            }
        }
        structure.chains = non_symmetric(bits, targets + 1)?;
        if structure.chains > 0 {
            for _ in 0..targets {
                non_symmetric(bits, structure.chains)?;
            }
            for _ in &structure.templates {
                bits.number(4 * structure.chains)?;
            }
        }
        if bits.flag()? {
            for _ in 0..=structure.templates.last()?.layer.spatial {
                let (width, height) = (bits.number(16)? + 1, bits.number(16)? + 1);
                structure.resolutions.push(Resolution { width, height });
            }
        }
        Some(structure)
    }

    fn read_layers(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let (mut spatial, mut temporal) = (0, 0);
        loop {
            let layer = LayerIds { spatial, temporal };
            self.templates.push(Template { layer, indications: Vec::new(), refers: false });
            match bits.number(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => return Some(()),
            }
            if spatial > 3 || temporal > 7 || self.templates.len() == 64 {
                return None;
            }
        }
    }

    fn target_layers(&self, target: usize) -> LayerIds {
        let mut highest = LayerIds::default();
        for template in self.templates.iter().filter(|template| template.indications[target] != 0) {
            highest.spatial = highest.spatial.max(template.layer.spatial);
            highest.temporal = highest.temporal.max(template.layer.temporal);
        }
        highest
    }
}

/// `ns(n)` of the text.
fn non_symmetric(bits: &mut Bits<'_>, n: u32) -> Option<u32> {
    let (mut w, mut x) = (0, n);
    while x != 0 {
        x >>= 1;
        w += 1;
    }
    let m = (1 << w) - n;
    let v = bits.number(w - 1)?;
    if v < m {
        return Some(v);
    }
    Some((v << 1) - m + bits.number(1)?)
}
