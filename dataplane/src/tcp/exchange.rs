//! The exchange: which connection a peer is behind, and which lane leads to a shard. All on the TCP thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use fanlight_ring::{LaneFull, LaneReceiver, LaneSender};
use fanlight_shard::{ShardId, UfragKey};
use fanlight_wire::Stun;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::counters::{Counters, Dropped, add_one};
use super::limits::{FRAMES_AT_A_TIME, LANE_PAUSE};
use super::outgoing::Outgoing;
use super::trunk::{Bell, Frame};

/// See the file's head.
pub(super) struct Exchange {
    ufrag_key: UfragKey,
    /// By the number of the shard.
    to_shards: Vec<RefCell<LaneSender<Frame>>>,
    connections: RefCell<HashMap<SocketAddr, Rc<Outgoing>>>,
    pub(super) counters: Arc<Counters>,
}

/// A connection that shards can send to, for as long as this lives.
pub(super) struct Listed {
    exchange: Rc<Exchange>,
    peer: SocketAddr,
    pub(super) outgoing: Rc<Outgoing>,
}

impl Exchange {
    pub(super) fn new(
        ufrag_key: UfragKey,
        to_shards: Vec<LaneSender<Frame>>,
        counters: Arc<Counters>,
    ) -> Rc<Self> {
        let to_shards = to_shards.into_iter().map(RefCell::new).collect();
        Rc::new(Self { ufrag_key, to_shards, connections: RefCell::default(), counters })
    }

    /// The shard that a first frame leads to: it must be a check whose username we made.
    pub(super) fn addressee(&self, first: &[u8]) -> Option<ShardId> {
        let check = Stun::parse(first).ok().filter(Stun::is_check)?;
        let (shard, _) = self.ufrag_key.addressee(&check)?;
        self.to_shards.get(usize::from(shard.0)).map(|_| shard)
    }

    /// None: another connection has the same peer.
    pub(super) fn list(self: &Rc<Self>, peer: SocketAddr, shard: ShardId) -> Option<Listed> {
        let mut connections = self.connections.borrow_mut();
        if connections.contains_key(&peer) {
            return None;
        }
        let outgoing = Rc::new(Outgoing::new(shard));
        connections.insert(peer, Rc::clone(&outgoing));
        Some(Listed { exchange: Rc::clone(self), peer, outgoing })
    }

    /// Hands a frame to a shard. One without room makes the connection wait: TCP then slows the peer down, and nothing is lost.
    pub(super) async fn hand(&self, shard: ShardId, mut frame: Frame) {
        let Some(lane) = self.to_shards.get(usize::from(shard.0)) else { return };
        loop {
            let pushed = lane.borrow_mut().push(frame);
            match pushed {
                Ok(()) => return add_one(&self.counters.frames_in),
                Err(LaneFull(back)) => frame = back,
            }
            add_one(&self.counters.lane_waits);
            lane.borrow().wake();
            sleep(LANE_PAUSE).await;
        }
    }

    /// After the last of some frames.
    pub(super) fn wake(&self, shard: ShardId) {
        if let Some(lane) = self.to_shards.get(usize::from(shard.0)) {
            lane.borrow().wake();
        }
    }

    /// Brings to connections what shards send, for ever. The lanes are in the order of the shards.
    pub(super) async fn deliver(&self, mut from_shards: Vec<LaneReceiver<Frame>>, bell: Bell) {
        loop {
            while from_shards.iter().any(|lane| !lane.is_empty()) {
                for (shard, lane) in (0..).map(ShardId).zip(&mut from_shards) {
                    for frame in std::iter::from_fn(|| lane.pop()).take(FRAMES_AT_A_TIME) {
                        self.deliver_frame(shard, &frame);
                    }
                }
                yield_now().await;
            }
            bell.0.notified().await;
        }
    }

    fn deliver_frame(&self, shard: ShardId, frame: &Frame) {
        let connections = self.connections.borrow();
        // The address may have gone over to a peer of another shard.
        let outgoing = connections.get(&frame.peer).filter(|outgoing| outgoing.shard == shard);
        match outgoing.ok_or(Dropped::NoConnection).and_then(|outgoing| outgoing.push(&frame.bytes)) {
            Ok(()) => add_one(&self.counters.frames_out),
            Err(reason) => self.counters.dropped(reason),
        }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.exchange.connections.borrow_mut().remove(&self.peer);
    }
}
