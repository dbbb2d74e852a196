//! The sliding window that lets each packet index through once. RFC 3711 §3.3.2.
//!
//! A ring of bits, one an index, that ends just before `next`:
//!
//! ```text
//!      too old      │        the window        │     new
//! ──────────────────┼──────────────────────────┼──────────►  index
//!            next − 64·WORDS                  next
//! ```
//!
//! Checking changes nothing; only an authenticated packet may move the window.

use thiserror::Error;

/// Why an index may not be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Replay {
    /// A packet with this index was accepted before.
    #[error("already seen")]
    AlreadySeen,
    /// The index lies before the window, so nobody knows.
    #[error("older than the replay window")]
    TooOld,
}

/// The last `64 * WORDS` indices, ending at the highest one accepted.
#[derive(Clone, Debug)]
pub(crate) struct Window<const WORDS: usize> {
    /// One above the highest accepted index; 0 if none was.
    next: u64,
    /// Bit `index % WIDTH` says whether `index` was accepted.
    seen: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    /// Indices the window holds.
    const WIDTH: u64 = 64 * WORDS as u64;

    pub(crate) const fn new() -> Self {
        Self { next: 0, seen: [0; WORDS] }
    }

    /// The highest index accepted.
    pub(crate) const fn highest(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    pub(crate) fn check(&self, index: u64) -> Result<(), Replay> {
        if index >= self.next {
            return Ok(());
        }
        if self.next - index > Self::WIDTH {
            return Err(Replay::TooOld);
        }
        let (word, bit) = Self::slot(index);
        if self.seen[word] & bit == 0 { Ok(()) } else { Err(Replay::AlreadySeen) }
    }

    /// Marks an index below 2^63; one that lies before the window changes nothing.
    pub(crate) fn accept(&mut self, index: u64) {
        if index >= self.next {
            self.forget(self.next, index);
            self.next = index + 1;
        } else if self.next - index > Self::WIDTH {
            return;
        }
        let (word, bit) = Self::slot(index);
        self.seen[word] |= bit;
    }

    /// Clears the bits that the indices from `first` to `last` take over from those one width before them.
    fn forget(&mut self, first: u64, last: u64) {
        if last - first >= Self::WIDTH {
            self.seen = [0; WORDS];
            return;
        }
        for index in first..=last {
            let (word, bit) = Self::slot(index);
            self.seen[word] &= !bit;
        }
    }

    /// The word and the bit of an index.
    const fn slot(index: u64) -> (usize, u64) {
        ((index / 64 % WORDS as u64) as usize, 1 << (index % 64))
    }
}

#[cfg(test)]
mod tests;
