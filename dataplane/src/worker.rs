//! A worker: one thread that drives one shard from one UDP port, and from the TCP thread's lane where there is one.
//!
//! ```text
//!   gather (submits sends; kernel, wakes, deadline) ─► lanes ─► commands ─► Shard::turn ─► events, wakes
//! ```

use std::collections::VecDeque;
use std::time::Instant;

use fanlight_ring::{Inbox, LaneReceiver, Outbox, Port, PortCounters};
use fanlight_shard::{
    Command, Datagram, Datagrams, Egress, Event, Inputs, LaneMessage, Outputs, Protocol, Remote, Shard,
    ShardId, ShardReport,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::tcp::{FRAMES_PER_TURN_MAX, Frame, FramesOut, ShardEnd};
use crate::ways_out::{LaneCounters, WayOut, WaysOut};

/// Commands taken from the link at a time: two turns' worth.
const COMMANDS_MAX: usize = 128;

/// Lane messages taken from each other shard at a time.
const LANE_MESSAGES_MAX: usize = 256;

/// What a worker tells the link.
#[derive(Debug)]
pub(crate) enum Told {
    Event(ShardId, Event),
    Report(ShardId, Box<ShardReport>, PortReport),
}

/// What a worker counts beside its shard.
#[derive(Debug)]
pub(crate) struct PortReport {
    pub(crate) port: PortCounters,
    /// Of the lanes to other shards.
    pub(crate) lanes: Vec<(ShardId, LaneCounters)>,
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
    pub(crate) lanes_out: Vec<Option<WayOut>>,
    /// Unbounded so that a shard never waits for the link; what is in it is bounded by the sessions that there are.
    pub(crate) told: UnboundedSender<Told>,
    /// To and from the TCP thread; None: TCP is off.
    pub(crate) tcp: Option<ShardEnd>,
}

/// See the file's head.
pub(crate) struct Worker {
    pub(crate) id: ShardId,
    pub(crate) port: Port,
    pub(crate) shard: Shard,
    pub(crate) plumbing: Plumbing,
}

/// What a worker holds from one turn to the next.
struct Hands {
    commands: VecDeque<Command>,
    lanes: VecDeque<(ShardId, LaneMessage)>,
    events: Vec<Event>,
    /// When the next turn is due.
    deadline: Option<Instant>,
}

impl Hands {
    fn empty() -> Self {
        Self {
            commands: VecDeque::with_capacity(COMMANDS_MAX),
            lanes: VecDeque::with_capacity(LANE_MESSAGES_MAX),
            events: Vec::new(),
            deadline: None,
        }
    }
}

impl Worker {
    /// Runs until the link orders a stop or is gone.
    ///
    /// # Errors
    /// What the port cannot survive; the process has to start again.
    pub(crate) fn run(mut self) -> std::io::Result<()> {
        let mut hands = Hands::empty();
        while self.go_round(&mut hands)? {}
        self.port.flush()
    }

    /// One wait and one turn. False: the link orders a stop, or is gone.
    fn go_round(&mut self, hands: &mut Hands) -> std::io::Result<bool> {
        let Hands { commands, lanes, events, deadline } = hands;
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        self.port.gather(timeout, self.shard.gather())?;
        // Lanes before commands: a message about a track never overtakes the command that made the track.
        self.take_lanes(lanes);
        if self.take_orders(commands) {
            return Ok(false);
        }
        *deadline = self.turn(commands, lanes, events);
        self.tell(events);
        if self.has_more() {
            *deadline = Some(Instant::now());
        }
        Ok(true)
    }

    fn turn(
        &mut self,
        commands: &mut VecDeque<Command>,
        lanes: &mut VecDeque<(ShardId, LaneMessage)>,
        events: &mut Vec<Event>,
    ) -> Option<Instant> {
        let (inbox, outbox) = self.port.split();
        let (frames_in, mut frames_out) = match &mut self.plumbing.tcp {
            Some(ShardEnd { frames_in, frames_out }) => (Some(frames_in), Some(frames_out)),
            None => (None, None),
        };
        let mut received = Received::new(inbox, frames_in);
        let mut slots = Slots { outbox, frames: frames_out.as_deref_mut() };
        let mut ways_out = WaysOut(&mut self.plumbing.lanes_out);
        let mut inputs = Inputs { datagrams: &mut received, commands, lanes };
        let mut outputs = Outputs { egress: &mut slots, lanes: &mut ways_out, events };
        let deadline = self.shard.turn(Instant::now(), &mut inputs, &mut outputs);
        ways_out.end_turn();
        if let Some(frames) = frames_out {
            frames.wake();
        }
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
        let plumbing = &self.plumbing;
        !plumbing.orders.is_empty()
            || plumbing.lanes_in.iter().any(|(_, lane)| !lane.is_empty())
            || plumbing.tcp.as_ref().is_some_and(|tcp| !tcp.frames_in.is_empty())
    }

    fn tell(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            let told = match event {
                Event::Report(report) => {
                    let lanes = self.plumbing.lanes_out.iter().zip(0..);
                    let lanes = lanes.filter_map(|(way, to)| Some((ShardId(to), way.as_ref()?.counters())));
                    let report_of_port = PortReport { port: self.port.counters(), lanes: lanes.collect() };
                    Told::Report(self.id, report, report_of_port)
                }
                event => Told::Event(self.id, event),
            };
            // Without a link the process is ending.
            let _ = self.plumbing.told.send(told);
        }
    }
}

/// What came by TCP, up to its share of a turn, then what came by UDP.
struct Received<'a> {
    inbox: &'a mut Inbox,
    frames: Option<&'a mut LaneReceiver<Frame>>,
    frames_left: usize,
    /// The one that is lent.
    frame: Option<Frame>,
}

impl<'a> Received<'a> {
    fn new(inbox: &'a mut Inbox, frames: Option<&'a mut LaneReceiver<Frame>>) -> Self {
        let waiting = frames.as_ref().map_or(0, |frames| frames.len());
        Self { inbox, frames, frames_left: waiting.min(FRAMES_PER_TURN_MAX), frame: None }
    }

    fn next_frame(&mut self) -> Option<Frame> {
        self.frames_left -= 1;
        self.frames.as_mut()?.pop()
    }
}

impl Datagrams for Received<'_> {
    fn next(&mut self) -> Option<Datagram<'_>> {
        if self.frames_left > 0
            && let Some(frame) = self.next_frame()
        {
            let frame = self.frame.insert(frame);
            return Some(Datagram { from: Remote::tcp(frame.peer), bytes: &mut frame.bytes });
        }
        self.inbox.next().map(|received| Datagram { from: Remote::udp(received.from), bytes: received.bytes })
    }
}

/// Messages are written into the slots of the port, whichever way they leave: only those by TCP are copied.
struct Slots<'a> {
    outbox: &'a mut Outbox,
    frames: Option<&'a mut FramesOut>,
}

impl Egress for Slots<'_> {
    fn slot(&mut self) -> Option<&mut [u8]> {
        self.outbox.slot()
    }

    fn send(&mut self, to: Remote, len: usize, segment: usize) {
        match to.protocol {
            Protocol::Udp => self.outbox.send(to.address, len, segment),
            Protocol::Tcp => {
                let message = self.outbox.slot().and_then(|slot| slot.get(..len));
                if let (Some(message), Some(frames)) = (message, &mut self.frames) {
                    frames.send(to.address, message, segment);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
