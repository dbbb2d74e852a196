//! Limits of sessions: what a viewer is sent, what a publisher may send.

use std::time::Duration;

use fanlight_shard::Reject;

use crate::common::rtcp::Told;
use crate::common::simulcast::{F, H, Simulcast, layer_of};
use crate::common::trace::Order;
use crate::common::world::{Seat, WorldConfig};
use crate::common::{Heard, Publisher, Viewer, World};

const FRAMES_A_SECOND: u32 = 30;

fn limit(world: &mut World, seat: &Seat, bitrate_bps_max: Option<u64>) {
    world.order(seat.shard, Order::Limit { key: seat.key, bitrate_bps_max });
    world.settle();
}

/// Seconds of video of 576 kbit/s, a key frame in each second one, and of sound of 32 kbit/s.
fn film(world: &mut World, publisher: &mut Publisher, seconds: u32) {
    for frame in 0..seconds * FRAMES_A_SECOND {
        publisher.deliver_frame(world, frame % 60 == 0, &[900, 900, 600]);
        for _ in 0..1 + frame % 2 {
            publisher.deliver_sound(world);
        }
        world.pass(Duration::from_micros(33_333));
    }
}

/// Video and sound.
fn split(heard: Vec<Heard>, viewer: &Viewer) -> (Vec<Heard>, Vec<Heard>) {
    heard.into_iter().partition(|heard| heard.header.ssrc == viewer.video_ssrc())
}

fn bits(heard: &[Heard]) -> u64 {
    heard.iter().map(|heard| heard.payload.len() as u64 * 8).sum()
}

/// A stream in one layer above a viewer's limit is thinned as for a narrow link: what is sent keeps to the limit, sound is whole,
/// others lose nothing, and without the limit all is as it was.
#[test]
fn a_limited_viewer_gets_no_more_than_its_limit_and_all_of_the_sound() {
    for limit_bps in [150_000, 300_000, 450_000] {
        let mut world = World::small();
        let mut publisher = Publisher::join(&mut world, 0);
        let mut viewer = Viewer::join(&mut world, 0, &publisher);
        let mut other = Viewer::join(&mut world, 0, &publisher);
        limit(&mut world, &viewer.seat, Some(limit_bps));
        film(&mut world, &mut publisher, 2);
        viewer.receive(&mut world);
        let seconds = 40;
        film(&mut world, &mut publisher, seconds);
        let heard = viewer.receive(&mut world);
        let bps = bits(&heard) / u64::from(seconds);
        assert!(bps <= limit_bps + limit_bps / 20, "{bps} of {limit_bps}");
        assert!(bps >= limit_bps * 6 / 10, "{bps} of {limit_bps}");
        let sound = heard.iter().filter(|heard| heard.header.ssrc == viewer.audio_ssrc()).count();
        assert_eq!(sound, 45 * usize::try_from(seconds).unwrap(), "sound is whole");
        let video = viewer.video_ssrc();
        let video: Vec<_> = heard.iter().filter(|heard| heard.header.ssrc == video).collect();
        assert!(video.windows(2).all(|pair| pair[1].index == pair[0].index + 1), "left out, not lost");
        let ssrc = other.video_ssrc();
        assert_eq!(other.receive_of(&mut world, ssrc).len(), 42 * 90);
        limit(&mut world, &viewer.seat, None);
        film(&mut world, &mut publisher, 2);
        viewer.receive(&mut world);
        film(&mut world, &mut publisher, 4);
        let ssrc = viewer.video_ssrc();
        assert_eq!(viewer.receive_of(&mut world, ssrc).len(), 4 * 90);
    }
}

/// Of a stream in layers the viewer gets the best that its limit allows, whole, and is not offered more again and again.
#[test]
fn a_limited_viewer_of_a_simulcast_gets_the_layer_that_fits() {
    for shard in [0, 1] {
        let mut world = World::new(WorldConfig { shards: 2, ..WorldConfig::default() });
        let mut source = Simulcast::join(&mut world, 0);
        source.pass_frames(&mut world, 10);
        let mut viewer = source.watch(&mut world, shard);
        let ssrc = viewer.video_ssrc();
        source.pass_frames(&mut world, 90);
        let layer = |heard: &[Heard]| layer_of(&heard.last().unwrap().payload);
        assert_eq!(layer(&viewer.receive_of(&mut world, ssrc)), F);
        limit(&mut world, &viewer.seat, Some(700_000));
        source.pass_frames(&mut world, 150);
        viewer.receive(&mut world);
        source.pass_frames(&mut world, 300);
        let heard = viewer.receive_of(&mut world, ssrc);
        assert!(heard.iter().all(|heard| layer_of(&heard.payload) == H));
        assert_eq!(heard.iter().filter(|heard| heard.header.marker).count(), 300, "every picture");
        assert!(bits(&heard) / 10 <= 700_000);
        limit(&mut world, &viewer.seat, None);
        source.pass_frames(&mut world, 300);
        assert_eq!(layer(&viewer.receive_of(&mut world, ssrc)), F);
    }
}

