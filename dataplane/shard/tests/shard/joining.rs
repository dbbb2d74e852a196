//! How a viewer begins: with what is in the store, at once, and without costing the publisher or other viewers anything.

use std::time::Duration;

use fanlight_shard::limits::{GOP_AGE_MAX, PACE_BURST_BYTES, RESTART_INTERVAL_MIN};
use fanlight_shard::{Event, LayerSpec, Notable};

use crate::common::publisher::VIDEO_CLOCK_HZ;
use crate::common::rtcp::key_frame_requests;
use crate::common::trace::Order;
use crate::common::world::WorldConfig;
use crate::common::{Heard, Packet, Publisher, Viewer, World};

/// Video at thirty frames a second in virtual time, of three packets a frame; the first is a key frame if so wished.
fn film(
    world: &mut World,
    publisher: &mut Publisher,
    frames: u32,
    begins_with_key_frame: bool,
) -> Vec<Packet> {
    let mut sent = Vec::new();
    for frame in 0..frames {
        sent.extend(publisher.deliver_frame(world, begins_with_key_frame && frame == 0, &[900, 900, 600]));
        world.pass(Duration::from_micros(33_333));
    }
    sent
}

fn video(viewer: &mut Viewer, world: &mut World) -> Vec<Heard> {
    let ssrc = viewer.video_ssrc();
    viewer.receive_of(world, ssrc)
}

fn payloads(heard: &[Heard]) -> Vec<&[u8]> {
    heard.iter().map(|heard| heard.payload.as_slice()).collect()
}

/// Steps of the timestamp from frame to frame.
fn steps(heard: &[Heard]) -> Vec<i32> {
    let mut times: Vec<_> = heard.iter().map(|heard| heard.header.timestamp).collect();
    times.dedup();
    times.windows(2).map(|pair| pair[1].distance_from(pair[0])).collect()
}

/// The promise: a late joiner's first picture is there at once, whatever the publisher's key-frame interval, on every shard; it
/// catches up at four times the speed, sees every packet once and in order, and time goes forwards without a jump.
#[test]
fn a_late_joiner_begins_at_once_and_catches_up() {
    for shard in [0, 1] {
        let mut world = World::of_two();
        let mut publisher = Publisher::join(&mut world, 0);
        let mut sent = film(&mut world, &mut publisher, 60, true);
        publisher.receive(&mut world);
        let mut viewer = Viewer::join(&mut world, shard, &publisher);
        world.pass_ms(2); // one way over the lane and back
        let first = video(&mut viewer, &mut world);
        assert!(first.len() >= 3, "shard {shard}: the key frame leaves at once");
        assert_eq!(first[0].payload, sent[0].payload);
        sent.extend(film(&mut world, &mut publisher, 60, false));
        let mut heard = first;
        heard.extend(video(&mut viewer, &mut world));
        assert_eq!(
            payloads(&heard),
            sent.iter().map(|p| p.payload.as_slice()).collect::<Vec<_>>(),
            "shard {shard}"
        );
        assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
        let (whole, quarter) = (VIDEO_CLOCK_HZ.cast_signed() / 30, VIDEO_CLOCK_HZ.cast_signed() / 120);
        let steps = steps(&heard);
        let live = steps.iter().position(|step| *step > quarter + 1).unwrap();
        assert!(
            (70..90).contains(&live),
            "two seconds at four times the speed, and what came meanwhile: {live}"
        );
        assert!(steps[..live].iter().all(|step| (*step - quarter).abs() <= 1), "{steps:?}");
        assert!(steps[live + 1..].iter().all(|step| *step == whole), "{steps:?}");
        assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0, "it cost the publisher nothing");
        let notes = world.inspect(viewer.seat.shard, viewer.seat.key).unwrap().notes;
        let first_frame = notes.iter().find(|note| matches!(note.what, Notable::FirstFrame { .. })).unwrap();
        assert!(
            matches!(first_frame.what, Notable::FirstFrame { waited_ms: 0..=2, from_store: true }),
            "{notes:?}"
        );
        assert!(
            notes.iter().any(|note| matches!(note.what, Notable::CaughtUp { took_ms: 600..=750 })),
            "{notes:?}"
        );
    }
}

