//! STUN messages, on the vectors of RFC 5769 and on messages made here.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use fanlight_wire::{Malformed, Stun, StunClass};
use proptest::prelude::*;

/// RFC 5769 §2.1: a connectivity check.
const REQUEST: &str = "
    00010058 2112a442 b7e7a701 bc34d686 fa87dfae 80220010 5354554e 20746573 7420636c 69656e74
    00240004 6e0001ff 80290008 932ff9b1 51263b36 00060009 6576746a 3a683676 59202020 00080014
    9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf";
/// RFC 5769 §2.2: its answer over IPv4.
const RESPONSE_IPV4: &str = "
    0101003c 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200008
    0001a147 e112a643 00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96";
/// RFC 5769 §2.3: its answer over IPv6.
const RESPONSE_IPV6: &str = "
    01010048 2112a442 b7e7a701 bc34d686 fa87dfae 8022000b 74657374 20766563 746f7220 00200014
    0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9 00080014 a382954e 4be67bf1 1784c97c 8292c275
    bfe3ed41 80280004 c8fb0b4c";
/// RFC 5769 §2.4: a request with long-term authentication.
const REQUEST_LONG_TERM: &str = "
    00010060 2112a442 78ad3433 c6ad72c0 29da412e 00060012 e3839ee3 8388e383 aae38383 e382afe3
    82b90000 0015001c 662f2f34 39396b39 3534644f 4c33346f 4c394653 54767936 3473412f 0014000b
    6578616d 706c652e 6f726700 00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666";

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const USE_CANDIDATE: u16 = 0x0025;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// A Binding request with these attributes.
fn message(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        body.extend(kind.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut message = bytes("0001 0000 2112a442 000102030405060708090a0b");
    message[2..4].copy_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
    message.extend(body);
    message
}

/// RFC 8489 §14.7, bit by bit.
fn fingerprint(covered: &[u8]) -> u32 {
    let crc = covered.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| crc >> 1 ^ (0xedb8_8320 * (crc & 1)))
    });
    !crc ^ 0x5354_554e
}

/// Why: the vectors above were typed from the RFC; their own checksum says whether rightly.
#[test]
fn the_vectors_carry_their_fingerprints() {
    for vector in [REQUEST, RESPONSE_IPV4, RESPONSE_IPV6] {
        let vector = bytes(vector);
        let (covered, last) = vector.split_at(vector.len() - 8);
        assert_eq!(last[..4], [0x80, 0x28, 0, 4]);
        assert_eq!(last[4..], fingerprint(covered).to_be_bytes());
    }
}

/// Why: a check is routed by the left half of its username, and what we read is what the RFC says is there.
#[test]
fn a_connectivity_check_names_both_its_ends() {
    let vector = bytes(REQUEST);
    let stun = Stun::parse(&vector).unwrap();
    assert_eq!((stun.class(), stun.method()), (StunClass::Request, 1));
    assert_eq!(stun.transaction_id(), bytes("b7e7a701 bc34d686 fa87dfae")[..]);
    assert_eq!(stun.username(), Some((b"evtj".as_slice(), b"h6vY".as_slice())));
    assert!(!stun.use_candidate());
    assert_eq!(stun.priority(), Some(0x6e00_01ff));
    let lengths: Vec<(u16, usize)> = stun.attributes().map(|(kind, value)| (kind, value.len())).collect();
    assert_eq!(
        lengths,
        [(0x8022, 16), (0x0024, 4), (0x8029, 8), (USERNAME, 9), (MESSAGE_INTEGRITY, 20), (0x8028, 4)]
    );
    assert_eq!(stun.attributes().next(), Some((0x8022, b"STUN test client".as_slice())));
}

/// Why: answers have no username, and their padding (blanks in these vectors) is not part of a value.
#[test]
fn answers_are_told_from_requests() {
    for (vector, address_len) in [(RESPONSE_IPV4, 8), (RESPONSE_IPV6, 20)] {
        let vector = bytes(vector);
        let stun = Stun::parse(&vector).unwrap();
        assert_eq!((stun.class(), stun.method()), (StunClass::Success, 1));
        assert_eq!((stun.username(), stun.priority()), (None, None));
        let attributes: Vec<_> = stun.attributes().collect();
        assert_eq!(attributes[0], (0x8022, b"test vector".as_slice()));
        assert_eq!((attributes[1].0, attributes[1].1.len()), (0x0020, address_len));
    }
}

/// Why: a username without a colon belongs to no session of ours.
#[test]
fn a_username_without_a_colon_has_no_halves() {
    let vector = bytes(REQUEST_LONG_TERM);
    let stun = Stun::parse(&vector).unwrap();
    let (kind, name) = stun.attributes().next().unwrap();
    assert_eq!((kind, name), (USERNAME, "マトリックス".as_bytes()));
    assert_eq!(stun.username(), None);
}

