//! The world: shards, the time, and everything between them and their peers. Every turn it checks the books.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use fanlight_shard::{
    Command, Counters, Event, Inputs, Inspection, LaneMessage, Outputs, Reject, Remote, SessionKey,
    SessionReport, Shard, ShardConfig, ShardId, ShardReport, TrainConfig, UfragKey,
};

use super::digest::{Digest, TurnOutputs};
use super::network::{Arrived, Captured, MemoryLanes, Message};
use super::trace::{Order, Turn};

/// Rounds of turns at one moment after which shards that still find work are turning in a circle. A full line of handshakes
/// takes 256.
const ROUNDS_MAX: usize = 400;

/// What a world is made of.
#[derive(Debug, Clone)]
pub(crate) struct WorldConfig {
    pub(crate) shards: u16,
    pub(crate) seed: u64,
    /// Messages that a lane holds.
    pub(crate) lane_depth: usize,
    pub(crate) key_frame_interval: Option<Duration>,
    pub(crate) trains: TrainConfig,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            shards: 1,
            seed: 1,
            lane_depth: 1024,
            key_frame_interval: None,
            trains: TrainConfig::default(),
        }
    }
}

/// A place for a session: where it lands, and who it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    pub(crate) shard: ShardId,
    pub(crate) key: SessionKey,
    pub(crate) address: Remote,
    /// Never given twice in a world: keys and SSRCs follow from it.
    pub(crate) number: u32,
}

struct Node {
    shard: Shard,
    orders: VecDeque<Order>,
    /// Commands that cannot be repeated (a real handshake), obeyed before the orders.
    ready: VecDeque<Command>,
    datagrams: VecDeque<(Remote, Vec<u8>)>,
    deadline: Option<Instant>,
    slots: u32,
}

/// See the file's head.
pub(crate) struct World {
    pub(crate) config: WorldConfig,
    pub(crate) started: Instant,
    pub(crate) now: Instant,
    /// Messages that the kernel takes in one turn.
    pub(crate) egress_room: usize,
    /// A shard that stands still: it takes no turns.
    pub(crate) stalled: Option<usize>,
    nodes: Vec<Node>,
    queues: Vec<VecDeque<(ShardId, LaneMessage)>>,
    mail: BTreeMap<Remote, Vec<Vec<u8>>>,
    messages: Vec<Message>,
    lane_messages: Vec<(ShardId, LaneMessage)>,
    events: Vec<Event>,
    turns: Vec<Turn>,
    digest: Digest,
    seats: u32,
}

/// A time to begin at.
#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
pub(crate) fn beginning() -> Instant {
    Instant::now()
}

/// The key of all shards' username fragments.
pub(crate) fn ufrag_key() -> UfragKey {
    UfragKey::new(*b"0123456789abcdef")
}

/// The shard of that place.
pub(crate) fn new_shard(config: &WorldConfig, id: ShardId, started: Instant) -> Shard {
    Shard::new(ShardConfig {
        id,
        ufrag_key: ufrag_key(),
        seed: config.seed.wrapping_add(u64::from(id.0) << 32),
        connect_timeout: Duration::from_secs(10),
        key_frame_interval: config.key_frame_interval,
        catch_up_speed: 4,
        trains: config.trains,
        started,
    })
}

impl World {
    pub(crate) fn new(config: WorldConfig) -> Self {
        let started = beginning();
        let nodes = (0..config.shards).map(|shard| Node {
            shard: new_shard(&config, ShardId(shard), started),
            orders: VecDeque::new(),
            ready: VecDeque::new(),
            datagrams: VecDeque::new(),
            deadline: None,
            slots: 0,
        });
        Self {
            nodes: nodes.collect(),
            queues: vec![VecDeque::new(); usize::from(config.shards)],
            config,
            started,
            now: started,
            egress_room: usize::MAX,
            stalled: None,
            mail: BTreeMap::new(),
            messages: Vec::new(),
            lane_messages: Vec::new(),
            events: Vec::new(),
            turns: Vec::new(),
            digest: Digest::default(),
            seats: 0,
        }
    }

    /// One shard.
    pub(crate) fn small() -> Self {
        Self::new(WorldConfig::default())
    }

    /// Two shards.
    pub(crate) fn of_two() -> Self {
        Self::new(WorldConfig { shards: 2, ..WorldConfig::default() })
    }

