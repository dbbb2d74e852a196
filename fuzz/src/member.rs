//! One RTCP packet round a body, so that a fuzzer need not find the length that fits.

use fanlight_wire::{Compound, Malformed, Member};

/// The packet with this format and packet type round `body`, which is cut to whole words. RFC 3550 §6.4.1.
pub(crate) fn around(format: u8, packet_type: u8, body: &[u8]) -> Vec<u8> {
    let words = (body.len() / 4).min(usize::from(u16::MAX));
    let len = u16::try_from(words).unwrap().to_be_bytes();
    [&[0x80 | format, packet_type, len[0], len[1]], &body[..words * 4]].concat()
}

/// The one member of a packet that [`around`] made or a writer wrote.
pub(crate) fn only(packet: &[u8]) -> Result<Member<'_>, Malformed> {
    let mut members = Compound::new(packet);
    let member = members.next().expect("a packet has a member");
    assert!(members.next().is_none(), "one packet is one member");
    member
}
