//! How sessions end, and that nothing of them stays.

use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::client::{End, Publisher, PublisherOptions, Viewer, ViewerOptions};
use fanlight_tests::server::Settings;

use crate::scene::{SOON, Scene};

/// Consent lapses 30 s after the last answer (RFC 7675 §5.1); as long again for a busy machine.
const CONSENT: Duration = Duration::from_secs(60);

fn publishing() -> TestResult<Scene> {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", PublisherOptions::default())?;
    for _ in 0..2 {
        scene.watch("stage", ViewerOptions::default())?;
    }
    scene.run_until_packets(30)?;
    Ok(scene)
}

/// The name is free, and a new stream under it works.
fn assert_free(scene: &mut Scene) -> TestResult {
    assert_eq!(scene.server.streams()?, []);
    scene.stage.publishers.clear();
    scene.stage.viewers.clear();
    scene.publish("stage", PublisherOptions { stream: 2, ..PublisherOptions::default() })?;
    scene.watch("stage", ViewerOptions { stream: 2, ..ViewerOptions::default() })?;
    scene.run_until_packets(30)
}

/// The everyday end: viewers are told at once instead of looking at a frozen picture.
#[test]
fn a_publisher_that_deletes_its_session_ends_the_stream() -> TestResult {
    let mut scene = publishing()?;
    scene.stage.publishers[0].resource().delete()?;
    scene.stage.run_until("both viewers and the publisher are told", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
            && stage.publishers[0].end() == Some(End::Closed)
    })?;
    assert!(scene.stage.viewers.iter().all(|viewer| viewer.resource().is_gone()));
    assert_free(&mut scene)
}

/// An encoder that crashes says nothing: its silence must free the name and release the viewers.
#[test]
fn a_publisher_that_vanishes_is_gone_after_its_consent() -> TestResult {
    let mut scene = publishing()?;
    scene.stage.publishers.clear();
    scene.stage.run_until("both viewers are told", CONSENT, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
    })?;
    assert_eq!(scene.server.metrics()?.sum("fanlight_closes_total", &[("reason", "consent_lost")]), 1.0);
    assert_free(&mut scene)
}

/// A browser that closes its connection says so by DTLS alone.
#[test]
fn a_publisher_that_hangs_up_ends_the_stream() -> TestResult {
    let mut scene = publishing()?;
    scene.stage.publishers[0].hang_up()?;
    scene.stage.run_until("both viewers are told", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
    })?;
    assert_eq!(scene.server.metrics()?.sum("fanlight_closes_total", &[("reason", "peer_closed")]), 1.0);
    assert_free(&mut scene)
}

/// One leaves, the others go on without a gap.
#[test]
fn a_viewer_that_leaves_disturbs_nobody() -> TestResult {
    let mut scene = publishing()?;
    scene.stage.viewers[1].resource().delete()?;
    scene.stage.run_until("it is told", SOON, |stage| stage.viewers[1].end() == Some(End::Closed))?;
    scene.run_until_server("it is not counted", |server| {
        server.streams().is_ok_and(|all| all[0].viewers == 1)
    })?;
    scene.stage.viewers.truncate(1);
    scene.run_until_packets(150)?;
    assert!(scene.stage.viewers[0].tracks().all(|seen| seen.missing() == 0), "{}", scene.stage);
    Ok(())
}

/// Offers are cheap to send: what never connects must not hold a name or a place.
#[test]
fn a_session_that_never_connects_is_reclaimed() -> TestResult {
    let settings = Settings { more: "connect_timeout_s = 1", ..Settings::default() };
    let mut scene = Scene::start(&settings)?;
    let publisher = Publisher::open(&scene.server.whip("ghost"), PublisherOptions::default())?;
    scene.publish("stage", PublisherOptions::default())?;
    let viewer = Viewer::open(&scene.server.whep("stage"), ViewerOptions::default())?;
    scene.stage.run_until("both are gone", SOON, |_| {
        publisher.resource().is_gone() && viewer.resource().is_gone()
    })?;
    let closed = scene.server.metrics()?.sum("fanlight_closes_total", &[("reason", "never_connected")]);
    assert_eq!(closed, 2.0);
    assert!(scene.stage.publishers[0].is_live(), "the one that did connect stays");
    scene.publish("ghost", PublisherOptions { stream: 2, ..PublisherOptions::default() })
}
