use fanlight_wire::red_primary;

/// Redundant blocks that are read past at most.
const BLOCKS_MAX: usize = 16;

/// Payloads of redundant audio (RFC 2198 §3).
///
/// The primary block is what a second reading, which cuts off one block after the other, leaves over; it ends with the
/// payload, and nothing is read outside of it.
pub fn red(data: &[u8]) {
    let found = red_primary(data).map(|(payload_type, start)| (payload_type.value(), start));
    assert_eq!(found, by_cutting(data));
    if let Some((_, start)) = found {
        assert!(0 < start && start <= data.len());
    }
}

/// Takes all headers off the front, then each redundant block.
fn by_cutting(data: &[u8]) -> Option<(u8, usize)> {
    let redundant = data.chunks(4).take_while(|header| header[0] >= 0x80).count();
    if redundant > BLOCKS_MAX {
        return None;
    }
    let (headers, behind) = data.split_at_checked(4 * redundant)?;
    let (primary, mut blocks) = behind.split_first()?;
    for header in headers.chunks_exact(4) {
        let length = u16::from_be_bytes([header[2] & 3, header[3]]);
        blocks = blocks.get(usize::from(length)..)?;
    }
    Some((*primary, data.len() - blocks.len()))
}
