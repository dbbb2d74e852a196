//! What the server shall do wrong, and to which packets.

use std::time::Duration;

/// Each fault's measure; none by default. Packets are counted for each viewer by itself from 1, audio and video together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Every so-manieth is thrown away after it was sealed: its number is missing.
    pub(crate) drop_every: Option<u64>,
    /// Has one bit of its ciphertext flipped: it is not authentic.
    pub(crate) corrupt_every: Option<u64>,
    /// Has the byte in the middle of its payload changed before it is sealed: authentic, and not what was published.
    pub(crate) damage_every: Option<u64>,
    /// Is sent twice, the same bytes.
    pub(crate) duplicate_every: Option<u64>,
    /// Changes place with the next one of its stream. RTP orders packets only within a stream.
    pub(crate) swap_every: Option<u64>,
    /// Packets, retransmissions included, wait so long in the server.
    pub(crate) delay: Duration,
    /// Every so-manieth viewer that asks is answered 503.
    pub(crate) refuse_every: Option<u64>,
}

/// What becomes of a packet. Each meets one fault at most, so that no fault hides another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Forwarded,
    Dropped,
    Corrupted,
    Damaged,
    Duplicated,
    Swapped,
}

impl Faults {
    /// The fate of a viewer's packet by its number; of several faults the first of these.
    pub(super) fn fate(&self, number: u64) -> Fate {
        [
            (self.drop_every, Fate::Dropped),
            (self.corrupt_every, Fate::Corrupted),
            (self.damage_every, Fate::Damaged),
            (self.duplicate_every, Fate::Duplicated),
            (self.swap_every, Fate::Swapped),
        ]
        .into_iter()
        .find(|(every, _)| is_hit(*every, number))
        .map_or(Fate::Forwarded, |(_, fate)| fate)
    }

    /// Whether a viewer is sent away, by its number from 1.
    pub(super) fn refuses(&self, number: u64) -> bool {
        is_hit(self.refuse_every, number)
    }
}

fn is_hit(every: Option<u64>, number: u64) -> bool {
    every.is_some_and(|every| number.is_multiple_of(every))
}

/// What is asserted of a load rests on this: one fault a packet, and exactly every so-manieth.
#[test]
fn a_packet_meets_one_fault_and_every_so_manieth_meets_one() {
    let faults = Faults { drop_every: Some(100), duplicate_every: Some(50), ..Faults::default() };
    let fates: Vec<_> = (1..=1_000).map(|number| faults.fate(number)).collect();
    let count = |fate| fates.iter().filter(|one| **one == fate).count();
    assert_eq!((count(Fate::Dropped), count(Fate::Duplicated), count(Fate::Forwarded)), (10, 10, 980));
    assert_eq!((fates[49], fates[98], fates[99]), (Fate::Duplicated, Fate::Forwarded, Fate::Dropped));
}
