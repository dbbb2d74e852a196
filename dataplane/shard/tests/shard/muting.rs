//! An operator mutes: a publisher for everybody, or one viewer.

use std::time::Duration;

use fanlight_shard::{Event, LayerSpec, Notable, Reject};

use crate::common::publisher::VIDEO_CLOCK_HZ;
use crate::common::rtcp::{Told, key_frame_requests};
use crate::common::simulcast::{F, Simulcast, layer_of};
use crate::common::trace::Order;
use crate::common::{Heard, Publisher, Viewer, World};

fn mute(world: &mut World, publisher: &Publisher, video: bool, muted: bool) {
    world.order(publisher.seat.shard, Order::Mute { key: publisher.seat.key, video, muted });
    world.settle();
}

/// Video at thirty frames a second in virtual time, each with sound; the first is a key frame if so wished.
fn film(world: &mut World, publisher: &mut Publisher, frames: u32, begins_with_key_frame: bool) {
    for frame in 0..frames {
        publisher.deliver_frame(world, begins_with_key_frame && frame == 0, &[900, 900, 600]);
        publisher.deliver_sound(world);
        world.pass(Duration::from_micros(33_333));
    }
}

/// What came of a viewer's video, and of its sound.
fn heard(viewer: &mut Viewer, world: &mut World) -> (Vec<Heard>, Vec<Heard>) {
    let ssrc = viewer.video_ssrc();
    viewer.receive(world).into_iter().partition(|heard| heard.header.ssrc == ssrc)
}

fn noted(world: &mut World) -> Vec<Notable> {
    let notes = world.events().into_iter().filter_map(|event| match event {
        Event::Noted { note, .. } => Some(note.what),
        _ => None,
    });
    notes.filter(|what| matches!(what, Notable::Muted { .. } | Notable::Unmuted { .. })).collect()
}

/// One stream to its viewer, whatever was left out: a hole would have it ask for what will never come.
fn assert_goes_on(before: &Heard, after: &Heard, passed: Duration) {
    assert_eq!(after.index, before.index + 1, "no hole");
    let ticks = after.header.timestamp.distance_from(before.header.timestamp);
    let expected = i32::try_from(passed.as_micros() * u128::from(VIDEO_CLOCK_HZ) / 1_000_000).unwrap();
    assert!((ticks - expected).abs() < 6_100, "{ticks} ticks for {expected}");
}

/// The whole of it, for viewers of each shard: nothing passes, the other kind goes on, the session lives, newcomers are not shown
/// what was before; and afterwards all go on with a key frame that was asked for at once.
#[test]
fn nothing_of_a_muted_picture_passes_and_all_go_on_without_a_hole() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers = [0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    film(&mut world, &mut publisher, 30, true);
    let before = viewers.each_mut().map(|viewer| heard(viewer, &mut world).0.pop().unwrap());
    publisher.receive(&mut world);

    mute(&mut world, &publisher, true, true);
    film(&mut world, &mut publisher, 60, true);
    let mut late = [0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    film(&mut world, &mut publisher, 240, false);
    for viewer in viewers.iter_mut().chain(&mut late) {
        let (video, sound) = heard(viewer, &mut world);
        assert_eq!(video.len(), 0);
        assert!(sound.len() >= 239, "sound goes on: {}", sound.len());
    }
    assert_eq!(world.rejected(Reject::Muted), 3 * 300);
    let told = publisher.receive(&mut world);
    assert_eq!(key_frame_requests(&told), 0, "nobody would see them");
    let reports = told.iter().filter(|told| matches!(told, Told::ReceiverReport { .. })).count();
    assert!((9..=11).contains(&reports), "{reports} reports in 10 s");
    assert!(told.iter().any(|told| matches!(told, Told::Arrivals(_))));
    assert_eq!(world.report_of(&publisher.seat).tracks[0].packets, 3 * 330, "observed all the same");

    mute(&mut world, &publisher, true, false);
    world.pass_ms(1);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 1, "at once");
    film(&mut world, &mut publisher, 3, false);
    assert_eq!(heard(&mut viewers[0], &mut world).0.len(), 0, "no decoder can begin with these");
    film(&mut world, &mut publisher, 30, true);
    for (viewer, before) in viewers.iter_mut().zip(&before) {
        let (video, _) = heard(viewer, &mut world);
        assert_eq!(video.len(), 3 * 30);
        assert_goes_on(before, &video[0], Duration::from_micros(33_333) * 304);
        assert!(video.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    }
    for viewer in &mut late {
        assert_eq!(heard(viewer, &mut world).0.len(), 3 * 30);
    }
    let expected =
        [Notable::Muted { video: true, everybody: true }, Notable::Unmuted { video: true, everybody: true }];
    assert_eq!(noted(&mut world), expected);
}

/// Sound has no key frames: it goes on with the first packet after, on every shard.
#[test]
fn muted_sound_goes_on_with_the_next_packet() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers = [0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    film(&mut world, &mut publisher, 30, true);
    let before = viewers.each_mut().map(|viewer| heard(viewer, &mut world).1.pop().unwrap());
    mute(&mut world, &publisher, false, true);
    film(&mut world, &mut publisher, 30, false);
    mute(&mut world, &publisher, false, false);
    let next = publisher.deliver_sound(&mut world);
    world.pass_ms(2);
    for (viewer, before) in viewers.iter_mut().zip(&before) {
        let (video, sound) = heard(viewer, &mut world);
        assert_eq!((video.len(), sound.len()), (3 * 30, 1), "the picture went on");
        assert_eq!((sound[0].index, &sound[0].payload), (before.index + 1, &next.payload));
        let passed = sound[0].header.timestamp.distance_from(before.header.timestamp);
        assert_eq!(passed, 31 * 960, "as much later as it is");
    }
}

/// What was said while nobody was to hear it must not come afterwards either, by way of a retransmission.
#[test]
fn what_was_muted_does_not_pass_later() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    film(&mut world, &mut publisher, 3, true);
    mute(&mut world, &publisher, true, true);
    let mut secret = publisher.frame(true, &[900, 900, 600]);
    let lost = secret.remove(1);
    publisher.deliver(&mut world, &secret);
    mute(&mut world, &publisher, true, false);
    let again = publisher.retransmission(&lost);
    heard(&mut viewer, &mut world);
    let muted = world.rejected(Reject::Muted);
    publisher.deliver(&mut world, &[again]);
    assert_eq!(world.rejected(Reject::Muted), muted + 1);
    publisher.deliver_frame(&mut world, true, &[900]);
    let (video, _) = heard(&mut viewer, &mut world);
    assert_eq!(video.len(), 1);
    assert!(video.iter().all(|heard| heard.payload != lost.payload));
}

