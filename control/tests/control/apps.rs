//! Apps by their files: who may come in, for how long, and what a change does to those who are there.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use fanlight_protocol::ToDataplane;

use crate::support::{OFFER, Stage, request, until};

const OPEN: &str = "[auth]\npublish = ['open']\nplay = ['open']\n";

/// A server whose apps are these files.
pub(crate) async fn stage(files: &[(&str, &str)]) -> (Stage, PathBuf) {
    let mut folder = PathBuf::new();
    let stage = Stage::with(|config| {
        folder = config.control.socket.with_file_name("apps");
        fs::create_dir(&folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        config.apps.folder.clone_from(&folder);
    })
    .await;
    (stage, folder)
}

/// The door is where the file says, and whoever is refused learns no more than that.
#[tokio::test]
async fn an_apps_file_says_who_may_publish_and_play() {
    let closed = "[auth]\nplay = ['open']\n";
    let (stage, _folder) = stage(&[("live.toml", OPEN), ("closed.toml", closed)]).await;
    assert_eq!(stage.publish("camera").await.status, 201);
    let unknown = stage.post("/other/whip/endpoint/camera", OFFER).await;
    assert_eq!((unknown.status, unknown.reason().as_str()), (404, "unknown_app"));
    for path in ["/closed/whip/endpoint/camera", "/closed/room/whip/endpoint/camera?token=abc"] {
        let refused = stage.post(path, OFFER).await;
        assert_eq!((refused.status, refused.reason().as_str()), (401, "not_allowed"), "{path}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"fanlight\""));
    }
    assert_eq!(
        stage.post("/closed/whep/endpoint/camera", OFFER).await.status,
        409,
        "who may watch is told more"
    );
}

/// Whoever may not come in must not be able to make the server read, or wait.
#[tokio::test]
async fn a_refusal_comes_before_the_body() {
    let (stage, _folder) = stage(&[("closed.toml", "")]).await;
    let head = "POST /closed/whip/endpoint/camera HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n\
                Content-Length: 60000\r\n\r\n";
    let reply = crate::support::exchange(stage.address(), head.as_bytes()).await.expect("an answer");
    assert_eq!(reply.status, 401);
    assert!(stage.dataplane.sessions().is_empty());
}

/// A grant that ends ends the session, whichever control is there by then.
#[tokio::test]
async fn a_session_ends_with_its_grant_also_after_a_restart_of_control() {
    let short = format!("{OPEN}[limits]\nsession_s_max = 2\n");
    let (stage, _folder) = stage(&[("live.toml", OPEN), ("short.toml", &short)]).await;
    assert_eq!(stage.publish("camera").await.status, 201);
    let publisher = stage.post("/short/whip/endpoint/camera", OFFER).await;
    let viewer = stage.post("/short/whep/endpoint/camera", OFFER).await;
    stage.dataplane.connect_all();
    let stage = stage.restart_control().await;
    assert_eq!(stage.state(viewer.location()).await.status, 200, "not yet");
    until("the end of the grants", || async { stage.state(viewer.location()).await.status == 410 }).await;
    assert_eq!(stage.state(publisher.location()).await.status, 410);
    let left: Vec<String> = stage.dataplane.sessions().values().map(|info| info.stream.to_string()).collect();
    assert_eq!(left, ["live/camera"]);
}

/// The app's limits are beside the server's, and say whose they are.
#[tokio::test]
async fn an_apps_own_limits_hold() {
    let small = format!(
        "{OPEN}[limits]\nstreams_max = 1\nviewers_per_stream_max = 2\nviewer_bps_max = 1000000\n[publish]\n\
         on_name_in_use = 'replace'\n"
    );
    let (stage, _folder) = stage(&[("small.toml", &small), ("live.toml", OPEN)]).await;
    assert_eq!(stage.post("/small/whip/endpoint/a", OFFER).await.status, 201);
    let second = stage.post("/small/r/whip/endpoint/b", OFFER).await;
    assert_eq!((second.status, second.reason().as_str()), (503, "full"));
    assert!(second.body.contains("the app's limits.streams_max"), "{}", second.body);
    assert_eq!(stage.publish("b").await.status, 201, "other apps have their own");
    for status in [201, 201, 503] {
        assert_eq!(stage.post("/small/whep/endpoint/a", OFFER).await.status, status);
    }
    let caps = stage.dataplane.heard().into_iter().filter_map(|message| match message {
        ToDataplane::Watch { terms, .. } => Some(terms.bitrate_bps_max),
        _ => None,
    });
    assert_eq!(caps.collect::<Vec<_>>(), [Some(1_000_000), Some(1_000_000)]);
    stage.dataplane.connect_all();
    assert_eq!(
        stage.post("/small/whip/endpoint/a", OFFER).await.status,
        201,
        "it takes over: no second stream"
    );
}

