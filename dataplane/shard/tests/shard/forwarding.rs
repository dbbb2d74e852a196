//! The way of media from a publisher to its viewers.

use std::collections::BTreeSet;

use fanlight_shard::{EndReason, Event, LaneMessage, Reject, TrackId};
use fanlight_wire::ExtensionKind;

use crate::common::trace::Order;
use crate::common::viewer::{AUDIO_PAYLOAD_TYPE, VIDEO_PAYLOAD_TYPE};
use crate::common::world::WorldConfig;
use crate::common::{Heard, Packet, Publisher, Stage, Told, Viewer, World, publisher};

/// What a viewer is to get of packets: everything but the numbering as it was, and the numbering shifted by constants.
fn assert_forwarded(sent: &[Packet], heard: &[Heard], payload_type: u8, name: &[u8]) {
    let packets = |count| format!("{count} packets");
    assert_eq!(packets(heard.len()), packets(sent.len()));
    let Some((first_sent, first_heard)) = sent.first().zip(heard.first()) else { return };
    for (sent, heard) in sent.iter().zip(heard) {
        assert_eq!(heard.payload, sent.payload);
        assert_eq!(heard.header.payload_type.value(), payload_type);
        assert_eq!(heard.header.marker, sent.marker);
        assert_eq!(heard.element(ExtensionKind::Mid), Some(name));
        assert_eq!(heard.element(ExtensionKind::AbsSendTime).map(<[u8]>::len), Some(3));
        assert_eq!(
            heard.index - first_heard.index,
            sent.index - first_sent.index,
            "gaps and order are the publisher's"
        );
        let ticks = |from: u32, to: u32| to.wrapping_sub(from);
        assert_eq!(
            ticks(first_heard.header.timestamp.0, heard.header.timestamp.0),
            ticks(first_sent.timestamp, sent.timestamp),
        );
        let forwarded = [
            (publisher::id::AUDIO_LEVEL, ExtensionKind::AudioLevel),
            (publisher::id::ORIENTATION, ExtensionKind::VideoOrientation),
        ];
        for (id, kind) in forwarded {
            let said = sent.elements.iter().find(|(known, _)| *known == id).map(|(_, data)| data.as_slice());
            assert_eq!(heard.element(kind), said);
        }
    }
}

/// The heart of it: each viewer, on whatever shard, gets every packet sealed for it alone, under its own names and numbers,
/// with payload, marker and forwarded extensions as the publisher made them.
#[test]
fn viewers_of_all_shards_get_what_the_publisher_sent() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers = [0, 0, 1, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    for frame in 0..40 {
        // Over the wrap of the audio's sequence numbers too.
        publisher.audio.index += if frame == 20 { 5_500 } else { 0 };
        video.extend(publisher.deliver_frame(&mut world, frame % 15 == 0, &[1100, 1100, 700 + frame]));
        world.pass_ms(10);
        audio.push(publisher.deliver_sound(&mut world));
        world.pass_ms(23);
    }
    let mut firsts = BTreeSet::new();
    for viewer in &mut viewers {
        let heard = viewer.receive(&mut world);
        let of = |ssrc| heard.iter().filter(|heard| heard.header.ssrc == ssrc).cloned().collect::<Vec<_>>();
        let (heard_video, heard_audio) = (of(viewer.video_ssrc()), of(viewer.audio_ssrc()));
        assert_forwarded(&video, &heard_video, VIDEO_PAYLOAD_TYPE, b"0");
        assert_forwarded(&audio, &heard_audio, AUDIO_PAYLOAD_TYPE, b"1");
        assert_eq!(heard.len(), video.len() + audio.len(), "and nothing else");
        firsts.insert(heard_video[0].index);
    }
    assert_eq!(firsts.len(), viewers.len(), "each has a numbering of its own");
    let crossed = (world.counters(0).lane_packets_out, world.counters(1).lane_packets_in);
    let kept = (video.len() + audio.len()) as u64;
    assert_eq!(crossed, (kept, kept), "once a shard, not once a viewer");
    assert_eq!(world.counters(0).rejects.total() + world.counters(1).rejects.total(), 0);
}

