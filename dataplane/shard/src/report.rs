//! What a shard tells of itself on [`crate::Command::Report`].

use std::time::Duration;

use crate::counters::Counters;
use crate::spec::{SessionKey, TrackId};

/// A shard's counters and those of its sessions.
#[derive(Debug, Clone, Default)]
pub struct ShardReport {
    pub counters: Counters,
    /// Tracks now, mirrors included.
    pub tracks: usize,
    pub sessions: Vec<SessionReport>,
}

/// One session's numbers.
#[derive(Debug, Clone)]
pub struct SessionReport {
    pub key: SessionKey,
    pub connected: bool,
    pub packets_in: u64,
    pub bytes_in: u64,
    pub packets_out: u64,
    pub bytes_out: u64,
    pub round_trip: Option<Duration>,
    /// 1/256, as the peer last reported for what we send.
    pub fraction_lost: Option<u8>,
    /// REMB, bit/s.
    pub estimate_bps: Option<u64>,
    pub tracks: Vec<TrackReport>,
}

/// One track of a publisher or one subscription of a viewer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrackReport {
    pub track: TrackId,
    pub video: bool,
    pub packets: u64,
    pub bytes: u64,
    pub packets_lost: u64,
    pub retransmitted: u64,
    pub nacks: u64,
    pub key_frame_requests: u64,
    pub key_frames: u64,
    pub frames: u64,
    /// RTP clock ticks.
    pub jitter: u32,
}