    /// The next free place on a shard.
    pub(crate) fn seat(&mut self, shard: u16) -> Seat {
        let node = &mut self.nodes[usize::from(shard)];
        let key = SessionKey { slot: node.slots, generation: 1 };
        node.slots += 1;
        self.seats += 1;
        let [_, _, high, low] = self.seats.to_be_bytes();
        let address = Remote::udp(([192, 0, high, low], 4000).into());
        Seat { shard: ShardId(shard), key, address, number: self.seats }
    }

    /// An address that no session has ever spoken from.
    pub(crate) fn stranger() -> Remote {
        Remote::udp(([203, 0, 113, 66], 6666).into())
    }

    pub(crate) fn order(&mut self, shard: ShardId, order: Order) {
        self.nodes[usize::from(shard.0)].orders.push_back(order);
    }

    /// A command that cannot be replayed.
    pub(crate) fn command(&mut self, shard: ShardId, command: Command) {
        self.nodes[usize::from(shard.0)].ready.push_back(command);
    }

    /// Puts a datagram on the wire to a shard. Nothing happens before the next [`Self::settle`] or [`Self::pass`].
    pub(crate) fn hand(&mut self, shard: ShardId, from: Remote, datagram: Vec<u8>) {
        self.nodes[usize::from(shard.0)].datagrams.push_back((from, datagram));
    }

