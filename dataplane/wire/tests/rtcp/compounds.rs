//! Members laid end to end: tiling, padding, the cap.

use crate::{members, only, outline};
use fanlight_wire::{MEMBERS_MAX, Malformed, Member};

const PLI: [u8; 12] = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];

/// Why: members tile the datagram; a byte that belongs to none means that some length lied.
#[test]
fn members_must_tile_the_datagram() {
    assert_eq!(outline(&[]), (0, None));
    assert_eq!(outline(&PLI), (1, None));
    let twice = [PLI, PLI].concat();
    for len in 13..24 {
        let fault = if len < 16 { Malformed::TooShort } else { Malformed::BadLength };
        assert_eq!(outline(&twice[..len]), (1, Some(fault)), "{len} bytes");
    }
    let mut wrong_version = twice;
    wrong_version[12] = 0x41;
    assert_eq!(outline(&wrong_version), (1, Some(Malformed::BadVersion)));
}

/// Why: a datagram of 150 tiny members costs the sender nothing; we stop at a number (A27), once.
#[test]
fn a_bomb_of_members_is_cut_off() {
    let member = [0x80, 204, 0, 0];
    assert_eq!(outline(&member.repeat(MEMBERS_MAX)), (MEMBERS_MAX, None));
    for more in [1, 100] {
        let bomb = member.repeat(MEMBERS_MAX + more);
        assert_eq!(outline(&bomb), (MEMBERS_MAX, Some(Malformed::TooManyMembers)));
    }
}

/// Why: the padding count is the sender's word: it may cover the body and no more.
#[test]
fn padding_is_taken_off_and_checked() {
    for count in 0..=u8::MAX {
        let padded = [0xa0, 204, 0, 2, 0, 0, 0, 0, 0, 0, 0, count];
        let fault = (!(1..=8).contains(&count)).then_some(Malformed::BadPadding);
        assert_eq!(outline(&padded), (usize::from(fault.is_none()), fault), "count {count}");
    }
    assert_eq!(
        outline(&[0xa0, 204, 0, 0]),
        (0, Some(Malformed::BadPadding)),
        "no body that could hold a count"
    );
    let padded_pli = [0xa1, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 4];
    assert!(matches!(only(&padded_pli), Member::Pli(_)));
}

/// Why: str0m puts its padded TWCC before XR and BYE; refusing that would lose every such peer's feedback.
#[test]
fn padding_inside_a_compound_is_taken_off_as_well() {
    let twcc = [
        0xaf, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x52, 0, 3, 0, 0, 0x19, 0x11, //
        0x20, 3, 0x7c, 0x93, 0x84, 0, 0, 3, // a run of three small deltas, padding
    ];
    let datagram = [twcc.as_slice(), &PLI].concat();
    let members = members(&datagram);
    let (Member::Twcc(feedback), Member::Pli(_)) = (members[0], members[1]) else { panic!() };
    let arrivals: Vec<_> = feedback.packets().map(|(_, arrival)| arrival).collect();
    assert_eq!(arrivals, [Some(1_631_000), Some(1_667_750), Some(1_700_750)]);
}
