use fanlight_wire::codec::Codec;

use crate::units::{aggregated, starts_of_units};
use crate::verdict::{Verdict, verdict};

/// H.265 payloads (RFC 7798 §4.4).
///
/// The verdict is that of a parser which first cuts all units and then looks at them.
pub fn h265(data: &[u8]) {
    assert_eq!(verdict(Codec::H265, data), reference(data));
}

fn reference(payload: &[u8]) -> Option<Verdict> {
    let (header, rest) = payload.split_at_checked(2)?;
    match header[0] / 2 % 64 {
        single @ 0..=47 => Some(starts_of_units([single].into_iter(), is_key)),
        48 => {
            let units = aggregated(rest, 1)?;
            Some(starts_of_units(units.iter().map(|unit| unit[0] / 2 % 64), is_key))
        }
        // A fragmentation unit: start, end, type.
        49 => {
            let fragment = *rest.first()?;
            let frame_start = fragment >= 0x80;
            Some(Verdict { key_frame_start: frame_start && is_key(fragment % 64), frame_start })
        }
        _ => None,
    }
}

/// A picture at which decoding can begin (BLA, IDR, CRA and two reserved types), a video or a sequence parameter set.
fn is_key(unit_type: u8) -> bool {
    (16..24).contains(&unit_type) || unit_type == 32 || unit_type == 33
}
