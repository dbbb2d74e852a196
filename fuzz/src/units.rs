//! NAL units in one packet, alike in H.264 and H.265.

use crate::verdict::Verdict;

/// The units of an aggregation packet, each behind its length in two bytes: one at least, each of `len_min` bytes at least.
pub(crate) fn aggregated(mut rest: &[u8], len_min: usize) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    while units.is_empty() || !rest.is_empty() {
        let (size, behind) = rest.split_at_checked(2)?;
        let (unit, behind) = behind.split_at_checked(usize::from(size[0]) * 256 + usize::from(size[1]))?;
        if unit.len() < len_min {
            return None;
        }
        units.push(unit);
        rest = behind;
    }
    Some(units)
}

/// Whole units begin a frame, as far as one packet can tell, and a key frame if one of them is a key.
pub(crate) fn starts_of_units(mut types: impl Iterator<Item = u8>, is_key: impl Fn(u8) -> bool) -> Verdict {
    Verdict { key_frame_start: types.any(is_key), frame_start: true }
}