/// No layer of a simulcast passes, and its viewers find the layer again that they had: rates measured in silence would tell them
/// that the best one costs nothing.
#[test]
fn a_muted_simulcast_comes_back_in_the_layers_that_were_watched() {
    let mut world = World::of_two();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 10);
    let mut viewers = [0, 1].map(|shard| source.watch(&mut world, shard));
    source.pass_frames(&mut world, 60);
    let last = viewers.each_mut().map(|viewer| heard(viewer, &mut world).0.pop().unwrap());
    assert!(last.iter().all(|heard| layer_of(&heard.payload) == F));
    mute(&mut world, &source.publisher, true, true);
    source.pass_frames(&mut world, 150);
    for viewer in &mut viewers {
        assert_eq!(heard(viewer, &mut world).0.len(), 0);
    }
    mute(&mut world, &source.publisher, true, false);
    source.pass_frames(&mut world, 60);
    for (viewer, last) in viewers.iter_mut().zip(&last) {
        let (video, _) = heard(viewer, &mut world);
        assert_eq!(video[0].index, last.index + 1);
        assert!(video.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
        assert_eq!(layer_of(&video.last().unwrap().payload), F);
        assert!(video.len() > 50 * 9, "{} packets", video.len());
    }
}

/// An operator's word and the viewer's wish are two things: media flows when neither is against it, whoever spoke last.
#[test]
fn a_muted_viewer_stays_muted_whatever_it_wishes() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    let mut other = Viewer::join(&mut world, 0, &publisher);
    let (shard, key) = (viewer.seat.shard, viewer.seat.key);
    let muted = |muted| Order::Mute { key, video: true, muted };
    let paused = |paused| Order::Pause { key, video: true, paused };
    film(&mut world, &mut publisher, 10, true);
    let before = heard(&mut viewer, &mut world).0.pop().unwrap();
    let steps = [
        (muted(true), false),
        (paused(false), false),
        (paused(true), false),
        (paused(false), false),
        (paused(true), false),
        (muted(false), false),
        (paused(false), true),
        (paused(true), false),
        (muted(true), false),
        (paused(false), false),
        (muted(false), true),
    ];
    let mut flowed = Vec::new();
    for (step, flows) in steps {
        world.order(shard, step.clone());
        film(&mut world, &mut publisher, 10, true);
        let (video, sound) = heard(&mut viewer, &mut world);
        assert_eq!((video.len() > 20, sound.len()), (flows, 10), "{step:?}");
        flowed.extend(video);
    }
    assert_eq!(flowed[0].index, before.index + 1);
    assert!(flowed.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    assert_eq!(heard(&mut other, &mut world).0.len(), 12 * 10 * 3, "others see all of it");
}

/// A new publisher of the stream is no way around it.
#[test]
fn a_muted_viewer_stays_muted_with_another_publisher() {
    for shard in [0, 1] {
        let mut world = World::of_two();
        let mut old = Publisher::join(&mut world, 0);
        let mut viewer = Viewer::join(&mut world, shard, &old);
        film(&mut world, &mut old, 10, true);
        let key = viewer.seat.key;
        world.order(viewer.seat.shard, Order::Mute { key, video: true, muted: true });
        let mut new = Publisher::join(&mut world, 1);
        film(&mut world, &mut new, 10, true);
        heard(&mut viewer, &mut world);
        for (from, to) in [(old.video_track(), new.video_track()), (old.audio_track(), new.audio_track())] {
            let (home, to) = (new.seat.shard, [LayerSpec { track: to, rid: None }].into_iter().collect());
            world.order(viewer.seat.shard, Order::Switch { key, from, to, home });
        }
        film(&mut world, &mut new, 10, true);
        let (video, sound) = heard(&mut viewer, &mut world);
        assert_eq!(video.len(), 0, "shard {shard}");
        assert!(sound.len() >= 9, "shard {shard}: {}", sound.len());
        world.order(viewer.seat.shard, Order::Mute { key, video: true, muted: false });
        film(&mut world, &mut new, 10, true);
        assert!(heard(&mut viewer, &mut world).0.len() >= 30, "shard {shard}");
    }
}