/// While it catches up a viewer is paced: its network gets no more at a time than a train or two, and everybody else's frames
/// go out between.
#[test]
fn a_long_key_frame_leaves_in_several_trains() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    film(&mut world, &mut publisher, 60, true);
    viewer.receive(&mut world);
    let sent = publisher.deliver_frame(&mut world, true, &[1_100; 150]);
    let first = video(&mut viewer, &mut world).len();
    assert!(first * 1_100 <= usize::try_from(PACE_BURST_BYTES).unwrap() + 1_100, "{first} packets at once");
    publisher.deliver_sound(&mut world);
    assert_eq!(viewer.receive(&mut world).len(), 1, "sound does not wait for pictures");
    world.pass_ms(40);
    let soon = video(&mut viewer, &mut world).len();
    assert!(soon > 0 && first + soon < sent.len(), "{soon} packets in the next 40 ms");
    world.pass_ms(400);
    assert_eq!(first + soon + video(&mut viewer, &mut world).len(), sent.len());
}

/// Firefox has its keys a moment after the handshake, drops what comes before, and says so. The publisher must not pay for that,
/// and the viewer must not wait for it.
#[test]
fn a_viewer_that_missed_its_beginning_gets_it_once_more() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let sent = film(&mut world, &mut publisher, 90, true);
    publisher.receive(&mut world);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    world.pass_ms(20);
    let missed = video(&mut viewer, &mut world);
    viewer.pli(&mut world);
    let again = video(&mut viewer, &mut world);
    assert_eq!(again[0].payload, sent[0].payload);
    assert_eq!(again[0].index, missed.last().unwrap().index + 1);
    world.pass_ms(20);
    viewer.pli(&mut world);
    film(&mut world, &mut publisher, 60, false);
    let heard = again.len() + video(&mut viewer, &mut world).len();
    assert_eq!(heard, sent.len() + 180, "the second wish is for what is on its way");
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0);
}

/// A packet that comes late meets a viewer whose pace is spent. A cursor that began with it would go through what was sent
/// already, and seal it twice under one nonce, which gives the key away (RFC 7714 §9).
#[test]
fn a_late_packet_leaves_at_once_whatever_the_pace() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    film(&mut world, &mut publisher, 30, true);
    video(&mut viewer, &mut world);
    let held_back = publisher.frame(false, &[500]);
    let spending = usize::try_from(PACE_BURST_BYTES).unwrap() / 1_000; // to the last byte, and all of them leave
    let sent = publisher.deliver_frame(&mut world, false, &vec![1_000; spending]);
    publisher.deliver(&mut world, &held_back);
    let mut heard = video(&mut viewer, &mut world);
    assert!(heard.iter().any(|heard| heard.payload == held_back[0].payload), "it does not wait");
    world.pass_ms(500);
    heard.extend(video(&mut viewer, &mut world)); // which checks every nonce
    assert_eq!(heard.len(), sent.len() + 1);
}

/// What is too old to catch up with, or has a hole for good, is no beginning: one key frame is asked for, for all who wait.
#[test]
fn an_old_or_broken_group_of_pictures_is_not_begun_with() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers = vec![Viewer::join(&mut world, 0, &publisher)];
    film(&mut world, &mut publisher, 1, true);
    film(&mut world, &mut publisher, u32::try_from(GOP_AGE_MAX.as_secs()).unwrap() * 30 + 30, false);
    publisher.receive(&mut world);
    viewers.extend([0, 1, 0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher)));
    world.pass_ms(10);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 1, "too old");
    film(&mut world, &mut publisher, 1, true);
    publisher.frame(false, &[900]); // never sent
    film(&mut world, &mut publisher, 40, false);
    publisher.receive(&mut world);
    let mut last = Viewer::join(&mut world, 0, &publisher);
    world.pass_ms(600);
    assert!(key_frame_requests(&publisher.receive(&mut world)) > 0, "broken");
    assert!(video(&mut last, &mut world).is_empty(), "a decoder would stop at the hole");
    film(&mut world, &mut publisher, 1, true);
    assert_eq!(video(&mut last, &mut world).len(), 3);
}

