//! Two shards with their peers, and what must hold of all that comes to these.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use fanlight_shard::{
    EndReason, LayerSpec, LayerWish, Layers, PublishSpec, PublishedTrack, Remote, Rid, SessionKey, ShardId, TrackId,
    TrainConfig,
};
use fanlight_srtp::RtcpSealer;
use fanlight_wire::{
    ExtendedSequence, ExtensionKind, NtpTime, ReportBlock, RtcpWriter, RtpHeader, Sequence, Ssrc, Timestamp,
    Vp8Descriptor,
};

use super::step::{Leaving, Step};
use crate::worlds::keys::RTP_OVERHEAD;
use crate::worlds::publisher::Source as Upper;
use crate::worlds::trace::{Order, replay};
use crate::worlds::world::{Seat, WorldConfig};
use crate::worlds::{Heard, Packet, Publisher, Told, Viewer, World};

/// Shards; a track crosses from one to the other on lanes.
const SHARDS: u16 = 2;
/// Publishers of one input: each costs stores on both shards.
const PUBLISHERS_MAX: usize = 3;
/// Viewers of one input.
const VIEWERS_MAX: usize = 5;
/// Id of the header extension that names a layer.
const RID: u8 = 5;
/// Names of tracks that no publisher's other tracks have.
const UPPER_TRACKS: u64 = 1_000_000;
/// Datagrams and packets that can be sent again.
const KEPT_MAX: usize = 64;
/// Time in which all that was begun ends, once every session is closed.
const REST: Duration = Duration::from_secs(5);

/// A publisher, and what it said.
struct Source {
    publisher: Publisher,
    /// Where its upper layer stands; the lower one is the publisher's video.
    upper: Upper,
    /// Payloads of all its tracks, but for the numbers in their descriptors.
    said: BTreeSet<Vec<u8>>,
    /// Its last packets.
    packets: VecDeque<Packet>,
    is_open: bool,
}

/// A viewer, and what it got.
struct Watcher {
    viewer: Viewer,
    /// Whom it watches.
    source: usize,
    /// SSRC and index of every packet that came.
    nonces: BTreeSet<(Ssrc, u64)>,
    /// The last packet that came.
    last: Option<Heard>,
    is_open: bool,
}

/// See the file's head.
pub(super) struct Scene {
    world: World,
    sources: Vec<Source>,
    watchers: Vec<Watcher>,
    /// The last datagrams on their way to shards.
    kept: VecDeque<(Seat, Vec<u8>)>,
}

impl Scene {
    /// `shape`: how deep the lanes are, and whether packets wait for others.
    pub(super) fn new(shape: u8) -> Self {
        let lane_depth = if shape < 128 { usize::from(shape % 16) } else { 1024 };
        let key_frame_interval = (shape % 2 == 1).then_some(Duration::from_secs(1));
        let seed = u64::from(shape);
        let load_packets = if shape & 2 == 0 { 0 } else { u64::MAX };
        let trains = TrainConfig { load_packets, ..TrainConfig::default() };
        let world = World::new(WorldConfig { shards: SHARDS, seed, lane_depth, key_frame_interval, trains });
        Self { world, sources: Vec::new(), watchers: Vec::new(), kept: VecDeque::new() }
    }

