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
fn a_gap_is_asked_for_after_the_delay_and_again_each_interval() {
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

/// A packet that the publisher no longer has would be asked for for ever.
#[test]
fn a_packet_is_given_up_after_its_tries() {
    let (mut now, mut list) = (start(), MissingList::default());
    list.arrived(now, ExtendedSequence(1));
    list.arrived(now, ExtendedSequence(3));
    let mut times = 0;
    for _ in 0..100 {
        now += NACK_INTERVAL_DEFAULT;
        times += asked(&mut list, now).len();
    }
    assert_eq!(times, usize::from(NACK_TRIES_MAX));
    assert_eq!(list.given_up(), 1);
    assert_eq!(list.deadline(), None);
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
