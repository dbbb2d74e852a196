//! Sequence numbers, timestamps and NTP time: arithmetic that wraps.

use core::time::Duration;
use fanlight_wire::{ExtendedSequence, NtpTime, Sequence, SequenceExtender, Timestamp};
use proptest::prelude::*;

/// Why: the newer of two packets decides what is late; the edges of the circle are where it goes wrong.
#[test]
fn newer_is_the_shorter_way_round() {
    for (this, other, distance) in [
        (1, 0, 1),
        (0, 1, -1),
        (0, u16::MAX, 1),
        (u16::MAX, 0, -1),
        (0x7fff, 0, 0x7fff),
        (0x8001, 0, -0x7fff),
        (5, 5, 0),
        // Half the circle: neither is newer.
        (0x8000, 0, i16::MIN),
        (0, 0x8000, i16::MIN),
    ] {
        assert_eq!(Sequence(this).distance_from(Sequence(other)), distance);
        assert_eq!(Sequence(this).is_newer_than(Sequence(other)), distance > 0);
    }
    assert_eq!(Timestamp(5).distance_from(Timestamp(u32::MAX)), 6);
    assert_eq!(Timestamp(u32::MAX).wrapping_add(6), Timestamp(5));
    assert_eq!(Sequence(u16::MAX).wrapping_add(6), Sequence(5));
}

/// Why: both halves of an extended number go on the wire or into a nonce.
#[test]
fn an_extended_number_splits_into_rollover_and_sequence() {
    let extended = ExtendedSequence(0x1_2345_6789_abcd);
    assert_eq!(extended.sequence(), Sequence(0xabcd));
    assert_eq!(extended.rollover(), 0x2345_6789);
}

/// Why: a stream that starts just before a wrap, with its first packet overtaken, must not underflow.
#[test]
fn packets_before_the_first_one_have_numbers() {
    let mut extender = SequenceExtender::new();
    assert_eq!(extender.extend(Sequence(3)), ExtendedSequence(65_539));
    assert_eq!(extender.highest(), None);
    extender.observe(ExtendedSequence(65_539));
    assert_eq!(extender.extend(Sequence(0xffff)), ExtendedSequence(65_535));
    assert_eq!(extender.extend(Sequence(0x8003)), ExtendedSequence(0x8003), "half the circle is older");
    assert_eq!(extender.extend(Sequence(0x8002)), ExtendedSequence(0x1_8002));
}

/// Why: extending is a look-up. Only what was received for good may move the stream, and never backwards.
#[test]
fn only_observing_moves_the_stream_and_only_forwards() {
    let mut extender = SequenceExtender::new();
    extender.observe(ExtendedSequence(100_000));
    for sequence in 0..=u16::MAX {
        assert!(extender.extend(Sequence(sequence)).0.abs_diff(100_000) <= 0x8000);
    }
    extender.observe(ExtendedSequence(99_999));
    assert_eq!(extender.highest(), Some(ExtendedSequence(100_000)));
}

/// Why: the ends of 64 bits have one neighbour only; the low bits must still be those on the wire.
#[test]
fn the_ends_of_the_range_do_not_overflow() {
    for highest in [0, 1, 5, 0x7fff, 0x8000, u64::MAX - 5, u64::MAX] {
        let mut extender = SequenceExtender::new();
        extender.observe(ExtendedSequence(highest));
        for sequence in 0..=u16::MAX {
            assert_eq!(extender.extend(Sequence(sequence)).sequence(), Sequence(sequence));
        }
    }
}

/// Why: a report's middle bits come back as LSR; the epochs and the fraction must be where the RFCs have
/// them.
#[test]
fn ntp_time_has_its_parts_where_the_rfc_puts_them() {
    let time = NtpTime::from_parts(0x1122_3344, 0x5566_7788);
    assert_eq!(time, NtpTime(0x1122_3344_5566_7788));
    assert_eq!((time.seconds(), time.fraction(), time.middle()), (0x1122_3344, 0x5566_7788, 0x3344_5566));
    assert_eq!(NtpTime::from_unix(Duration::ZERO), NtpTime::from_parts(2_208_988_800, 0));
    let half = NtpTime::from_unix(Duration::from_millis(1500));
    assert_eq!(half, NtpTime::from_parts(2_208_988_801, 1 << 31));
    // Rounding reaches the next second, which carries.
    let almost = NtpTime::from_parts(1, u32::MAX).wrapping_since(NtpTime(0));
    assert_eq!(almost, Duration::from_secs(2));
    // The era ends in February 2036.
    let era_end = NtpTime::from_parts(u32::MAX, 0);
    assert_eq!(era_end.wrapping_add(Duration::from_secs(2)), NtpTime::from_parts(1, 0));
    assert_eq!(NtpTime::from_parts(1, 0).wrapping_since(era_end), Duration::from_secs(2));
}

proptest! {
    /// Why: the model is the truth, a sender's 64-bit count of which the wire shows 16 bits. Loss, reordering
    /// and repetition within half a circle must never make the two disagree.
    #[test]
    fn extension_follows_a_64_bit_model(
        start in 0_u64..1 << 40,
        steps in prop::collection::vec(-0x7fff_i64..0x7fff, 1..300),
    ) {
        let mut extender = SequenceExtender::new();
        let first = extender.extend(ExtendedSequence(start).sequence());
        extender.observe(first);
        // What the extender does not know: how often the sender had wrapped before.
        let offset = i128::from(first.0) - i128::from(start);
        let mut highest = start;
        for step in steps {
            let truth = highest.saturating_add_signed(step).max(start.saturating_sub(0x7fff));
            let extended = extender.extend(ExtendedSequence(truth).sequence());
            prop_assert_eq!(i128::from(extended.0), i128::from(truth) + offset);
            extender.observe(extended);
            highest = highest.max(truth);
            prop_assert_eq!(extender.highest().map(|seen| i128::from(seen.0)), Some(i128::from(highest) + offset));
        }
    }

    /// Why: delays are computed by going to NTP and back; a nanosecond lost each time would be a drift.
    #[test]
    fn durations_survive_ntp_to_the_nanosecond(time in any::<u64>(), seconds in any::<u32>(), nanos in 0..1_000_000_000_u32) {
        let duration = Duration::new(u64::from(seconds), nanos);
        let later = NtpTime(time).wrapping_add(duration);
        prop_assert_eq!(later.wrapping_since(NtpTime(time)), duration);
        prop_assert_eq!(later.wrapping_sub(duration), NtpTime(time));
    }

    /// Why: a duration of more than 136 years cannot be told, but it must not panic either.
    #[test]
    fn any_duration_can_be_added(time in any::<u64>(), seconds in any::<u64>(), nanos in 0..1_000_000_000_u32) {
        let duration = Duration::new(seconds, nanos);
        prop_assert_eq!(NtpTime(time).wrapping_add(duration).wrapping_sub(duration), NtpTime(time));
    }
}
