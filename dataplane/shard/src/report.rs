//! What a shard tells of itself on [`crate::Command::Report`].

use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::counters::Counters;
use crate::session::{Activity, Session};
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::track::Track;

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
    /// What its link carries, bit/s: as we measured it by transport-wide feedback, or else as it says (REMB).
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

impl Shard {
    pub(crate) fn report(&self) -> ShardReport {
        ShardReport {
            counters: Counters::clone(&self.counters),
            tracks: self.tracks.len(),
            sessions: self.sessions.iter().map(|session| report_session(session, &self.tracks)).collect(),
        }
    }
}

pub(crate) fn report_session(session: &Session, tracks: &FxHashMap<TrackId, Box<Track>>) -> SessionReport {
    let mut report = SessionReport {
        key: session.key,
        connected: session.is_connected(),
        packets_in: session.packets_in,
        bytes_in: session.bytes_in,
        packets_out: 0,
        bytes_out: 0,
        round_trip: session.round_trip,
        fraction_lost: None,
        estimate_bps: None,
        tracks: Vec::new(),
    };
    match &session.activity {
        Activity::Publishing(publisher) => {
            for (place, ingress) in publisher.tracks.iter().enumerate() {
                let (jitter, packets_lost) = publisher.quality(place);
                let track = tracks.get(&ingress.spec.track);
                report.tracks.push(TrackReport {
                    track: ingress.spec.track,
                    video: ingress.spec.codec.is_video(),
                    packets: ingress.packets,
                    bytes: ingress.bytes,
                    packets_lost,
                    retransmitted: ingress.recovered,
                    nacks: ingress.nacks,
                    key_frame_requests: ingress.key_frame_requests,
                    key_frames: track.map(|track| track.key_frames).unwrap_or_default(),
                    frames: track.map(|track| track.frames).unwrap_or_default(),
                    jitter,
                });
            }
        }
        Activity::Viewing(viewer) => {
            report.fraction_lost = viewer.fraction_lost;
            report.estimate_bps = viewer.estimate_bps();
            for subscription in &viewer.subscriptions {
                report.packets_out += subscription.packets + subscription.retransmitted;
                report.bytes_out += subscription.octets;
                report.tracks.push(TrackReport {
                    track: subscription.spec.track,
                    video: subscription.spec.codec.is_video(),
                    packets: subscription.packets,
                    bytes: subscription.octets,
                    packets_lost: subscription.not_resent,
                    retransmitted: subscription.retransmitted,
                    nacks: subscription.nacks,
                    key_frame_requests: subscription.key_frame_requests,
                    key_frames: subscription.key_frames,
                    frames: subscription.frames,
                    jitter: 0,
                });
            }
        }
    }
    report
}
