//! Streams and their viewers: lists in pages, one by one, and their end.

use fanlight_protocol::{CloseReason, ToDataplane};

use super::{CONTROL, READ, api, ask, each, get, stage};
use crate::support::{OFFER, Stage, request, session_of, until};

async fn connected(stage: &Stage, count: usize) {
    stage.dataplane.connect_all();
    until("the sessions", || async {
        let sessions = get(stage, "/sessions").await;
        sessions["items"].as_array().unwrap().iter().filter(|one| one["state"] == "connected").count()
            == count
    })
    .await;
}

/// An operator sees all apps and their rooms, also what has not connected yet, and filters them.
#[tokio::test]
async fn streams_are_listed_by_app_and_name() {
    let stage = stage().await;
    assert_eq!(get(&stage, "/streams").await, serde_json::json!({ "items": [], "total": 0, "next": null }));
    for path in [
        "live/whip/endpoint/b",
        "live/whip/endpoint/a",
        "live/room%201/whip/endpoint/c",
        "other/whip/endpoint/a",
    ] {
        assert_eq!(stage.post(&format!("/{path}"), OFFER).await.status, 201);
    }
    stage.watch("a").await;
    let all = get(&stage, "/streams").await;
    assert_eq!(each(&all, "app"), ["live", "live", "live/room 1", "other"]);
    assert_eq!(each(&all, "name"), ["a", "b", "c", "a"]);
    assert_eq!(each(&all, "state"), ["connecting"; 4]);
    assert_eq!((&all["total"], &all["next"]), (&4.into(), &serde_json::Value::Null));
    connected(&stage, 5).await;
    let first = &get(&stage, "/streams").await["items"][0];
    assert_eq!((&first["state"], &first["viewers"]), (&"connected".into(), &1.into()));
    assert_eq!(first["tracks"][1], serde_json::json!({ "kind": "video", "codec": "VP8", "layers": [] }));
    for (query, names) in [
        ("/streams?app=live", vec!["a", "b", "c"]),
        ("/streams?app=live%2Froom%201", vec!["c"]),
        ("/streams?app=liv", vec![]),
        ("/streams?app=live&prefix=b", vec!["b"]),
        ("/streams?sort=-name", vec!["a", "c", "b", "a"]),
        ("/streams?sort=since", vec!["b", "a", "c", "a"]),
        ("/streams?sort=-viewers&limit=1", vec!["a"]),
        ("/apps/live/streams", vec!["a", "b", "c"]),
        ("/apps/live%2Froom%201/streams", vec!["c"]),
        ("/apps/live/streams?prefix=a&sort=-since", vec!["a"]),
        ("/apps/nobody/streams", vec![]),
    ] {
        assert_eq!(each(&get(&stage, query).await, "name"), names, "{query}");
    }
    for query in ["sort=size", "limit=0", "limit=1001", "limit=x", "app=a&app=b"] {
        let reply = ask(api(&stage), "GET", &format!("/api/v2/streams?{query}"), READ, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "bad_parameter"), "{query}");
    }
}

/// A script that follows `Link` sees every stream once, though others come and go meanwhile.
#[tokio::test]
async fn a_list_in_pages_is_whole_while_it_changes() {
    let stage = stage().await;
    for number in 0..7 {
        assert_eq!(stage.publish(&format!("s{number}")).await.status, 201);
    }
    let mut path = "/api/v2/streams?limit=2&app=live".to_owned();
    let mut seen = Vec::new();
    loop {
        let reply = ask(api(&stage), "GET", &path, READ, "").await;
        seen.extend(each(&reply.json(), "name"));
        // One that was seen goes, and one comes before it.
        if seen.len() == 2 {
            ask(api(&stage), "DELETE", "/api/v2/apps/live/streams/s1", CONTROL, "").await;
            assert_eq!(stage.publish("s00").await.status, 201);
        }
        let Some(link) = reply.header("link") else {
            assert!(reply.json()["next"].is_null());
            break;
        };
        let (reference, relation) = link.split_once("; ").unwrap();
        assert_eq!(relation, "rel=\"next\"");
        path = format!("/api/v2/streams{}", reference.trim_matches(['<', '>']));
    }
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);
}