/// Operators change files of servers that are in use.
#[tokio::test]
async fn a_changed_file_holds_for_newcomers_and_touches_nobody_else() {
    let (stage, folder) = stage(&[("live.toml", OPEN)]).await;
    assert_eq!(stage.publish("camera").await.status, 201);
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(stage.watch("camera").await.location().to_owned());
    }
    stage.dataplane.connect_all();
    fs::write(folder.join("live.toml"), "[auth]\npublish = ['open']\nplay = []\n").unwrap();
    until("the change", || async { stage.watch("camera").await.status == 401 }).await;
    assert_eq!(stage.publish("another").await.status, 201);
    fs::write(folder.join("live.toml"), "[auth]\npublish = ['nobody']\n").unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(stage.publish("third").await.status, 201, "a bad file changes nothing");
    for viewer in &viewers {
        assert_eq!(stage.state(viewer).await.status, 200);
    }
    assert!(!stage.dataplane.heard().iter().any(|message| matches!(message, ToDataplane::Close { .. })));
}

/// What is private must not be listed, nor readable by pages of others.
#[tokio::test]
async fn an_app_keeps_its_listing_and_its_origins_to_itself() {
    let private = format!("{OPEN}[http]\nlisting = false\ncors_origins = ['https://ours.example']\n");
    let (stage, _folder) = stage(&[("live.toml", OPEN), ("private.toml", &private)]).await;
    assert_eq!(stage.publish("seen").await.status, 201);
    assert_eq!(stage.post("/private/whip/endpoint/hidden", OFFER).await.status, 201);
    stage.dataplane.connect_all();
    until("the stream", || async { stage.get("/streams").await.body.contains("seen") }).await;
    assert!(!stage.get("/streams").await.body.contains("hidden"));
    assert_eq!(stage.get("/private/streams").await.status, 404);
    for (app, origin, allowed) in [
        ("private", "https://ours.example", Some("https://ours.example")),
        ("private", "https://other.example", None),
        ("live", "https://other.example", Some("*")),
    ] {
        let path = format!("/{app}/whep/endpoint/x");
        let reply = request(stage.address(), "OPTIONS", &path, &[("Origin", origin)], "").await;
        assert_eq!(reply.header("access-control-allow-origin"), allowed, "{app} {origin}");
    }
}

/// A player of one's own needs no second web server; what is beside its folder stays there.
#[tokio::test]
async fn an_app_serves_pages_of_its_own() {
    let with_pages = format!("{OPEN}[http]\npages = 'player'\n");
    let (stage, folder) = stage(&[("live.toml", OPEN)]).await;
    fs::create_dir(folder.join("player")).unwrap();
    fs::write(folder.join("player/index.html"), "<title>mine</title>").unwrap();
    fs::write(folder.join("player/.env"), "secret").unwrap();
    assert_eq!(stage.get("/live/").await.status, 404, "it has none yet");
    fs::write(folder.join("live.toml"), with_pages).unwrap();
    until("the pages", || async { stage.get("/live/").await.status == 200 }).await;
    let page = stage.get("/live/index.html").await;
    assert_eq!(
        (page.header("content-type"), page.body.as_str()),
        (Some("text/html; charset=utf-8"), "<title>mine</title>")
    );
    let tag = page.header("etag").unwrap().to_owned();
    let again = request(stage.address(), "GET", "/live/", &[("If-None-Match", &tag)], "").await;
    assert_eq!(again.status, 304);
    let redirect = stage.get("/live").await;
    assert_eq!((redirect.status, redirect.header("location")), (308, Some("/live/")));
    for path in
        ["/live/.env", "/live/missing.js", "/live/..%2flive.toml", "/live/player/index.html", "/other/"]
    {
        assert_eq!(stage.get(path).await.status, 404, "{path}");
    }
    assert_eq!(stage.post("/live/index.html", "x").await.status, 405);
}
