//! What the dataplane reports every second. All counters are cumulative since its start or the session's.

use serde::{Deserialize, Serialize};

use crate::{SessionId, TrackKind};

/// Which backend moves the datagrams of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoBackend {
    IoUring,
    Plain,
}

impl IoBackend {
    /// Stable name for logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Plain => "plain",
        }
    }
}

/// One report: the shards' counters and the sessions'.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsReport {
    /// Milliseconds since the dataplane's start.
    pub uptime_ms: u64,
    pub shards: Vec<ShardStats>,
    /// None: TCP is off.
    pub tcp: Option<TcpStats>,
    pub sessions: Vec<SessionStats>,
}

/// A counter whose name comes from a fixed set in the code, never from a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCounter {
    pub name: String,
    pub value: u64,
}

/// One shard and its worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardStats {
    pub shard: u16,
    /// UDP port of its worker.
    pub port: u16,
    pub backend: IoBackend,
    /// Sessions now.
    pub sessions: u32,
    /// Tracks now: those published here and those mirrored from other shards.
    pub tracks: u32,
    /// Datagrams in = `datagrams_accepted` + the sum of `rejects`.
    pub datagrams_in: u64,
    pub datagrams_accepted: u64,
    pub bytes_in: u64,
    /// Datagrams out (segments, not messages).
    pub datagrams_out: u64,
    pub bytes_out: u64,
    /// `sendmsg` messages: trains and single datagrams.
    pub messages_out: u64,
    /// RTP media packets delivered to viewers, retransmissions apart.
    pub media_packets_out: u64,
    /// Packets sent again for a NACK.
    pub retransmissions_out: u64,
    /// Packets of nothing but padding, which find out what a viewer's link carries.
    pub padding_packets_out: u64,
    /// PLIs sent to publishers.
    pub key_frame_requests_out: u64,
    pub turns: u64,
    /// CPU time of the worker's thread, nanoseconds.
    pub cpu_ns: u64,
    /// Every dropped packet by its reason.
    pub rejects: Vec<NamedCounter>,
    /// What the kernel side counts: errors by class, re-arms, sleeps, wakes.
    pub port_counters: Vec<NamedCounter>,
    /// The lanes to the other shards.
    pub lanes: Vec<LaneStats>,
}

/// A lane from one shard to another, as its sender sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStats {
    pub to: u16,
    /// Messages waiting at the end of the last turn that used the lane, and the most that ever did.
    pub waiting: u64,
    pub waiting_max: u64,
    pub messages: u64,
    /// Turns after which the other shard was told: it was woken if it slept.
    pub wakes: u64,
    /// Times that video found no room but what is kept for the rest: live it is left out, of a backfill it waits.
    pub spared: u64,
    /// Messages that found the lane full: audio is lost, orders wait.
    pub full: u64,
}

/// The way in by TCP and its thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpStats {
    pub port: u16,
    /// Connections now.
    pub connections: u64,
    /// Connections accepted = `connections` + the sum of `closes`.
    pub accepted: u64,
    /// Frames handed to shards; there they are datagrams like any other.
    pub frames_in: u64,
    /// Frames queued for peers.
    pub frames_out: u64,
    /// Times that a connection waited for a shard without room.
    pub lane_waits: u64,
    /// CPU time of the thread, nanoseconds.
    pub cpu_ns: u64,
    /// Every closed connection by its reason.
    pub closes: Vec<NamedCounter>,
    /// Every dropped frame to a peer by its reason.
    pub drops: Vec<NamedCounter>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionStats {
    pub session: SessionId,
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    /// Round-trip time from RTCP or ICE, microseconds; None before the first measure.
    pub rtt_us: Option<u32>,
    /// Downstream loss as the peer reports it, 1/256 (RFC 3550 §6.4.1).
    pub fraction_lost: Option<u8>,
    /// What the viewer's REMB says it can take, bit/s.
    pub estimate_bps: Option<u64>,
    pub tracks: Vec<TrackStats>,
}

/// One track of a publisher, or one subscription of a viewer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackStats {
    pub kind: TrackKind,
    pub packets: u64,
    pub bytes: u64,
    /// Publisher: lost upstream and never recovered. Viewer: packets that the store no longer had when asked.
    pub packets_lost: u64,
    /// Publisher: recovered by RTX. Viewer: sent again.
    pub retransmitted: u64,
    /// NACKed sequences: sent to a publisher, received from a viewer.
    pub nacks: u64,
    /// PLI and FIR: sent to a publisher, received from a viewer.
    pub key_frame_requests: u64,
    pub key_frames: u64,
    pub frames: u64,
    /// Interarrival jitter, RTP clock ticks (RFC 3550 §6.4.1).
    pub jitter: u32,
}
