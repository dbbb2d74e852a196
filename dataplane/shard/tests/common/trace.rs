//! What went into the turns of a world, as values: it replays on fresh shards, without the peers that made it.

use std::collections::VecDeque;
use std::time::Instant;

use fanlight_shard::keyed::Keyed;
use fanlight_shard::{
    Command, EndReason, Inputs, LaneMessage, LayerWish, Layers, Outputs, PublishSpec, Remote, Role,
    SessionKey, SessionSpec, Shard, ShardId, TrackId, WatchSpec,
};
use fanlight_wire::Ssrc;

use super::digest::{Digest, TurnOutputs};
use super::keys;
use super::network::{Arrived, Captured, MemoryLanes};
use super::world::{WorldConfig, new_shard};

/// A command as a value.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a few in a test")]
pub(crate) enum Order {
    Publish(Adoption, PublishSpec),
    Watch(Adoption, WatchSpec),
    Close(SessionKey, EndReason),
    Report,
    Inspect(SessionKey),
    Pause { key: SessionKey, video: bool, paused: bool },
    Mute { key: SessionKey, video: bool, muted: bool },
    Limit { key: SessionKey, bitrate_bps_max: Option<u64> },
    Switch { key: SessionKey, from: TrackId, to: Layers, home: ShardId },
    Prefer { key: SessionKey, wish: LayerWish },
}

/// A session whose handshake is left out: its keys follow from its number.
#[derive(Debug, Clone)]
pub(crate) struct Adoption {
    pub(crate) key: SessionKey,
    pub(crate) number: u32,
    pub(crate) peer: Remote,
    pub(crate) local_ssrc: Ssrc,
}

impl Order {
    pub(crate) fn command(&self) -> Command {
        match self.clone() {
            Self::Publish(adoption, spec) => adoption.command(Role::Publisher(spec)),
            Self::Watch(adoption, spec) => adoption.command(Role::Viewer(spec)),
            Self::Close(key, reason) => Command::Close { key, reason },
            Self::Report => Command::Report,
            Self::Pause { key, video, paused } => Command::Pause { key, video, paused },
            Self::Mute { key, video, muted } => Command::Mute { key, video, muted },
            Self::Limit { key, bitrate_bps_max } => Command::Limit { key, bitrate_bps_max },
            Self::Switch { key, from, to, home } => Command::Switch { key, from, to, home },
            Self::Prefer { key, wish } => Command::Prefer { key, wish },
            Self::Inspect(key) => Command::Inspect { key, request: 1 },
        }
    }
}

impl Adoption {
    fn command(self, role: Role) -> Command {
        let transport = Box::new(Keyed::new(keys::of_shard(self.number), self.peer));
        let (key, local_ssrc) = (self.key, self.local_ssrc);
        Command::Adopt(Box::new(SessionSpec { key, transport, local_ssrc, role, bitrate_bps_max: None }))
    }
}

/// What one turn worked on.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) shard: ShardId,
    pub(crate) now: Instant,
    pub(crate) orders: Vec<Order>,
    pub(crate) datagrams: VecDeque<(Remote, Vec<u8>)>,
    pub(crate) lanes: VecDeque<(ShardId, LaneMessage)>,
    /// Messages that the kernel took.
    pub(crate) egress_room: usize,
    /// Messages that the lane to each shard took.
    pub(crate) lane_room: Vec<usize>,
}

/// Runs the turns on fresh shards, and returns the digest of what came out. Lanes only swallow: what was heard on them is
/// in the turns.
pub(crate) fn replay(config: &WorldConfig, started: Instant, turns: &[Turn]) -> u64 {
    let mut shards: Vec<Shard> =
        (0..config.shards).map(|shard| new_shard(config, ShardId(shard), started)).collect();
    let mut digest = Digest::default();
    for turn in turns {
        let mut commands = turn.orders.iter().map(Order::command).collect();
        let mut heard = turn.lanes.clone();
        let mut datagrams = Arrived::new(turn.datagrams.clone());
        let mut inputs = Inputs { datagrams: &mut datagrams, commands: &mut commands, lanes: &mut heard };
        let mut egress = Captured::new(turn.egress_room);
        let mut queues = vec![VecDeque::new(); shards.len()];
        let mut lanes = MemoryLanes {
            from: turn.shard,
            depth: config.lane_depth,
            room: turn.lane_room.clone(),
            queues: &mut queues,
            sent: Vec::new(),
        };
        let mut events = Vec::new();
        let mut outputs = Outputs { egress: &mut egress, lanes: &mut lanes, events: &mut events };
        let deadline = shards[usize::from(turn.shard.0)].turn(turn.now, &mut inputs, &mut outputs);
        let outputs =
            TurnOutputs { messages: &egress.messages, lanes: &lanes.sent, events: &events, deadline };
        digest.take(started, &outputs);
    }
    digest.value()
}
