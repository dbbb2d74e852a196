use fanlight_wire::codec::Codec;

use crate::bits::Bits;
use crate::verdict::{Verdict, verdict};

/// AV1 payloads (AV1 RTP payload format 1.0 §4.4).
///
/// The verdict is that of a parser which first cuts all elements and then looks at them.
pub fn av1(data: &[u8]) {
    assert_eq!(verdict(Codec::Av1, data), reference(data));
}

fn reference(payload: &[u8]) -> Option<Verdict> {
    let mut bits = Bits::new(payload);
    let (continues, _continued) = (bits.flag()?, bits.flag()?);
    let counted = bits.number(2)? as usize;
    let new_sequence = bits.flag()?;
    bits.number(3)?;
    if bits.rest().is_empty() || continues && new_sequence {
        return None;
    }
    let elements = elements(bits.rest(), counted)?;
    let headers = elements.iter().skip(usize::from(continues)).filter_map(|element| element.first());
    // A forbidden bit, then four bits of type: 1 is a sequence header. AV1 bitstream §5.3.2, §6.2.2.
    let sequence_header = headers.into_iter().any(|header| header / 8 % 16 == 1);
    Some(Verdict { key_frame_start: new_sequence || sequence_header, frame_start: !continues })
}

/// The elements, each behind its length but for the last of a counted list. There is nothing behind that one.
fn elements(bytes: &[u8], counted: usize) -> Option<Vec<&[u8]>> {
    let (mut elements, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() {
        let len = if elements.len() + 1 == counted { rest.len() } else { leb128(&mut rest)? };
        elements.push(rest.get(..len)?);
        rest = &rest[len..];
    }
    (elements.len() >= counted).then_some(elements)
}

/// AV1 bitstream §4.10.5: at most eight bytes.
fn leb128(rest: &mut &[u8]) -> Option<usize> {
    let last = rest.iter().take(8).position(|byte| *byte < 128)?;
    let (bytes, behind) = rest.split_at(last + 1);
    *rest = behind;
    Some(bytes.iter().rev().fold(0, |value, byte| value * 128 + usize::from(byte % 128)))
}
