//! Packets that leave together: a message to the kernel is what costs.

use std::time::Duration;

use fanlight_shard::TrainConfig;

use crate::common::network::Message;
use crate::common::world::WorldConfig;
use crate::common::{Packet, Publisher, Viewer, World};

/// Longest wait of a packet in these tests.
const HOLD_MAX: Duration = Duration::from_millis(10);

/// A world whose shards count as loaded, whatever they send.
fn loaded() -> World {
    let trains = TrainConfig { hold_max: HOLD_MAX, load_packets: 0, ..TrainConfig::default() };
    World::new(WorldConfig { trains, ..WorldConfig::default() })
}

/// A publisher, and a viewer that is live. What has been sent is forgotten.
fn watched(world: &mut World) -> (Publisher, Viewer) {
    let mut publisher = Publisher::join(world, 0);
    let mut viewer = Viewer::join(world, 0, &publisher);
    publisher.deliver_frame(world, true, &[900, 900]);
    world.pass(HOLD_MAX);
    publisher.deliver_sound(world);
    world.pass(HOLD_MAX);
    assert_eq!(viewer.receive(world).len(), 3);
    world.messages();
    (publisher, viewer)
}

/// The messages to the viewer since the last call, each as the lengths of its datagrams.
fn trains(world: &mut World, viewer: &Viewer) -> Vec<Vec<usize>> {
    let messages = world.messages();
    let to_viewer = messages.iter().filter(|message| message.to == viewer.seat.address);
    to_viewer.map(|message: &Message| message.datagrams().map(<[u8]>::len).collect()).collect()
}

fn payloads(packets: &[Packet]) -> Vec<&[u8]> {
    packets.iter().map(|packet| packet.payload.as_slice()).collect()
}

/// Encoders cut a frame to within a byte, the shorter pieces first; the kernel cuts a message into equal ones.
#[test]
fn pieces_of_nearly_one_size_leave_as_one_train() {
    let mut world = World::small();
    let (mut publisher, mut viewer) = watched(&mut world);
    let sent = publisher.frame(false, &[899, 899, 900, 900]);
    publisher.deliver(&mut world, &sent);
    let trains = trains(&mut world, &viewer);
    assert_eq!(trains.len(), 1, "{trains:?}");
    assert!(trains[0].len() == 4 && trains[0].iter().all(|len| *len == trains[0][0]), "{trains:?}");
    let heard = viewer.receive(&mut world);
    let heard: Vec<&[u8]> = heard.iter().map(|heard| heard.payload.as_slice()).collect();
    assert_eq!(heard, payloads(&sent), "padding is no part of the payload");
}

/// What was padded for its train is sent again as it was made.
#[test]
fn a_padded_packet_is_sent_again_without_its_padding() {
    let mut world = World::small();
    let (mut publisher, mut viewer) = watched(&mut world);
    let sent = publisher.frame(false, &[899, 900]);
    publisher.deliver(&mut world, &sent);
    let heard = viewer.receive(&mut world);
    let ssrc = viewer.video_ssrc();
    viewer.nack(&mut world, ssrc, &[heard[0].header.sequence.0]);
    let rtx_ssrc = viewer.rtx_ssrc();
    let again = viewer.receive_of(&mut world, rtx_ssrc);
    assert_eq!(again.len(), 1);
    assert_eq!(&again[0].payload[2..], sent[0].payload.as_slice());
}

/// A message of its own for a hundred bytes of sound costs as much as ten packets of video in one.
#[test]
fn sound_of_the_same_turn_rides_as_the_tail_of_the_video() {
    let mut world = World::small();
    let (mut publisher, mut viewer) = watched(&mut world);
    let mut sent = publisher.frame(false, &[900, 900, 900]);
    sent.insert(0, publisher.sound(80));
    publisher.deliver(&mut world, &sent);
    let trains = trains(&mut world, &viewer);
    let [train] = trains.as_slice() else { panic!("{trains:?}") };
    assert!(train.len() == 4 && train[3] < train[2], "{trains:?}");
    assert_eq!(viewer.receive(&mut world).len(), 4, "once");
}

