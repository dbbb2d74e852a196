//! Descriptors by hand.

use fanlight_wire::{DependencyDescriptor, LayerIds, Malformed, Resolution, TargetIndication};

use super::model::BitWriter;

/// The bits of a text of groups; what is no 0 or 1 parts them.
fn bits(text: &str) -> Vec<u8> {
    let mut bits = BitWriter::default();
    text.chars().filter_map(|digit| digit.to_digit(2)).for_each(|bit| bits.put(bit, 1));
    bits.bytes()
}

/// Two spatial layers, the upper one predicted from the lower in key pictures only: templates 60 (key, layer 0), 61 (layer
/// 0), 62 (key, layer 1), 63 (layer 1); a chain a target.
const L2T1_KEY: &str = "1 0 111100 0000000000000111  10000 \
    111100 00001  00 10 00 11 \
    10 10  10 00  00 10  00 10 \
    0  1 0001 0  1 0000 0  1 0001 0 \
    11  0 1 \
    0000 0000  0010 0001  0001 0001  0001 0010 \
    1 0000000100111111 0000000010110011  0000001001111111 0000000101100111";

/// Why: a key frame's first packet as libwebrtc writes it, field by field.
#[test]
fn a_structure_is_read_field_by_field() {
    let read = DependencyDescriptor::parse(&bits(L2T1_KEY), None).unwrap();
    assert_eq!((read.frame_start, read.frame_end, read.frame_number), (true, false, 7));
    assert_eq!(read.layer, LayerIds { spatial: 0, temporal: 0 });
    assert!(!read.refers);
    assert_eq!([0, 1].map(|target| read.indications.of(target)), [TargetIndication::Switch; 2]);
    assert_eq!(read.active_targets, Some(0b11), "all of them, since nothing else is said");

    let structure = read.structure.unwrap();
    assert_eq!(structure.target_count(), 2);
    let upper = LayerIds { spatial: 1, temporal: 0 };
    assert_eq!(structure.target_of(upper), Some(1));
    assert_eq!(structure.target_of(LayerIds { spatial: 1, temporal: 1 }), None);
    assert_eq!(structure.highest_layers(), upper);
    assert_eq!(structure.resolution(0), Some(Resolution { width: 320, height: 180 }));
    assert_eq!(structure.resolution(1), Some(Resolution { width: 640, height: 360 }));
    assert_eq!(structure.resolution(2), None);
}

/// Why: three bytes are all that most packets have; everything else is the template's.
#[test]
fn a_short_descriptor_says_what_its_template_says() {
    let structure = DependencyDescriptor::parse(&bits(L2T1_KEY), None).unwrap().structure;
    let read = |id: &str| {
        DependencyDescriptor::parse(&bits(&format!("01 {id} 0000000000001000")), structure.as_ref())
    };
    let lower = read("111101").unwrap();
    assert_eq!((lower.frame_start, lower.frame_end, lower.frame_number), (false, true, 8));
    assert_eq!((lower.layer.spatial, lower.refers, lower.active_targets), (0, true, None));
    assert_eq!(lower.indications.of(0), TargetIndication::Switch);
    assert_eq!(lower.indications.of(1), TargetIndication::NotPresent);
    let upper = read("111111").unwrap();
    assert_eq!((upper.layer.spatial, upper.refers), (1, true));
    assert_eq!(upper.indications.of(1), TargetIndication::Switch);
    assert_eq!(read("000000"), Err(Malformed::UnknownTemplate), "64 is 0, which is none of the four");
    assert_eq!(read("111011"), Err(Malformed::UnknownTemplate), "before the first");
}

/// Why: an encoder that drops a layer says so without a key frame, and a frame may depart from its template.
#[test]
fn a_frame_can_say_more_than_its_template() {
    let structure = DependencyDescriptor::parse(&bits(L2T1_KEY), None).unwrap().structure;
    let read = |text: &str| DependencyDescriptor::parse(&bits(text), structure.as_ref());
    let dropped = read("11 111101 0000000000001001 01000 01").unwrap();
    assert_eq!(dropped.active_targets, Some(0b01));
    let own =
        read("11 111101 0000000000001010 00111 11 01  10 00000111 01 0000 00  00000011 11111111").unwrap();
    assert_eq!(own.indications.of(0), TargetIndication::Required);
    assert_eq!(own.indications.of(1), TargetIndication::Discardable);
    assert!(own.refers);
    let alone = read("11 111101 0000000000001011 00010 00").unwrap();
    assert!(!alone.refers, "no difference at all in place of the template's one");
}

/// Why: bounds are the format's, not the sender's.
#[test]
fn a_layer_that_cannot_be_is_refused() {
    let head = "11 000000 0000000000000000 10000  000000 00000";
    let rest = "0 ".repeat(200);
    let structure = |steps: &str| DependencyDescriptor::parse(&bits(&format!("{head} {steps} {rest}")), None);
    assert!(structure("10 10 10 11").is_ok(), "four spatial layers");
    assert_eq!(structure("10 10 10 10 11"), Err(Malformed::BadDescriptor), "five");
    assert!(structure(&format!("{} 11", "01".repeat(7))).is_ok(), "eight temporal layers");
    assert_eq!(structure(&format!("{} 11", "01".repeat(8))), Err(Malformed::BadDescriptor), "nine");
    assert!(structure(&format!("{} 11", "00".repeat(63))).is_ok(), "64 templates");
    assert_eq!(structure(&format!("{} 11", "00".repeat(64))), Err(Malformed::BadDescriptor), "65");
}
