//! What crosses from shard to shard: values only, through bounded single-producer single-consumer rings.
//!
//! A track lives on the shard its publisher landed on, its *home*. A shard with viewers of it joins there, gets each packet
//! once, and keeps a store of its own, its *mirror*.
//!
//! ```text
//!   viewer's shard ──► Join · KeyFrameWish · Wanted · Leave            home shard
//!                  ◄── Backfill · Packet · Clock · Standing · Ended
//! ```

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, NtpTime, Timestamp};

use crate::layers::{Ladder, LayerSet};
use crate::limits::PACKET_BYTES_MAX;
use crate::spec::{ShardId, TrackId};
use crate::store::PacketFacts;

/// One message on a lane.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are nearly all of the traffic, and a lane holds values, not boxes"
)]
pub enum LaneMessage {
    /// The sending shard wants every packet of the track.
    Join { track: TrackId },
    /// It wants no more of them.
    Leave { track: TrackId },
    /// A viewer there needs a key frame.
    KeyFrameWish { track: TrackId },
    /// A packet of the track.
    Packet(LanePacket),
    /// Of the group of pictures under way, which begins with packet `first` at `timestamp`, all packets up to `last` follow;
    /// the track's clock stands at `newest`.
    Backfill {
        track: TrackId,
        first: ExtendedSequence,
        timestamp: Timestamp,
        last: ExtendedSequence,
        newest: Timestamp,
    },
    /// The publisher's clock, from its sender report.
    Clock { track: TrackId, clock: MediaClock },
    /// How the layers of a source stand, of which the shard mirrors one. A source has the name of its first layer.
    Standing { source: TrackId, ladder: Ladder },
    /// Of a source in layers the sending shard's viewers want these.
    Wanted { source: TrackId, layers: LayerSet },
    /// Nothing of the track passes for now: who watches it begins anew with what comes next.
    Cut { track: TrackId },
    /// The track is over.
    Ended { track: TrackId },
}

/// One media packet by value.
#[derive(Debug, Clone)]
pub struct LanePacket {
    pub track: TrackId,
    pub sequence: ExtendedSequence,
    pub facts: PacketFacts,
    /// When it was put on the lane.
    pub sent: Instant,
    /// Video before it was left out for want of room.
    pub after_gap: bool,
    /// The first `extension_len` bytes are forwarded header extensions, the `payload_len` behind them the payload.
    pub bytes: [u8; PACKET_BYTES_MAX],
}

/// A publisher's own mapping between its wall clock and its RTP clock, and when we learned it. RFC 3550 §6.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaClock {
    pub ntp: NtpTime,
    pub timestamp: Timestamp,
    pub learned: Instant,
}

impl MediaClock {
    /// What is to be added to timestamps of `other`, a clock of the same publisher, so that they are this one's.
    pub(crate) fn apart_from(&self, other: &Self, clock_rate_hz: u32) -> u32 {
        let ticks = |duration: Duration| {
            let ticks = duration.as_micros() * u128::from(clock_rate_hz) / 1_000_000;
            u32::try_from(ticks & 0xffff_ffff).unwrap_or_default()
        };
        let (forwards, backwards) = (other.ntp.wrapping_since(self.ntp), self.ntp.wrapping_since(other.ntp));
        let meanwhile = if forwards <= backwards { ticks(forwards) } else { ticks(backwards).wrapping_neg() };
        self.timestamp.0.wrapping_add(meanwhile).wrapping_sub(other.timestamp.0)
    }
}

/// A lane had no room. The message is lost if it is media; the shard keeps it and tries again if it is not.
#[derive(Debug)]
pub struct LaneFull(pub LaneMessage);

/// The lanes that lead away from a shard.
pub trait Lanes {
    /// Whether the lane to `shard` has room for what can be left out: more than a quarter of it is free. The last quarter is
    /// for audio, which loses nothing then if the other shard stands still for a while: 128 packets of 512 are two and a half
    /// seconds of one voice.
    fn has_spare_room(&mut self, shard: ShardId) -> bool;

    /// Puts a message on the lane to `shard`.
    ///
    /// # Errors
    /// [`LaneFull`] gives the message back.
    #[expect(
        clippy::result_large_err,
        reason = "the caller keeps what did not fit, without a box for each packet"
    )]
    fn push(&mut self, shard: ShardId, message: LaneMessage) -> Result<(), LaneFull>;
}
