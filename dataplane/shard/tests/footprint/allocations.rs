//! Nothing is allocated for a packet: an allocator that is slow, or locked by another thread, must not be on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use fanlight_shard::Role;
use fanlight_wire::{ExtensionKind, NtpTime, ReportBlock, RtpHeader, Sequence, Ssrc, Timestamp};

use crate::common::trace::Order;
use crate::common::{Packet, Publisher, Viewer, rtcp};
use crate::rig::Rig;

/// Viewers whose keys the test has, half of them on either shard.
const VIEWERS: u16 = 20;
/// The id of transport-wide numbers, for those who tell what arrived.
const TRANSPORT_SEQUENCE: u8 = 12;
/// From frame to frame.
const FRAME: Duration = Duration::from_nanos(33_333_334);

/// See the file's head.
struct Scene {
    rig: Rig,
    publisher: Publisher,
    viewers: Vec<Viewer>,
    frames: u32,
    /// Each viewer loses a packet in so many frames.
    frames_a_loss: usize,
    /// Of the last frame that was lost upwards, until it is sent again.
    lost: Option<Packet>,
    /// Messages of viewers that tell what arrived.
    arrivals_told: u32,
}

impl Scene {
    /// A publisher on shard 0; viewers there and on shard 1, one stock client with a real handshake among them on each.
    fn set() -> Self {
        let mut rig = Rig::new(2);
        let seat = rig.seat(0);
        let publisher = Publisher::seated(seat, Publisher::usual_spec(&seat));
        rig.seat_keyed(&seat, |adoption| Order::Publish(adoption, publisher.spec.clone()));
        let mut viewers = Vec::new();
        for number in 0..VIEWERS {
            let seat = rig.seat(number % 2);
            let mut spec = Viewer::usual_spec(&seat, &publisher);
            if number % 4 < 2 {
                assert!(spec.extensions.insert(TRANSPORT_SEQUENCE, ExtensionKind::TransportSequence));
            }
            rig.seat_keyed(&seat, |adoption| Order::Watch(adoption, spec.clone()));
            viewers.push(Viewer::seated(seat, spec));
        }
        for shard in 0..2 {
            let seat = rig.seat(shard);
            rig.seat_client(seat, Role::Viewer(Viewer::usual_spec(&seat, &publisher)));
        }
        for _ in 0..200 {
            rig.pass(Duration::from_millis(10));
        }
        Self { rig, publisher, viewers, frames: 0, frames_a_loss: 1, lost: None, arrivals_told: 0 }
    }

    /// A thirtieth of a second: a frame and its sound go out, one packet in a hundred frames is lost and comes again, and all
    /// viewers say what viewers say.
    fn pass_frame(&mut self) {
        let frame = self.frames;
        self.frames += 1;
        let mut packets =
            self.publisher.frame(frame.is_multiple_of(60), &[1100, 1100, 900 + (frame % 7) as usize]);
        packets.extend([self.publisher.sound(80), self.publisher.sound(81)]);
        if let Some(lost) = self.lost.take_if(|_| frame % 100 == 53) {
            packets.push(self.publisher.retransmission(&lost));
        }
        if frame % 100 == 50 {
            self.lost = Some(packets.remove(1));
        }
        for packet in &packets {
            self.rig.hand(&self.publisher.seat, self.publisher.seal(packet));
        }
        if frame.is_multiple_of(30) {
            self.tell_time();
        }
        self.rig.pass_alone(FRAME);
        let heard = self.last_heard();
        let numbers = self.numbers();
        self.rig.serve_clients();
        for (place, numbers) in numbers.iter().enumerate() {
            self.tell_arrivals(place, numbers);
        }
        for place in 0..self.viewers.len() {
            self.give_feedback(place, &heard);
        }
        self.rig.settle();
    }

    fn tell_time(&mut self) {
        let (video, at) = (self.publisher.video.ssrc, self.publisher.video.timestamp);
        let ntp = NtpTime(u64::from(self.frames) << 30);
        let report = rtcp::seal(&mut self.publisher.contexts.rtcp_sealer, |rtcp| {
            rtcp.sender_report(video, ntp, Timestamp(at), 0, 0, &[])
        });
        self.rig.hand(&self.publisher.seat, report);
    }

    /// The last sequence number that came under each SSRC.
    fn last_heard(&self) -> BTreeMap<Ssrc, Sequence> {
        let media = self.rig.sent.datagrams().filter_map(|(_, datagram)| RtpHeader::parse(datagram).ok());
        media.map(|header| (header.ssrc, header.sequence)).collect()
    }