    pub(super) fn play(&mut self, step: Step) {
        match step {
            Step::Publish { shard } => self.publish(shard),
            Step::Watch { shard, publisher } => self.watch(shard, publisher),
            Step::Leave { session, by } => self.leave(session, &by),
            Step::Frame { publisher, upper, key, lens, lost } => {
                self.frame(publisher, upper, key, &lens, lost);
            }
            Step::Sound { publisher, len } => self.sound(publisher, len),
            Step::Jump { publisher, by, ssrc } => self.jump(publisher, by, ssrc),
            Step::Again { back, damage, stranger } => self.again(back, &damage, stranger),
            Step::Retransmit { publisher, back } => self.retransmit(publisher, back),
            Step::Nack { viewer, back, rtx } => self.nack(viewer, &back, rtx),
            Step::KeyFrameWish { viewer, fir } => self.wish(viewer, fir),
            Step::Report { session, lost, highest, jitter, sender_report } => {
                self.report(session, lost, highest, jitter, sender_report);
            }
            Step::Estimate { viewer, bitrate_bps } => self.estimate(viewer, bitrate_bps),
            Step::Clock { publisher, ntp, timestamp } => self.clock(publisher, ntp, timestamp),
            Step::Noise { session, stranger, bytes } => self.noise(session, stranger, bytes),
            Step::SealedRtcp { session, bytes } => self.sealed_rtcp(session, &bytes),
            Step::SealedRtp { publisher, rollover, bytes } => self.sealed_rtp(publisher, rollover, &bytes),
            Step::EgressRoom(room) => {
                self.world.egress_room = if room == u8::MAX { usize::MAX } else { usize::from(room) };
            }
            Step::Ask { inspect } => self.ask(inspect),
            Step::Pause { viewer, video, paused } => self.pause(viewer, video, paused),
            Step::Mute { session, video, muted } => self.mute(session, video, muted),
            Step::Limit { session, kilobits } => self.limit(session, kilobits),
            Step::Switch { viewer, publisher } => self.switch(viewer, publisher),
            Step::Prefer { viewer, layer, max_width } => self.prefer(viewer, layer, max_width),
            Step::Pass { ms } => {
                self.world.pass(Duration::from_millis(u64::from(ms)));
                self.collect();
            }
        }
    }

    /// Everybody leaves; nothing stays behind; and all of it happens again.
    pub(super) fn end(mut self) {
        self.world.settle();
        self.collect();
        let seats: Vec<Seat> = self.seats().collect();
        for seat in seats {
            self.world.order(seat.shard, Order::Close(seat.key, EndReason::Shutdown));
        }
        self.world.pass(REST);
        self.collect();
        for shard in 0..SHARDS {
            assert_eq!(self.world.session_count(shard), 0, "a session is left on shard {shard}");
            assert_eq!(self.world.report(ShardId(shard)).tracks, 0, "a track is left on shard {shard}");
        }
        let again = replay(&self.world.config, self.world.started, self.world.turns());
        assert_eq!(again, self.world.digest(), "the same turns, other outputs");
    }

    fn seats(&self) -> impl Iterator<Item = Seat> {
        let publishers = self.sources.iter().map(|source| source.publisher.seat);
        publishers.chain(self.watchers.iter().map(|watcher| watcher.viewer.seat))
    }

    fn seat(&self, session: u8) -> Option<Seat> {
        pick(self.seats().count(), session).and_then(|place| self.seats().nth(place))
    }

    fn publish(&mut self, shard: u8) {
        if self.sources.len() < PUBLISHERS_MAX {
            let shard = u16::from(shard) % SHARDS;
            let publisher = Publisher::join_with(&mut self.world, shard, layered);
            let upper = Upper {
                ssrc: Ssrc(publisher.video.ssrc.0 ^ 0x40),
                ..publisher.video.clone()
            };
            let (said, packets) = (BTreeSet::new(), VecDeque::new());
            self.sources.push(Source { publisher, upper, said, packets, is_open: true });
        }
    }

    fn watch(&mut self, shard: u8, publisher: u8) {
        let Some(source) = pick(self.sources.len(), publisher) else { return };
        if self.watchers.len() < VIEWERS_MAX {
            let shard = u16::from(shard) % SHARDS;
            let publisher = &self.sources[source].publisher;
            let viewer = Viewer::join_with(&mut self.world, shard, publisher, |spec| {
                spec.subscriptions[0].layers = layers(publisher);
            });
            let nonces = BTreeSet::new();
            self.watchers.push(Watcher { viewer, source, nonces, last: None, is_open: true });
        }
    }