/// A decoder can begin with a key frame only; sound can begin anywhere.
#[test]
fn a_viewer_begins_with_a_key_frame_and_hears_at_once() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    publisher.deliver_frame(&mut world, false, &[500, 500]);
    let sound = publisher.deliver_sound(&mut world);
    let heard = viewer.receive(&mut world);
    assert_forwarded(&[sound], &heard, AUDIO_PAYLOAD_TYPE, b"1");
    let mut sent = publisher.deliver_frame(&mut world, true, &[500, 400]);
    sent.extend(publisher.deliver_frame(&mut world, false, &[300]));
    assert_forwarded(&sent, &viewer.receive(&mut world), VIDEO_PAYLOAD_TYPE, b"0");
}

/// Isolation: a packet goes to those who subscribed to its track, and to nobody else in the process.
#[test]
fn a_packet_goes_to_nobody_without_a_subscription() {
    let mut world = World::of_two();
    let mut loud = Publisher::join(&mut world, 0);
    let quiet = Publisher::join(&mut world, 0);
    let mut listener = Viewer::join_with(&mut world, 0, &loud, |spec| drop(spec.subscriptions.remove(0)));
    let strangers = [0, 1].map(|shard| Viewer::join(&mut world, shard, &quiet));
    let idle = Viewer::join_with(&mut world, 1, &loud, |spec| spec.subscriptions.clear());
    for viewer in strangers.iter().chain([&idle, &listener]) {
        world.mail(viewer.seat.address);
    }
    world.mail(quiet.seat.address);
    loud.deliver_frame(&mut world, true, &[800, 800]);
    let sound = loud.deliver_sound(&mut world);
    loud.receive(&mut world);
    assert_eq!(world.addressed(), [listener.seat.address]);
    let mail = world.mail(listener.seat.address);
    assert_eq!(mail.len(), 1, "the track that it wants, not the other");
    assert_ne!(mail[0].len(), 0);
    assert_eq!(world.counters(0).media_packets_out, 1);
    assert_eq!(world.counters(0).lane_packets_out, 0, "no viewer there, no packet there");
    let again = loud.deliver_sound(&mut world);
    assert_eq!(listener.receive(&mut world)[0].payload, again.payload);
    assert_ne!(sound.payload, again.payload);
}

/// Segment sizes of the messages that packets of these payload lengths, sent in one turn, leave in.
fn trains(lens: &[usize]) -> Vec<Vec<usize>> {
    let mut stage = Stage::set();
    stage.world.messages();
    let sent = stage.publisher.deliver_frame(&mut stage.world, false, lens);
    let heard = stage.viewer.receive(&mut stage.world);
    assert_forwarded(&sent, &heard, VIDEO_PAYLOAD_TYPE, b"0");
    let messages = stage.world.messages();
    let overhead = messages[0].datagrams().next().unwrap().len() - lens[0];
    messages
        .iter()
        .map(|message| message.datagrams().map(|datagram| datagram.len() - overhead).collect())
        .collect()
}

/// A message to the kernel costs as much as several packets, so equal ones leave together. The kernel cuts at one length:
/// only the last may be shorter, and a longer one has to begin anew.
#[test]
fn packets_of_one_size_leave_as_one_message() {
    assert_eq!(trains(&[1000, 1000, 1000]), [vec![1000; 3]]);
    assert_eq!(trains(&[1000, 1000, 400]), [vec![1000, 1000, 400]], "a shorter one is the tail");
    assert_eq!(trains(&[400, 1000, 1000]), [vec![400], vec![1000, 1000]], "a longer one begins the next");
    assert_eq!(trains(&[1000, 400, 1000]), [vec![1000, 400], vec![1000]], "nothing rides behind a tail");
    assert_eq!(trains(&[400; 65]), [vec![400; 64], vec![400]], "UDP_MAX_SEGMENTS");
}