/// Browsers send key frames when asked and else never: the store keeps young by itself, so that nobody waits for one.
#[test]
fn a_publisher_is_asked_for_a_key_frame_now_and_then() {
    let interval = Some(Duration::from_secs(4));
    let mut world = World::new(WorldConfig { key_frame_interval: interval, ..WorldConfig::default() });
    let mut publisher = Publisher::join(&mut world, 0);
    film(&mut world, &mut publisher, 1, true);
    film(&mut world, &mut publisher, 110, false);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0);
    film(&mut world, &mut publisher, 15, false);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 1);
    film(&mut world, &mut publisher, 1, true);
    assert_eq!((world.counters(0).key_frame_requests_out, world.counters(0).key_frame_refreshes_out), (0, 1));
}

/// A decoder that lost its way says so by PLI. If the group of pictures is young the viewer gets it again, under new numbers,
/// and nobody else has to pay for a key frame. If that does not help, one is asked for.
#[test]
fn a_lost_viewer_begins_anew_from_the_store() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    let sent = film(&mut world, &mut publisher, 15, true);
    publisher.receive(&mut world);
    let before = video(&mut viewer, &mut world);
    viewer.pli(&mut world);
    viewer.pli(&mut world);
    film(&mut world, &mut publisher, 15, false);
    let again = video(&mut viewer, &mut world);
    assert_eq!(again[0].payload, sent[0].payload);
    assert_eq!(again[0].index, before.last().unwrap().index + 1, "no number twice, and no gap");
    assert_eq!(again.len(), 90);
    let seam = again[0].header.timestamp.distance_from(before.last().unwrap().header.timestamp);
    assert!(seam > 0, "time goes forwards");
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0);
    viewer.pli(&mut world);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 1, "it did not help");
    film(&mut world, &mut publisher, 1, true);
    world.pass(RESTART_INTERVAL_MIN);
    viewer.pli(&mut world);
    world.pass_ms(50);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0, "another time, another try");
}

/// A viewer that hides the picture must not pay for it, hears on, and sees the present when it looks again.
#[test]
fn a_paused_viewer_gets_nothing_and_goes_on_without_a_gap() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    film(&mut world, &mut publisher, 30, true);
    let before = video(&mut viewer, &mut world);
    let pause = |paused| Order::Pause { key: viewer.seat.key, video: true, paused };
    world.order(viewer.seat.shard, pause(true));
    film(&mut world, &mut publisher, 30, false);
    publisher.deliver_sound(&mut world);
    let heard = viewer.receive(&mut world);
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].header.ssrc, viewer.audio_ssrc(), "sound goes on");
    let pause = Order::Pause { key: viewer.seat.key, video: true, paused: false };
    world.order(viewer.seat.shard, pause);
    world.settle();
    publisher.receive(&mut world);
    film(&mut world, &mut publisher, 45, false);
    let after = video(&mut viewer, &mut world);
    assert_eq!(after[0].index, before.last().unwrap().index + 1, "a pause is no loss");
    assert!(after[0].header.timestamp.distance_from(before.last().unwrap().header.timestamp) >= 90_000);
    assert_eq!(after.len(), 3 * 105, "from the key frame on, caught up");
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0);
    let urgent: Vec<_> = world
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::Noted { note, .. } => Some(note.what),
            _ => None,
        })
        .collect();
    let expected = [Notable::Paused { video: true }, Notable::Resumed { video: true }];
    assert!(urgent.windows(2).any(|pair| pair == expected), "{urgent:?}");
}

