use fanlight_wire::codec::{Codec, Vp9Descriptor, Vp9Layers};

use crate::bits::Bits;
use crate::verdict::{Verdict, verdict};

/// VP9 payloads (RFC 9628 §4.2).
///
/// Descriptor and starts are those of a parser which goes bit by bit.
pub fn vp9(data: &[u8]) {
    assert_eq!(Vp9Descriptor::parse(data).ok(), descriptor(data));
    assert_eq!(verdict(Codec::Vp9, data), reference(data));
}

fn descriptor(payload: &[u8]) -> Option<Vp9Descriptor> {
    let mut bits = Bits::new(payload);
    let mut flags = [false; 8];
    for flag in &mut flags {
        *flag = bits.flag()?;
    }
    let [
        has_picture_id,
        inter_picture_predicted,
        has_layers,
        flexible,
        layer_frame_start,
        layer_frame_end,
        has_structure,
        not_a_spatial_reference,
    ] = flags;
    let picture_id = if has_picture_id {
        let width = if bits.flag()? { 15 } else { 7 };
        Some(u16::try_from(bits.number(width)?).unwrap())
    } else {
        None
    };
    let layers = if has_layers {
        Some(Vp9Layers {
            temporal: u8::try_from(bits.number(3)?).unwrap(),
            switching_up: bits.flag()?,
            spatial: u8::try_from(bits.number(3)?).unwrap(),
            inter_layer_predicted: bits.flag()?,
            tl0_picture_index: match flexible {
                true => None,
                false => Some(u8::try_from(bits.number(8)?).unwrap()),
            },
        })
    } else {
        None
    };
    Some(Vp9Descriptor {
        picture_id,
        inter_picture_predicted,
        flexible,
        layer_frame_start,
        layer_frame_end,
        has_structure,
        not_a_spatial_reference,
        layers,
    })
}

/// A picture begins with its lowest spatial layer, and is a key picture if it refers to none before it.
fn reference(payload: &[u8]) -> Option<Verdict> {
    let descriptor = descriptor(payload)?;
    let lowest = descriptor.layers.map_or(0, |layers| layers.spatial) == 0;
    let frame_start = descriptor.layer_frame_start && lowest;
    assert_eq!(descriptor.is_picture_start(), frame_start);
    Some(Verdict { key_frame_start: frame_start && !descriptor.inter_picture_predicted, frame_start })
}