    fn leave(&mut self, session: u8, by: &Leaving) {
        let Some(seat) = self.seat(session) else { return };
        match by {
            Leaving::Link => self.world.order(seat.shard, Order::Close(seat.key, EndReason::Deleted)),
            // A stream ends, not the session.
            Leaving::Goodbye => {
                let source = self.sources.iter().find(|source| source.publisher.seat.key == seat.key);
                let ssrc = source.map_or(Ssrc(1), |source| source.publisher.video.ssrc);
                return self.say(session, |rtcp| rtcp.bye(&[ssrc]).is_ok());
            }
        }
        self.world.settle();
        self.collect();
        let is_it = |other: &Seat| (other.shard, other.key) == (seat.shard, seat.key);
        self.sources.iter_mut().filter(|one| is_it(&one.publisher.seat)).for_each(|one| one.is_open = false);
        self.watchers.iter_mut().filter(|one| is_it(&one.viewer.seat)).for_each(|one| one.is_open = false);
    }

    fn frame(&mut self, publisher: u8, upper: bool, key: bool, lens: &[u16], lost: u8) {
        let Some(place) = pick(self.sources.len(), publisher) else { return };
        let lens: Vec<usize> = lens.iter().map(|len| usize::from(*len)).collect();
        let source = &mut self.sources[place];
        if upper {
            std::mem::swap(&mut source.publisher.video, &mut source.upper);
        }
        let packets = source.publisher.frame(key, &lens);
        if upper {
            std::mem::swap(&mut source.publisher.video, &mut source.upper);
        }
        for (number, mut packet) in (0..).zip(packets) {
            packet.elements.push((RID, if upper { b"h".to_vec() } else { b"q".to_vec() }));
            self.send(place, packet, lost >> (number % 8) & 1 == 1);
        }
    }

    fn sound(&mut self, publisher: u8, len: u8) {
        let Some(place) = pick(self.sources.len(), publisher) else { return };
        let packet = self.sources[place].publisher.sound(usize::from(len));
        self.send(place, packet, false);
    }

    /// Puts a packet on the wire, where it may get lost.
    fn send(&mut self, place: usize, packet: Packet, is_lost: bool) {
        let source = &mut self.sources[place];
        let sealed = source.publisher.seal(&packet);
        source.said.insert(without_numbers(&packet.payload));
        keep(&mut source.packets, packet);
        let seat = source.publisher.seat;
        keep(&mut self.kept, (seat, sealed.clone()));
        if !is_lost {
            self.world.hand(seat.shard, seat.address, sealed);
        }
    }

    fn jump(&mut self, publisher: u8, by: u16, ssrc: bool) {
        let Some(place) = pick(self.sources.len(), publisher) else { return };
        let video = &mut self.sources[place].publisher.video;
        if ssrc {
            video.ssrc = Ssrc(video.ssrc.0.wrapping_add(0x0100_0000));
            video.index = u64::from(by);
        } else {
            video.index += u64::from(by);
        }
    }

    fn again(&mut self, back: u8, damage: &[(u8, u8)], stranger: bool) {
        let Some(place) = pick(self.kept.len(), back) else { return };
        let (seat, mut datagram) = self.kept[self.kept.len() - 1 - place].clone();
        for (place, mask) in damage {
            let place = usize::from(*place) % datagram.len().max(1);
            datagram[place..].iter_mut().take(1).for_each(|byte| *byte ^= mask);
        }
        let from = if stranger { World::stranger() } else { seat.address };
        self.world.hand(seat.shard, from, datagram);
    }

    fn retransmit(&mut self, publisher: u8, back: u8) {
        let Some(place) = pick(self.sources.len(), publisher) else { return };
        let source = &mut self.sources[place];
        let Some(back) = pick(source.packets.len(), back) else { return };
        let packet = source.packets[source.packets.len() - 1 - back].clone();
        let again = source.publisher.retransmission(&packet);
        let (seat, sealed) = (source.publisher.seat, source.publisher.seal(&again));
        keep(&mut self.kept, (seat, sealed.clone()));
        self.world.hand(seat.shard, seat.address, sealed);
    }

