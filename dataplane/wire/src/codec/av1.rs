//! AV1 payloads: the aggregation header and the OBUs behind it.
//! AV1 RTP payload format 1.0 §4.4, AV1 bitstream §5.3, §6.2.
//!
//! ```text
//!  0: Z Y W:2 N reserved:3     Z: the first element goes on from the packet before
//!                              Y: the last element goes on in the next packet
//!                              W: number of elements, or 0 if each has a length
//!                              N: a new coded video sequence begins
//!  elements: each an OBU or a part of one, with a LEB128 length before it (not before the W-th)
//! ```

use super::Starts;
use crate::error::Malformed;
use crate::reader::Reader;

/// The OBU type of a sequence header.
const SEQUENCE_HEADER: u8 = 1;
/// Bytes of the longest LEB128 value. AV1 bitstream §4.10.5.
const LEB128_LEN_MAX: u32 = 8;

pub(super) fn starts(payload: &[u8]) -> Result<Starts, Malformed> {
    let mut reader = Reader::new(payload);
    let aggregation = reader.u8().ok_or(Malformed::TooShort)?;
    if reader.is_empty() {
        return Err(Malformed::TooShort);
    }
    let continues = aggregation & 0x80 != 0;
    let new_sequence = aggregation & 0x08 != 0;
    if continues && new_sequence {
        return Err(Malformed::BadPayload);
    }
    let mut elements = Elements { reader, counted: aggregation >> 4 & 0x03, index: 0 };
    let mut sequence_header = false;
    while let Some(element) = elements.next_element()? {
        let first_byte_is_header = !(continues && elements.index == 1);
        sequence_header |=
            first_byte_is_header && element.first().is_some_and(|&byte| is_sequence_header(byte));
    }
    Ok(Starts { key_frame: new_sequence || sequence_header, frame: !continues })
}

/// The type stands between the forbidden bit and the extension flag.
const fn is_sequence_header(obu_header: u8) -> bool {
    obu_header >> 3 & 0x0f == SEQUENCE_HEADER
}

/// Walks the elements of one payload.
struct Elements<'a> {
    reader: Reader<'a>,
    /// How many there are, 0 if only the end tells.
    counted: u8,
    /// How many were taken.
    index: usize,
}

impl<'a> Elements<'a> {
    fn next_element(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        let counted = usize::from(self.counted);
        if self.reader.is_empty() {
            return if self.index < counted { Err(Malformed::BadPayload) } else { Ok(None) };
        }
        self.index += 1;
        let len = if self.index == counted {
            self.reader.rest().len()
        } else {
            read_leb128(&mut self.reader).ok_or(Malformed::BadPayload)?
        };
        self.reader.bytes(len).ok_or(Malformed::BadPayload).map(Some)
    }
}

/// Seven bits a byte, the lowest first; a set top bit says that another byte follows.
fn read_leb128(reader: &mut Reader<'_>) -> Option<usize> {
    let mut value = 0_u64;
    for place in 0..LEB128_LEN_MAX {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}