/// A browser does what its last estimate says: it is told with each report, and also that there is no limit any more.
#[test]
fn a_publisher_is_told_its_limit_with_each_report() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let told = |world: &mut World, publisher: &mut Publisher, seconds| {
        film(world, publisher, seconds);
        let told = publisher.receive(world).into_iter().filter_map(|told| match told {
            Told::Remb { bitrate_bps, media } => Some((bitrate_bps, media.len())),
            _ => None,
        });
        told.collect::<Vec<_>>()
    };
    assert_eq!(told(&mut world, &mut publisher, 3), []);
    limit(&mut world, &publisher.seat, Some(800_000));
    let estimates = told(&mut world, &mut publisher, 5);
    assert!((5..=6).contains(&estimates.len()), "{estimates:?}");
    assert!(estimates.iter().all(|(bps, media)| (799_990..=800_000).contains(bps) && *media == 2));
    limit(&mut world, &publisher.seat, None);
    let lifted = told(&mut world, &mut publisher, 6);
    assert_eq!(lifted.len(), 3);
    assert!(lifted.iter().all(|(bps, _)| *bps > 999_000_000), "{lifted:?}");
}

/// A26: a publisher with a hundred times its limit. It loses video and no sound, each packet under a name of its own; its viewers get
/// no more than it may send; and who publishes or watches beside it loses nothing.
#[test]
fn a_publisher_at_a_hundred_times_its_limit_harms_nobody() {
    let mut world = World::small();
    let [mut flood, mut honest] = [0, 0].map(|shard| Publisher::join(&mut world, shard));
    let mut watches_flood = Viewer::join(&mut world, 0, &flood);
    let mut watches_honest = Viewer::join(&mut world, 0, &honest);
    let limit_bps = 500_000;
    limit(&mut world, &flood.seat, Some(limit_bps));
    limit(&mut world, &honest.seat, Some(650_000));
    let seconds = 8;
    for frame in 0..seconds * FRAMES_A_SECOND {
        // 208 kB: 50 Mbit/s.
        flood.deliver_frame(&mut world, frame % 15 == 0, &[1_150; 181]);
        flood.deliver_sound(&mut world);
        honest.deliver_frame(&mut world, frame % 60 == 0, &[900, 900, 600]);
        honest.deliver_sound(&mut world);
        world.pass(Duration::from_micros(33_333));
    }
    let (video, sound): (Vec<_>, Vec<_>) = split(watches_flood.receive(&mut world), &watches_flood);
    assert_eq!(sound.len(), 8 * 30, "sound is dropped last");
    let allowed = limit_bps * 125 / 100 * u64::from(seconds + 1);
    assert!(bits(&video) + bits(&sound) <= allowed, "{} of {allowed}", bits(&video));
    let rejected = world.rejected(Reject::OverLimit);
    assert!(rejected > u64::from(seconds * FRAMES_A_SECOND) * 181 * 98 / 100, "{rejected}");
    let ssrc = watches_honest.video_ssrc();
    assert_eq!(watches_honest.receive_of(&mut world, ssrc).len(), 8 * 90, "honest loss");
}

/// An encoder that cannot be told, at twice its limit: what passes is the limit and not a quarter more, in pictures that a decoder
/// can begin with, and without a hole that viewers would ask for.
#[test]
fn a_publisher_at_twice_its_limit_is_seen_in_whole_pictures() {
    for shard in [0, 1] {
        let mut world = World::of_two();
        let mut publisher = Publisher::join(&mut world, 0);
        let mut viewer = Viewer::join(&mut world, shard, &publisher);
        let limit_bps = 300_000;
        limit(&mut world, &publisher.seat, Some(limit_bps));
        let seconds = 30;
        film(&mut world, &mut publisher, seconds);
        let (video, sound) = split(viewer.receive(&mut world), &viewer);
        assert_eq!(sound.len(), 30 * 45, "shard {shard}");
        let bps = (bits(&video) + bits(&sound)) / u64::from(seconds);
        assert!((limit_bps / 2..=limit_bps * 130 / 100).contains(&bps), "shard {shard}: {bps}");
        assert!(video.windows(2).all(|pair| pair[1].index == pair[0].index + 1), "shard {shard}");
        for pair in video.windows(2) {
            let step = pair[1].header.timestamp.distance_from(pair[0].header.timestamp);
            let begins = pair[1].payload[0] & 0x10 != 0 && pair[1].payload[1] & 1 == 0;
            assert!(step <= 3_000 || begins, "shard {shard}: {step} ticks without a key frame");
        }
        limit(&mut world, &publisher.seat, None);
        film(&mut world, &mut publisher, 2);
        viewer.receive(&mut world);
        film(&mut world, &mut publisher, 2);
        let ssrc = viewer.video_ssrc();
        assert_eq!(viewer.receive_of(&mut world, ssrc).len(), 2 * 90, "all of it again");
    }
}
