//! H.264 payloads: single NAL units, STAP-A and FU-A. RFC 6184 §5.2 to §5.8.
//!
//! Parameter sets often travel in a packet of their own before the IDR picture, so a decoder can begin at
//! either: both an SPS and the start of an IDR count as the start of a key frame.
//!
//! Limits: the interleaved mode (STAP-B, MTAP, FU-B) is never negotiated and is refused.

use super::Starts;
use crate::error::Malformed;
use crate::reader::Reader;

/// A slice of a picture that refers to no other. ITU-T H.264 table 7-1.
const IDR: u8 = 5;
/// A sequence parameter set.
const SPS: u8 = 7;
/// Several whole NAL units of one time. RFC 6184 §5.7.1.
const STAP_A: u8 = 24;
/// A part of a NAL unit. RFC 6184 §5.8.
const FU_A: u8 = 28;

pub(super) fn starts(payload: &[u8]) -> Result<Starts, Malformed> {
    let mut reader = Reader::new(payload);
    let unit_type = reader.u8().ok_or(Malformed::TooShort)? & 0x1f;
    match unit_type {
        1..=23 => Ok(Starts { key_frame: is_key(unit_type), frame: true }),
        STAP_A => Ok(Starts { key_frame: holds_key(reader)?, frame: true }),
        FU_A => {
            let header = reader.u8().ok_or(Malformed::TooShort)?;
            let begins = header & 0x80 != 0;
            Ok(Starts { key_frame: begins && is_key(header & 0x1f), frame: begins })
        }
        _ => Err(Malformed::BadPayload),
    }
}

const fn is_key(unit_type: u8) -> bool {
    matches!(unit_type, IDR | SPS)
}

/// Whether one of the aggregated units is a key. They tile the payload, a 16-bit size before each.
fn holds_key(mut units: Reader<'_>) -> Result<bool, Malformed> {
    let mut key = false;
    loop {
        let unit = units.u16().and_then(|size| units.bytes(usize::from(size)));
        let first = unit.and_then(<[u8]>::first).ok_or(Malformed::BadPayload)?;
        key |= is_key(first & 0x1f);
        if units.is_empty() {
            return Ok(key);
        }
    }
}
