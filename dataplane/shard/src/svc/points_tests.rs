use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn layer(spatial: u8, temporal: u8) -> PacketLayer {
    PacketLayer {
        layer: Point::new(spatial, temporal),
        reach: Point::BASE,
        begins_picture: false,
        ends_layer: false,
    }
}

/// The drawing at the head of the file.
#[test]
fn the_numbers_of_a_point_have_no_gaps_but_what_may_still_come() {
    let mut points = Points::begin(ExtendedSequence(70));
    for (sequence, spatial) in [(70, 0), (71, 1), (73, 0), (74, 1), (75, 0), (76, 1)] {
        points.note(ExtendedSequence(sequence), Some(layer(spatial, 0)));
    }
    let base = Point::new(0, 3);
    let left_out: Vec<_> =
        (70..=76).map(|sequence| points.left_out(ExtendedSequence(sequence), base).unwrap()).collect();
    assert_eq!(left_out, [0, 1, 1, 1, 2, 2, 3]);
    let found: Vec<_> = (70..=74).map(|number| points.sequence(number, base).map(|found| found.0)).collect();
    assert_eq!(found, [Some(70), Some(72), Some(73), Some(75), None]);
    points.note(ExtendedSequence(72), Some(layer(1, 0)));
    assert_eq!(points.sequence(71, base), Some(ExtendedSequence(72)), "it has had its number already");
    assert_eq!(points.sequence(69, base), Some(ExtendedSequence(69)), "before there were layers");
}

/// Memory is that of a store; what has left it is not answered for.
#[test]
fn what_has_left_the_window_is_forgotten() {
    let mut points = Points::begin(ExtendedSequence(1_000));
    let capacity = VIDEO_STORE_PACKETS as u64;
    for sequence in 1_000..1_000 + 2 * capacity {
        points.note(ExtendedSequence(sequence), Some(layer(u8::from(sequence % 2 == 1), 0)));
    }
    let oldest = 1_000 + capacity;
    assert_eq!(points.left_out(ExtendedSequence(oldest - 1), Point::BASE), None);
    assert_eq!(points.left_out(ExtendedSequence(oldest), Point::BASE), Some(capacity / 2));
    assert_eq!(points.sequence(oldest - capacity / 2 - 1, Point::BASE), None);
    let after = oldest + 2;
    assert_eq!(points.sequence(after - capacity / 2 - 1, Point::BASE), Some(ExtendedSequence(after)));
    assert!(points.counts(ExtendedSequence(oldest)) && !points.counts(ExtendedSequence(oldest - 1)));
    assert!(!points.counts(ExtendedSequence(1_000 + 2 * capacity)), "it has not come");
}

/// A publisher's leap over more than the window must cost no more than the window.
#[test]
fn a_leap_keeps_a_number_free_for_everything_it_passes() {
    let mut points = Points::begin(ExtendedSequence(5));
    points.note(ExtendedSequence(5), Some(layer(1, 0)));
    points.note(ExtendedSequence(1 << 40), Some(layer(1, 0)));
    points.note(ExtendedSequence((1 << 40) + 1), Some(layer(0, 0)));
    assert_eq!(points.left_out(ExtendedSequence((1 << 40) + 1), Point::BASE), Some(2));
    assert_eq!(points.sequence((1 << 40) - 1, Point::BASE), Some(ExtendedSequence((1 << 40) + 1)));
}

/// A publisher may begin with the number 0, below which there is none.
#[test]
fn a_stream_may_begin_at_nothing() {
    let mut points = Points::begin(ExtendedSequence(0));
    for (sequence, spatial) in [(0, 0), (1, 1), (2, 0)] {
        points.note(ExtendedSequence(sequence), Some(layer(spatial, 0)));
    }
    let found = [0, 1, 2].map(|number| points.sequence(number, Point::BASE).map(|found| found.0));
    assert_eq!(found, [Some(0), Some(2), None]);
}

/// Longer than a count of 32 bits.
#[test]
fn counts_go_on_for_ever() {
    let mut points = Points::begin(ExtendedSequence(1 << 33));
    points.left_out = [(1 << 32) - 2; POINTS];
    for sequence in 0..6 {
        points.note(ExtendedSequence((1 << 33) + sequence), Some(layer(1, 0)));
    }
    let left_out = |sequence: u64| points.left_out(ExtendedSequence((1 << 33) + sequence), Point::BASE);
    assert_eq!([0, 1, 2, 5].map(left_out), [1, 2, 3, 6].map(|more: u64| Some((1 << 32) - 2 + more)));
    assert_eq!(points.left_out(ExtendedSequence(1 << 33), Point::TOP), Some(0));
}

/// The layer of each packet, None if it is lost, or how far the next one leaps.
fn packets() -> impl Strategy<Value = Vec<Option<(u8, u8)>>> {
    let packet = (0..9_u8, 0..4_u8, 0..4_u8)
        .prop_map(|(luck, spatial, temporal)| (luck > 0).then_some((spatial, temporal)));
    prop::collection::vec(packet, 1..400)
}

proptest! {
    /// As one that keeps everything would say it: numbers rise by one with each packet of the point and each that is missing, and
    /// lead back to it.
    #[test]
    fn every_number_is_that_of_one_packet(first in 1..1_u64 << 40, packets in packets(), late in any::<u64>()) {
        let mut points = Points::begin(ExtendedSequence(first));
        let mut expected = BTreeMap::new();
        let last = packets.iter().rposition(Option::is_some).map_or(0, |place| place + 1);
        for (sequence, packet) in (first..).zip(&packets[..last]) {
            if let Some((spatial, temporal)) = packet {
                points.note(ExtendedSequence(sequence), Some(layer(*spatial, *temporal)));
            } else if late % 3 == 0 {
                // Something that is older than the newest comes meanwhile.
                points.note(ExtendedSequence(points.newest.0.saturating_sub(late % 50)), Some(layer(3, 3)));
            }
        }
        for point in Point::all() {
            let mut number = first - 1;
            for (sequence, packet) in (first..).zip(&packets[..last]) {
                let is_in = packet.is_none_or(|(spatial, temporal)| point.includes(Point::new(spatial, temporal)));
                number += u64::from(is_in);
                let left_out = points.left_out(ExtendedSequence(sequence), point);
                prop_assert_eq!(left_out.map(|left_out| sequence - left_out), Some(number));
                if is_in {
                    expected.insert((point.index(), number), sequence);
                    prop_assert_eq!(points.sequence(number, point), Some(ExtendedSequence(sequence)));
                }
            }
            if point != Point::TOP {
                prop_assert_eq!(points.sequence(number + 1, point), None);
            }
        }
        prop_assert_eq!(expected.len() >= POINTS.min(last), true);
    }
}
