//! What is published is what is watched: every byte, in order, under the numbers that were promised.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

use fanlight_tests::client::{Content, Faults, PublisherOptions, ViewerOptions};
use fanlight_tests::server::{Server, ServerError, Settings};
use fanlight_tests::{Failure, TestResult, say};

use crate::scene::{SOON, Scene};

/// Two viewers of one publisher, all checks of delivery.
fn deliver(settings: &Settings, video: Content, viewers: usize) -> TestResult<Scene> {
    deliver_on(Scene::start(settings)?, video, viewers)
}

fn deliver_on(mut scene: Scene, video: Content, viewers: usize) -> TestResult<Scene> {
    scene.publish("stage", PublisherOptions { video: Some(video), ..PublisherOptions::default() })?;
    for _ in 0..viewers {
        scene.watch("stage", ViewerOptions::default())?;
    }
    scene.run_until_packets(200)?;
    scene.stage.run_until("every track has sender reports", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.tracks().all(|seen| seen.sender_reports > 0))
    })?;
    for viewer in &scene.stage.viewers {
        assert_eq!(viewer.packets_unknown(), 0);
        assert_eq!(viewer.tracks().count(), 2);
        for content in [Content::Opus, video] {
            let seen =
                viewer.seen(content).ok_or_else(|| Failure::new(format!("no {content:?} was promised")))?;
            assert_eq!(seen.faults, Faults::default(), "{content:?}");
            assert_eq!((seen.missing(), seen.by_retransmission), (0, 0), "{content:?}");
            assert!(seen.with_mid > 0, "without a MID a browser cannot bind the first packets");
        }
    }
    Ok(scene)
}

/// The name of the backend that each shard runs on, as the server reports it.
fn backends(scene: &Scene) -> TestResult<Vec<String>> {
    Ok(scene.server.metrics()?.by("fanlight_shard_info", "backend").into_keys().collect())
}

/// Whether something here may keep `io_uring` from a process: the kernel's switch (sysctl kernel.io_uring_disabled, since
/// Linux 6.6), or a filter of system calls as containers have it.
fn io_uring_may_be_forbidden() -> bool {
    let switch = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    switch.trim() != "0" || !status.lines().any(|line| line.split_whitespace().eq(["Seccomp:", "0"]))
}

/// The first promise of an SFU, on the backend that production uses.
#[test]
fn viewers_get_what_is_published_over_io_uring() -> TestResult {
    let settings = Settings { io: "io_uring", ..Settings::default() };
    if io_uring_may_be_forbidden()
        && matches!(Server::start(&settings), Err(ServerError::Ended(_) | ServerError::NotUp))
    {
        say("not tested: this machine lets no process use io_uring");
        return Ok(());
    }
    let scene = deliver(&settings, Content::Vp8, 2)?;
    assert_eq!(backends(&scene)?, ["io_uring"]);
    Ok(())
}

/// The same where the kernel has no `io_uring`.
#[test]
fn viewers_get_what_is_published_over_plain_sockets() -> TestResult {
    let scene = deliver(&Settings { io: "plain", ..Settings::default() }, Content::Vp8, 2)?;
    assert_eq!(backends(&scene)?, ["plain"]);
    Ok(())
}

/// Key frames of H.264 are found in aggregations and fragments, not in a descriptor.
#[test]
fn viewers_get_what_is_published_in_h264() -> TestResult {
    deliver(&Settings::default(), Content::H264, 2).map(drop)
}

/// A stream that only one core could serve would not be a large one: viewers land on both shards and get the same.
#[test]
fn viewers_on_both_shards_get_the_same() -> TestResult {
    let mut scene = deliver(&Settings { shards: 2, ..Settings::default() }, Content::Vp8, 4)?;
    scene.run_until_server("the report of all sessions", |server| {
        server.metrics().is_ok_and(|metrics| metrics.sum("fanlight_shard_sessions", &[]) == 5.0)
    })?;
    let metrics = scene.server.metrics()?;
    let sessions = metrics.by("fanlight_shard_sessions", "shard");
    assert!(sessions.len() == 2 && sessions.values().all(|count| *count >= 2.0), "{sessions:?}");
    let sent = metrics.by("fanlight_shard_media_packets_out_total", "shard");
    assert!(sent.len() == 2 && sent.values().all(|count| *count >= 200.0), "{sent:?}");
    Ok(())
}

/// A player puts sound and pictures together by the sender reports: both clocks must point to the publisher's moments. The
/// bound is far above rounding (1 tick of 48 kHz is 21 µs) and far below what an ear notices.
#[test]
fn sender_reports_keep_the_publishers_clocks() -> TestResult {
    const APART_MAX: Duration = Duration::from_millis(20);
    // Alone, for a busy machine would be taken for a clock that is wrong.
    let scene = deliver_on(Scene::start_alone(&Settings::default())?, Content::Vp8, 1)?;
    let start = scene.stage.publishers[0].start().ok_or_else(|| Failure::new("nothing was published"))?;
    let start = SystemTime::now() - Instant::now().duration_since(start);
    for seen in scene.stage.viewers[0].tracks() {
        let error = seen.clock_error(start).ok_or_else(|| Failure::new("no sender report"))?;
        assert!(error < APART_MAX, "{:?} is {error:?} off", seen.script.content);
    }
    Ok(())
}

/// Browsers learn that a stream has ended from their data channel, so that it must open for both roles.
#[test]
fn a_data_channel_that_is_offered_opens() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", PublisherOptions { data_channel: true, ..PublisherOptions::default() })?;
    scene.watch("stage", ViewerOptions { data_channel: true, ..ViewerOptions::default() })?;
    scene.stage.run_until("both channels are open", SOON, |stage| {
        stage.publishers[0].milestones().channel.is_some() && stage.viewers[0].milestones().channel.is_some()
    })?;
    assert!(scene.stage.publishers[0].answer().data_channel && scene.stage.viewers[0].answer().data_channel);
    Ok(())
}

/// Sound alone is a stream too, and it waits for no key frame.
#[test]
fn a_stream_of_sound_alone_is_heard() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("radio", PublisherOptions { video: None, ..PublisherOptions::default() })?;
    scene.watch("radio", ViewerOptions::default())?;
    scene.run_until_packets(100)?;
    let viewer = &scene.stage.viewers[0];
    assert_eq!(viewer.tracks().map(|seen| seen.script.content).collect::<Vec<_>>(), [Content::Opus]);
    assert!(viewer.tracks().all(|seen| seen.faults == Faults::default() && seen.missing() == 0));
    Ok(())
}

/// Two streams on one shard share sockets, ports and threads, and nothing else.
#[test]
fn streams_do_not_mix() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    for (name, stream) in [("one", 1), ("two", 2)] {
        scene.publish(name, PublisherOptions { stream, ..PublisherOptions::default() })?;
        scene.watch(name, ViewerOptions { stream, ..ViewerOptions::default() })?;
    }
    scene.run_until_packets(100)?;
    for viewer in &scene.stage.viewers {
        assert!(viewer.tracks().all(|seen| seen.faults == Faults::default()), "{}", scene.stage);
    }
    Ok(())
}