    /// The transport-wide numbers that came to each viewer.
    fn numbers(&self) -> Vec<Vec<u16>> {
        let numbers_to = |viewer: &Viewer| {
            let datagrams = self.rig.sent.datagrams().filter(|(to, _)| *to == viewer.seat.address);
            let numbers = datagrams.filter_map(|(_, datagram)| {
                let header = RtpHeader::parse(datagram).ok()?;
                let mut elements = header.extensions(datagram);
                let number = elements.find(|element| element.id == TRANSPORT_SEQUENCE)?.data;
                Some(u16::from_be_bytes(number.try_into().unwrap()))
            });
            numbers.collect()
        };
        self.viewers.iter().map(numbers_to).collect()
    }

    /// All of a frame arrived 1 ms apart.
    fn tell_arrivals(&mut self, place: usize, numbers: &[u16]) {
        let Some(base) = numbers.first() else { return };
        let start_us = i64::from(self.frames) * 33_333;
        let arrivals: Vec<_> = (0..).zip(numbers).map(|(ms, _)| Some(start_us + ms * 1_000)).collect();
        let viewer = &mut self.viewers[place];
        let video = viewer.video_ssrc();
        let feedback = rtcp::seal(&mut viewer.contexts.rtcp_sealer, |rtcp| {
            rtcp.twcc(Ssrc(1), video, 0, Sequence(*base), &arrivals).map(|_| ())
        });
        self.rig.hand(&viewer.seat, feedback);
        self.arrivals_told += 1;
    }

    /// Reports and an estimate each second, NACKs in between, each viewer at its own time.
    fn give_feedback(&mut self, place: usize, heard: &BTreeMap<Ssrc, Sequence>) {
        let turn = self.frames as usize + place;
        let viewer = &mut self.viewers[place];
        let (video, sender) = (viewer.video_ssrc(), Ssrc(1));
        let block = ReportBlock {
            ssrc: video,
            fraction_lost: 3,
            cumulative_lost: 9,
            extended_highest_sequence: 1000,
            jitter: 7,
            last_sender_report: 0,
            delay_since_last_sender_report: 0,
        };
        if turn.is_multiple_of(30) {
            let report = rtcp::seal(&mut viewer.contexts.rtcp_sealer, |rtcp| {
                rtcp.receiver_report(sender, &[block])?;
                rtcp.remb(sender, 5_000_000, &[video])
            });
            self.rig.hand(&viewer.seat, report);
        }
        if let (0, Some(sequence)) = (turn % self.frames_a_loss, heard.get(&video)) {
            let nack = rtcp::seal(&mut viewer.contexts.rtcp_sealer, |rtcp| {
                rtcp.nack(sender, video, [*sequence].into_iter())
            });
            self.rig.hand(&viewer.seat, nack);
        }
    }
}

/// Media, retransmissions both ways, reports, estimates of half of the viewers and ours of the others, over a lane and at home: once every list has its size, no turn
/// allocates or frees anything but what the engine's own datagrams are made of.
#[test]
fn no_turn_allocates_for_a_packet() {
    let mut scene = Scene::set();
    // Sessions note their NACKs, at most a hundred each: the lists have their size then.
    for _ in 0..110 {
        scene.pass_frame();
        scene.rig.pass(Duration::from_millis(1100));
    }
    scene.frames_a_loss = 15;
    for _ in 0..120 {
        scene.pass_frame();
    }
    let before: Vec<_> = scene.rig.shards.iter().map(|shard| *shard.counters()).collect();
    scene.rig.forget_spent();
    for _ in 0..300 {
        scene.pass_frame();
    }
    let sum = |count: fn(&fanlight_shard::Counters) -> u64| {
        let now = scene.rig.shards.iter().zip(&before);
        now.map(|(shard, before)| count(shard.counters()) - count(before)).sum::<u64>()
    };
    let viewers = u64::from(VIEWERS) + 2;
    assert_eq!(scene.arrivals_told, 530 * u32::from(VIEWERS) / 2);
    assert_eq!(sum(|counters| counters.media_packets_out), 300 * 5 * viewers, "all of it to everybody");
    assert!(sum(|counters| counters.retransmissions_out) > 300 / 20 * u64::from(VIEWERS));
    assert_eq!(sum(|counters| counters.lane_packets_in), 300 * 5);
    assert_eq!(sum(|counters| counters.rejects.total()), 0);
    assert!(scene.rig.engine_datagrams > 0, "the stock clients are there and check their paths");
    let (all, engine) = (scene.rig.spent, scene.rig.engine);
    assert_eq!(all.count_total - engine.count_total, 0, "allocated by the shard");
    assert_eq!(engine.count_current - all.count_current, scene.rig.engine_datagrams, "and given back");
}
