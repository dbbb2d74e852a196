use fanlight_wire::codec::Codec;

use crate::units::{aggregated, starts_of_units};
use crate::verdict::{Verdict, verdict};

/// H.264 payloads (RFC 6184 §5.2 to §5.8).
///
/// The verdict is that of a parser which first cuts all units and then looks at them.
pub fn h264(data: &[u8]) {
    assert_eq!(verdict(Codec::H264, data), reference(data));
}

fn reference(payload: &[u8]) -> Option<Verdict> {
    let (header, rest) = payload.split_first()?;
    match header % 32 {
        single @ 1..=23 => Some(starts_of_units([single].into_iter(), is_key)),
        // STAP-A.
        24 => {
            let units = aggregated(rest, 1)?;
            Some(starts_of_units(units.iter().map(|unit| unit[0] % 32), is_key))
        }
        // FU-A: start, end, reserved, type.
        28 => {
            let fragment = *rest.first()?;
            let frame_start = fragment >= 0x80;
            Some(Verdict { key_frame_start: frame_start && is_key(fragment % 32), frame_start })
        }
        _ => None,
    }
}

/// An IDR slice or a sequence parameter set.
const fn is_key(unit_type: u8) -> bool {
    unit_type == 5 || unit_type == 7
}
