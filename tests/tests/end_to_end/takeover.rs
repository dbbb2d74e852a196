//! A publisher that takes over the name of another (`on_name_in_use = "replace"`).

use fanlight_tests::TestResult;
use fanlight_tests::client::{Content, End, Publisher, PublisherOptions, ViewerOptions};
use fanlight_tests::server::Settings;

use crate::scene::{SOON, Scene};

/// Packets of the new stream that show that it flows.
const PACKETS: u64 = 60;

fn on_air() -> TestResult<Scene> {
    let settings = Settings { more: "[apps]\non_name_in_use = \"replace\"", ..Settings::default() };
    let mut scene = Scene::start(&settings)?;
    scene.publish("stage", PublisherOptions::default())?;
    for _ in 0..4 {
        scene.watch("stage", ViewerOptions::default())?;
    }
    scene.run_until_packets(30)?;
    Ok(scene)
}

/// An encoder that comes again: its viewers keep their sessions, and what they get comes from the new one on, in one sequence
/// under the SSRC that they were told. The old one is told that it is over, and why.
#[test]
fn viewers_go_on_with_the_publisher_that_takes_over() -> TestResult {
    let mut scene = on_air()?;
    scene.publish("stage", PublisherOptions { stream: 2, ..PublisherOptions::default() })?;
    scene.stage.run_until("the old publisher is told", SOON, |stage| {
        stage.publishers[0].end() == Some(End::Closed)
    })?;
    // To viewers that hold each packet against the first stream, those of the second are strange.
    scene.stage.run_until("all viewers get the new stream", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.tracks().all(|seen| seen.faults.strange >= PACKETS))
    })?;
    for viewer in &scene.stage.viewers {
        assert!(viewer.is_live());
        assert_eq!(viewer.packets_unknown(), 0);
        for seen in viewer.tracks() {
            assert_eq!((seen.faults.promise, seen.faults.mid), (0, 0), "{seen:?}");
        }
    }
    let refused = scene.stage.publishers[0].resource().state().unwrap_err();
    assert_eq!(refused.status(), Some(410));
    assert!(scene.stage.publishers[1].is_live());
    let streams = scene.server.streams()?;
    assert_eq!((streams.len(), streams[0].viewers), (1, 4));
    let metrics = scene.fresh_metrics()?;
    assert_eq!(metrics.sum("fanlight_closes_total", &[("reason", "replaced")]), 1.0);
    assert_eq!(metrics.sum("fanlight_closes_total", &[("reason", "stream_ended")]), 0.0);

    // They are the new one's viewers in everything: its end is theirs.
    scene.stage.publishers[1].resource().delete()?;
    scene.stage.run_until("all viewers are told", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
    })?;
    assert_eq!(scene.server.streams()?, []);
    Ok(())
}

/// Another codec cannot be put into an answer that was given: those viewers end, and ask anew.
#[test]
fn viewers_of_another_codec_are_sent_to_ask_anew() -> TestResult {
    let mut scene = on_air()?;
    let other = PublisherOptions { stream: 2, video: Some(Content::H264), ..PublisherOptions::default() };
    scene.publish("stage", other)?;
    scene.stage.run_until("the old ones are told", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
            && stage.publishers[0].end() == Some(End::Closed)
    })?;
    scene.stage.viewers.clear();
    scene.watch("stage", ViewerOptions { stream: 2, ..ViewerOptions::default() })?;
    scene.run_until_packets(30)?;
    assert_eq!(scene.server.streams()?[0].viewers, 1);
    Ok(())
}

/// A newer publisher that never connects takes nothing from anybody.
#[test]
fn a_challenger_that_never_connects_changes_nothing() -> TestResult {
    let mut scene = on_air()?;
    let silent = Publisher::open(&scene.server.whip("stage"), PublisherOptions::default())?;
    let before: Vec<u64> = scene.stage.viewers[0].tracks().map(|seen| seen.packets).collect();
    scene.run_until_packets(before.iter().max().copied().unwrap_or_default() + 60)?;
    silent.resource().delete()?;
    assert!(scene.stage.publishers[0].is_live());
    assert!(scene.stage.viewers.iter().all(fanlight_tests::client::Viewer::is_live));
    Ok(())
}
