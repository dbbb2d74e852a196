//! What happens when a process of the server dies, or is asked to end.

use std::time::Duration;

use fanlight_tests::client::{End, Faults, PublisherOptions, ViewerOptions};
use fanlight_tests::server::Settings;
use fanlight_tests::{Failure, TestResult};
use rustix::process::{Signal, test_kill_process};

use crate::scene::{SOON, Scene};

fn publishing() -> TestResult<Scene> {
    let mut scene = Scene::start(&Settings { shards: 2, ..Settings::default() })?;
    scene.publish("stage", PublisherOptions::default())?;
    for _ in 0..2 {
        scene.watch("stage", ViewerOptions::default())?;
    }
    scene.run_until_packets(30)?;
    Ok(scene)
}

/// The reason for two processes: signalling may crash while thousands watch, and nobody sees it.
#[test]
fn media_survives_the_death_of_control() -> TestResult {
    let mut scene = publishing()?;
    let dead = scene.server.process("control")?;
    scene.server.kill("control")?;
    scene.run_until_server("control is back", |server| {
        server.process("control").is_ok_and(|process| process != dead) && server.is_healthy()
    })?;
    scene.run_until_server("it knows the stream again", |server| {
        server.streams().is_ok_and(|all| all.len() == 1 && all[0].name == "stage" && all[0].viewers == 2)
    })?;
    scene.stage.run_for(Duration::from_secs(2))?;
    for viewer in &scene.stage.viewers {
        for seen in viewer.tracks() {
            assert_eq!((seen.missing(), &seen.faults), (0, &Faults::default()), "{}", scene.stage);
        }
        assert_eq!(viewer.resource().state()?, "connected");
    }
    // URLs that the old control gave out are good for the new one.
    scene.stage.publishers[0].resource().delete()?;
    scene.stage.run_until("all are told", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
    })?;
    scene.run_until_server("the stream is gone", |server| server.streams().is_ok_and(|all| all.is_empty()))
}

/// Media does not survive its own process; the name must, so that everyone can come back.
#[test]
fn after_the_death_of_the_dataplane_everyone_can_come_back() -> TestResult {
    let mut scene = publishing()?;
    let dead = scene.server.process("dataplane")?;
    scene.server.kill("dataplane")?;
    scene.stage.publishers.clear();
    scene.stage.viewers.clear();
    scene.run_until_server("the dataplane is back", |server| {
        server.process("dataplane").is_ok_and(|process| process != dead) && server.is_healthy()
    })?;
    scene.run_until_server("its sessions are forgotten", |server| {
        server.streams().is_ok_and(|all| all.is_empty())
    })?;
    scene.publish("stage", PublisherOptions { stream: 2, ..PublisherOptions::default() })?;
    scene.watch("stage", ViewerOptions { stream: 2, ..ViewerOptions::default() })?;
    scene.run_until_packets(30)
}

/// Ctrl-C while people watch: they are told, all processes end, and the shell sees success.
#[test]
fn an_interrupt_ends_everything_cleanly() -> TestResult {
    let mut scene = publishing()?;
    let processes = scene.server.processes();
    assert_eq!(processes.len(), 3, "supervisor, control and dataplane");
    let status = scene.server.stop(Signal::INT)?;
    assert_eq!(status.code(), Some(0), "{}", scene.server.log());
    let left: Vec<_> = processes.into_iter().filter(|process| test_kill_process(*process).is_ok()).collect();
    assert_eq!(left, []);
    scene.stage.run_until("all are told", SOON, |stage| {
        stage.viewers.iter().all(|viewer| viewer.end() == Some(End::Closed))
            && stage.publishers[0].end() == Some(End::Closed)
    })?;
    Ok(())
}

/// A supervisor that is killed cannot end its children; they must not stay and hold the ports.
#[test]
fn no_process_outlives_the_supervisor() -> TestResult {
    let mut scene = publishing()?;
    let processes = scene.server.processes();
    let status = scene.server.stop(Signal::KILL)?;
    assert_eq!(status.code(), None);
    let all_gone = |_: &_| processes.iter().all(|process| test_kill_process(*process).is_err());
    scene
        .run_until_server("the children have ended", all_gone)
        .map_err(|_| Failure::new(format!("{processes:?} live on")))
}
