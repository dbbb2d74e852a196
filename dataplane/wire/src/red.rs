//! Redundant audio: several blocks in one payload, the newest last. RFC 2198 §3.
//!
//! ```text
//!   ┌─┬──────┬───────────┬────────┐       ┌─┬──────┐
//!   │1│ PT:7 │ offset:14 │ len:10 │  …    │0│ PT:7 │  redundant blocks …  primary block
//!   └─┴──────┴───────────┴────────┘       └─┴──────┘
//! ```

use crate::PayloadType;
use crate::reader::Reader;

/// Redundant blocks in one packet. Browsers send one or two; more than this is no sound.
const BLOCKS_MAX: usize = 16;

/// Where the primary block begins, and what it encodes. `None`: the headers end nowhere, or promise more than there is.
#[must_use]
pub fn red_primary(payload: &[u8]) -> Option<(PayloadType, usize)> {
    let mut reader = Reader::new(payload);
    let mut redundant = 0;
    for headers in 0..=BLOCKS_MAX {
        let first = reader.u8()?;
        if first & 0x80 == 0 {
            let start = 4 * headers + 1 + redundant;
            // An empty primary block is silence that was not sent; less than nothing is a lie.
            return (start <= payload.len()).then_some((PayloadType::new(first)?, start));
        }
        let _offset_high = reader.u8()?;
        let length = reader.u16()? & 0x03ff;
        redundant += usize::from(length);
    }
    None
}
