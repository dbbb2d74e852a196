//! Header extension blocks as peers write them, rightly and wrongly; the kinds and their ids.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use core::time::Duration;
use fanlight_wire::{AudioLevel, ExtensionKind, ExtensionMap, RtpHeader, abs_send_time};
use proptest::prelude::*;

/// The elements of a packet whose block has this profile and these bytes (a multiple of four).
fn elements(profile: u16, block: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut packet = vec![0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    packet.extend(profile.to_be_bytes());
    packet.extend(u16::try_from(block.len() / 4).unwrap().to_be_bytes());
    packet.extend(block);
    // A payload that an element could wrongly reach into.
    packet.extend([0xee; 300]);
    let header = RtpHeader::parse(&packet).unwrap();
    assert_eq!(header.header_len, 16 + block.len());
    header.extensions(&packet).map(|element| (element.id, element.data.to_vec())).collect()
}

/// Why: the form that browsers send; padding may stand before, between and behind elements.
#[test]
fn one_byte_elements_are_walked_over_padding() {
    let block = [0, 0x10, 0xaa, 0, 0, 0xe1, 1, 2, 0x20, 0xbb, 0, 0];
    assert_eq!(elements(0xbede, &block), [(1, vec![0xaa]), (14, vec![1, 2]), (2, vec![0xbb])]);
}

/// Why: the form for long data (dependency descriptors with a structure); lengths may be zero, id 15 is an
/// id.
#[test]
fn two_byte_elements_are_walked_over_padding() {
    let block = [0, 1, 0, 0, 15, 2, 7, 8, 255, 1, 9, 0];
    assert_eq!(elements(0x1000, &block), [(1, vec![]), (15, vec![7, 8]), (255, vec![9])]);
    assert_eq!(elements(0x100f, &block).len(), 3, "the low four bits of the profile are anyone's");
}

/// Why: id 15 is how a later standard may end the block; what is behind it is not ours to read (Licode
/// #2046).
#[test]
fn id_15_ends_a_one_byte_block() {
    assert_eq!(elements(0xbede, &[0x10, 1, 0xf0, 2, 0x20, 3, 0, 0]), [(1, vec![1])]);
}

/// Why: an id of 0 with a length is neither padding nor an element; a guess at its extent could misread the
/// rest.
#[test]
fn id_0_with_a_length_ends_a_one_byte_block() {
    assert_eq!(elements(0xbede, &[0x10, 1, 0x01, 2, 3, 0x20, 4, 0]), [(1, vec![1])]);
}

/// Why: an element must not reach over the block's end into the payload, which may still be encrypted.
#[test]
fn an_element_that_reaches_past_the_block_ends_the_walk() {
    assert_eq!(elements(0xbede, &[0x10, 1, 0x22, 2]), [(1, vec![1])]);
    assert_eq!(elements(0x1000, &[1, 1, 9, 2]), [(1, vec![9])]);
    assert_eq!(elements(0x1000, &[1, 1, 9, 0, 2, 3, 1, 1]), [(1, vec![9])]);
}

/// Why: RFC 3550 lets a profile put anything there; elements are only in the two profiles of RFC 8285.
#[test]
fn other_profiles_hold_no_elements() {
    for profile in [0, 0xbedd, 0x0fff, 0x1010, 0xffff] {
        assert_eq!(elements(profile, &[0x10, 1, 0x10, 1]), []);
    }
    assert_eq!(elements(0xbede, &[]), []);
}

/// Why: SDP names kinds by URI, and a lookup that answers with a neighbour's kind would mislabel every
/// packet.
#[test]
fn uris_and_kinds_are_one_to_one() {
    assert_eq!(ExtensionKind::ALL.len(), ExtensionKind::COUNT);
    for (index, kind) in ExtensionKind::ALL.into_iter().enumerate() {
        assert_eq!(kind as usize, index, "declared in the order of ALL");
        assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
        assert_eq!(ExtensionKind::from_uri(&kind.uri()[1..]), None);
    }
    let early_draft = "urn:ietf:params:rtp-hdrext:sdes:repair-rtp-stream-id";
    assert_eq!(ExtensionKind::from_uri(early_draft), Some(ExtensionKind::RepairedRid));
    assert_eq!(ExtensionKind::from_uri("urn:ietf:params:rtp-hdrext:toffset"), None);
    assert_eq!(ExtensionKind::from_uri(""), None);
}

/// Why: ids come from a peer's SDP; ids 0 and 15 once were out of bounds elsewhere (OvenMediaEngine #2312).
#[test]
fn only_ids_1_to_14_can_be_bound() {
    for id in 0..=u8::MAX {
        let mut map = ExtensionMap::new();
        let legal = (1..=14).contains(&id);
        assert_eq!(map.insert(id, ExtensionKind::Mid), legal);
        assert_eq!(map.id(ExtensionKind::Mid), legal.then_some(id));
        assert_eq!(map.kind(id), legal.then_some(ExtensionKind::Mid));
    }
}

/// Why: fourteen ids are fourteen kinds; a full map refuses by name, it does not overwrite.
#[test]
fn a_map_can_be_filled_and_then_refuses() {
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..).zip(ExtensionKind::ALL) {
        assert!(map.insert(id, kind));
        assert!(!map.insert(id, kind), "again");
    }
    assert!(map.iter().eq((1..).zip(ExtensionKind::ALL)));
    assert_eq!(map.kind(15), None);
}

