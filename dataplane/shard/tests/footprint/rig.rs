//! Shards between ends that allocate nothing themselves, so that what a turn allocates is the shard's.
//!
//! Some peers are stock clients with a real handshake, the others have their keys without one; all media is sealed and opened
//! for real. What the engine inside a transport allocates is counted by itself: consent checks and timers, not media.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use allocation_counter::{AllocationInfo, measure};
use fanlight_shard::rtc::{Certificate, Rtc};
use fanlight_shard::transport::{IceRestart, Output, Refused, Transport, TransportEvent};
use fanlight_shard::{
    Command, Datagram, Datagrams, Egress, Event, Inputs, LaneFull, LaneMessage, Lanes, Outputs, Remote, Role,
    SessionKey, Shard, ShardId,
};
use fanlight_wire::{Kind, Ssrc, classify};

use crate::common::client::{Client, session};
use crate::common::trace::{Adoption, Order};
use crate::common::world::{Seat, WorldConfig, beginning, new_shard};

/// Messages that a lane holds.
const LANE_DEPTH: usize = 512;
/// Bytes and messages that a turn may send.
const SENT_BYTES_MAX: usize = 8 << 20;
const SENT_MESSAGES_MAX: usize = 8192;
const SLOT_BYTES: usize = 16 * 1024;

/// See the file's head.
pub(crate) struct Rig {
    pub(crate) now: Instant,
    pub(crate) shards: Vec<Shard>,
    pub(crate) certificate: Certificate,
    pub(crate) clients: Vec<Client>,
    /// While set, the first of all media packets to each client gets lost.
    pub(crate) loses_downwards: bool,
    /// What all turns since it was last taken have allocated.
    pub(crate) spent: AllocationInfo,
    /// Of that, what the engines inside transports have.
    pub(crate) engine: AllocationInfo,
    /// Sessions that have connected.
    pub(crate) connected: usize,
    /// Datagrams of handshakes that transports took in the last turn.
    pub(crate) handshake_datagrams: usize,
    /// Datagrams of transports since then: each is one allocation of the engine that the shard gives back.
    pub(crate) engine_datagrams: i64,
    commands: Vec<VecDeque<Command>>,
    handed: Vec<Handed>,
    lanes: Vec<VecDeque<(ShardId, LaneMessage)>>,
    deadlines: Vec<Option<Instant>>,
    pub(crate) sent: Sent,
    events: Vec<Event>,
    seats: u32,
}

impl Rig {
    pub(crate) fn new(shards: u16) -> Self {
        let now = beginning();
        let config = WorldConfig { shards, ..WorldConfig::default() };
        Self {
            now,
            shards: (0..shards).map(|shard| new_shard(&config, ShardId(shard), now)).collect(),
            certificate: Certificate::generate().unwrap(),
            clients: Vec::new(),
            loses_downwards: false,
            spent: NOTHING,
            engine: NOTHING,
            connected: 0,
            handshake_datagrams: 0,
            engine_datagrams: 0,
            commands: (0..shards).map(|_| VecDeque::new()).collect(),
            handed: (0..shards).map(|_| Handed::default()).collect(),
            lanes: (0..shards).map(|_| VecDeque::with_capacity(LANE_DEPTH)).collect(),
            deadlines: vec![None; usize::from(shards)],
            sent: Sent::new(),
            events: Vec::with_capacity(4096),
            seats: 0,
        }
    }

    pub(crate) fn seat(&mut self, shard: u16) -> Seat {
        let slot = self.seats;
        self.seats += 1;
        let [_, _, high, low] = slot.to_be_bytes();
        let address = Remote::udp(([192, 0, high, low], 4000).into());
        Seat { shard: ShardId(shard), key: SessionKey { slot, generation: 1 }, address, number: slot + 1 }
    }

    /// A session whose handshake is left out.
    pub(crate) fn seat_keyed(&mut self, seat: &Seat, order: impl FnOnce(Adoption) -> Order) {
        let local_ssrc = Ssrc(0xfb00_0000 + seat.number);
        let adoption = Adoption { key: seat.key, number: seat.number, peer: seat.address, local_ssrc };
        self.command(seat.shard, order(adoption).command());
    }

    /// A stock client, about to connect; returns what its transport has on the heap before that.
    pub(crate) fn seat_client(&mut self, seat: Seat, role: Role) -> i64 {
        let (client, parameters) = Client::signal(self.now, seat, &self.certificate, |_| {});
        let mut transport = None;
        let made = measure(|| {
            let rtc = Rtc::new(parameters.clone(), &self.certificate, self.now).unwrap();
            let rtc: Box<dyn Transport> = Box::new(rtc);
            transport = Some(rtc);
        });
        self.clients.push(client);
        let engine = Box::new(Counted { transport: transport.unwrap(), is_connected: false });
        let adopt = Command::Adopt(Box::new(session(&seat, engine, role)));
        self.commands[usize::from(seat.shard.0)].push_back(adopt);
        made.bytes_current
    }

