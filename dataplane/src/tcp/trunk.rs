//! A trunk: the two lanes between the TCP thread and one shard.
//!
//! Frames cross by value. The shard wakes the thread once a turn, and only if it sent something; a full lane drops the frame,
//! because a shard never waits.

use std::net::SocketAddr;
use std::sync::Arc;

use arrayvec::ArrayVec;
use fanlight_ring::{LaneReceiver, LaneSender, Wake, Waker, lane};
use tokio::sync::Notify;

use super::counters::{Counters, Dropped};
use super::limits::{FRAME_BYTES_MAX, FRAMES_IN_MAX, FRAMES_OUT_MAX};

/// One datagram that came, or goes, by TCP.
pub(crate) struct Frame {
    pub(crate) peer: SocketAddr,
    pub(crate) bytes: ArrayVec<u8, FRAME_BYTES_MAX>,
}

impl Frame {
    /// None: it is longer than a frame may be.
    pub(super) fn new(peer: SocketAddr, bytes: &[u8]) -> Option<Self> {
        Some(Self { peer, bytes: bytes.try_into().ok()? })
    }
}

/// Wakes the task that takes what shards send.
#[derive(Debug, Clone, Default)]
pub(super) struct Bell(pub(super) Arc<Notify>);

impl Wake for Bell {
    fn wake(&self) {
        self.0.notify_one();
    }
}

/// The TCP thread's end.
pub(super) struct ThreadEnd {
    pub(super) to_shard: LaneSender<Frame>,
    pub(super) from_shard: LaneReceiver<Frame>,
}

/// The shard's end.
pub(crate) struct ShardEnd {
    pub(crate) frames_in: LaneReceiver<Frame>,
    pub(crate) frames_out: FramesOut,
}

/// The shard's way out.
pub(crate) struct FramesOut {
    lane: LaneSender<Frame, Bell>,
    counters: Arc<Counters>,
    /// Something was sent in this turn.
    used: bool,
}

/// Lays a trunk to the shard that this waker wakes.
pub(super) fn lay(shard: Waker, bell: &Bell, counters: &Arc<Counters>) -> (ThreadEnd, ShardEnd) {
    let (to_shard, frames_in) = lane(FRAMES_IN_MAX, shard);
    let (to_thread, from_shard) = lane(FRAMES_OUT_MAX, bell.clone());
    let frames_out = FramesOut { lane: to_thread, counters: Arc::clone(counters), used: false };
    (ThreadEnd { to_shard, from_shard }, ShardEnd { frames_in, frames_out })
}

impl FramesOut {
    /// Sends a message, cut every `segment` bytes into datagrams.
    pub(crate) fn send(&mut self, peer: SocketAddr, message: &[u8], segment: usize) {
        for datagram in message.chunks(segment.max(1)) {
            let Some(frame) = Frame::new(peer, datagram) else {
                self.counters.dropped(Dropped::TooLong);
                continue;
            };
            match self.lane.push(frame) {
                Ok(()) => self.used = true,
                Err(_) => self.counters.dropped(Dropped::LaneFull),
            }
        }
    }

    /// Ends a turn: what was sent in it leaves.
    pub(crate) fn wake(&mut self) {
        if std::mem::take(&mut self.used) {
            self.lane.wake();
        }
    }
}
