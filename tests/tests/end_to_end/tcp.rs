//! Peers whose network lets no UDP pass: ICE-TCP (RFC 6544) alone, beside UDP, cut and opened again, slow, and under attack.

use std::net::Ipv4Addr;
use std::time::Duration;

use fanlight_tests::client::{Faults, Protocol, PublisherOptions, Resource, Viewer, ViewerOptions};
use fanlight_tests::hostile::{Stray, stray_connections};
use fanlight_tests::metrics::Metrics;
use fanlight_tests::server::Settings;
use fanlight_tests::{Failure, TestResult};

use crate::scene::Scene;

fn publisher_by_tcp() -> PublisherOptions {
    PublisherOptions { protocol: Protocol::Tcp, ..PublisherOptions::default() }
}

fn viewer_by_tcp() -> ViewerOptions {
    ViewerOptions { protocol: Protocol::Tcp, ..ViewerOptions::default() }
}

/// Every connection is open or was closed for one reason, every frame was sent or dropped for one.
fn assert_books_balance(metrics: &Metrics) {
    let sum = |name| metrics.sum(name, &[]);
    let ended = sum("fanlight_tcp_connections") + sum("fanlight_tcp_closes_total");
    assert_eq!(sum("fanlight_tcp_connections_total"), ended);
}

fn assert_complete(scene: &Scene) {
    for viewer in &scene.stage.viewers {
        assert_eq!((viewer.packets_unknown(), viewer.tracks().count()), (0, 2));
        for seen in viewer.tracks() {
            assert_eq!((seen.missing(), &seen.faults), (0, &Faults::default()), "{}", scene.stage);
        }
    }
}

/// The fallback must carry all that UDP does: handshake, media and feedback, in both directions, to both shards.
#[test]
fn a_stream_is_published_and_watched_by_tcp_alone() -> TestResult {
    let mut scene = Scene::start(&Settings { shards: 2, ..Settings::default() })?;
    scene.publish("stage", publisher_by_tcp())?;
    for _ in 0..2 {
        scene.watch("stage", viewer_by_tcp())?;
    }
    scene.run_until_packets(200)?;
    assert_complete(&scene);
    let metrics = scene.fresh_metrics()?;
    assert_eq!(metrics.sum("fanlight_tcp_connections", &[]), 3.0);
    assert_eq!(metrics.by("fanlight_tcp_drops_total", "reason").values().sum::<f64>(), 0.0);
    assert!(metrics.sum("fanlight_tcp_frames_in_total", &[]) > 200.0);
    assert!(metrics.sum("fanlight_tcp_frames_out_total", &[]) > 800.0);
    assert_books_balance(&metrics);
    Ok(())
}

/// Whoever is behind such a network watches the same as everyone else.
#[test]
fn viewers_by_tcp_and_by_udp_get_the_same() -> TestResult {
    let mut scene = Scene::start(&Settings { shards: 2, ..Settings::default() })?;
    scene.publish("stage", PublisherOptions::default())?;
    scene.watch("stage", viewer_by_tcp())?;
    scene.watch("stage", ViewerOptions::default())?;
    scene.run_until_packets(200)?;
    assert_complete(&scene);
    assert_eq!(scene.fresh_metrics()?.sum("fanlight_tcp_connections", &[]), 1.0);
    Ok(())
}

/// With TCP off there is no such candidate, and no port.
#[test]
fn without_tcp_none_is_offered() -> TestResult {
    let mut scene = Scene::start(&Settings { more: "tcp = false", ..Settings::default() })?;
    scene.publish("stage", PublisherOptions::default())?;
    assert_eq!(scene.stage.publishers[0].answer().tcp_address, None);
    assert_eq!(scene.fresh_metrics()?.sum("fanlight_tcp_info", &[]), 0.0);
    Ok(())
}

/// A peer that is gone must not be kept as if it were there: its consent runs out as by UDP (RFC 7675), and what is still sent
/// to it is dropped and counted.
#[test]
fn a_cut_connection_ends_its_session_in_time() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", PublisherOptions::default())?;
    scene.watch("stage", viewer_by_tcp())?;
    scene.run_until_packets(30)?;
    let mut gone = scene.stage.viewers.remove(0);
    gone.cut();
    let resource = gone.resource().clone();
    scene.run_until_server("the session has ended", |_| resource.is_gone())?;
    let metrics = scene.fresh_metrics()?;
    assert!(metrics.sum("fanlight_tcp_drops_total", &[("reason", "no_connection")]) > 0.0);
    assert_eq!(metrics.sum("fanlight_tcp_closes_total", &[("reason", "peer")]), 1.0);
    assert_eq!(metrics.sum("fanlight_closes_total", &[("reason", "consent_lost")]), 1.0);
    assert_books_balance(&metrics);
    Ok(())
}

