//! Books of one stream of RTP packets by their sequence numbers alone: what came, what came twice, what is missing.
//!
//! RFC 3550 appendix A.3, with duplicates told apart: of the last 1,024 numbers it is known whether each came. A packet
//! further behind the newest is counted as late and otherwise left out, since it cannot be told from a duplicate.

use fanlight_wire::{Sequence, SequenceExtender};

const WORDS: usize = 16;
/// Numbers behind the newest of which it is known whether they came: 1,024.
const RECENT: u64 = WORDS as u64 * u64::BITS as u64;

/// See the file's head.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    extender: SequenceExtender,
    first: u64,
    received: u64,
    duplicates: u64,
    late: u64,
    overtaken: u64,
    /// One bit for each recent number, at the number modulo [`RECENT`].
    recent: [u64; WORDS],
}

impl Tally {
    /// Nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a packet and gives back its number without wraps; None if it came before or too late to tell.
    pub fn take(&mut self, sequence: Sequence) -> Option<u64> {
        let extended = self.extender.extend(sequence);
        let number = extended.0;
        match self.extender.highest() {
            None => self.first = number,
            Some(highest) if number > highest.0 => self.forget(highest.0 + 1, number),
            Some(highest) if highest.0 - number >= RECENT => {
                self.late += 1;
                return None;
            }
            Some(_) if self.came(number) => {
                self.duplicates += 1;
                return None;
            }
            Some(_) => {
                self.overtaken += 1;
                self.first = self.first.min(number);
            }
        }
        self.extender.observe(extended);
        let (word, bit) = place(number);
        self.recent[word] |= bit;
        self.received += 1;
        Some(number)
    }

    /// Different packets that came.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Numbers between the first and the newest that did not come.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.extender.highest().map_or(0, |highest| highest.0 + 1 - self.first - self.received)
    }

    /// Packets that had come before.
    #[must_use]
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Packets that came behind a newer one, first copies only.
    #[must_use]
    pub fn overtaken(&self) -> u64 {
        self.overtaken
    }

    /// Packets too far behind to be judged.
    #[must_use]
    pub fn late(&self) -> u64 {
        self.late
    }

    /// The newest number, the wraps above its 16 bits counted from 0. RFC 3550 §6.4.1.
    #[must_use]
    pub fn extended_highest(&self) -> u32 {
        // The extender begins one turn above zero.
        let low_bits = |highest: u64| u32::try_from(highest.saturating_sub(1 << 16) & u64::from(u32::MAX));
        self.extender.highest().and_then(|highest| low_bits(highest.0).ok()).unwrap_or(0)
    }

    /// The number nearest to the newest.
    #[must_use]
    pub fn extend(&self, sequence: Sequence) -> u64 {
        self.extender.extend(sequence).0
    }

    fn came(&self, number: u64) -> bool {
        let (word, bit) = place(number);
        self.recent[word] & bit != 0
    }

    /// Clears the bits of the numbers that come into sight.
    fn forget(&mut self, from: u64, to: u64) {
        if to - from >= RECENT {
            self.recent = [0; WORDS];
            return;
        }
        for number in from..=to {
            let (word, bit) = place(number);
            self.recent[word] &= !bit;
        }
    }
}

fn place(number: u64) -> (usize, u64) {
    let at = number % RECENT;
    let word = usize::try_from(at / 64).unwrap_or(0); // below WORDS
    (word, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sequences: impl IntoIterator<Item = u16>) -> Tally {
        let mut tally = Tally::new();
        for sequence in sequences {
            let _ = tally.take(Sequence(sequence));
        }
        tally
    }

    /// The loss that is reported is this number.
    #[test]
    fn exactly_the_dropped_packets_are_missing_across_the_wrap() {
        let all = (65_000..=u16::MAX).chain(0..3_000);
        let dropped = |sequence: &u16| ![65_001, 65_535, 0, 1, 2, 2_000].contains(sequence);
        let tally = tally(all.clone().filter(dropped));
        assert_eq!((tally.missing(), tally.duplicates()), (6, 0));
        assert_eq!(tally.received(), all.count() as u64 - 6);
        assert_eq!(tally.extended_highest(), (1 << 16) + 2_999);
    }

    /// A server that sends twice must not hide that it lost something.
    #[test]
    fn a_duplicate_is_no_packet() {
        let mut tally = tally([10, 11, 13, 13, 11, 10]);
        assert_eq!((tally.received(), tally.missing(), tally.duplicates()), (3, 1, 3));
        assert_eq!(tally.take(Sequence(12)), Some((1 << 16) + 12));
        assert_eq!(tally.take(Sequence(12)), None);
        assert_eq!((tally.received(), tally.missing(), tally.duplicates()), (4, 0, 4));
    }

    /// A packet that was overtaken is not lost, not even if it is the first.
    #[test]
    fn order_does_not_matter() {
        let tally = tally([7, 5, 6, 9, 8, 4]);
        assert_eq!((tally.received(), tally.missing(), tally.duplicates()), (6, 0, 0));
        assert_eq!(tally.overtaken(), 4, "5, 6, 8 and 4 came behind a newer one");
    }

    /// The bits of old numbers must not stand for new ones.
    #[test]
    fn a_number_is_not_taken_for_one_a_window_earlier() {
        let mut short = tally(0..1_024);
        assert_eq!(short.take(Sequence(1_024)), Some((1 << 16) + 1_024));
        let mut jump = tally([0, 5_000]);
        assert_eq!(jump.missing(), 4_999);
        assert_eq!(jump.take(Sequence(4_000)), Some((1 << 16) + 4_000));
        assert_eq!(jump.take(Sequence(3_000)), None);
        assert_eq!((jump.received(), jump.late()), (3, 1));
    }
}
