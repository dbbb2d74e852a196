//! A shard is a function of its turns: that makes a trace a bug report.

use std::collections::BTreeMap;

use fanlight_shard::{EndReason, Reject};
use fanlight_wire::{NtpTime, ReportBlock, Sequence, Ssrc};

use crate::common::script::Script;
use crate::common::trace::{Order, replay};
use crate::common::world::WorldConfig;
use crate::common::{Packet, Publisher, Told, Viewer, World};

/// Sends packets, a tenth of them into the void, some twice, some cut.
fn send_badly(script: &mut Script, world: &mut World, publisher: &Publisher, packets: &[Packet]) {
    for packet in packets {
        let sealed = publisher.seal(packet);
        if script.happens(10) {
            continue;
        }
        if script.happens(12) {
            world.hand(publisher.seat.shard, publisher.seat.address, sealed[..sealed.len() / 2].to_vec());
        }
        let copies = if script.happens(15) { 2 } else { 1 };
        (0..copies).for_each(|_| world.hand(publisher.seat.shard, publisher.seat.address, sealed.clone()));
    }
}

/// Answers what a viewer got: asks again for some of it, for key frames, and reports.
fn answer(script: &mut Script, world: &mut World, viewer: &mut Viewer) {
    let heard = viewer.receive(world);
    let video = viewer.video_ssrc();
    let numbers: Vec<Sequence> = heard
        .iter()
        .filter(|heard| heard.header.ssrc == video && script.happens(8))
        .map(|heard| heard.header.sequence)
        .collect();
    let wish = script.happens(25);
    let block = ReportBlock {
        ssrc: video,
        fraction_lost: 3,
        cumulative_lost: 9,
        extended_highest_sequence: 0,
        jitter: 11,
        last_sender_report: 0,
        delay_since_last_sender_report: 0,
    };
    viewer.say(world, |rtcp| {
        rtcp.receiver_report(Ssrc(1), &[block])?;
        rtcp.nack(Ssrc(1), video, numbers.iter().copied())?;
        if wish { rtcp.pli(Ssrc(1), video) } else { Ok(()) }
    });
}

/// A busy time on two shards: media with losses, repetitions and cuts, noise, NACKs and key-frame wishes both ways, reports,
/// joins, leaves, a change of SSRC, short lanes, a kernel that takes nothing, and the end.
fn busy_time(seed: u64) -> World {
    let mut script = Script(7);
    let mut world = World::new(WorldConfig { shards: 2, seed, lane_depth: 6, ..WorldConfig::default() });
    let mut publisher = Publisher::join(&mut world, 0);
    publisher.video.index = 65_300;
    let mut viewers: Vec<Viewer> = [0, 0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher)).into();
    let mut sent = BTreeMap::new();
    for step in 0..150_u64 {
        let lens: Vec<usize> =
            (0..=script.draw(9)).map(|_| 300 + usize::try_from(script.draw(2)).unwrap() * 700).collect();
        let mut packets = publisher.frame(step % 50 == 0 || script.happens(40), &lens);
        packets.push(publisher.sound(40 + usize::try_from(script.draw(60)).unwrap()));
        sent.extend(packets.iter().map(|packet| ((packet.ssrc, packet.sequence()), packet.clone())));
        world.egress_room = if script.happens(30) { 1 } else { usize::MAX };
        send_badly(&mut script, &mut world, &publisher, &packets);
        let noise = crate::common::packet::noise(step, usize::try_from(script.draw(100)).unwrap());
        world.hand(publisher.seat.shard, World::stranger(), noise);
        world.pass_ms(1 + script.draw(30));
        viewers.iter_mut().for_each(|viewer| answer(&mut script, &mut world, viewer));
        for told in publisher.receive(&mut world) {
            let Told::Nack { media, sequences } = told else { continue };
            for lost in sequences
                .iter()
                .filter_map(|sequence| sent.get(&(media, *sequence)))
                .cloned()
                .collect::<Vec<_>>()
            {
                let again = publisher.retransmission(&lost);
                send_badly(&mut script, &mut world, &publisher, &[again]);
            }
        }
        match step {
            20 | 60 => {
                let (ssrc, timestamp) = (publisher.video.ssrc, publisher.video.timestamp);
                let ntp = NtpTime::from_parts(3_900_000_000, 0).wrapping_add(world.now - world.started);
                publisher.tell_time(&mut world, ssrc, ntp, timestamp);
            }
            70 => viewers.push(Viewer::join(&mut world, 1, &publisher)),
            90 => (publisher.video.ssrc, publisher.video.index) = (Ssrc(0x5eed), 10),
            110 => {
                let left = viewers.remove(2).seat;
                world.order(left.shard, Order::Close(left.key, EndReason::Deleted));
            }
            120 => world.order(publisher.seat.shard, Order::Report),
            _ => {}
        }
    }
    world.order(publisher.seat.shard, Order::Close(publisher.seat.key, EndReason::Kicked));
    world.pass_ms(20);
    world
}

/// The law of the crate: the same turns give the same outputs, to the byte: egress, lane messages, events, deadlines.
#[test]
fn the_same_turns_give_the_same_outputs() {
    let first = busy_time(1);
    let (counters, mirror) = (*first.counters(0), *first.counters(1));
    let rejects = [Reject::Replayed, Reject::NotAuthentic, Reject::Unclassified, Reject::UnknownAddress];
    assert!(rejects.iter().all(|reject| counters.rejects.of(*reject) > 0), "{counters:?}");
    let reached = [
        counters.retransmissions_out,
        counters.key_frame_requests_out,
        counters.egress_full,
        counters.lane_video_shed,
        mirror.media_packets_out,
        mirror.retransmissions_out,
    ];
    assert!(reached.iter().all(|count| *count > 0), "the time was not busy enough: {reached:?}");
    assert_eq!((first.session_count(0), first.session_count(1)), (0, 0));

    let again = replay(&first.config, first.started, first.turns());
    assert_eq!(again, first.digest(), "replayed without the peers");
    assert_eq!(busy_time(1).digest(), first.digest(), "lived through again, on another day");
}

/// The digest sees what it is to see: another seed gives other numberings, a turn less gives less.
#[test]
fn another_seed_or_another_turn_gives_other_outputs() {
    let world = busy_time(1);
    let other = WorldConfig { seed: 2, ..world.config.clone() };
    assert_ne!(replay(&other, world.started, world.turns()), world.digest());
    let (_, shorter) = world.turns().split_last().unwrap();
    assert_ne!(replay(&world.config, world.started, shorter), world.digest());
    let mut bent = world.turns().to_vec();
    let hit = bent.iter_mut().flat_map(|turn| &mut turn.datagrams).nth(50).unwrap();
    hit.1.push(0);
    assert_ne!(replay(&world.config, world.started, &bent), world.digest());
}
