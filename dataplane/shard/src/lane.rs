//! What crosses from shard to shard: values only, through bounded single-producer single-consumer rings.
//!
//! A track lives on the shard its publisher landed on, its *home*. A shard with viewers of it joins there, gets each packet
//! once, and keeps a store of its own, its *mirror*.
//!
//! ```text
//!   viewer's shard ──► Join · KeyFrameWish · Leave          home shard
//!                  ◄── Backfill · Packet · Clock · Ended
//! ```

use std::time::Instant;

use fanlight_wire::{ExtendedSequence, NtpTime, Timestamp};

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
    /// The track is over.
    Ended { track: TrackId },
}

/// One media packet by value.
#[derive(Debug, Clone)]
pub struct LanePacket {
    pub track: TrackId,
    pub sequence: ExtendedSequence,
    pub facts: PacketFacts,
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

/// A lane had no room. The message is lost if it is media; the shard keeps it and tries again if it is not.
#[derive(Debug)]
pub struct LaneFull(pub LaneMessage);

/// The lanes that lead away from a shard.
pub trait Lanes {
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
