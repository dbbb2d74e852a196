//! The receiver's view of one SSRC: which index a sequence number means, and which indices were taken. RFC
//! 3711 §3.3.
//!
//! ```text
//! let index = stream.estimate(sequence);      // guess
//! stream.check(index)?;                       // cheap, before any cryptography
//! let proof = opener.open(packet, header_len, index)?;
//! stream.accept(&proof);                      // the only thing that moves the stream
//! ```
//!
//! Limits: a window of 1024 packets, some seconds of video; loss or reordering of less than 32,768 packets. A
//! sender that starts close below a wrap and loses its first packets is never found (RFC 3711 §3.3.1 has
//! senders start below 2^15).

use crate::replay::{Replay, Window};
use crate::rtp::Authenticated;

/// Words of the replay window: 1024 packets. RFC 3711 §3.3.2 asks for at least 64; a retransmission or a key
/// frame of several hundred packets on another path arrives that late.
const WINDOW_WORDS: usize = 16;

/// Half of the sequence number space.
const HALF: u64 = 1 << 15;

/// Rollover counters are 32 bits wide.
const ROLLOVER_MASK: u64 = 0xffff_ffff;

/// The packet index of one SSRC: highest index and replay window.
#[derive(Clone, Debug)]
pub struct ReceiveIndex {
    window: Window<WINDOW_WORDS>,
}

impl ReceiveIndex {
    /// A stream of which nothing was received.
    #[must_use]
    pub const fn new() -> Self {
        Self { window: Window::new() }
    }

    /// The index that `sequence` most likely means: of those that end in it, the closest to the highest one
    /// accepted; at equal distance, the one with the same rollover counter. Counter 0 if nothing was accepted
    /// yet. RFC 3711 §3.3.1.
    #[must_use]
    pub fn estimate(&self, sequence: u16) -> u64 {
        let sequence = u64::from(sequence);
        let Some(highest) = self.window.highest() else { return sequence };
        let (rollover, newest) = (highest >> 16, highest & 0xffff);
        let rollover = if sequence > newest + HALF {
            // From before the last wrap. There is none before the first: then it is new, however far ahead.
            rollover.saturating_sub(1)
        } else if sequence + HALF < newest {
            // Behind the next wrap. At the end of all indices this gives one that is too old, for good.
            (rollover + 1) & ROLLOVER_MASK
        } else {
            rollover
        };
        rollover << 16 | sequence
    }

    /// Whether a packet with this index may still come.
    ///
    /// # Errors
    /// [`Replay::AlreadySeen`] if one came, [`Replay::TooOld`] if it lies 1024 or more below the highest.
    pub fn check(&self, index: u64) -> Result<(), Replay> {
        self.window.check(index)
    }

    /// Takes the index of an authenticated packet of this SSRC.
    pub fn accept(&mut self, packet: &Authenticated) {
        self.window.accept(packet.index());
    }
}

impl Default for ReceiveIndex {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
