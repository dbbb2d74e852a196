//! One shard with a publisher and its viewers, in memory and in virtual time: each turn takes one frame of video, and all of it
//! leaves to each viewer.
//!
//! ```text
//!   prepare: the publisher seals 10 packets        turn: 10 datagrams ─► Shard::turn ─► viewers × 1 train of 10 × 1,200 bytes
//! ```
//!
//! Turns are a thirtieth of a second apart, and viewers joined evenly over a second before, so that each turn of a whole
//! second has its share of reports. No viewer says anything: their feedback is not in the figures.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use fanlight_shard::{
    Datagram, Datagrams, Egress, Inputs, LaneFull, LaneMessage, Lanes, Outputs, Remote, SessionKey, Shard,
    ShardId,
};
use fanlight_srtp::ReceiveIndex;
use fanlight_wire::{Kind, NtpTime, RtpHeader, Ssrc, Timestamp, classify};

use super::worlds::keys::PeerContexts;
use super::worlds::trace::{Adoption, Order};
use super::worlds::world::{Seat, WorldConfig, beginning, new_shard};
use super::worlds::{Packet, Publisher, Viewer, rtcp};

/// Packets of a frame.
pub(crate) const FRAME_PACKETS: usize = 10;
/// Turns of a second.
pub(crate) const TURNS_A_SECOND: usize = 30;
/// From turn to turn. Rounded up: what falls due each second falls due each thirtieth turn.
const TURN: Duration = Duration::from_nanos(33_333_334);
/// With header and tag a viewer's packet is as long as browsers make them.
const PAYLOAD_BYTES: usize = 1_160;
const PACKET_BYTES: usize = 1_200;
/// Viewers times turns that are looked at before anything is measured: a second's worth for a hundred viewers, which serves
/// as warm-up too.
const CHECKED_MAX: usize = 100 * TURNS_A_SECOND;
/// Send slots as the server has them by default, and their bytes.
const SLOTS: usize = 32;
const SLOT_BYTES: usize = 16 * 1024;

/// See the file's head.
pub(crate) struct Hall {
    shard: Shard,
    now: Instant,
    publisher: Publisher,
    frame: Frame,
    slots: Slots,
    orders: VecDeque<Order>,
    events: Vec<fanlight_shard::Event>,
}

impl Hall {
    /// A publisher and `viewers`, media flowing.
    pub(crate) fn with_viewers(viewers: usize) -> Self {
        let config = WorldConfig::default();
        let now = beginning();
        let seat = seat(0);
        let publisher = Publisher::seated(seat, Publisher::usual_spec(&seat));
        let mut hall = Self {
            shard: new_shard(&config, ShardId(0), now),
            now,
            publisher,
            frame: Frame { from: seat.address, datagrams: Vec::new(), next: 0 },
            slots: Slots::new(),
            orders: VecDeque::new(),
            events: Vec::new(),
        };
        hall.orders.push_back(Order::Publish(adoption(&seat), hall.publisher.spec.clone()));
        hall.turn();
        hall.join(viewers);
        hall.prepare_frame(true);
        hall.turn();
        hall.tell_time();
        hall.turn();
        hall.check(viewers);
        hall
    }

    /// Seals the next frame.
    pub(crate) fn prepare(&mut self) {
        self.prepare_frame(false);
    }

    /// One turn with what was prepared; more than one only while sessions wait to be adopted.
    pub(crate) fn turn(&mut self) {
        self.now += TURN;
        let mut commands: VecDeque<_> = self.orders.drain(..).map(|order| order.command()).collect();
        let mut lanes = VecDeque::new();
        self.events.clear();
        loop {
            let mut inputs =
                Inputs { datagrams: &mut self.frame, commands: &mut commands, lanes: &mut lanes };
            let mut outputs =
                Outputs { egress: &mut self.slots, lanes: &mut NoLanes, events: &mut self.events };
            self.shard.turn(self.now, &mut inputs, &mut outputs);
            if commands.is_empty() {
                break;
            }
        }
    }

    fn prepare_frame(&mut self, key_frame: bool) -> Vec<Packet> {
        let packets = self.publisher.frame(key_frame, &[PAYLOAD_BYTES; FRAME_PACKETS]);
        self.frame.datagrams = packets.iter().map(|packet| self.publisher.seal(packet)).collect();
        self.frame.next = 0;
        packets
    }

    /// The publisher's clock, without which viewers get no reports.
    fn tell_time(&mut self) {
        let Publisher { video, contexts, .. } = &mut self.publisher;
        let (ssrc, timestamp) = (video.ssrc, Timestamp(video.timestamp));
        let report = rtcp::seal(&mut contexts.rtcp_sealer, |rtcp| {
            rtcp.sender_report(ssrc, NtpTime(1 << 60), timestamp, 0, 0, &[])
        });
        self.frame.datagrams = vec![report];
        self.frame.next = 0;
    }

