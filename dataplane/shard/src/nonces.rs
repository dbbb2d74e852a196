//! Which packet indices of a stream have been used. The index is the SRTP nonce, and a nonce that is used twice gives the key
//! away (RFC 7714 §9): so this stands between the numbering, which should never use one twice, and the seal.

/// 64 indices a word.
const WORDS: usize = 16;

/// Indices that are remembered, at least: at 2.5 Mbit/s more than three seconds. Packets that are later than that are none.
pub(crate) const NONCES_REMEMBERED: u64 = 64 * (WORDS as u64 - 1);

/// A ring of bits up to the highest index.
#[derive(Debug, Clone)]
pub(crate) struct Nonces {
    highest: u64,
    used: [u64; WORDS],
}

impl Nonces {
    /// All up to `highest` count as used.
    pub(crate) fn used_to(highest: u64) -> Self {
        Self { highest, used: [u64::MAX; WORDS] }
    }

    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// Takes an index for one packet. False: it has been used, or so long ago that it may have been.
    pub(crate) fn claim(&mut self, index: u64) -> bool {
        if index > self.highest {
            self.advance(index);
        } else if self.highest - index >= NONCES_REMEMBERED {
            return false;
        }
        let Some(word) = self.used.get_mut(place(index / 64)) else { return false };
        let bit = 1 << (index % 64);
        let is_free = *word & bit == 0;
        *word |= bit;
        is_free
    }

    fn advance(&mut self, index: u64) {
        let (from, to) = (self.highest / 64 + 1, index / 64);
        // What is above the highest in its own word.
        if let Some(word) = self.used.get_mut(place(self.highest / 64)) {
            *word &= u64::MAX >> (63 - self.highest % 64);
        }
        for passed in (from..=to).take(WORDS) {
            if let Some(word) = self.used.get_mut(place(passed)) {
                *word = 0;
            }
        }
        self.highest = index;
    }
}

/// The place of a word in the ring.
fn place(word: u64) -> usize {
    usize::try_from(word % WORDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As a set of all indices ever would say it, and on the safe side where that would remember more.
        #[test]
        fn no_index_is_taken_twice(
            first in 0..1u64 << 40,
            steps in proptest::collection::vec((0..2_000u64, 0..1_100u64), 1..300),
        ) {
            let mut nonces = Nonces::used_to(first);
            let mut used = BTreeSet::new();
            let mut highest = first;
            for (ahead, back) in steps {
                let index = (highest + ahead % 90).saturating_sub(back % (ahead + 1));
                let expected = index > first && !used.contains(&index);
                if nonces.claim(index) {
                    prop_assert!(expected, "{index} is used");
                    used.insert(index);
                } else {
                    prop_assert!(!expected || highest - index >= NONCES_REMEMBERED, "{index} is free");
                }
                highest = highest.max(index);
                prop_assert_eq!(nonces.highest(), highest);
            }
        }
    }

    /// The bounds by themselves: a leap over the whole ring, and the last index that is remembered.
    #[test]
    fn a_leap_forgets_what_it_passes_and_nothing_more() {
        let mut nonces = Nonces::used_to(10);
        assert!(!nonces.claim(10) && !nonces.claim(3));
        assert!(nonces.claim(10 + 5_000));
        assert!(!nonces.claim(10 + 5_000));
        assert!(nonces.claim(10 + 5_000 - NONCES_REMEMBERED + 1), "never used");
        assert!(!nonces.claim(10 + 5_000 - NONCES_REMEMBERED), "too long ago to know");
        assert!(nonces.claim(11 + 5_000) && nonces.claim(5_009));
    }
}