/// Why: the loudest speaker is chosen by these bits; all 256 bytes are tried.
#[test]
fn audio_levels_survive_their_byte() {
    for byte in 0..=u8::MAX {
        let level = AudioLevel::parse(&[byte]).unwrap();
        assert_eq!((level.voice, level.level), (byte >= 128, byte % 128));
        assert_eq!(level.to_byte(), byte);
    }
    assert_eq!(AudioLevel::parse(&[]), None);
    assert_eq!(AudioLevel::parse(&[1, 2]), None);
    assert_eq!(AudioLevel { voice: true, level: 200 }.to_byte(), 0xff, "quieter than silence is silence");
}

/// Why: a receiver's estimate hangs on this unit; the values are worked out by hand.
#[test]
fn abs_send_time_is_6_18_fixed_point_seconds() {
    assert_eq!(abs_send_time(Duration::ZERO), [0, 0, 0]);
    assert_eq!(abs_send_time(Duration::from_secs(1)), [0x04, 0, 0]);
    assert_eq!(abs_send_time(Duration::from_millis(500)), [0x02, 0, 0]);
    assert_eq!(abs_send_time(Duration::from_secs(64)), [0, 0, 0], "wraps");
    assert_eq!(abs_send_time(Duration::new(63, 999_999_999)), [0xff, 0xff, 0xff]);
    assert_eq!(abs_send_time(Duration::MAX), abs_send_time(Duration::new(u64::MAX % 64, 999_999_999)));
}

proptest! {
    /// Why: whatever an offer binds, in whatever order, stays one-to-one and as it was bound first.
    #[test]
    fn a_map_stays_one_to_one(bindings in prop::collection::vec((0_u8..=16, 0..ExtensionKind::COUNT), 0..40)) {
        let mut map = ExtensionMap::new();
        let mut model: Vec<(u8, ExtensionKind)> = Vec::new();
        for (id, kind) in bindings {
            let kind = ExtensionKind::ALL[kind];
            let free = !model.iter().any(|&(taken, by)| taken == id || by == kind);
            let legal = (1..=14).contains(&id);
            prop_assert_eq!(map.insert(id, kind), free && legal);
            if free && legal {
                model.push((id, kind));
            }
        }
        model.sort_by_key(|&(id, _)| id);
        for &(id, kind) in &model {
            prop_assert_eq!((map.id(kind), map.kind(id)), (Some(id), Some(kind)));
        }
        prop_assert_eq!(map.iter().collect::<Vec<_>>(), model);
    }
}