/// The encoder crashed and came back as another session. Its viewers, on any shard, see a cut and nothing else.
#[test]
fn viewers_go_on_with_another_publisher() {
    for shard in [0, 1] {
        let mut world = World::of_two();
        let mut old = Publisher::join(&mut world, 0);
        let mut viewer = Viewer::join(&mut world, shard, &old);
        film(&mut world, &mut old, 20, true);
        old.deliver_sound(&mut world);
        world.pass_ms(500);
        let heard = viewer.receive(&mut world);
        let last = heard.iter().rfind(|heard| heard.header.ssrc == viewer.video_ssrc()).unwrap().clone();
        let mut new = Publisher::join(&mut world, 1);
        let sent = film(&mut world, &mut new, 10, true);
        for (from, to) in [(old.video_track(), new.video_track()), (old.audio_track(), new.audio_track())] {
            let (key, home) = (viewer.seat.key, new.seat.shard);
            let to = [LayerSpec { track: to, rid: None }].into_iter().collect();
            world.order(viewer.seat.shard, Order::Switch { key, from, to, home });
        }
        world.settle();
        world.order(old.seat.shard, Order::Close(old.seat.key, fanlight_shard::EndReason::Deleted));
        film(&mut world, &mut new, 30, false);
        let heard = video(&mut viewer, &mut world);
        assert_eq!(heard[0].payload, sent[0].payload, "shard {shard}");
        assert_eq!(heard[0].index, last.index + 1);
        let passed = heard[0].header.timestamp.distance_from(last.header.timestamp);
        assert!((76_000..82_000).contains(&passed), "0.87 s have passed for the viewer too: {passed}");
        assert!(steps(&heard).iter().all(|step| (700..=3_001).contains(step)), "{:?}", steps(&heard));
        assert_eq!(heard.len(), 3 * 40);
        assert_eq!(
            world.session_count(0) + world.session_count(1),
            2,
            "the viewer outlives its first publisher"
        );
        let sound = new.deliver_sound(&mut world);
        let ssrc = viewer.audio_ssrc();
        assert_eq!(viewer.receive_of(&mut world, ssrc).last().unwrap().payload, sound.payload);
    }
}

/// A viewer that can take only half loses pictures, in whole groups; it loses no sound, and others lose nothing.
#[test]
fn a_viewer_that_cannot_take_the_stream_loses_video_before_audio() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut narrow = Viewer::join(&mut world, 0, &publisher);
    let mut wide = Viewer::join(&mut world, 0, &publisher);
    let mut plis = 0;
    let (mut sounds, mut wide_heard, mut narrow_heard, mut narrow_sounds) = (0, 0, 0, 0);
    let (us, media) = (fanlight_wire::Ssrc(1), narrow.video_ssrc());
    for second in 0..12 {
        let falling = if second < 2 { 2_000_000 } else { 250_000 - second };
        narrow.say(&mut world, |rtcp| rtcp.remb(us, falling, &[media]));
        film(&mut world, &mut publisher, 30, second % 2 == 0);
        (0..10).for_each(|_| drop(publisher.deliver_sound(&mut world)));
        sounds += 10;
        let asked = key_frame_requests(&publisher.receive(&mut world));
        plis += if second == 0 { 0 } else { asked }; // both joined before the first key frame
        wide_heard += video(&mut wide, &mut world).len();
        for heard in narrow.receive(&mut world) {
            let is_video = heard.header.ssrc == media;
            narrow_heard += usize::from(is_video);
            narrow_sounds += usize::from(!is_video);
        }
    }
    let sent = 12 * 30 * 3;
    assert!(wide_heard >= sent - 12, "others lose nothing: {wide_heard} of {sent}");
    assert_eq!(narrow_sounds, sounds, "no sound is lost");
    assert!((sent / 6..sent * 3 / 4).contains(&narrow_heard), "{narrow_heard} of {sent}");
    let told: Vec<_> = world.inspect(narrow.seat.shard, narrow.seat.key).unwrap().notes;
    for expected in ["Constrained", "VideoSkipped"] {
        assert!(
            told.iter().any(|note| format!("{:?}", note.what).starts_with(expected)),
            "{expected}: {told:?}"
        );
    }
    assert_eq!(plis, 0, "nobody else pays for it");
}