/// Middleboxes end connections that have lived for long. A peer that connects again with the same credentials goes on where
/// it was, without signalling: viewer and publisher alike.
#[test]
fn a_peer_that_connects_again_goes_on() -> TestResult {
    let mut scene = Scene::start(&Settings { shards: 2, ..Settings::default() })?;
    scene.publish("stage", publisher_by_tcp())?;
    scene.watch("stage", viewer_by_tcp())?;
    scene.run_until_packets(50)?;
    scene.stage.viewers[0].cut();
    scene.stage.publishers[0].cut();
    scene.run_until_server("both connections are gone", |server| {
        server.metrics().is_ok_and(|metrics| metrics.sum("fanlight_tcp_connections", &[]) == 0.0)
    })?;
    scene.stage.viewers[0].reconnect()?;
    scene.stage.publishers[0].reconnect()?;
    let before = scene.stage.viewers[0].tracks().map(|seen| seen.packets).max().unwrap_or_default();
    scene.run_until_packets(before + 100)?;
    let (viewer, publisher) = (&scene.stage.viewers[0], &scene.stage.publishers[0]);
    assert!(viewer.is_live() && publisher.is_live(), "{}", scene.stage);
    assert_eq!(
        (viewer.resource().state()?, publisher.resource().state()?),
        ("connected".into(), "connected".into())
    );
    let metrics = scene.fresh_metrics()?;
    assert_eq!(metrics.sum("fanlight_joins_total", &[]), 2.0);
    assert_eq!(metrics.sum("fanlight_tcp_connections", &[]), 2.0);
    Ok(())
}

/// A viewer that stops reading costs its own media and nobody else's.
#[test]
fn a_slow_reader_does_not_slow_others() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", PublisherOptions::default())?;
    scene.watch("stage", viewer_by_tcp())?;
    scene.watch("stage", ViewerOptions::default())?;
    let mut stuck: Vec<Viewer> = Vec::new();
    for _ in 0..4 {
        scene.watch("stage", viewer_by_tcp())?;
        stuck.extend(scene.stage.viewers.pop());
    }
    // From here on nobody polls them. Their sessions end by consent, or what waits for them is dropped before.
    let gone: Vec<_> = stuck.iter().map(|viewer| viewer.resource().clone()).collect();
    scene
        .run_until_server("the stuck viewers' sessions have ended", |_| gone.iter().all(Resource::is_gone))?;
    scene.run_until_packets(200)?;
    assert_complete(&scene);
    Ok(())
}

/// Anyone can connect to an open port. Silent connections are closed in time, those that speak something else at once, and
/// honest peers neither lose media nor the way in.
#[test]
fn strays_are_closed_and_harm_nobody() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", publisher_by_tcp())?;
    scene.watch("stage", viewer_by_tcp())?;
    let server = scene.stage.viewers[0].answer().tcp_address.ok_or_else(|| Failure::new("no TCP"))?;
    let mut strays = Vec::new();
    for (host, kind) in (2..).zip(Stray::ALL.into_iter().cycle().take(2 * Stray::ALL.len())) {
        let from = Ipv4Addr::new(127, 0, 0, host);
        strays.push(stray_connections(server.port(), from, kind, 40)?);
        scene.stage.run_for(Duration::from_millis(20))?;
    }
    scene.watch("stage", viewer_by_tcp())?;
    scene.run_until_packets(100)?;
    assert_complete(&scene);
    scene.run_until_server("all strays are closed", |server| {
        server.metrics().is_ok_and(|metrics| metrics.sum("fanlight_tcp_connections", &[]) == 3.0)
    })?;
    let metrics = scene.fresh_metrics()?;
    let closes = metrics.by("fanlight_tcp_closes_total", "reason");
    for reason in ["first_frame_bad", "frame_too_long", "first_frame_late", "source_full"] {
        assert!(closes[reason] >= 8.0, "{reason}: {closes:?}");
    }
    assert_books_balance(&metrics);
    assert!(scene.stage.viewers.iter().all(Viewer::is_live) && scene.stage.publishers[0].is_live());
    drop(strays);
    Ok(())
}
