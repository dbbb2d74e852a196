//! One published track on one shard: its store, its subscribers here, and the shards that mirror it.

use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::key_frame::KeyFrameDesk;
use crate::lane::MediaClock;
use crate::limits::{AUDIO_STORE_PACKETS, VIDEO_STORE_PACKETS};
use crate::spec::{SessionKey, ShardId, TrackId};
use crate::store::Store;

/// Where the track's packets come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a publisher on this shard, and the track's place in its list.
    Home { publisher: SessionKey, place: usize },
    /// Through a lane from that shard.
    Mirror { home: ShardId },
}

/// A subscription on this shard: the viewer's session and the place in its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) viewer: SessionKey,
    pub(crate) place: usize,
}

/// See the file's head.
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) clock_rate_hz: u32,
    pub(crate) origin: Origin,
    pub(crate) store: Store,
    /// Kept in this turn and not yet fanned out.
    pub(crate) fresh: Vec<ExtendedSequence>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) mirrors: Vec<ShardId>,
    pub(crate) clock: Option<MediaClock>,
    /// Coalesces the wishes that a mirror sends home; the home's own desk is the publisher's.
    pub(crate) desk: KeyFrameDesk,
    pub(crate) key_frames: u64,
    pub(crate) frames: u64,
    last_key_frame: Option<Timestamp>,
}

impl Track {
    pub(crate) fn new(id: TrackId, codec: Codec, clock_rate_hz: u32, origin: Origin) -> Self {
        let packets = if codec.is_video() { VIDEO_STORE_PACKETS } else { AUDIO_STORE_PACKETS };
        Self {
            id,
            clock_rate_hz,
            origin,
            store: Store::new(packets),
            fresh: Vec::new(),
            subscribers: Vec::new(),
            mirrors: Vec::new(),
            clock: None,
            desk: KeyFrameDesk::default(),
            key_frames: 0,
            frames: 0,
            last_key_frame: None,
        }
    }

    /// Counts a kept packet. A key frame may begin with several packets (parameter sets, then the picture) and counts once.
    pub(crate) fn count(&mut self, timestamp: Timestamp, marker: bool, key_frame_start: bool) {
        self.frames += u64::from(marker);
        if key_frame_start && self.last_key_frame != Some(timestamp) {
            self.last_key_frame = Some(timestamp);
            self.key_frames += 1;
        }
    }
}
