use super::*;

fn start() -> Instant {
    crate::testing::start()
}

fn asked(list: &mut MissingList, now: Instant) -> Vec<u64> {
    let mut sequences = Vec::new();
    list.due(now, None, |sequence| sequences.push(sequence.0));
    sequences
}

/// Reordering by a packet or two is common and must cost no traffic.
#[test]
fn a_reordered_packet_is_not_asked_for() {
    let (now, mut list) = (start(), MissingList::default());
    for sequence in [10, 12, 11, 13] {
        list.arrived(now, ExtendedSequence(sequence));
    }
    assert_eq!(asked(&mut list, now + NACK_INTERVAL_DEFAULT), []);
    assert_eq!(list.deadline(), None);
}

#[test]
fn a_gap_is_asked_for_after_the_delay_and_what_closes_is_not_asked_for_again() {
    let (now, mut list) = (start(), MissingList::default());
    list.arrived(now, ExtendedSequence(10));
    list.arrived(now, ExtendedSequence(13));
    assert_eq!(asked(&mut list, now), []);
    assert_eq!(list.deadline(), Some(now + NACK_DELAY));
    let first = now + NACK_DELAY;
    assert_eq!(asked(&mut list, first), [11, 12]);
    assert_eq!(asked(&mut list, first), [], "not twice at once");
    assert!(list.arrived(first, ExtendedSequence(11)), "the gap closes");
    assert_eq!(asked(&mut list, first + NACK_INTERVAL_DEFAULT), [12]);
}

/// Milliseconds after the gap was seen at which its packet is asked for, until it is given up.
fn moments(round_trip: Option<Duration>) -> Vec<u128> {
    let (start, mut list) = (start(), MissingList::default());
    list.arrived(start, ExtendedSequence(1));
    list.arrived(start, ExtendedSequence(3));
    let mut moments = Vec::new();
    while let Some(due) = list.deadline() {
        list.due(due, round_trip, |_| moments.push((due - start).as_millis()));
    }
    assert_eq!(list.given_up(), 1);
    moments
}

/// An answer needs a round trip: asking sooner makes the publisher send twice. And a packet that the publisher no longer has
/// would be asked for for ever.
#[test]
fn requests_for_a_packet_are_a_growing_round_trip_apart_and_end() {
    assert_eq!(moments(None), [10, 70, 160, 295, 497, 801]);
    assert_eq!(moments(Some(Duration::from_millis(190))), [10, 210, 510, 960]);
    let near = moments(Some(Duration::from_millis(1)));
    assert_eq!(near[..4], [10, 30, 60, 105]);
    assert!(near.len() >= 8 && near.iter().all(|moment| *moment < HOLE_AGE_MAX.as_millis()), "{near:?}");
}

/// After an outage a key frame is cheaper than hundreds of retransmissions.
#[test]
fn a_large_jump_is_given_up_at_once() {
    let (now, mut list) = (start(), MissingList::default());
    list.arrived(now, ExtendedSequence(1));
    list.arrived(now, ExtendedSequence(3));
    list.arrived(now, ExtendedSequence(3 + GAP_MAX + 2));
    assert_eq!(asked(&mut list, now + NACK_INTERVAL_DEFAULT), []);
    assert_eq!(list.given_up(), 1 + GAP_MAX + 1);
}

/// The list is bounded whatever the network does, and nothing lost is forgotten in the count.
#[test]
fn a_list_that_is_full_gives_up_its_oldest() {
    let (now, mut list) = (start(), MissingList::default());
    let mut sequence = 0;
    list.arrived(now, ExtendedSequence(sequence));
    for _ in 0..10 {
        sequence += GAP_MAX;
        list.arrived(now, ExtendedSequence(sequence));
    }
    let waiting = asked(&mut list, now + NACK_DELAY);
    assert_eq!(waiting.len(), MISSING_MAX);
    assert_eq!(waiting.len() as u64 + list.given_up(), 10 * (GAP_MAX - 1));
    assert_eq!(waiting.last(), Some(&(sequence - 1)), "the newest stay");
}
