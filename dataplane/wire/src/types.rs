//! The small values of an RTP header. RFC 3550 §5.1.

/// The synchronization source of a stream of RTP packets. RFC 3550 §5.1.
///
/// Chosen by its sender at random: a name within one session only, never across sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// RTP clock ticks (90 kHz for video, 48 kHz for Opus), wrapping. RFC 3550 §5.1.
///
/// Not `Ord`: which of two is later is known only for those less than half the circle apart, and then
/// [`distance_from`](Self::distance_from) says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp(pub u32);

impl Timestamp {
    /// This many ticks later.
    #[must_use]
    pub const fn wrapping_add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }

    /// Ticks from `other` to here by the shorter way round: positive if this one is later.
    ///
    /// Exactly half the circle has no shorter way; it counts as `i32::MIN` in both directions.
    #[must_use]
    pub const fn distance_from(self, other: Self) -> i32 {
        self.0.wrapping_sub(other.0).cast_signed()
    }
}

/// An RTP payload type: what the session's SDP bound a codec to, 0 to 127. RFC 3550 §5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PayloadType(u8);

impl PayloadType {
    /// `None` above 127: the field has seven bits.
    #[must_use]
    pub const fn new(value: u8) -> Option<Self> {
        if value < 128 { Some(Self(value)) } else { None }
    }

    /// 0 to 127.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// The lower seven bits of a header's second byte.
    pub(crate) const fn from_low_bits(byte: u8) -> Self {
        Self(byte & 0x7f)
    }
}
