use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One packet a layer of pictures in two spatial and two temporal layers; every fourth picture reaches everything, every second
/// all of time.
fn layer_of(packet: u64) -> PacketLayer {
    let (picture, spatial) = (packet / 2, u8::from(packet % 2 == 1));
    let temporal = u8::from(picture % 2 == 1);
    let reach = match picture % 4 {
        0 => Point::TOP,
        2 => Point::new(0, 3),
        _ => Point::BASE,
    };
    PacketLayer {
        layer: Point::new(spatial, temporal),
        reach,
        begins_picture: spatial == 0,
        ends_layer: true,
    }
}

/// A viewer that goes down and up again: what it gets at each point, and under which numbers.
#[test]
fn numbers_go_on_over_changes_of_the_point() {
    let mut points = Points::begin(ExtendedSequence(1_000));
    let mut gate = Gate::open(Point::TOP);
    let mut seen = Vec::new();
    for packet in 0..24 {
        if packet == 5 {
            gate.wanted = Point::new(0, 0);
        } else if packet == 13 {
            gate.wanted = Point::new(1, 1);
        }
        let (sequence, layer) = (ExtendedSequence(1_000 + packet), layer_of(packet));
        points.note(sequence, Some(layer));
        gate.steer(sequence, layer, &points);
        if gate.admits(sequence, Some(layer)) {
            seen.push((packet, gate.number(sequence, Some(&points)).unwrap().0 - 1_000));
        }
    }
    let packets: Vec<_> = seen.iter().map(|(packet, _)| *packet).collect();
    let expected: Vec<_> = (0..6).chain([8, 12]).chain(16..24).collect();
    assert_eq!(packets, expected, "down with the picture of 6, up with the key picture of 16");
    assert!(seen.iter().zip(0..).all(|((_, number), expected)| *number == expected), "{seen:?}");
    for (packet, number) in seen.iter().filter(|(packet, _)| *packet >= 6) {
        let found = gate.sequence(ExtendedSequence(1_000 + number), Some(&points));
        assert_eq!(found, Some(ExtendedSequence(1_000 + packet)));
    }
    assert_eq!(gate.sequence(ExtendedSequence(1_000), Some(&points)), None, "two changes ago");
}

/// A mirror's backfill may be overtaken: what came before counting began has no numbers in lower points.
#[test]
fn one_begins_at_the_wanted_point_only_where_packets_are_counted() {
    let points = {
        let mut points = Points::begin(ExtendedSequence(50));
        points.note(ExtendedSequence(50), Some(layer_of(0)));
        points
    };
    let mut gate = Gate::open(Point::BASE);
    assert_eq!(gate.begin(ExtendedSequence(40), Some(&points)), ExtendedSequence(40));
    assert_eq!(gate.point(), Point::TOP);
    gate.begin(ExtendedSequence(50), Some(&points));
    assert_eq!(gate.point(), Point::BASE);
    gate.begin(ExtendedSequence(50), None);
    assert_eq!(gate.point(), Point::TOP, "a track without layers");
}

proptest! {
    /// The law of nonces: whatever is lost, late or wished for, no two packets have one number, and each number leads back.
    #[test]
    fn no_two_packets_have_one_number(
        lost in prop::collection::btree_set(0..400_u64, 0..60),
        wishes in prop::collection::btree_map(0..400_u64, (0..3_u8, 0..3_u8), 0..30),
        delay in 1..40_u64,
    ) {
        let mut points = Points::begin(ExtendedSequence(7));
        let mut gate = Gate::open(Point::TOP);
        let (mut numbers, mut newest) = (BTreeSet::new(), 0);
        // Each packet in its turn, those that were lost so much later.
        let mut arrivals: Vec<_> =
            (0..400_u64).map(|packet| (packet + if lost.contains(&packet) { delay } else { 0 }, packet)).collect();
        arrivals.sort_unstable();
        for (at, packet) in arrivals {
            if let Some((spatial, temporal)) = wishes.get(&at) {
                gate.wanted = Point::new(*spatial, *temporal);
            }
            let (sequence, layer) = (ExtendedSequence(7 + packet), layer_of(packet));
            points.note(sequence, Some(layer));
            let number = gate.number(sequence, Some(&points)).map_or(0, |number| number.0);
            if number >= newest {
                gate.steer(sequence, layer, &points);
            }
            if !gate.admits(sequence, Some(layer)) {
                continue;
            }
            let Some(number) = gate.number(sequence, Some(&points)) else { continue };
            prop_assert!(numbers.insert(number), "{:?} twice", number);
            prop_assert_eq!(gate.sequence(number, Some(&points)), Some(sequence));
            newest = newest.max(number.0);
        }
    }
}
