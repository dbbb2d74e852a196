//! Where a shard's outputs go: messages cut into datagrams as the kernel would, and lanes of bounded depth.

use std::collections::VecDeque;

use fanlight_shard::{Datagram, Datagrams, Egress, LaneFull, LaneMessage, Lanes, Remote, ShardId};

/// Bytes of a send slot: a train of 64 segments.
const SLOT_BYTES: usize = 64 * 1024;

/// One message to the kernel: a train of datagrams.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) to: Remote,
    pub(crate) bytes: Vec<u8>,
    pub(crate) segment: usize,
}

impl Message {
    /// What arrives at the other side of UDP_SEGMENT. An empty message is an empty datagram: a transport without a handshake
    /// proves its peer's address with one.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let empty: Option<&[u8]> = self.bytes.is_empty().then_some(&[]);
        self.bytes.chunks(self.segment.max(1)).chain(empty)
    }
}

/// Captures what a turn sends.
pub(crate) struct Captured {
    slot: Vec<u8>,
    /// Messages that the kernel still takes; then there is no slot.
    pub(crate) room: usize,
    pub(crate) messages: Vec<Message>,
}

impl Captured {
    pub(crate) fn new(room: usize) -> Self {
        Self { slot: vec![0; SLOT_BYTES], room, messages: Vec::new() }
    }
}

impl Egress for Captured {
    fn slot(&mut self) -> Option<&mut [u8]> {
        (self.messages.len() < self.room).then_some(self.slot.as_mut_slice())
    }

    fn send(&mut self, to: Remote, len: usize, segment: usize) {
        assert!(segment <= len && len <= SLOT_BYTES && (segment > 0 || len == 0), "{len} bytes by {segment}");
        self.messages.push(Message { to, bytes: self.slot[..len].to_vec(), segment });
        // What a later message does not write itself must not be this one's bytes.
        self.slot.fill(0xee);
    }
}

/// Datagrams of one turn.
pub(crate) struct Arrived(pub(crate) VecDeque<(Remote, Vec<u8>)>, Vec<u8>);

impl Arrived {
    pub(crate) fn new(datagrams: VecDeque<(Remote, Vec<u8>)>) -> Self {
        Self(datagrams, Vec::new())
    }
}

impl Datagrams for Arrived {
    fn next(&mut self) -> Option<Datagram<'_>> {
        let (from, bytes) = self.0.pop_front()?;
        self.1 = bytes;
        Some(Datagram { from, bytes: &mut self.1 })
    }
}

/// The lanes that lead away from one shard, each into the queue of its reader.
pub(crate) struct MemoryLanes<'a> {
    pub(crate) from: ShardId,
    /// Messages that a lane holds.
    pub(crate) depth: usize,
    /// Messages that the lane to each shard still takes in this turn.
    pub(crate) room: Vec<usize>,
    pub(crate) queues: &'a mut [VecDeque<(ShardId, LaneMessage)>],
    /// What went out in this turn, and to whom.
    pub(crate) sent: Vec<(ShardId, LaneMessage)>,
}

impl Lanes for MemoryLanes<'_> {
    fn has_spare_room(&mut self, shard: ShardId) -> bool {
        self.room[usize::from(shard.0)] > self.depth / 4
    }

    fn push(&mut self, shard: ShardId, message: LaneMessage) -> Result<(), LaneFull> {
        assert_ne!(shard, self.from, "a shard has no lane to itself");
        let place = usize::from(shard.0);
        if self.room[place] == 0 {
            return Err(LaneFull(message));
        }
        self.room[place] -= 1;
        self.queues[place].push_back((self.from, message.clone()));
        self.sent.push((shard, message));
        Ok(())
    }
}
