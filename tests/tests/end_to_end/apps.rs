//! Apps by their files, with media that flows meanwhile.

use std::fs;
use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::client::{End, Faults, PublisherOptions, ViewerOptions};
use fanlight_tests::server::{Server, Settings};

use crate::scene::{SOON, Scene};

const OPEN: &str = "[auth]\npublish = ['open']\nplay = ['open']\n";
const CLOSED: &str = "[auth]\npublish = ['open']\nplay = []\n";

fn with_app(text: &str) -> TestResult<Scene> {
    Scene::start(&Settings { apps: vec![("live.toml", text.to_owned())], ..Settings::default() })
}

fn is_refused(server: &Server) -> bool {
    let refusal = server.whep("stage").post("v=0\r\n").err();
    refusal.and_then(|refusal| refusal.status()) == Some(401)
}

/// Operators change what newcomers may do while thousands watch: those must not notice.
#[test]
fn a_change_of_an_apps_file_reaches_newcomers_and_costs_viewers_no_packet() -> TestResult {
    let mut scene = with_app(OPEN)?;
    scene.publish("stage", PublisherOptions::default())?;
    for _ in 0..20 {
        scene.watch("stage", ViewerOptions::default())?;
    }
    scene.run_until_packets(30)?;
    let file = scene.server.app_file("live.toml");
    for (text, closed) in [(CLOSED, true), (OPEN, false), (CLOSED, true)] {
        fs::write(&file, text)?;
        scene.run_until_server("the change is in force", |server| is_refused(server) == closed)?;
    }
    fs::write(&file, "[auth\n")?;
    scene.stage.run_for(Duration::from_secs(2))?;
    assert!(is_refused(&scene.server), "a broken file changes nothing");
    assert!(scene.server.log().contains("not TOML"), "{}", scene.server.log());
    scene.run_until_complete()?;
    for viewer in &scene.stage.viewers {
        for seen in viewer.tracks() {
            assert_eq!((seen.missing(), &seen.faults), (0, &Faults::default()), "{}", scene.stage);
        }
        assert_eq!(viewer.end(), None);
    }
    Ok(())
}

/// A grant that is over must end what it let in, and nobody else.
#[test]
fn a_session_ends_with_its_grant_and_others_go_on() -> TestResult {
    let short = format!("{OPEN}[limits]\nsession_s_max = 3\n");
    let settings =
        Settings { apps: vec![("live.toml", OPEN.to_owned()), ("short.toml", short)], ..Settings::default() };
    let mut scene = Scene::start(&settings)?;
    scene.publish("stage", PublisherOptions::default())?;
    scene.watch("stage", ViewerOptions::default())?;
    let (whip, whep) = (scene.server.endpoint("short/whip", "a"), scene.server.endpoint("short/whep", "a"));
    scene.publish_at(&whip, PublisherOptions { stream: 2, ..PublisherOptions::default() })?;
    scene.watch_at(&whep, ViewerOptions { stream: 2, ..ViewerOptions::default() })?;
    scene.stage.run_until("both grants are over", SOON, |stage| {
        stage.publishers[1].end() == Some(End::Closed) && stage.viewers[1].end() == Some(End::Closed)
    })?;
    scene.stage.run_for(Duration::from_secs(1))?;
    assert_eq!((scene.stage.publishers[0].end(), scene.stage.viewers[0].end()), (None, None));
    let reason = scene.stage.publishers[1].resource().ending()?;
    assert_eq!(reason, "expired");
    Ok(())
}
