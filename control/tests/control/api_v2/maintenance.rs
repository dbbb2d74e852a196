//! The server as a whole: what it says of itself, draining, the log's level, apps.

use std::time::{Duration, Instant};

use fanlight_protocol::{CloseReason, StatsReport, ToControl, ToDataplane};

use super::{ADMIN, CONTROL, READ, api, ask, each, get, stage, stage_with};
use crate::support::{OFFER, session_of, until};

#[tokio::test]
async fn the_server_says_what_it_is_and_whether_it_can_serve() {
    let mut stage = stage().await;
    let server = get(&stage, "/server").await;
    assert_eq!(server["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&server["dataplane"], &server["draining"]), (&"connected".into(), &false.into()));
    assert!(server["epoch"].as_u64().unwrap() > 1_700_000_000_000);
    stage.dataplane.stop().await;
    stage.until_healthy(503).await;
    assert_eq!(get(&stage, "/server").await["dataplane"], "away");
    let statistics = get(&stage, "/server/statistics").await;
    assert_eq!((&statistics["viewers"], &statistics["dataplane"]), (&0.into(), &serde_json::Value::Null));
}

/// What the shards report adds up.
#[tokio::test]
async fn statistics_are_told_by_shard_and_in_all() {
    let stage = stage().await;
    stage.publish("a").await;
    stage.watch("a").await;
    let shards = [(0, 100, 7), (1, 23, 0)]
        .map(|(shard, bytes_in, rejected)| crate::listings::shard(shard, bytes_in, rejected));
    stage.dataplane.say(&ToControl::Stats(StatsReport {
        uptime_ms: 65_000,
        shards: shards.to_vec(),
        tcp: None,
        sessions: vec![],
    }));
    until("the report", || async { !get(&stage, "/server/statistics").await["dataplane"].is_null() }).await;
    let statistics = get(&stage, "/server/statistics").await;
    assert_eq!((&statistics["publishers"], &statistics["viewers"]), (&1.into(), &1.into()));
    assert_eq!(statistics["streams"], 0, "it has not connected yet");
    let media = &statistics["dataplane"];
    assert_eq!((&media["uptime_s"], &media["totals"]["bytes_in"]), (&65.into(), &123.into()));
    assert_eq!(media["totals"]["rejected"], 7);
    assert_eq!(media["shards"][0]["rejects"], serde_json::json!({ "unknown_path": 7 }));
    assert_eq!((&media["shards"][1]["shard"], &media["shards"][1]["bytes_in"]), (&1.into(), &23.into()));
}

/// Before an update: newcomers are sent elsewhere, those who are here may stay, until the deadline.
#[tokio::test]
async fn a_drained_server_lets_nobody_in_and_ends_the_rest_at_the_deadline() {
    let stage = stage().await;
    let idle = serde_json::json!(
        { "draining": false, "since": null, "deadline": null, "sessions_before": null, "sessions": 0 }
    );
    assert_eq!(get(&stage, "/server/drain").await, idle);
    let publisher = stage.publish("a").await;
    let viewer = stage.watch("a").await;
    assert_eq!(ask(api(&stage), "POST", "/api/v2/server/drain", READ, "{}").await.status, 403);
    let begun = ask(api(&stage), "POST", "/api/v2/server/drain", CONTROL, "{}").await;
    assert_eq!((begun.status, &begun.json()["draining"]), (202, &true.into()));
    for refused in [stage.publish("b").await, stage.watch("a").await] {
        assert_eq!((refused.status, refused.reason().as_str()), (503, "draining"));
        assert_eq!(refused.header("retry-after"), Some("2"));
    }
    assert_eq!(stage.get("/healthz").await.reason(), "draining", "the load balancer must know");
    assert_eq!(stage.state(viewer.location()).await.status, 200, "whoever is here stays");
    let drain = get(&stage, "/server/drain").await;
    assert_eq!((&drain["sessions_before"], &drain["sessions"]), (&2.into(), &2.into()));
    assert_eq!(drain["deadline"], serde_json::Value::Null);

    // Another deadline, called off before it comes.
    let later = ask(api(&stage), "POST", "/api/v2/server/drain", CONTROL, r#"{"deadline_s": 1}"#).await;
    assert!(later.json()["deadline"].is_string() && later.json()["since"] == drain["since"]);
    for _ in 0..2 {
        assert_eq!(ask(api(&stage), "DELETE", "/api/v2/server/drain", CONTROL, "").await.status, 204);
    }
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(
        stage.state(viewer.location()).await.status,
        200,
        "a deadline that is called off does nothing"
    );
    let third = stage.publish("b").await;
    assert_eq!(third.status, 201);

    let asked = Instant::now();
    ask(api(&stage), "POST", "/api/v2/server/drain", CONTROL, r#"{"deadline_s": 1}"#).await;
    until("the end of all", || async { get(&stage, "/server/drain").await["sessions"] == 0 }).await;
    assert!(asked.elapsed() >= Duration::from_millis(900), "{:?}", asked.elapsed());
    for session in [&publisher, &third] {
        let close = ToDataplane::Close { session: session_of(session), reason: CloseReason::Shutdown };
        assert!(stage.dataplane.heard().contains(&close), "{session:?}");
    }
    assert_eq!(stage.state(publisher.location()).await.json()["reason"], "shutdown");
    assert_eq!(stage.publish("c").await.status, 503, "empty, and still shut");
    for body in
        [r#"{"deadline_s": -1}"#, r#"{"deadline_s": 86401}"#, r#"{"deadline": 1}"#, r#"{"deadline_s": "1"}"#]
    {
        let reply = ask(api(&stage), "POST", "/api/v2/server/drain", CONTROL, body).await;
        assert_eq!(reply.reason(), "bad_body", "{body}");
    }
}

/// In a library the log is the program's; what is asked for must not be lost in silence.
#[tokio::test]
async fn a_level_that_cannot_be_set_is_a_conflict() {
    let stage = stage().await;
    let level = get(&stage, "/server/log-level").await;
    assert_eq!(level, serde_json::json!({ "level": "info", "configured": "info", "until": null }));
    let put = async |token: &str, body: &str| {
        ask(api(&stage), "PUT", "/api/v2/server/log-level", token, body).await
    };
    assert_eq!(put(CONTROL, r#"{"level": "debug"}"#).await.status, 403);
    for level in ["debug", "dbug", "", "info;rm -rf"] {
        let reply = put(ADMIN, &format!("{{\"level\": {level:?}}}")).await;
        assert_eq!((reply.status, reply.reason().as_str()), (409, "bad_log_level"), "{level}");
    }
    for body in [
        r#"{"level": "debug", "for_s": 0}"#,
        r#"{"level": "debug", "for_s": 86401}"#,
        r#"{"level": 1}"#,
        "{}",
    ] {
        assert_eq!(put(ADMIN, body).await.reason(), "bad_body", "{body}");
    }
    assert_eq!(get(&stage, "/server/log-level").await["level"], "info");
}

/// Apps are shown with what their files say, but no secret, and with what goes on in them.
#[tokio::test]
async fn apps_are_shown_and_read_again() {
    let mut folder = std::path::PathBuf::new();
    let stage = stage_with(|config| {
        folder = config.control.socket.with_file_name("apps");
        std::fs::create_dir(&folder).unwrap();
        let text = "[auth]\npublish = ['open']\nplay = ['open']\n[limits]\nviewers_max = 5\n";
        std::fs::write(folder.join("live.toml"), text).unwrap();
        std::fs::write(folder.join("closed.toml"), "").unwrap();
        config.apps.folder.clone_from(&folder);
    })
    .await;
    stage.publish("a").await;
    stage.post("/live/room1/whip/endpoint/a", OFFER).await;
    stage.watch("a").await;
    let apps = get(&stage, "/apps").await;
    assert_eq!(each(&apps, "name"), ["closed", "live"]);
    let live = get(&stage, "/apps/live").await;
    assert_eq!(apps["items"][1], live);
    assert_eq!((&live["streams"], &live["viewers"]), (&2.into(), &1.into()));
    assert_eq!(live["paths"], serde_json::json!(["live", "live/room1"]));
    assert_eq!(live["settings"]["publish"], serde_json::json!(["open"]));
    assert_eq!(live["settings"]["limits"]["viewers_max"], 5);
    assert_eq!(live["settings"]["limits"]["streams_max"], serde_json::Value::Null);
    for name in ["other", "live%2Froom1", "..%2Flive", "%00"] {
        let reply = ask(api(&stage), "GET", &format!("/api/v2/apps/{name}"), READ, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "not_there"), "{name}");
    }
    std::fs::write(folder.join("vod.toml"), "").unwrap();
    std::fs::write(folder.join("live.toml"), "[limits]\nviewers_mux = 5\n").unwrap();
    assert_eq!(ask(api(&stage), "POST", "/api/v2/apps/reload", CONTROL, "").await.status, 403);
    let reloaded = ask(api(&stage), "POST", "/api/v2/apps/reload", ADMIN, "").await.json();
    assert_eq!(reloaded["apps"], serde_json::json!(["closed", "live", "vod"]));
    assert!(reloaded["faults"].as_str().unwrap().contains("the nearest is limits.viewers_max"), "{reloaded}");
    assert_eq!(get(&stage, "/apps/live").await, live, "a bad file changes nothing");
}

/// Without a folder every app exists, but only names that could be an app's.
#[tokio::test]
async fn without_files_every_app_is_there() {
    let stage = stage().await;
    assert_eq!(get(&stage, "/apps").await, serde_json::json!({ "items": [] }));
    stage.publish("a").await;
    assert_eq!(each(&get(&stage, "/apps").await, "name"), ["live"]);
    assert_eq!(get(&stage, "/apps/anything").await["streams"], 0);
    for name in ["api", "a%2Fb", "%20", "%E2%80%8B", "..", "%2e"] {
        let reply = ask(api(&stage), "GET", &format!("/api/v2/apps/{name}"), READ, "").await;
        assert_eq!(reply.status, 404, "{name}");
    }
}
