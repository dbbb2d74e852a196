//! One published track on one shard: its store, its subscribers here, and the shards that mirror it.

use std::time::{Duration, Instant};

use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::gop::Gop;
use crate::hold::Hold;
use crate::key_frame::KeyFrameDesk;
use crate::lane::MediaClock;
use crate::limits::{AUDIO_STORE_PACKETS, UNSETTLED_PACKETS, VIDEO_STORE_PACKETS};
use crate::rate::RateMeter;
use crate::shedding::Starved;
use crate::spec::{SessionKey, ShardId, TrackId};
use crate::store::{PacketFacts, Store};
use crate::svc::{LayeredStream, Point, Points};

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
    pub(crate) codec: Codec,
    pub(crate) is_video: bool,
    pub(crate) clock_rate_hz: u32,
    pub(crate) origin: Origin,
    pub(crate) store: Store,
    /// Kept and not yet fanned out.
    pub(crate) fresh: Vec<ExtendedSequence>,
    /// Whether they wait.
    pub(crate) hold: Hold,
    /// Of audio: the video that its viewers watch with it.
    pub(crate) rides_on: Option<TrackId>,
    pub(crate) subscribers: Vec<Subscriber>,
    pub(crate) mirrors: Vec<ShardId>,
    /// Of those, the ones that miss video.
    pub(crate) starved: Starved,
    /// A mirror leaves video out until a key frame comes in time.
    pub(crate) sheds: bool,
    pub(crate) clock: Option<MediaClock>,
    /// Coalesces the wishes that a mirror sends home; the home's own desk is the publisher's.
    pub(crate) desk: KeyFrameDesk,
    pub(crate) rate: RateMeter,
    pub(crate) key_frames: u64,
    pub(crate) frames: u64,
    pub(crate) gop: Option<Gop>,
    /// Where it has layers within it.
    pub(crate) layers: Option<Box<LayeredStream>>,
    newest: Option<(ExtendedSequence, Timestamp)>,
    released: Option<ExtendedSequence>,
}

impl Track {
    pub(crate) fn new(id: TrackId, codec: Codec, clock_rate_hz: u32, origin: Origin, now: Instant) -> Self {
        let packets = if codec.is_video() { VIDEO_STORE_PACKETS } else { AUDIO_STORE_PACKETS };
        Self {
            id,
            codec,
            is_video: codec.is_video(),
            clock_rate_hz,
            origin,
            store: Store::new(packets),
            fresh: Vec::new(),
            hold: Hold::default(),
            rides_on: None,
            subscribers: Vec::new(),
            mirrors: Vec::new(),
            starved: Starved::default(),
            sheds: false,
            clock: None,
            desk: KeyFrameDesk::default(),
            rate: RateMeter::new(now),
            key_frames: 0,
            frames: 0,
            gop: None,
            layers: None,
            newest: None,
            released: None,
        }
    }

    /// Takes note of a kept packet, which is to be fanned out.
    pub(crate) fn observe(&mut self, now: Instant, sequence: ExtendedSequence, facts: &PacketFacts) {
        self.hold.note(now, sequence, facts, self.newest.map(|(newest, _)| newest));
        self.fresh.push(sequence);
        self.rate.add(now, facts.bytes());
        self.frames += u64::from(facts.marker);
        if facts.key_frame_start {
            let (gop, begun) = Gop::note(self.gop, sequence, facts.timestamp);
            self.gop = Some(gop);
            self.key_frames += u64::from(begun);
        }
        self.advance_to(sequence, facts.timestamp);
    }

    /// Takes note of the layer of a kept packet. `bytes`: its extensions and its payload.
    pub(crate) fn observe_layer(
        &mut self,
        now: Instant,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        bytes: (&[u8], &[u8]),
    ) {
        if facts.layer.is_none() && self.layers.is_none() {
            return;
        }
        let codec = self.codec;
        let layers = self.layers.get_or_insert_with(|| Box::new(LayeredStream::begin(sequence)));
        layers.note(now, sequence, facts, codec, bytes);
    }

    /// Nothing passes for now, and nobody is to begin with what did.
    pub(crate) fn cut(&mut self) {
        self.gop = None;
        self.fresh.clear();
        self.release();
    }

    /// What a viewer at that operating point gets of it, bit/s.
    pub(crate) fn bps_at(&self, now: Instant, point: Point) -> u64 {
        match &self.layers {
            Some(layers) if point != Point::TOP => layers.bps(now, point),
            _ => self.rate.bps(now),
        }
    }

    /// What its operating points leave out.
    pub(crate) fn points(&self) -> Option<&Points> {
        self.layers.as_deref().map(LayeredStream::points)
    }

    /// The track is at least that far.
    pub(crate) fn advance_to(&mut self, sequence: ExtendedSequence, timestamp: Timestamp) {
        if self.newest.is_none_or(|(newest, _)| sequence > newest) {
            self.newest = Some((sequence, timestamp));
        }
    }

    /// The newest packet known, and where the track's clock stands by it.
    pub(crate) fn newest(&self) -> Option<(ExtendedSequence, Timestamp)> {
        self.newest
    }

    /// What was kept is fanned out now.
    pub(crate) fn release(&mut self) {
        self.hold.leave();
        self.released = self.newest.map(|(newest, _)| newest);
    }

    /// The last packet that who is behind may be sent: those after it wait for their fan-out.
    pub(crate) fn released(&self) -> Option<ExtendedSequence> {
        self.released
    }

    /// By how much media of that timestamp is older than the newest.
    pub(crate) fn age(&self, timestamp: Timestamp) -> Duration {
        let newest = self.newest.map_or(timestamp, |(_, newest)| newest);
        let ticks = u64::try_from(newest.distance_from(timestamp)).unwrap_or_default();
        Duration::from_micros(
            ticks.saturating_mul(1_000_000).checked_div(u64::from(self.clock_rate_hz)).unwrap_or_default(),
        )
    }

    /// The group of pictures under way, if it is whole in the store and began no longer ago than that: who begins with it
    /// needs nothing of the publisher.
    pub(crate) fn servable_gop(&self, age_max: Duration) -> Option<Gop> {
        let gop = self.gop.filter(|gop| self.age(gop.timestamp) <= age_max)?;
        let (newest, _) = self.newest?;
        // What was lost a moment ago is being asked for, and will be there before the viewer comes to it.
        let settled = newest.0.saturating_sub(UNSETTLED_PACKETS).max(gop.first.0);
        let whole =
            (gop.first.0..=settled).all(|sequence| self.store.find(ExtendedSequence(sequence)).is_some());
        whole.then_some(gop)
    }
}