    fn nack(&mut self, viewer: u8, back: &[u8], rtx: bool) {
        let Some(place) = pick(self.watchers.len(), viewer) else { return };
        let watcher = &self.watchers[place];
        let last = watcher.last.as_ref().map_or(0, |heard| heard.header.sequence.0);
        let heard = watcher.last.as_ref().map_or(watcher.viewer.video_ssrc(), |heard| heard.header.ssrc);
        let media = if rtx { watcher.viewer.rtx_ssrc() } else { heard };
        // Some of them were never sent.
        let sequences = back.iter().map(|back| Sequence(last.wrapping_add(4).wrapping_sub(u16::from(*back))));
        self.say_as_viewer(place, |rtcp| rtcp.nack(Ssrc(1), media, sequences).is_ok());
    }

    fn wish(&mut self, viewer: u8, fir: bool) {
        let Some(place) = pick(self.watchers.len(), viewer) else { return };
        let media = self.watchers[place].viewer.video_ssrc();
        self.say_as_viewer(place, |rtcp| {
            if fir { rtcp.fir(Ssrc(1), media, 1).is_ok() } else { rtcp.pli(Ssrc(1), media).is_ok() }
        });
    }

    fn estimate(&mut self, viewer: u8, bitrate_bps: u32) {
        let Some(place) = pick(self.watchers.len(), viewer) else { return };
        let media = self.watchers[place].viewer.video_ssrc();
        self.say_as_viewer(place, |rtcp| rtcp.remb(Ssrc(1), u64::from(bitrate_bps), &[media]).is_ok());
    }

    fn report(&mut self, session: u8, lost: u8, highest: u32, jitter: u32, sender_report: u32) {
        let Some(place) = pick(self.watchers.len(), session) else { return };
        let block = ReportBlock {
            ssrc: self.watchers[place].viewer.video_ssrc(),
            fraction_lost: lost,
            cumulative_lost: i32::from(lost),
            extended_highest_sequence: highest,
            jitter,
            last_sender_report: sender_report,
            delay_since_last_sender_report: jitter,
        };
        self.say_as_viewer(place, |rtcp| rtcp.receiver_report(Ssrc(1), &[block]).is_ok());
    }

    fn clock(&mut self, publisher: u8, ntp: u64, timestamp: u32) {
        let Some(place) = pick(self.sources.len(), publisher) else { return };
        let ssrc = self.sources[place].publisher.video.ssrc;
        let session = u8::try_from(place).unwrap();
        self.say(session, |rtcp| {
            rtcp.sender_report(ssrc, NtpTime(ntp), Timestamp(timestamp), 1, 1, &[]).is_ok()
        });
    }

    fn noise(&mut self, session: u8, stranger: bool, bytes: Vec<u8>) {
        let Some(seat) = self.seat(session) else { return };
        let from = if stranger { World::stranger() } else { seat.address };
        self.world.hand(seat.shard, from, bytes);
    }

    fn ask(&mut self, inspect: Option<u8>) {
        let seat = inspect.and_then(|session| self.seat(session));
        match seat {
            Some(seat) => self.world.order(seat.shard, Order::Inspect(seat.key)),
            // A key that nobody has.
            None if inspect.is_some() => {
                let nobody = SessionKey { slot: 7, generation: 7 };
                self.world.order(ShardId(0), Order::Inspect(nobody));
            }
            None => self.world.order(ShardId(1), Order::Report),
        }
    }

    fn pause(&mut self, viewer: u8, video: bool, paused: bool) {
        let Some(place) = pick(self.watchers.len(), viewer) else { return };
        let seat = self.watchers[place].viewer.seat;
        self.world.order(seat.shard, Order::Pause { key: seat.key, video, paused });
    }

    fn mute(&mut self, session: u8, video: bool, muted: bool) {
        if let Some(seat) = self.seat(session) {
            self.world.order(seat.shard, Order::Mute { key: seat.key, video, muted });
        }
    }