    /// Turns every shard that has something to do, until none has.
    pub(crate) fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let busy: Vec<usize> = (0..self.nodes.len()).filter(|place| self.has_work(*place)).collect();
            if busy.is_empty() {
                return;
            }
            busy.into_iter().for_each(|place| self.turn(place));
        }
        panic!("the shards do not come to rest");
    }

    /// Lets time go by, with a turn wherever a shard asked for one.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.settle();
            let awake = self.nodes.iter().enumerate().filter(|(place, _)| self.stalled != Some(*place));
            match awake.filter_map(|(_, node)| node.deadline).min().filter(|at| *at <= end) {
                Some(at) => self.now = at,
                None => break,
            }
        }
        self.now = end;
    }

    pub(crate) fn pass_ms(&mut self, milliseconds: u64) {
        self.pass(Duration::from_millis(milliseconds));
    }

    fn has_work(&self, place: usize) -> bool {
        let node = &self.nodes[place];
        let due = node.deadline.is_some_and(|at| at <= self.now);
        let handed = !node.datagrams.is_empty() || !node.orders.is_empty() || !node.ready.is_empty();
        self.stalled != Some(place) && (due || handed || !self.queues[place].is_empty())
    }

    fn turn(&mut self, place: usize) {
        let id = ShardId(u16::try_from(place).unwrap());
        let mut heard = std::mem::take(&mut self.queues[place]);
        let waiting =
            |queue: &VecDeque<(ShardId, LaneMessage)>| queue.iter().filter(|(from, _)| *from == id).count();
        let lane_room: Vec<usize> =
            self.queues.iter().map(|queue| self.config.lane_depth.saturating_sub(waiting(queue))).collect();
        let node = &mut self.nodes[place];
        let turn = Turn {
            shard: id,
            now: self.now,
            orders: node.orders.iter().cloned().collect(),
            datagrams: node.datagrams.clone(),
            lanes: heard.clone(),
            egress_room: self.egress_room,
            lane_room: lane_room.clone(),
        };
        self.turns.push(turn);

        let before = *node.shard.counters();
        let mut commands: VecDeque<Command> = std::mem::take(&mut node.ready);
        commands.extend(node.orders.iter().map(Order::command));
        let mut datagrams = Arrived::new(std::mem::take(&mut node.datagrams));
        let mut egress = Captured::new(self.egress_room);
        let mut lanes = MemoryLanes {
            from: id,
            depth: self.config.lane_depth,
            room: lane_room,
            queues: &mut self.queues,
            sent: Vec::new(),
        };
        let mut events = Vec::new();
        let mut inputs = Inputs { datagrams: &mut datagrams, commands: &mut commands, lanes: &mut heard };
        let mut outputs = Outputs { egress: &mut egress, lanes: &mut lanes, events: &mut events };
        node.deadline = node.shard.turn(self.now, &mut inputs, &mut outputs);

        let outputs = TurnOutputs {
            messages: &egress.messages,
            lanes: &lanes.sent,
            events: &events,
            deadline: node.deadline,
        };
        self.digest.take(self.started, &outputs);
        check_books(&before, node.shard.counters(), &egress.messages, &lanes.sent);
        // What a turn leaves over comes before what is handed in later.
        let obeyed = node.orders.len().saturating_sub(commands.len());
        node.orders.drain(..obeyed);
        node.datagrams = datagrams.0;
        self.lane_messages.append(&mut lanes.sent);
        heard.append(&mut self.queues[place]);
        self.queues[place] = heard;
        self.post(egress.messages);
        self.events.append(&mut events);
    }

    fn post(&mut self, messages: Vec<Message>) {
        for message in &messages {
            let letters = self.mail.entry(message.to).or_default();
            letters.extend(message.datagrams().map(<[u8]>::to_vec));
        }
        self.messages.extend(messages);
    }

    /// What has arrived at an address since it was last asked.
    pub(crate) fn mail(&mut self, address: Remote) -> Vec<Vec<u8>> {
        self.mail.remove(&address).unwrap_or_default()
    }

    /// Addresses with mail that nobody has taken.
    pub(crate) fn addressed(&self) -> Vec<Remote> {
        self.mail.keys().copied().collect()
    }

    /// Messages to the kernel since last asked.
    pub(crate) fn messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.messages)
    }

    /// What crossed between shards since last asked, and to whom.
    pub(crate) fn lane_messages(&mut self) -> Vec<(ShardId, LaneMessage)> {
        std::mem::take(&mut self.lane_messages)
    }

    /// What the shards told the link thread since last asked.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub(crate) fn counters(&self, shard: u16) -> &Counters {
        self.nodes[usize::from(shard)].shard.counters()
    }

    /// Rejects under this name, of all shards.
    pub(crate) fn rejected(&self, reject: Reject) -> u64 {
        self.nodes.iter().map(|node| node.shard.counters().rejects.of(reject)).sum()
    }

    /// Each name under which something was rejected since `before`, with the count.
    pub(crate) fn rejects_since(&self, before: &Counters) -> Vec<(Reject, u64)> {
        let now = self.counters(0).rejects.iter();
        now.map(|(reject, count)| (reject, count - before.rejects.of(reject)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub(crate) fn session_count(&self, shard: u16) -> usize {
        self.nodes[usize::from(shard)].shard.session_count()
    }

    /// What a shard tells of itself. Other events stay.
    pub(crate) fn report(&mut self, shard: ShardId) -> ShardReport {
        self.order(shard, Order::Report);
        self.settle();
        let place = self.events.iter().position(|event| matches!(event, Event::Report(_))).unwrap();
        match self.events.remove(place) {
            Event::Report(report) => *report,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn report_of(&mut self, seat: &Seat) -> SessionReport {
        let report = self.report(seat.shard);
        report.sessions.into_iter().find(|session| session.key == seat.key).unwrap()
    }

    /// What the shard knows of a session; None: it knows none of that key. Other events stay.
    pub(crate) fn inspect(&mut self, shard: ShardId, key: SessionKey) -> Option<Inspection> {
        self.order(shard, Order::Inspect(key));
        self.settle();
        let place = self.events.iter().position(|event| matches!(event, Event::Inspected { .. })).unwrap();
        match self.events.remove(place) {
            Event::Inspected { request: 1, inspection } => inspection.map(|inspection| *inspection),
            other => panic!("{other:?}"),
        }
    }

    /// All turns so far.
    pub(crate) fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Of all outputs so far.
    pub(crate) fn digest(&self) -> u64 {
        self.digest.value()
    }
}

/// Conservation: every datagram in has one fate, and what was counted out is what left.
fn check_books(before: &Counters, after: &Counters, messages: &[Message], lanes: &[(ShardId, LaneMessage)]) {
    assert_eq!(after.datagrams_in, after.accepted + after.rejects.total(), "received = accepted + rejects");
    let datagrams: usize = messages.iter().map(|message| message.datagrams().count()).sum();
    let bytes: usize = messages.iter().map(|message| message.bytes.len()).sum();
    assert_eq!(after.datagrams_out - before.datagrams_out, datagrams as u64);
    assert_eq!(after.bytes_out - before.bytes_out, bytes as u64);
    assert_eq!(after.messages_out - before.messages_out, messages.len() as u64);
    let packets = lanes.iter().filter(|(_, message)| matches!(message, LaneMessage::Packet(_))).count();
    assert_eq!(after.lane_packets_out - before.lane_packets_out, packets as u64);
}