/// A lane that is full must cost packets and nothing else: orders between shards arrive, late, and viewers go on.
#[test]
fn a_full_lane_sheds_media_and_keeps_the_rest() {
    let mut world = World::new(WorldConfig { shards: 2, lane_depth: 4, ..WorldConfig::default() });
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 1, &publisher);
    publisher.deliver_frame(&mut world, true, &[800; 20]);
    assert_eq!((world.counters(0).lane_packets_out, world.counters(0).lane_video_shed), (3, 17));
    assert_eq!(viewer.receive(&mut world).len(), 3);
    for _ in 0..6 {
        Viewer::join(&mut world, 1, &publisher);
    }
    world.pass_ms(100);
    publisher.receive(&mut world);
    publisher.deliver_frame(&mut world, true, &[800; 3]);
    assert_eq!(viewer.receive(&mut world).len(), 3);
    world.order(publisher.seat.shard, Order::Close(publisher.seat.key, EndReason::Kicked));
    world.pass_ms(10);
    assert_eq!(world.session_count(1), 0, "the end was told though the lane is short");
}

/// The kernel may take nothing for a moment. What was lost then is asked for again like any other loss.
#[test]
fn what_found_no_slot_is_sent_again_when_asked_for() {
    let mut stage = Stage::set();
    stage.world.egress_room = 0;
    let lost = stage.publisher.deliver_frame(&mut stage.world, false, &[700]).remove(0);
    assert!(stage.viewer.receive(&mut stage.world).is_empty());
    assert_eq!(stage.world.counters(0).egress_full, 1);
    stage.world.egress_room = usize::MAX;
    let (_, after) = stage.pass_packet();
    let sequence = after.header.sequence.wrapping_add(u16::MAX);
    let media = stage.viewer.video_ssrc();
    stage.viewer.nack(&mut stage.world, media, &[sequence.0]);
    let resent = stage.viewer.receive_of(&mut stage.world, stage.viewer.rtx_ssrc());
    assert_eq!(resent[0].payload[2..], lost.payload);
}

/// Sessions end together with the stream they watch, wherever they are, and are told so.
#[test]
fn the_end_of_a_publisher_ends_its_viewers_on_all_shards() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers = [0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    publisher.deliver_frame(&mut world, true, &[800]);
    world.events();
    world.order(publisher.seat.shard, Order::Close(publisher.seat.key, EndReason::Deleted));
    world.settle();
    let ended: BTreeSet<String> = world.events().iter().map(|event| format!("{event:?}")).collect();
    let expected = [
        Event::Ended { key: viewers[0].seat.key, reason: EndReason::StreamEnded, last: None },
        Event::Ended { key: viewers[1].seat.key, reason: EndReason::StreamEnded, last: None },
        Event::Ended { key: publisher.seat.key, reason: EndReason::Deleted, last: None },
    ];
    assert_eq!(ended, expected.iter().map(|event| format!("{event:?}")).collect());
    assert_eq!((world.session_count(0), world.session_count(1)), (0, 0));
    for viewer in &mut viewers {
        let media = viewer.receive(&mut world);
        assert_eq!(media.len(), 1);
        let told = viewer.told(&mut world);
        let bye = Told::Bye(vec![viewer.video_ssrc(), viewer.audio_ssrc()]);
        assert!(told.contains(&bye), "{told:?}");
    }
    let sound = publisher.sound(80);
    publisher.deliver(&mut world, &[sound]);
    assert_eq!(world.rejected(Reject::UnknownAddress), 1, "its address is forgotten");
    assert_eq!(
        (world.report(publisher.seat.shard).tracks, world.report(viewers[1].seat.shard).tracks),
        (0, 0)
    );
}

/// A shard without viewers must not go on paying for packets.
#[test]
fn a_shard_whose_last_viewer_left_gets_no_more_packets() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let viewer = Viewer::join(&mut world, 1, &publisher);
    let other = Viewer::join(&mut world, 1, &publisher);
    publisher.deliver_sound(&mut world);
    world.order(viewer.seat.shard, Order::Close(viewer.seat.key, EndReason::Deleted));
    world.settle();
    publisher.deliver_sound(&mut world);
    assert_eq!(world.counters(0).lane_packets_out, 2, "one viewer is left");
    world.lane_messages();
    world.order(other.seat.shard, Order::Close(other.seat.key, EndReason::Deleted));
    world.settle();
    publisher.deliver_sound(&mut world);
    let left: Vec<TrackId> = world
        .lane_messages()
        .iter()
        .map(|(_, message)| match message {
            LaneMessage::Leave { track } => *track,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(left, [publisher.video_track(), publisher.audio_track()]);
    assert_eq!(world.counters(0).lane_packets_out, 2);
}
