use fanlight_wire::codec::{Codec, Vp8Descriptor};

use crate::bits::Bits;
use crate::verdict::{Verdict, verdict};

/// VP8 payloads (RFC 7741 §4.2).
///
/// The descriptor is that of a parser which goes bit by bit, so are the starts of frames and key frames; and renumbering
/// changes the numbers and nothing else. The last four bytes of the input are the new numbers.
pub fn vp8(data: &[u8]) {
    let read = Vp8Descriptor::parse(data).ok();
    assert_eq!(read, descriptor(data));
    assert_eq!(verdict(Codec::Vp8, data), reference(data));
    if let (Some(read), Some((payload, &[high, low, index, key]))) = (read, data.split_last_chunk()) {
        check_renumbering(&read, payload, u16::from_be_bytes([high, low]), [index, key]);
    }
}

fn check_renumbering(descriptor: &Vp8Descriptor, payload: &[u8], picture_id: u16, [index, key]: [u8; 2]) {
    let mut renumbered = payload.to_vec();
    if !descriptor.renumber(&mut renumbered, picture_id, index, key) {
        assert!(descriptor.len > payload.len(), "there is room for the numbers");
        return assert_eq!(renumbered, payload);
    }
    let width = if descriptor.wide_picture_id { 0x7fff } else { 0x7f };
    let expected = Vp8Descriptor {
        picture_id: descriptor.picture_id.map(|_| picture_id & width),
        tl0_picture_index: descriptor.tl0_picture_index.map(|_| index),
        key_index: descriptor.key_index.map(|_| key & 0x1f),
        ..*descriptor
    };
    assert_eq!(Vp8Descriptor::parse(&renumbered), Ok(expected));
    assert_eq!(renumbered[descriptor.len..], payload[descriptor.len..]);
}

fn descriptor(payload: &[u8]) -> Option<Vp8Descriptor> {
    let mut bits = Bits::new(payload);
    let (extended, _reserved) = (bits.flag()?, bits.flag()?);
    let (non_reference, partition_start) = (bits.flag()?, bits.flag()?);
    bits.flag()?;
    let partition = u8::try_from(bits.number(3)?).unwrap();
    let mut flags = [false; 4];
    if extended {
        for flag in &mut flags {
            *flag = bits.flag()?;
        }
        bits.number(4)?;
    }
    let [has_picture_id, has_index, has_layer, has_key_index] = flags;
    let wide_picture_id = has_picture_id && bits.flag()?;
    let picture_id = match (has_picture_id, wide_picture_id) {
        (false, _) => None,
        (true, false) => Some(bits.number(7)?),
        (true, true) => Some(bits.number(15)?),
    };
    let index = if has_index { Some(bits.number(8)?) } else { None };
    let (mut layer, mut sync, mut key) = (0, false, 0);
    if has_layer || has_key_index {
        (layer, sync) = (bits.number(2)?, bits.flag()?);
        key = bits.number(5)?;
    }
    Some(Vp8Descriptor {
        non_reference,
        partition_start,
        partition,
        picture_id: picture_id.map(|id| u16::try_from(id).unwrap()),
        wide_picture_id,
        tl0_picture_index: index.map(|index| u8::try_from(index).unwrap()),
        temporal_layer: has_layer.then(|| u8::try_from(layer).unwrap()),
        layer_sync: has_layer && sync,
        key_index: has_key_index.then(|| u8::try_from(key).unwrap()),
        len: bits.bytes_read(),
    })
}

/// A frame begins with partition 0; it is a key frame if the first bit of its header, the lowest, is 0 (RFC 6386 §9.1).
fn reference(payload: &[u8]) -> Option<Verdict> {
    let descriptor = descriptor(payload)?;
    let header = payload.get(descriptor.len)?;
    let frame_start = descriptor.partition_start && descriptor.partition == 0;
    Some(Verdict { key_frame_start: frame_start && header % 2 == 0, frame_start })
}
