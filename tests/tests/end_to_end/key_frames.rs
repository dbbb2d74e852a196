//! Key frames: a viewer begins with one, and a publisher makes few.

use std::time::{Duration, Instant};

use fanlight_tests::client::{Content, Place};
use fanlight_tests::server::Settings;
use fanlight_tests::{Failure, TestResult};

use crate::scene::{Scene, silent_publisher, silent_viewer};

/// At most one request upstream in this time, whoever wishes.
const INTERVAL: Duration = Duration::from_millis(500);

/// Requests that a time may hold: one at its begin, one more an interval, and one for the jitter of a busy machine.
fn allowed(time: Duration) -> usize {
    usize::try_from(time.as_millis() / INTERVAL.as_millis()).unwrap_or(usize::MAX) + 2
}

/// What comes before a key frame cannot be decoded: it would be shown broken, or thrown away after it was paid for.
#[test]
fn a_viewers_first_packet_begins_a_key_frame() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", silent_publisher())?;
    for late in 0..3 {
        scene.stage.run_for(Duration::from_millis(700))?;
        scene.watch("stage", silent_viewer())?;
        scene.run_until_packets(30)?;
        let seen = scene.stage.viewers[late]
            .seen(Content::Vp8)
            .ok_or_else(|| Failure::new("no video was promised"))?;
        assert!(matches!(seen.first, Some(Place { key: true, packet: 0, .. })), "{:?}", seen.first);
    }
    Ok(())
}

/// A thousand viewers that join at a time must not make the publisher send key frames only. Five joins here, and wishes by
/// the hundred.
#[test]
fn a_storm_of_wishes_costs_the_publisher_two_key_frames_a_second() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", silent_publisher())?;
    let start = Instant::now();
    for _ in 0..5 {
        scene.watch("stage", silent_viewer())?;
    }
    for _ in 0..60 {
        scene.stage.viewers.iter_mut().for_each(|viewer| viewer.request_key_frame());
        scene.stage.run_for(Duration::from_millis(50))?;
    }
    let (asked, time) = (scene.stage.publishers[0].key_frame_requests().len(), start.elapsed());
    assert!((2..=allowed(time)).contains(&asked), "{asked} requests in {time:?}");
    Ok(())
}

/// Viewers that are content ask for nothing, and we must not either.
#[test]
fn nobody_asks_for_key_frames_while_all_is_well() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", silent_publisher())?;
    scene.watch("stage", silent_viewer())?;
    scene.run_until_packets(60)?;
    let asked = scene.stage.publishers[0].key_frame_requests().len();
    scene.stage.run_for(Duration::from_secs(2))?;
    assert_eq!(scene.stage.publishers[0].key_frame_requests().len(), asked);
    Ok(())
}
