//! Redundant audio, as browsers and as liars write it. RFC 2198.

use fanlight_wire::red_primary;

/// Payload type of the primary block, and where it begins.
fn primary(payload: &[u8]) -> Option<(u8, usize)> {
    red_primary(payload).map(|(payload_type, start)| (payload_type.value(), start))
}

/// Two redundant blocks as Chromium sends them, and a packet of the primary alone, as it begins.
#[test]
fn the_primary_block_is_what_is_left_behind_the_others() {
    let header = |offset: u16, length: u16| {
        let [_, high, middle, low] = (u32::from(offset) << 10 | u32::from(length)).to_be_bytes();
        [0x80 | 111, high, middle, low]
    };
    let mut payload = Vec::new();
    payload.extend(header(1920, 3));
    payload.extend(header(960, 300));
    payload.push(111);
    payload.extend([1; 303]);
    payload.extend(b"new");
    assert_eq!(primary(&payload), Some((111, payload.len() - 3)));
    assert_eq!(primary(&[111, 7, 7]), Some((111, 1)));
    assert_eq!(primary(&[111]), Some((111, 1)));
}

/// What a hostile publisher may write: nothing of it may point outside of the packet.
#[test]
fn headers_that_lie_or_do_not_end_are_refused() {
    let lies = [&[][..], &[0xef], &[0xef, 0, 0], &[0xef, 0, 0, 1], &[0xef, 0, 3, 0xff, 111, 1]];
    for payload in lies {
        assert_eq!(red_primary(payload), None, "{payload:?}");
    }
    let endless: Vec<u8> = [0xef, 0, 0, 0].repeat(100);
    assert_eq!(red_primary(&endless), None);
    for len in 0..64 {
        for first in 0..=255 {
            let payload = vec![first; len];
            assert!(red_primary(&payload).is_none_or(|(_, start)| start <= len));
        }
    }
}
