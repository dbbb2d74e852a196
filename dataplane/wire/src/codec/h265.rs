//! H.265 payloads: single NAL units, aggregation packets and fragmentation units. RFC 7798 §4.4.
//!
//! As with H.264 a decoder can begin at a parameter set (VPS, SPS) or at the start of an IRAP picture.
//!
//! Limits: no decoding order numbers, since `sprop-max-don-diff` is 0 in WebRTC; PACI packets are refused.

use super::Starts;
use crate::error::Malformed;
use crate::reader::Reader;

/// A video parameter set. ITU-T H.265 table 7-1.
const VPS: u8 = 32;
/// A sequence parameter set.
const SPS: u8 = 33;
/// The first type of RTP's own: several whole NAL units of one time. RFC 7798 §4.4.2.
const AGGREGATION: u8 = 48;
/// A part of a NAL unit. RFC 7798 §4.4.3.
const FRAGMENTATION: u8 = 49;

pub(super) fn starts(payload: &[u8]) -> Result<Starts, Malformed> {
    let mut reader = Reader::new(payload);
    let [first, _layer_and_temporal] = reader.array().ok_or(Malformed::TooShort)?;
    match unit_type(first) {
        single @ 0..AGGREGATION => Ok(Starts { key_frame: is_key(single), frame: true }),
        AGGREGATION => Ok(Starts { key_frame: holds_key(reader)?, frame: true }),
        FRAGMENTATION => {
            let header = reader.u8().ok_or(Malformed::TooShort)?;
            let begins = header & 0x80 != 0;
            Ok(Starts { key_frame: begins && is_key(header & 0x3f), frame: begins })
        }
        _ => Err(Malformed::BadPayload),
    }
}

/// The type stands between the forbidden bit and the layer id. RFC 7798 §1.1.4.
const fn unit_type(first: u8) -> u8 {
    first >> 1 & 0x3f
}

/// Parameter sets and the types of IRAP pictures: BLA, IDR, CRA and two reserved ones.
const fn is_key(unit_type: u8) -> bool {
    matches!(unit_type, VPS | SPS | 16..=23)
}

/// Whether one of the aggregated units is a key. They tile the payload, a 16-bit size before each.
fn holds_key(mut units: Reader<'_>) -> Result<bool, Malformed> {
    let mut key = false;
    loop {
        let unit = units.u16().and_then(|size| units.bytes(usize::from(size)));
        let first = unit.and_then(<[u8]>::first).ok_or(Malformed::BadPayload)?;
        key |= is_key(unit_type(*first));
        if units.is_empty() {
            return Ok(key);
        }
    }
}
