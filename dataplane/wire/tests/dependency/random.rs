//! Any structure and any frame of it, there and back.

use fanlight_wire::{DependencyDescriptor, Malformed};
use proptest::prelude::*;

use super::model::{Frame, Structure, Template};

const SPATIAL_MAX: u8 = 3;
const TEMPORAL_MAX: u8 = 7;

/// The layers of each template: steps as the format can tell them, held below its bounds.
fn layers() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec(0..3, 0..64_usize).prop_map(|steps| {
        let mut layers = vec![(0, 0)];
        for step in steps {
            let (spatial, temporal) = *layers.last().unwrap();
            layers.push(match step {
                1 if temporal < TEMPORAL_MAX => (spatial, temporal + 1),
                2 if spatial < SPATIAL_MAX => (spatial + 1, 0),
                _ => (spatial, temporal),
            });
        }
        layers
    })
}

fn template(layer: (u8, u8), targets: u32, chains: u32) -> impl Strategy<Value = Template> {
    (
        prop::collection::vec(0..4_u32, usize::try_from(targets).unwrap()),
        prop::collection::vec(1..=16_u32, 0..4),
        prop::collection::vec(0..16_u32, usize::try_from(chains).unwrap()),
    )
        .prop_map(move |(indications, differences, chains)| Template {
            spatial: layer.0,
            temporal: layer.1,
            indications,
            differences,
            chains,
        })
}

fn structure() -> impl Strategy<Value = Structure> {
    (layers(), 1..=32_u32, 0..64_u32)
        .prop_flat_map(|(layers, targets, id_offset)| {
            (Just(layers), Just(targets), Just(id_offset), 0..=targets)
        })
        .prop_flat_map(|(layers, targets, id_offset, chains)| {
            let spatial = usize::from(layers.last().unwrap().0) + 1;
            let templates: Vec<_> =
                layers.into_iter().map(|layer| template(layer, targets, chains)).collect();
            let protected = prop::collection::vec(0..chains.max(1), usize::try_from(targets).unwrap());
            let size = (1..=65_536_u32, 1..=65_536_u32);
            let sizes = prop_oneof![Just(Vec::new()), prop::collection::vec(size, spatial)];
            (templates, protected, sizes).prop_map(move |(templates, protected_by, resolutions)| Structure {
                id_offset,
                targets,
                templates,
                protected_by,
                chains,
                resolutions,
            })
        })
}

fn differences() -> impl Strategy<Value = Vec<(u32, u32)>> {
    let difference = (1..4_u32).prop_flat_map(|size| (Just(size), 1..=1_u32 << (4 * size)));
    prop::collection::vec(difference, 0..4)
}

fn frame(structure: &Structure) -> impl Strategy<Value = Frame> + use<> {
    let targets = usize::try_from(structure.targets).unwrap();
    let chains = usize::try_from(structure.chains).unwrap();
    let active = u32::MAX >> (32 - structure.targets);
    (
        any::<(bool, bool, u16)>(),
        0..structure.templates.len(),
        prop::option::of(any::<u32>().prop_map(move |bits| bits & active)),
        prop::option::of(prop::collection::vec(0..4_u32, targets)),
        prop::option::of(differences()),
        prop::option::of(prop::collection::vec(0..256_u32, chains)),
    )
        .prop_map(|((start, end, number), template, active, indications, differences, chains)| Frame {
            start,
            end,
            template,
            number,
            active,
            indications,
            differences,
            chains,
        })
}

proptest! {
    /// Why: what is read is what was written, whether the structure comes with the frame or came before it, and whatever
    /// pads the last byte and follows it; what is cut short is refused, never misread.
    #[test]
    fn what_was_written_is_read(
        (structure, first, second) in structure().prop_flat_map(|structure| {
            let (first, second) = (frame(&structure), frame(&structure));
            (Just(structure), first, second)
        }),
        behind in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let with_structure = first.write(&structure, true);
        let read = DependencyDescriptor::parse(&with_structure, None).unwrap();
        first.assert_read(&structure, true, &read);
        let known = read.structure.unwrap();

        let alone = second.write(&structure, false);
        second.assert_read(&structure, false, &DependencyDescriptor::parse(&alone, Some(&known)).unwrap());
        prop_assert_eq!(DependencyDescriptor::parse(&alone, None), Err(Malformed::UnknownTemplate));
        if alone.len() > 3 {
            let longer = [alone.as_slice(), &behind].concat();
            second.assert_read(&structure, false, &DependencyDescriptor::parse(&longer, Some(&known)).unwrap());
        }

        for whole in [&with_structure, &alone] {
            for len in (0..whole.len()).filter(|len| *len != 3) {
                let expected = if len < 3 { Malformed::TooShort } else { Malformed::BadDescriptor };
                prop_assert_eq!(DependencyDescriptor::parse(&whole[..len], Some(&known)), Err(expected), "{} bytes", len);
            }
        }
    }

    /// Why: noise meets the structure of a real stream, and a structure that noise made meets noise.
    #[test]
    fn no_noise_is_too_much(
        structure in structure(),
        noise in prop::collection::vec(any::<u8>(), 0..300),
        more in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let frame = Frame {
            start: true, end: true, template: 0, number: 0,
            active: None, indications: None, differences: None, chains: None,
        };
        let known = DependencyDescriptor::parse(&frame.write(&structure, true), None).unwrap().structure;
        for known in [None, known] {
            if let Ok(read) = DependencyDescriptor::parse(&noise, known.as_ref()) {
                prop_assert!(read.layer.spatial <= SPATIAL_MAX && read.layer.temporal <= TEMPORAL_MAX);
                let _ = DependencyDescriptor::parse(&more, read.structure.as_ref());
            }
        }
    }
}