    /// Begins to count anew.
    pub(crate) fn forget_spent(&mut self) {
        (self.spent, self.engine, self.engine_datagrams) = (NOTHING, NOTHING, 0);
    }

    pub(crate) fn command(&mut self, shard: ShardId, command: Command) {
        self.commands[usize::from(shard.0)].push_back(command);
        self.settle();
    }

    pub(crate) fn hand(&mut self, seat: &Seat, datagram: Vec<u8>) {
        self.handed[usize::from(seat.shard.0)].datagrams.push((seat.address, datagram));
    }

    /// Turns every shard that has something to do, until none has. `self.sent` holds what left, until the next call.
    pub(crate) fn settle(&mut self) {
        self.sent.clear();
        for _ in 0..100 {
            let busy: Vec<usize> = (0..self.shards.len()).filter(|place| self.has_work(*place)).collect();
            if busy.is_empty() {
                return;
            }
            busy.into_iter().for_each(|place| self.turn(place));
        }
        panic!("the shards do not come to rest");
    }

    /// Lets time go by, clients included.
    pub(crate) fn pass(&mut self, duration: Duration) {
        self.pass_alone(duration);
        self.serve_clients();
    }

    /// Lets time go by for the shards.
    pub(crate) fn pass_alone(&mut self, duration: Duration) {
        self.now += duration;
        self.settle();
    }

    /// Lets clients hear and say what they have to.
    pub(crate) fn serve_clients(&mut self) {
        for _ in 0..8 {
            if self.exchange_with_clients() == 0 {
                break;
            }
            self.settle();
        }
    }

    /// Clients hear what was sent to them, and say what they have to; returns how many datagrams that is.
    pub(crate) fn exchange_with_clients(&mut self) -> usize {
        let mut clients = std::mem::take(&mut self.clients);
        let mut mail: BTreeMap<Remote, Vec<&[u8]>> = BTreeMap::new();
        for (to, datagram) in self.sent.datagrams() {
            mail.entry(to).or_default().push(datagram);
        }
        for client in &mut clients {
            let mut loses = self.loses_downwards;
            for datagram in mail.remove(&client.seen_at).unwrap_or_default() {
                let is_lost = loses && classify(datagram) == Kind::Rtp;
                loses &= !is_lost;
                if !is_lost {
                    client.hear(self.now, datagram);
                }
            }
        }
        let mut said = 0;
        for client in &mut clients {
            client.collect_at(self.now);
            said += client.sent.len();
            for datagram in client.sent.drain(..) {
                self.hand(&client.seat, datagram);
            }
        }
        self.clients = clients;
        said
    }

    fn has_work(&self, place: usize) -> bool {
        let due = self.deadlines[place].is_some_and(|at| at <= self.now);
        due || !self.commands[place].is_empty()
            || !self.handed[place].datagrams.is_empty()
            || !self.lanes[place].is_empty()
    }

    /// One turn of one shard.
    pub(crate) fn turn(&mut self, place: usize) {
        let mut heard = std::mem::take(&mut self.lanes[place]);
        let datagrams = &mut self.handed[place];
        let mut lanes = LanesOut { from: place, queues: &mut self.lanes };
        let commands = &mut self.commands[place];
        let mut inputs = Inputs { datagrams, commands, lanes: &mut heard };
        let mut outputs = Outputs { egress: &mut self.sent, lanes: &mut lanes, events: &mut self.events };
        let (shard, now, mut deadline) = (&mut self.shards[place], self.now, None);
        ENGINE.set((NOTHING, 0));
        HANDSHAKE_DATAGRAMS.set(0);
        self.spent += measure(|| deadline = shard.turn(now, &mut inputs, &mut outputs));
        let (engine, datagrams) = ENGINE.get();
        self.engine += engine;
        self.engine_datagrams += datagrams;
        self.handshake_datagrams = HANDSHAKE_DATAGRAMS.get();
        let connected = self.events.iter().filter(|event| matches!(event, Event::Connected { .. }));
        self.connected += connected.count();
        self.deadlines[place] = deadline;
        self.lanes[place] = heard;
        self.handed[place].forget_read();
        self.events.clear();
    }
}