    /// Over a second, and before there is a picture, so that all are live from the first one on.
    fn join(&mut self, viewers: usize) {
        for turn in 0..TURNS_A_SECOND {
            let numbers = viewers * turn / TURNS_A_SECOND..viewers * (turn + 1) / TURNS_A_SECOND;
            for number in numbers {
                let seat = seat(number + 1);
                let spec = Viewer::usual_spec(&seat, &self.publisher);
                self.orders.push_back(Order::Watch(adoption(&seat), spec));
            }
            self.turn();
        }
    }

    /// A benchmark of something that does not happen would be fast: all of each frame goes to everybody, in one train each,
    /// beside its share of reports.
    fn check(&mut self, viewers: usize) {
        let turns = TURNS_A_SECOND.min(CHECKED_MAX.div_ceil(viewers));
        let before = *self.shard.counters();
        for _ in 0..turns {
            self.prepare();
            self.turn();
        }
        let after = *self.shard.counters();
        let trains = (turns * viewers) as u64;
        let packets = after.media_packets_out - before.media_packets_out;
        assert_eq!(packets, trains * FRAME_PACKETS as u64, "not all of a frame comes to everybody");
        assert_eq!(after.rejects.total(), 0, "the publisher's packets are refused");
        let others = after.messages_out - before.messages_out - trains;
        // Reports come up together, on a grid of 50 ms: the turns may miss one step of it at their end.
        let a_step = (viewers as u64).div_ceil(20);
        assert!(others + a_step >= trains / TURNS_A_SECOND as u64, "{others} reports in {turns} turns");
        assert!(others > 0 || turns < 2, "no reports in {turns} turns");
        self.check_last_train(viewers);
    }

    /// The last viewer gets what was published, under its own key.
    fn check_last_train(&mut self, viewers: usize) {
        self.slots.keep = true;
        let frame = self.prepare_frame(false);
        self.turn();
        self.slots.keep = false;
        let (to, train) = self.slots.last_media.take().unwrap();
        assert_eq!(train.len(), FRAME_PACKETS * PACKET_BYTES);
        let viewer = (1..=viewers).map(seat).find(|seat| seat.address == to).unwrap();
        let opener = PeerContexts::new(viewer.number).rtp_opener;
        for (sealed, packet) in train.chunks(PACKET_BYTES).zip(&frame) {
            let mut plain = sealed.to_vec();
            let header = RtpHeader::parse(&plain).unwrap();
            let index = ReceiveIndex::new().estimate(header.sequence.0);
            let proof = opener.open(&mut plain, header.header_len, index).unwrap();
            assert_eq!(&plain[header.header_len..][..proof.payload_len()], packet.payload);
        }
    }
}

fn seat(place: usize) -> Seat {
    let slot = u32::try_from(place).unwrap();
    let [_, _, high, low] = slot.to_be_bytes();
    let address = Remote::udp(([192, 0, high, low], 4000).into());
    Seat { shard: ShardId(0), key: SessionKey { slot, generation: 1 }, address, number: slot + 1 }
}

fn adoption(seat: &Seat) -> Adoption {
    let local_ssrc = Ssrc(0xfb00_0000 + seat.number);
    Adoption { key: seat.key, number: seat.number, peer: seat.address, local_ssrc }
}

/// The datagrams of a turn, each read once.
struct Frame {
    from: Remote,
    datagrams: Vec<Vec<u8>>,
    next: usize,
}

impl Datagrams for Frame {
    fn next(&mut self) -> Option<Datagram<'_>> {
        let bytes = self.datagrams.get_mut(self.next)?;
        self.next += 1;
        Some(Datagram { from: self.from, bytes })
    }
}

/// Send slots that are used in turn, as a port's are; nothing takes what is in them.
struct Slots {
    slots: Vec<u8>,
    place: usize,
    /// While it is to be looked at: the last train of media, and to whom.
    keep: bool,
    last_media: Option<(Remote, Vec<u8>)>,
}

impl Slots {
    fn new() -> Self {
        Self { slots: vec![0; SLOTS * SLOT_BYTES], place: 0, keep: false, last_media: None }
    }
}

impl Egress for Slots {
    fn slot(&mut self) -> Option<&mut [u8]> {
        self.slots.get_mut(self.place * SLOT_BYTES..)?.get_mut(..SLOT_BYTES)
    }

    fn send(&mut self, to: Remote, len: usize, _segment: usize) {
        let message = &self.slots[self.place * SLOT_BYTES..][..len];
        if self.keep && classify(message) == Kind::Rtp {
            self.last_media = Some((to, message.to_vec()));
        }
        self.place = (self.place + 1) % SLOTS;
    }
}

/// There is one shard.
struct NoLanes;

impl Lanes for NoLanes {
    fn has_spare_room(&mut self, _shard: ShardId) -> bool {
        false
    }

    fn push(&mut self, _shard: ShardId, message: LaneMessage) -> Result<(), LaneFull> {
        Err(LaneFull(message))
    }
}
