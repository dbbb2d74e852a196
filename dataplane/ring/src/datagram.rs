//! The layout of a receive buffer, the same for both backends.
//!
//! ```text
//! 0            16                    44
//! ┌────────────┬─────────────────────┬──────────────────┐
//! │ header     │ source address      │ payload          │
//! │ 4 × u32    │ 28 bytes            │                  │
//! └────────────┴─────────────────────┴──────────────────┘
//! header: length of the address, of the control data (none), of the payload; flags
//! ```
//!
//! It is `struct io_uring_recvmsg_out` of the kernel's io_uring interface, which a multishot `recvmsg` writes by itself; the plain
//! backend writes the same header after each `recvmmsg`.

use std::net::SocketAddr;
use std::ops::Range;

use crate::address::{self, ADDRESS_BYTES};

const HEADER_BYTES: usize = 16;
/// Where the source address begins.
pub(crate) const ADDRESS_AT: usize = HEADER_BYTES;
/// Where the payload begins.
pub(crate) const PREFIX_BYTES: usize = HEADER_BYTES + ADDRESS_BYTES;

const TRUNCATED: u32 = libc::MSG_TRUNC.cast_unsigned();

/// Where the payload of a received datagram lies and who sent it, or `None` if it did not arrive whole.
///
/// `received` is how many bytes of the buffer the kernel says it wrote, prefix included.
pub(crate) fn parse(buffer: &[u8], received: usize) -> Option<(SocketAddr, Range<usize>)> {
    let [address_bytes, _control, payload_bytes, flags] = header(buffer)?;
    let end = PREFIX_BYTES.checked_add(payload_bytes as usize)?;
    if flags & TRUNCATED != 0 || end != received || end > buffer.len() {
        return None;
    }
    let address_end = ADDRESS_AT + (address_bytes as usize).min(ADDRESS_BYTES);
    let from = address::decode(buffer.get(ADDRESS_AT..address_end)?)?;
    Some((from, PREFIX_BYTES..end))
}

/// Writes the header as the kernel would have: lengths in bytes, `flags` as `recvmsg` returned them.
pub(crate) fn write_header(buffer: &mut [u8], address_bytes: u32, payload_bytes: u32, flags: u32) {
    let fields = [address_bytes, 0, payload_bytes, flags];
    for (place, field) in buffer[..HEADER_BYTES].chunks_exact_mut(4).zip(fields) {
        place.copy_from_slice(&field.to_ne_bytes());
    }
}

fn header(buffer: &[u8]) -> Option<[u32; 4]> {
    let (bytes, _) = buffer.split_first_chunk::<HEADER_BYTES>()?;
    let field = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Some([field(0), field(4), field(8), field(12)])
}

#[cfg(test)]
mod tests {
    use super::{ADDRESS_AT, PREFIX_BYTES, TRUNCATED, parse, write_header};
    use crate::address::{RawAddress, Reach};

    fn buffer(payload_bytes: u32, flags: u32) -> Vec<u8> {
        let mut buffer = vec![0; PREFIX_BYTES + 100];
        let from = RawAddress::encode("192.0.2.1:5000".parse().unwrap(), Reach::Dual).unwrap();
        buffer[ADDRESS_AT..PREFIX_BYTES].copy_from_slice(from.bytes());
        write_header(&mut buffer, from.len(), payload_bytes, flags);
        buffer
    }

    /// The whole receive path stands on these offsets.
    #[test]
    fn a_whole_datagram_is_found_in_its_buffer() {
        let (from, payload) = parse(&buffer(100, 0), 144).unwrap();
        assert_eq!((from, payload), ("192.0.2.1:5000".parse().unwrap(), 44..144));
        assert_eq!(parse(&buffer(0, 0), 44).unwrap().1, 44..44);
    }

    /// Half a packet must never look like a whole one, whichever of the kernel's figures gives it away.
    #[test]
    fn a_part_of_a_datagram_is_none() {
        assert_eq!(parse(&buffer(100, TRUNCATED), 144), None);
        assert_eq!(parse(&buffer(300, 0), 144), None);
        assert_eq!(parse(&buffer(300, 0), 344), None);
        assert_eq!(parse(&buffer(u32::MAX, 0), 43), None);
        assert_eq!(parse(&buffer(100, 0)[..15], 144), None);
    }
}