/// Who has no video gets the sound all the same, and nobody gets it twice.
#[test]
fn sound_reaches_those_who_watch_no_video() {
    let mut world = World::small();
    let (mut publisher, mut watcher) = watched(&mut world);
    let mut listener =
        Viewer::join_with(&mut world, 0, &publisher, |spec| drop(spec.subscriptions.remove(0)));
    let mut sent = publisher.frame(false, &[900]);
    sent.push(publisher.sound(80));
    publisher.deliver(&mut world, &sent);
    assert_eq!((watcher.receive(&mut world).len(), listener.receive(&mut world).len()), (2, 1));
}

/// A frame cannot be decoded before its last packet: its first ones lose nothing by waiting for that.
#[test]
fn under_load_a_frame_waits_for_its_end() {
    let mut world = loaded();
    let (mut publisher, mut viewer) = watched(&mut world);
    let sent = publisher.frame(false, &[900, 900, 900]);
    publisher.deliver(&mut world, &sent[..1]);
    world.pass_ms(3);
    publisher.deliver(&mut world, &sent[1..2]);
    assert_eq!(trains(&mut world, &viewer), Vec::<Vec<usize>>::new());
    publisher.deliver(&mut world, &sent[2..]);
    let trains = trains(&mut world, &viewer);
    assert_eq!(trains.iter().map(Vec::len).collect::<Vec<_>>(), [3]);
    assert_eq!(viewer.receive(&mut world).len(), 3);
}

/// The end of a frame may be lost, or late.
#[test]
fn no_packet_waits_longer_than_it_may() {
    let mut world = loaded();
    let (mut publisher, mut viewer) = watched(&mut world);
    let sent = publisher.frame(false, &[900, 900, 900]);
    publisher.deliver(&mut world, &sent[..2]);
    world.pass(HOLD_MAX - Duration::from_millis(1));
    assert_eq!(viewer.receive(&mut world).len(), 0);
    world.pass_ms(1);
    assert_eq!(viewer.receive(&mut world).len(), 2);
    publisher.deliver(&mut world, &sent[2..]);
    assert_eq!(viewer.receive(&mut world).len(), 1);
}

/// A viewer that goes through the store must not overtake the fan-out: what waits would come twice, or out of order.
#[test]
fn who_joins_while_a_frame_waits_gets_each_packet_once() {
    let mut world = loaded();
    let (mut publisher, mut first) = watched(&mut world);
    let sent = publisher.frame(false, &[900, 900]);
    publisher.deliver(&mut world, &sent[..1]);
    let mut late = Viewer::join(&mut world, 0, &publisher);
    let begun = late.receive(&mut world).len();
    assert_eq!(begun, 2, "the key frame and nothing that waits");
    world.pass_ms(4);
    publisher.deliver(&mut world, &sent[1..]);
    for _ in 0..20 {
        world.pass_ms(10);
    }
    assert_eq!(first.receive(&mut world).len(), 2);
    assert_eq!(late.receive(&mut world).len(), 2);
}

/// Sound waits for the next frame only where that is near by the rhythm of the video.
#[test]
fn under_load_sound_waits_for_a_frame_that_is_near() {
    let mut world = loaded();
    let (mut publisher, mut viewer) = watched(&mut world);
    for _ in 0..10 {
        publisher.deliver_frame(&mut world, false, &[900, 900]);
        world.pass_ms(33);
    }
    viewer.receive(&mut world);
    publisher.deliver_frame(&mut world, false, &[900, 900]);
    world.messages();
    world.pass_ms(10);
    publisher.deliver_sound(&mut world);
    assert_eq!(trains(&mut world, &viewer).len(), 1, "the next frame is 23 ms away");
    world.pass_ms(18);
    publisher.deliver_sound(&mut world);
    assert_eq!(trains(&mut world, &viewer).len(), 0, "it is 5 ms away");
    world.pass_ms(5);
    publisher.deliver_frame(&mut world, false, &[900, 900]);
    assert_eq!(trains(&mut world, &viewer).iter().map(Vec::len).collect::<Vec<_>>(), [3]);
}
