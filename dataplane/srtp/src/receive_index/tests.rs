use proptest::prelude::*;

use super::*;

/// A stream whose highest accepted index is `highest`.
fn stream_at(highest: u64) -> ReceiveIndex {
    let mut stream = ReceiveIndex::new();
    stream.accept(&Authenticated::assumed(highest));
    stream
}

fn sequence_of(index: u64) -> u16 {
    u16::try_from(index & 0xffff).unwrap()
}

/// The definition: of all indices that end in `sequence`, the closest to `highest`; the same rollover if two
/// are.
fn closest(highest: u64, sequence: u16) -> u64 {
    let rollover = highest >> 16;
    let candidates = [Some(rollover), rollover.checked_sub(1), Some(rollover + 1)];
    let indices = candidates.into_iter().flatten().map(|rollover| rollover << 16 | u64::from(sequence));
    indices.min_by_key(|index| (index.abs_diff(highest), index >> 16 != rollover)).unwrap()
}

// RFC 3711 §3.3.1: the rollover counter is 0 until the first packet says otherwise.
#[test]
fn an_empty_stream_assumes_no_rollover() {
    for sequence in [0, 1, 0x7fff, 0x8000, 0xffff] {
        assert_eq!(ReceiveIndex::new().estimate(sequence), u64::from(sequence));
        assert_eq!(ReceiveIndex::default().check(u64::from(sequence)), Ok(()));
    }
}

// Every sequence number against highest indices on both sides of wraps and halves, where the branches meet.
#[test]
fn the_estimate_is_the_closest_index() {
    for rollover in [1_u64, 2, 0xffff, 0xffff_fffe] {
        for newest in [0_u64, 1, 0x7ffe, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff] {
            let highest = rollover << 16 | newest;
            let stream = stream_at(highest);
            for sequence in 0..=u16::MAX {
                assert_eq!(
                    stream.estimate(sequence),
                    closest(highest, sequence),
                    "{highest:#x} {sequence:#x}"
                );
            }
        }
    }
}

// Before the first wrap there is no rollover to go back to: the number is taken as it is.
#[test]
fn the_first_rollover_has_none_before_it() {
    let stream = stream_at(5);
    assert_eq!(stream.estimate(0xfffa), 0xfffa);
    assert_eq!(stream.estimate(4), 4);
    assert_eq!(stream.estimate(0x9000), 0x9000);
}

// The last index of a key: what comes after it is refused, not counted from the beginning.
#[test]
fn the_stream_ends_at_48_bits() {
    let stream = stream_at((1 << 48) - 1);
    assert_eq!(stream.estimate(0xfff0), (1 << 48) - 16);
    let wrapped = stream.estimate(3);
    assert_eq!(wrapped, 3);
    assert_eq!(stream.check(wrapped), Err(Replay::TooOld));
}

// Estimating and checking are free of effect: a flood of forged sequence numbers leaves the stream as it was.
#[test]
fn only_an_authenticated_packet_moves_the_stream() {
    let stream = stream_at(0xfff0);
    let before = format!("{stream:?}");
    for sequence in 0..=u16::MAX {
        let index = stream.estimate(sequence);
        let _ = stream.check(index);
    }
    assert_eq!(format!("{stream:?}"), before);
}

// 10 % loss, bursts out of order and five wraps: the estimate follows without a miss.
#[test]
fn the_estimate_follows_a_lossy_stream_over_wraps() {
    let mut stream = ReceiveIndex::new();
    for burst in 0..30_000_u64 {
        for offset in [3, 0, 7, 1, 9, 2, 8, 4, 6] {
            let index = burst * 10 + offset;
            assert_eq!(stream.estimate(sequence_of(index)), index);
            assert_eq!(stream.check(index), Ok(()));
            stream.accept(&Authenticated::assumed(index));
            assert_eq!(stream.check(index), Err(Replay::AlreadySeen));
        }
    }
    assert_eq!(stream.window.highest(), Some(299_999));
}

proptest! {
    // Any packet less than half the space away from the highest is found again.
    #[test]
    fn any_index_within_half_the_space_is_found(highest in 0x8000_u64..(1 << 48) - 0x8000, offset in -0x7fff_i64..0x7fff) {
        let index = highest.saturating_add_signed(offset);
        prop_assert_eq!(stream_at(highest).estimate(sequence_of(index)), index);
    }
}
