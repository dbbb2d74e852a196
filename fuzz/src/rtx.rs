use fanlight_wire::{Sequence, rtx_original_sequence};

/// Payloads of retransmissions (RFC 4588 §4).
///
/// Unwrapping a wrapped payload gives it back with its number; what is unwrapped, wrapped again, is the input.
pub fn rtx(data: &[u8]) {
    match rtx_original_sequence(data) {
        Some((sequence, original)) => assert_eq!(wrap(sequence, original), data),
        None => assert!(data.len() < 2),
    }
    let number = u16::try_from(data.len() % 65_536).unwrap();
    let wrapped = wrap(Sequence(number), data);
    assert_eq!(rtx_original_sequence(&wrapped), Some((Sequence(number), data)));
}

fn wrap(sequence: Sequence, original: &[u8]) -> Vec<u8> {
    [&sequence.0.to_be_bytes(), original].concat()
}
