//! The payload of a retransmission packet. RFC 4588 §4.

use crate::reader::Reader;
use crate::sequence::Sequence;

/// Splits a retransmission payload into the original sequence number (OSN) and the original payload.
///
/// `None` below two bytes: padding sent on the retransmission SSRC to probe bandwidth carries no original.
#[must_use]
pub fn rtx_original_sequence(payload: &[u8]) -> Option<(Sequence, &[u8])> {
    let mut reader = Reader::new(payload);
    let sequence = Sequence(reader.u16()?);
    Some((sequence, reader.rest()))
}