/// Why: only the first colon divides; halves may be empty, and then it is the router that refuses them.
#[test]
fn a_username_is_divided_at_its_first_colon() {
    for (name, left, right) in [("a:b:c", "a", "b:c"), (":", "", ""), ("a:", "a", ""), (":b", "", "b")] {
        let message = message(&[(USERNAME, name.as_bytes())]);
        let halves = Stun::parse(&message).unwrap().username();
        assert_eq!(halves, Some((left.as_bytes(), right.as_bytes())));
    }
}

/// Why: integrity covers what stands before it. What an attacker appends must not choose the session or
/// nominate.
#[test]
fn attributes_behind_the_integrity_do_not_count() {
    let covered = message(&[(USERNAME, b"a:b"), (USE_CANDIDATE, b""), (MESSAGE_INTEGRITY, &[0; 20])]);
    let stun = Stun::parse(&covered).unwrap();
    assert!(stun.use_candidate() && stun.username().is_some());

    for integrity in [MESSAGE_INTEGRITY, 0x001c] {
        let appended = message(&[(integrity, &[0; 20]), (USERNAME, b"a:b"), (USE_CANDIDATE, b"")]);
        let stun = Stun::parse(&appended).unwrap();
        assert!(!stun.use_candidate());
        assert_eq!(stun.username(), None);
        assert_eq!(stun.attributes().count(), 3);
    }
}

/// Why: of a repeated attribute the first counts, or two readers of one message could disagree. RFC 8489 §14.
#[test]
fn the_first_of_two_usernames_counts() {
    let message = message(&[(USERNAME, b"a:b"), (USERNAME, b"c:d")]);
    assert_eq!(Stun::parse(&message).unwrap().username(), Some((b"a".as_slice(), b"b".as_slice())));
}

/// Why: class and method share 14 bits in an odd order; all of them are tried.
#[test]
fn every_type_is_read_by_its_bits() {
    let classes = [StunClass::Request, StunClass::Indication, StunClass::Success, StunClass::Error];
    for (number, class) in (0..4_u16).zip(classes) {
        for method in 0..1 << 12 {
            let spread = method & 0xf | (method & 0x70) << 1 | (method & 0xf80) << 2;
            let message_type: u16 = spread | (number & 1) << 4 | (number & 2) << 7;
            let mut message = message(&[]);
            message[..2].copy_from_slice(&message_type.to_be_bytes());
            let stun = Stun::parse(&message).unwrap();
            assert_eq!((stun.class(), stun.method()), (class, method));
        }
    }
}

/// Why: each way to be no STUN message has its own name.
#[test]
fn what_is_not_stun_is_refused_by_name() {
    let good = message(&[(USERNAME, b"a:b")]);
    let with = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        Stun::parse(&bad).err()
    };
    assert_eq!(Stun::parse(&good[..19]).err(), Some(Malformed::TooShort));
    assert_eq!(with(0, 0x40), Some(Malformed::BadMagic));
    assert_eq!(with(4, 0x20), Some(Malformed::BadMagic));
    assert_eq!(with(3, 12), Some(Malformed::BadLength));
    assert_eq!(with(3, 4), Some(Malformed::BadLength));
    assert_eq!(Stun::parse(&good[..27]).err(), Some(Malformed::BadLength));
    assert_eq!(with(23, 5), Some(Malformed::BadAttribute));
    assert_eq!(with(22, 0xff), Some(Malformed::BadAttribute));
    let mut trailing = good.clone();
    trailing.push(0);
    assert_eq!(Stun::parse(&trailing).err(), Some(Malformed::BadLength));
    // A length that is no multiple of four, though it is that of the bytes.
    let mut odd = message(&[]);
    odd.extend([0; 2]);
    odd[3] = 2;
    assert_eq!(Stun::parse(&odd).err(), Some(Malformed::BadLength));
}

proptest! {
    /// Why: what is walked must be what was written, whatever the lengths and their padding.
    #[test]
    fn attributes_come_back_as_they_were_written(
        attributes in prop::collection::vec((any::<u16>(), prop::collection::vec(any::<u8>(), 0..40)), 0..12),
    ) {
        let attributes: Vec<(u16, &[u8])> = attributes.iter().map(|(kind, value)| (*kind, value.as_slice())).collect();
        let message = message(&attributes);
        let read: Vec<_> = Stun::parse(&message).unwrap().attributes().collect();
        prop_assert_eq!(read, attributes);
    }
}