    fn limit(&mut self, session: u8, kilobits: u8) {
        if let Some(seat) = self.seat(session) {
            let bitrate_bps_max = (kilobits < u8::MAX).then_some(u64::from(kilobits) * 1_000);
            self.world.order(seat.shard, Order::Limit { key: seat.key, bitrate_bps_max });
        }
    }

    fn prefer(&mut self, viewer: u8, layer: u8, max_width: Option<u16>) {
        let Some(place) = pick(self.watchers.len(), viewer) else { return };
        let seat = self.watchers[place].viewer.seat;
        let layer = [None, Rid::new(b"q"), Rid::new(b"h"), Rid::new(b"x")][usize::from(layer % 4)];
        let wish = LayerWish { layer, max_width, max_height: None };
        self.world.order(seat.shard, Order::Prefer { key: seat.key, wish });
    }

    /// To a publisher that is there, with both tracks, as the link thread does it.
    fn switch(&mut self, viewer: u8, publisher: u8) {
        let Some(place) = pick(self.watchers.len(), viewer) else { return };
        let Some(to) = pick(self.sources.len(), publisher).filter(|to| self.sources[*to].is_open) else { return };
        // What was sent before is the old publisher's.
        self.world.settle();
        self.collect();
        let from = std::mem::replace(&mut self.watchers[place].source, to);
        let (seat, home) = (self.watchers[place].viewer.seat, self.sources[to].publisher.seat.shard);
        let sources = |source: usize| {
            let publisher = &self.sources[source].publisher;
            let sound = LayerSpec { track: publisher.audio_track(), rid: None };
            [layers(publisher), [sound].into_iter().collect()]
        };
        for (from, to) in sources(from).into_iter().zip(sources(to)) {
            let from = from[0].track;
            self.world.order(seat.shard, Order::Switch { key: seat.key, from, to, home });
        }
        self.world.settle();
    }

