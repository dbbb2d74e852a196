//! Sequence numbers and their arithmetic: 16 bits on the wire, 64 bits in our books.
//!
//! RFC 3550 §5.1 and appendix A.1 (wrapping and extension), RFC 1982 (serial number comparison).

/// An RTP sequence number as it is on the wire: one more a packet, wrapping. RFC 3550 §5.1.
///
/// Not `Ord`: serial numbers have no total order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sequence(pub u16);

impl Sequence {
    /// Whether this one was sent after `other`, taking the shorter way round the circle.
    ///
    /// Of two exactly half the circle apart neither is newer. RFC 1982 §3.2.
    #[must_use]
    pub const fn is_newer_than(self, other: Self) -> bool {
        self.distance_from(other) > 0
    }

    /// Packets from `other` to here by the shorter way round: positive if this one is newer.
    ///
    /// Exactly half the circle counts as `i16::MIN` in both directions.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i16 {
        self.0.wrapping_sub(other.0).cast_signed()
    }

    /// This many packets later.
    #[must_use]
    pub const fn wrapping_add(self, packets: u16) -> Self {
        Self(self.0.wrapping_add(packets))
    }
}

/// A sequence number that never wraps: how often the wire's has, above, and [`Sequence`] in the low 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedSequence(pub u64);

impl ExtendedSequence {
    /// What goes on the wire: the low 16 bits.
    #[must_use]
    pub const fn sequence(self) -> Sequence {
        let [.., high, low] = self.0.to_be_bytes();
        Sequence(u16::from_be_bytes([high, low]))
    }

    /// How often the wire's 16 bits have wrapped, modulo 2³².
    ///
    /// This is SRTP's ROC (RFC 3711 §3.3.1) for numbers that we assign ourselves from below 65,536. For
    /// numbers that a [`SequenceExtender`] made it is one more, see there.
    #[must_use]
    pub const fn rollover(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// Extends one stream's sequence numbers to 64 bits: each becomes the number nearest to the highest seen.
///
/// Reading and learning are apart, so that a packet can be looked up before it is authenticated and moves
/// the stream only afterwards:
///
/// ```
/// use fanlight_wire::{Sequence, SequenceExtender};
///
/// let mut extender = SequenceExtender::new();
/// let first = extender.extend(Sequence(65_535));
/// extender.observe(first);
/// assert_eq!(extender.extend(Sequence(0)).0, first.0 + 1);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceExtender {
    highest: Option<ExtendedSequence>,
}

/// Numbers in one turn of the wire's circle.
const CIRCLE: u64 = 1 << 16;

impl SequenceExtender {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// The extended number nearest to the highest observed; its low 16 bits are always `sequence`.
    ///
    /// Before the first [`observe`](Self::observe) it is 65,536 + `sequence`: a turn above zero, so that an
    /// older packet arriving late has a number below the first one instead of none. Exactly half the circle
    /// away counts as older.
    #[must_use]
    pub fn extend(&self, sequence: Sequence) -> ExtendedSequence {
        let Some(highest) = self.highest else {
            return ExtendedSequence(CIRCLE + u64::from(sequence.0));
        };
        let forward = u64::from(sequence.0.wrapping_sub(highest.sequence().0));
        let backward = CIRCLE - forward;
        let ahead = highest.0.checked_add(forward);
        let behind = highest.0.checked_sub(backward);
        // At either end of 64 bits only one neighbour exists; one of the two always does.
        let nearest = if forward < CIRCLE / 2 { ahead.or(behind) } else { behind.or(ahead) };
        ExtendedSequence(nearest.unwrap_or(highest.0))
    }

    /// Learns a number that was received for good: the highest moves up, never down.
    pub fn observe(&mut self, sequence: ExtendedSequence) {
        self.highest = self.highest.max(Some(sequence));
    }

    /// The highest number observed.
    #[must_use]
    pub const fn highest(&self) -> Option<ExtendedSequence> {
        self.highest
    }
}