/// Ending a stream ends whoever publishes it, and the viewers with it; once more is no fault.
#[tokio::test]
async fn a_stream_is_ended_once_and_ending_it_again_is_the_same() {
    let stage = stage().await;
    let publisher = stage.post("/live/room1/whip/endpoint/cam%20era", OFFER).await;
    let viewer = stage.post("/live/room1/whep/endpoint/cam%20era", OFFER).await;
    let path = "/api/v2/apps/live%2Froom1/streams/cam%20era";
    let shown = ask(api(&stage), "GET", path, READ, "").await;
    assert_eq!((shown.status, shown.json()["viewers"].clone()), (200, 1.into()));
    for (method, path, token, status) in [
        ("GET", "/api/v2/apps/live/streams/cam%20era", READ, 404),
        ("GET", "/api/v2/apps/live%2Froom1/streams/other", READ, 404),
        ("DELETE", "/api/v2/apps/live/streams/cam%20era", CONTROL, 204),
        ("DELETE", path, READ, 403),
        ("GET", path, READ, 200),
        ("DELETE", &format!("{path}?reason=too%20loud%0a%1b"), CONTROL, 204),
        ("DELETE", path, CONTROL, 204),
        ("GET", path, READ, 404),
    ] {
        let reply = ask(api(&stage), method, path, token, "").await;
        assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
    }
    until("the viewer's end", || async { stage.state(viewer.location()).await.status == 410 }).await;
    assert_eq!(stage.state(publisher.location()).await.json()["reason"], "kicked");
    assert_eq!(stage.state(viewer.location()).await.json()["reason"], "stream_ended");
    let session = session_of(&publisher);
    let kicked = ToDataplane::Close { session, reason: CloseReason::Kicked };
    assert_eq!(stage.dataplane.heard().iter().filter(|message| **message == kicked).count(), 1);
    assert_eq!(
        stage.post("/live/room1/whip/endpoint/cam%20era", OFFER).await.status,
        201,
        "the name is free"
    );
}

/// The room is cleared, the show goes on.
#[tokio::test]
async fn viewers_are_ended_and_the_stream_goes_on() {
    let stage = stage().await;
    for name in ["a", "b"] {
        stage.publish(name).await;
    }
    let mut gone = Vec::new();
    for _ in 0..3 {
        gone.push(stage.watch("a").await);
    }
    let other = stage.watch("b").await;
    let path = "/apps/live/streams/a/viewers";
    let listed = get(&stage, path).await;
    assert_eq!((each(&listed, "role"), &listed["total"]), (vec!["viewer".to_owned(); 3], &3.into()));
    let ended = ask(api(&stage), "DELETE", &format!("/api/v2{path}"), CONTROL, "").await;
    assert_eq!((ended.status, ended.json()), (200, serde_json::json!({ "ended": 3 })));
    let again = ask(api(&stage), "DELETE", &format!("/api/v2{path}"), CONTROL, "").await;
    assert_eq!((again.status, again.json()), (200, serde_json::json!({ "ended": 0 })));
    for viewer in &gone {
        assert_eq!(stage.state(viewer.location()).await.json()["reason"], "kicked");
    }
    assert_eq!(stage.state(other.location()).await.status, 200);
    assert_eq!(get(&stage, "/apps/live/streams/a").await["viewers"], 0);
    assert_eq!(ask(api(&stage), "GET", "/api/v2/apps/live/streams/c/viewers", READ, "").await.status, 404);
}

/// Whoever polls pays for what has changed only (RFC 9110 §13.1.2).
#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let stage = stage().await;
    stage.publish("a").await;
    let authorization = format!("Bearer {READ}");
    let asked = async |path: &str, tags: &str| {
        let headers = [("Authorization", authorization.as_str()), ("If-None-Match", tags)];
        request(api(&stage), "GET", path, &headers, "").await
    };
    for path in ["/api/v2/streams", "/api/v2/apps/live/streams/a", "/api/v2/sessions", "/api/v2/apps"] {
        let first = ask(api(&stage), "GET", path, READ, "").await;
        let tag = first.header("etag").unwrap().to_owned();
        for tags in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            let same = asked(path, &tags).await;
            assert_eq!((same.status, same.body.as_str()), (304, ""), "{path} {tags}");
            assert_eq!(same.header("etag"), Some(tag.as_str()));
        }
        for tags in ["\"x\"", "", &tag.replace('"', "")] {
            assert_eq!(asked(path, tags).await.status, 200, "{path} {tags}");
        }
        stage.watch("a").await;
        let changed = asked(path, &tag).await.status;
        assert_eq!(changed, 200, "{path}");
    }
}