    fn say_as_viewer(&mut self, place: usize, write: impl FnOnce(&mut RtcpWriter<'_>) -> bool) {
        self.say(u8::try_from(self.sources.len() + place).unwrap(), write);
    }

    /// A compound of a session, sealed under its keys.
    fn say(&mut self, session: u8, write: impl FnOnce(&mut RtcpWriter<'_>) -> bool) {
        let mut plain = vec![0; 1200];
        let mut writer = RtcpWriter::new(&mut plain);
        if write(&mut writer) {
            let plain = writer.as_bytes().to_vec();
            self.sealed_rtcp(session, &plain);
        }
    }

    fn sealed_rtcp(&mut self, session: u8, plain: &[u8]) {
        let Some(place) = pick(self.seats().count(), session) else { return };
        let (seat, sealer): (Seat, &mut RtcpSealer) = match place.checked_sub(self.sources.len()) {
            None => {
                let publisher = &mut self.sources[place].publisher;
                (publisher.seat, &mut publisher.contexts.rtcp_sealer)
            }
            Some(place) => {
                let viewer = &mut self.watchers[place].viewer;
                (viewer.seat, &mut viewer.contexts.rtcp_sealer)
            }
        };
        let mut sealed = vec![0; plain.len() + 64];
        // Less than a header cannot be sealed.
        let Ok(len) = sealer.seal(plain, &mut sealed) else { return };
        sealed.truncate(len);
        keep(&mut self.kept, (seat, sealed.clone()));
        self.world.hand(seat.shard, seat.address, sealed);
    }

    fn sealed_rtp(&mut self, publisher: u8, rollover: u8, plain: &[u8]) {
        let (Some(place), Ok(header)) = (pick(self.sources.len(), publisher), RtpHeader::parse(plain)) else {
            return;
        };
        let source = &mut self.sources[place];
        let index = u64::from(rollover) << 16 | u64::from(header.sequence.0);
        let (head, payload) = plain.split_at(header.header_len);
        let mut sealed = [head, payload, &[0; RTP_OVERHEAD]].concat();
        let sealer = &source.publisher.contexts.rtp_sealer;
        sealer.seal_in_place(index, &mut sealed, head.len(), payload.len()).unwrap();
        // With a payload that is its padding there is nothing said.
        source.said.extend(header.payload(plain).ok().map(without_numbers));
        // As a retransmission, it has a number in front.
        source.said.extend(header.payload(plain).ok().and_then(|payload| payload.get(2..)).map(without_numbers));
        let seat = source.publisher.seat;
        self.world.hand(seat.shard, seat.address, sealed);
    }

    /// What came to the peers is what may come to them.
    fn collect(&mut self) {
        for source in &mut self.sources {
            let told = source.publisher.receive(&mut self.world);
            assert!(source.is_open || told.is_empty(), "feedback for a publisher that left");
            assert!(!told.iter().any(|told| matches!(told, Told::SenderReport { .. })), "nobody sends it media");
        }
        for watcher in &mut self.watchers {
            let source = &self.sources[watcher.source];
            for heard in watcher.viewer.receive(&mut self.world) {
                assert!(watcher.is_open, "media for a viewer that left");
                check_heard(&watcher.viewer, source, &heard);
                let is_new = watcher.nonces.insert((heard.header.ssrc, heard.index));
                assert!(is_new, "{:?} used {:?} twice", heard.header.ssrc, ExtendedSequence(heard.index));
                watcher.last = Some(heard);
            }
        }
        let addressed: Vec<Remote> = self.world.addressed();
        assert!(addressed.is_empty(), "mail for nobody: {addressed:?}");
        // What was told to the link thread is in the digest; keeping it serves nobody.
        self.world.events();
        self.world.messages();
        self.world.lane_messages();
    }
}

/// One of the viewer's own streams, with a payload of the publisher that it watches.
fn check_heard(viewer: &Viewer, source: &Source, heard: &Heard) {
    let ssrc = heard.header.ssrc;
    let of_stream = viewer.spec.subscriptions.iter().find(|subscription| subscription.ssrc == ssrc);
    let (payload_type, payload) = match of_stream {
        Some(subscription) => (subscription.payload_type, heard.payload.as_slice()),
        None => {
            let rtx = viewer.spec.subscriptions.iter().filter_map(|subscription| subscription.rtx);
            let (_, payload_type) = rtx.into_iter().find(|(rtx, _)| *rtx == ssrc).expect("a stream of its own");
            (payload_type, heard.payload.get(2..).unwrap_or_default())
        }
    };
    assert_eq!(heard.header.payload_type, payload_type);
    let is_said = source.said.contains(&without_numbers(payload));
    assert!(payload.is_empty() || is_said, "a payload that was never published");
}

/// A publisher's picture in two layers: q, whose SSRC is announced, and h, which is bound by its rid.
fn layered(spec: &mut PublishSpec) {
    assert!(spec.extensions.insert(RID, ExtensionKind::Rid));
    let upper = PublishedTrack {
        track: TrackId(spec.tracks[0].track.0 + UPPER_TRACKS),
        rid: Rid::new(b"h"),
        ssrc: None,
        rtx_ssrc: None,
        ..spec.tracks[0].clone()
    };
    spec.tracks[0].rid = Rid::new(b"q");
    spec.tracks.push(upper);
}

fn layers(publisher: &Publisher) -> Layers {
    let layered = publisher.spec.tracks.iter().filter(|track| track.rid.is_some());
    layered.map(|track| LayerSpec { track: track.track, rid: track.rid }).collect()
}

/// A payload as it is whatever viewer it goes to: VP8's picture ids and their companions are continued from layer to layer.
fn without_numbers(payload: &[u8]) -> Vec<u8> {
    let mut payload = payload.to_vec();
    if let Ok(descriptor) = Vp8Descriptor::parse(&payload) {
        assert!(descriptor.renumber(&mut payload, 0, 0, 0));
    }
    payload
}

/// One of `count` by a number.
fn pick(count: usize, number: u8) -> Option<usize> {
    usize::from(number).checked_rem(count)
}

fn keep<T>(kept: &mut VecDeque<T>, one: T) {
    kept.push_back(one);
    if kept.len() > KEPT_MAX {
        kept.pop_front();
    }
}
