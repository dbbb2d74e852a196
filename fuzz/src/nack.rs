use std::collections::BTreeSet;

use fanlight_wire::{Malformed, Member, RtcpWriter, Sequence, Ssrc};

use crate::member;

/// Requests for packets (RFC 4585 §6.2.1).
///
/// The input is the body of a NACK. It names the packets that its bits name, 17 for four bytes at most; written anew in
/// ascending order, it names the same ones and is longer by one entry at most: where the numbers wrap.
pub fn nack(data: &[u8]) {
    let packet = member::around(1, 205, data);
    let body = &packet[4..];
    let nack = match member::only(&packet) {
        Ok(Member::Nack(nack)) => nack,
        Err(Malformed::BadLength) => return assert!(body.len() < 12),
        other => panic!("{other:?}"),
    };
    assert_eq!(nack.sender().0.to_be_bytes(), body[..4]);
    assert_eq!(nack.media().0.to_be_bytes(), body[4..8]);
    let told: Vec<u16> = nack.sequences().map(|sequence| sequence.0).collect();
    assert!(told.len() <= 17 * (body.len() / 4));
    assert_eq!(told, reference(&body[8..]));

    let ascending: BTreeSet<u16> = told.into_iter().collect();
    let mut out = vec![0; packet.len() + 4];
    let mut writer = RtcpWriter::new(&mut out);
    writer.nack(Ssrc(1), Ssrc(2), ascending.iter().copied().map(Sequence)).expect("there is room");
    let Ok(Member::Nack(again)) = member::only(writer.as_bytes()) else { panic!("ours is not read") };
    assert_eq!((again.sender(), again.media()), (Ssrc(1), Ssrc(2)));
    assert!(again.sequences().map(|sequence| sequence.0).eq(ascending));
}

/// PID, and for each bit of BLP from the lowest the packet so many later.
fn reference(entries: &[u8]) -> Vec<u16> {
    let mut sequences = Vec::new();
    for entry in entries.chunks(4) {
        let first = u16::from(entry[0]) * 256 + u16::from(entry[1]);
        let following = u16::from(entry[2]) * 256 + u16::from(entry[3]);
        sequences.push(first);
        sequences.extend((0..16_u16).filter(|bit| following & 1 << bit != 0).map(|bit| first.wrapping_add(bit + 1)));
    }
    sequences
}
