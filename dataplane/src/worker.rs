//! A worker: one thread that drives one shard from one UDP port.
//!
//! ```text
//!   wait (submits sends; kernel, wakes, deadline) ─► lanes ─► commands ─► Shard::turn ─► events, wakes
//! ```

use std::collections::VecDeque;
use std::time::Instant;

use fanlight_ring::{Inbox, LaneReceiver, LaneSender, Outbox, Port, PortCounters};
use fanlight_shard::{
    Command, Datagram, Datagrams, Egress, Event, Inputs, LaneFull, LaneMessage, Lanes, Outputs, Remote,
    Shard, ShardId, ShardReport,
};
use tokio::sync::mpsc::UnboundedSender;

/// Commands taken from the link at a time: two turns' worth.
const COMMANDS_MAX: usize = 128;

/// Lane messages taken from each other shard at a time.
const LANE_MESSAGES_MAX: usize = 256;

/// What a worker tells the link.
#[derive(Debug)]
pub(crate) enum Told {
    Event(ShardId, Event),
    Report(ShardId, Box<ShardReport>, PortCounters),
}

/// What the link orders.
pub(crate) enum Order {
    Command(Command),
    Stop,
}

/// Where a worker's messages come from and go to.
pub(crate) struct Plumbing {
    pub(crate) orders: LaneReceiver<Order>,
    /// Lanes from each other shard.
    pub(crate) lanes_in: Vec<(ShardId, LaneReceiver<LaneMessage>)>,
    /// Lanes to each shard, by its number; None: itself.
    pub(crate) lanes_out: Vec<Option<LaneSender<LaneMessage>>>,
    /// Unbounded so that a shard never waits for the link; what is in it is bounded by the sessions that there are.
    pub(crate) told: UnboundedSender<Told>,
}

/// See the file's head.
pub(crate) struct Worker {
    pub(crate) id: ShardId,
    pub(crate) port: Port,
    pub(crate) shard: Shard,
    pub(crate) plumbing: Plumbing,
}

impl Worker {
    /// Runs until the link orders a stop or is gone.
    ///
    /// # Errors
    /// What the port cannot survive; the process has to start again.
    pub(crate) fn run(mut self) -> std::io::Result<()> {
        let mut commands = VecDeque::with_capacity(COMMANDS_MAX);
        let mut lanes = VecDeque::with_capacity(LANE_MESSAGES_MAX);
        let mut events = Vec::new();
        let mut deadline: Option<Instant> = None;
        loop {
            self.port.wait(deadline.map(|at| at.saturating_duration_since(Instant::now())))?;
            // Lanes before commands: a message about a track never overtakes the command that made the track.
            self.take_lanes(&mut lanes);
            if self.take_orders(&mut commands) {
                return self.port.flush();
            }
            deadline = self.turn(&mut commands, &mut lanes, &mut events);
            self.tell(&mut events);
            if self.has_more() {
                deadline = Some(Instant::now());
            }
        }
    }

    fn turn(
        &mut self,
        commands: &mut VecDeque<Command>,
        lanes: &mut VecDeque<(ShardId, LaneMessage)>,
        events: &mut Vec<Event>,
    ) -> Option<Instant> {
        let (inbox, outbox) = self.port.split();
        let mut ways_out = WaysOut { lanes: &mut self.plumbing.lanes_out, used: 0 };
        let mut inputs = Inputs { datagrams: &mut Received(inbox), commands, lanes };
        let mut outputs = Outputs { egress: &mut Slots(outbox), lanes: &mut ways_out, events };
        let deadline = self.shard.turn(Instant::now(), &mut inputs, &mut outputs);
        ways_out.wake();
        deadline
    }

    fn take_lanes(&mut self, taken: &mut VecDeque<(ShardId, LaneMessage)>) {
        for (from, lane) in &mut self.plumbing.lanes_in {
            taken.extend(
                std::iter::from_fn(|| lane.pop()).take(LANE_MESSAGES_MAX).map(|message| (*from, message)),
            );
        }
    }

    /// Returns whether to stop.
    fn take_orders(&mut self, commands: &mut VecDeque<Command>) -> bool {
        let orders = &mut self.plumbing.orders;
        if orders.is_abandoned() {
            return true;
        }
        while commands.len() < COMMANDS_MAX {
            match orders.pop() {
                Some(Order::Command(command)) => commands.push_back(command),
                Some(Order::Stop) => return true,
                None => break,
            }
        }
        false
    }

    fn has_more(&self) -> bool {
        !self.plumbing.orders.is_empty() || self.plumbing.lanes_in.iter().any(|(_, lane)| !lane.is_empty())
    }

    fn tell(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            let told = match event {
                Event::Report(report) => Told::Report(self.id, report, self.port.counters()),
                event => Told::Event(self.id, event),
            };
            // Without a link the process is ending.
            let _ = self.plumbing.told.send(told);
        }
    }
}

struct Received<'a>(&'a mut Inbox);

impl Datagrams for Received<'_> {
    fn next(&mut self) -> Option<Datagram<'_>> {
        self.0.next().map(|received| Datagram { from: Remote::udp(received.from), bytes: received.bytes })
    }
}

struct Slots<'a>(&'a mut Outbox);

impl Egress for Slots<'_> {
    fn slot(&mut self) -> Option<&mut [u8]> {
        self.0.slot()
    }

    fn send(&mut self, to: Remote, len: usize, segment: usize) {
        self.0.send(to.address, len, segment);
    }
}

/// The lanes to other shards, and which of them were used in this turn: each is woken once, at its end.
struct WaysOut<'a> {
    lanes: &'a mut [Option<LaneSender<LaneMessage>>],
    used: u64,
}

impl WaysOut<'_> {
    fn wake(&self) {
        for (shard, lane) in self.lanes.iter().enumerate() {
            if let Some(lane) = lane.as_ref().filter(|_| self.used & mark(shard) != 0) {
                lane.wake();
            }
        }
    }
}

/// Shards beyond 64 share marks: a needless wake of one that is awake costs nothing.
const fn mark(shard: usize) -> u64 {
    1 << (shard % 64)
}

impl Lanes for WaysOut<'_> {
    fn push(&mut self, shard: ShardId, message: LaneMessage) -> Result<(), LaneFull> {
        let place = usize::from(shard.0);
        let Some(Some(lane)) = self.lanes.get_mut(place) else { return Err(LaneFull(message)) };
        self.used |= mark(place);
        lane.push(message).map_err(|full| LaneFull(full.0))
    }
}