thread_local! {
    /// What the transports have allocated in this turn, and the datagrams that they gave away.
    static ENGINE: Cell<(AllocationInfo, i64)> = const { Cell::new((NOTHING, 0)) };
    /// Datagrams that those took which are not connected.
    static HANDSHAKE_DATAGRAMS: Cell<usize> = const { Cell::new(0) };
}

pub(crate) const NOTHING: AllocationInfo = AllocationInfo {
    count_total: 0,
    count_current: 0,
    count_max: 0,
    bytes_total: 0,
    bytes_current: 0,
    bytes_max: 0,
};

/// A transport whose allocations are counted by themselves.
struct Counted {
    transport: Box<dyn Transport>,
    is_connected: bool,
}

impl Counted {
    fn call<T>(&mut self, call: impl FnOnce(&mut dyn Transport) -> T) -> T {
        let mut value = None;
        let spent = measure(|| value = Some(call(&mut *self.transport)));
        let (mut engine, datagrams) = ENGINE.get();
        engine += spent;
        ENGINE.set((engine, datagrams));
        value.unwrap()
    }
}

impl Transport for Counted {
    fn receive(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Result<(), Refused> {
        HANDSHAKE_DATAGRAMS.set(HANDSHAKE_DATAGRAMS.get() + usize::from(!self.is_connected));
        self.call(|transport| transport.receive(now, from, datagram))
    }

    fn advance(&mut self, now: Instant) {
        self.call(|transport| transport.advance(now));
    }

    fn poll(&mut self, now: Instant) -> Output {
        let output = self.call(|transport| transport.poll(now));
        self.is_connected |= matches!(output, Output::Event(TransportEvent::Connected(_)));
        if matches!(output, Output::Transmit { .. }) {
            let (engine, datagrams) = ENGINE.get();
            ENGINE.set((engine, datagrams + 1));
        }
        output
    }

    fn restart_ice(&mut self, now: Instant, restart: IceRestart) {
        self.call(|transport| transport.restart_ice(now, restart));
    }

    fn close(&mut self, now: Instant) {
        self.call(|transport| transport.close(now));
    }
}

/// Datagrams of a turn, each read once; they are given back outside of it.
#[derive(Default)]
struct Handed {
    datagrams: Vec<(Remote, Vec<u8>)>,
    read: usize,
}

impl Handed {
    fn forget_read(&mut self) {
        self.datagrams.drain(..self.read);
        self.read = 0;
    }
}

impl Datagrams for Handed {
    fn next(&mut self) -> Option<Datagram<'_>> {
        let (from, bytes) = self.datagrams.get_mut(self.read)?;
        self.read += 1;
        Some(Datagram { from: *from, bytes })
    }
}

/// What left, side by side in memory that was there before.
pub(crate) struct Sent {
    slot: Vec<u8>,
    bytes: Vec<u8>,
    messages: Vec<(Remote, usize, usize)>,
}

impl Sent {
    fn new() -> Self {
        Self {
            slot: vec![0; SLOT_BYTES],
            bytes: Vec::with_capacity(SENT_BYTES_MAX),
            messages: Vec::with_capacity(SENT_MESSAGES_MAX),
        }
    }

    /// Forgets what left.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.messages.clear();
    }

    /// Each datagram, and where it went.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = (Remote, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.messages.iter().flat_map(move |(to, len, segment)| {
            let (message, behind) = rest.split_at(*len);
            rest = behind;
            message.chunks((*segment).max(1)).map(|datagram| (*to, datagram))
        })
    }
}

impl Egress for Sent {
    fn slot(&mut self) -> Option<&mut [u8]> {
        Some(&mut self.slot)
    }

    fn send(&mut self, to: Remote, len: usize, segment: usize) {
        assert!(self.bytes.len() + len <= SENT_BYTES_MAX && self.messages.len() < SENT_MESSAGES_MAX);
        self.bytes.extend_from_slice(&self.slot[..len]);
        self.messages.push((to, len, segment));
    }
}

/// The lanes away from one shard.
struct LanesOut<'a> {
    from: usize,
    queues: &'a mut [VecDeque<(ShardId, LaneMessage)>],
}

impl Lanes for LanesOut<'_> {
    fn has_spare_room(&mut self, shard: ShardId) -> bool {
        self.queues[usize::from(shard.0)].len() < LANE_DEPTH / 4 * 3
    }

    fn push(&mut self, shard: ShardId, message: LaneMessage) -> Result<(), LaneFull> {
        let queue = &mut self.queues[usize::from(shard.0)];
        if queue.len() == LANE_DEPTH {
            return Err(LaneFull(message));
        }
        queue.push_back((ShardId(u16::try_from(self.from).unwrap()), message));
        Ok(())
    }
}
