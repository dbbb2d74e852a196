//! Sessions by handle: what is shown, changed and ended, and what of it is kept from everybody.

use fanlight_protocol::{CloseReason, ToDataplane, TrackKind};
use serde_json::json;

use super::{ADMIN, CONTROL, READ, api, ask, each, get, stage};
use crate::support::{OFFER, request, session_of, until};

/// Handles lead to sessions; the id, by which its owner acts, is nowhere.
#[tokio::test]
async fn sessions_are_shown_by_handle_and_never_by_id() {
    let stage = stage().await;
    let publisher = stage.publish("a").await;
    let viewer = stage.watch("a").await;
    let list = get(&stage, "/sessions").await;
    assert_eq!(each(&list, "role"), ["publisher", "viewer"]);
    let mut bodies = list.to_string();
    for handle in each(&list, "handle") {
        assert!(handle.len() == 16 && handle.bytes().all(|byte| byte.is_ascii_hexdigit()), "{handle}");
        let session = get(&stage, &format!("/sessions/{handle}")).await;
        assert_eq!((&session["app"], &session["stream"]), (&"live".into(), &"a".into()));
        assert_eq!((&session["address"], &session["validator"]), (&"127.0.0.1".into(), &"open".into()));
        assert_eq!(
            (&session["user"], &session["expires"]),
            (&serde_json::Value::Null, &serde_json::Value::Null)
        );
        bodies += &session.to_string();
    }
    for path in ["/streams", "/apps/live/streams/a/viewers", "/apps", "/clients"] {
        bodies += &get(&stage, path).await.to_string();
    }
    for opened in [&publisher, &viewer] {
        let id = session_of(opened).to_string();
        assert!(!bodies.contains(&id[..16]) && !bodies.contains(&id[16..]), "{id} in {bodies}");
    }
    for (query, roles) in [
        ("role=viewer", vec!["viewer"]),
        ("role=publisher&stream=a&app=live", vec!["publisher"]),
        ("stream=b", vec![]),
        ("address=127.0.0.0/8", vec!["publisher", "viewer"]),
        ("address=::1", vec![]),
        ("user=ann", vec![]),
        ("sort=-since", vec!["viewer", "publisher"]),
        ("sort=-since&limit=1", vec!["viewer"]),
    ] {
        assert_eq!(each(&get(&stage, &format!("/sessions?{query}")).await, "role"), roles, "{query}");
    }
    for (path, status, reason) in [
        ("/sessions?role=moderator", 400, "bad_parameter"),
        ("/sessions?address=localhost", 400, "bad_parameter"),
        ("/sessions/0123456789abcdef", 404, "not_there"),
        ("/sessions/0123456789ABCDEF", 400, "bad_parameter"),
        ("/sessions/%ff", 400, "bad_parameter"),
        (&format!("/sessions/{}", session_of(&viewer)), 400, "bad_parameter"),
    ] {
        let reply = ask(api(&stage), "GET", &format!("/api/v2{path}"), ADMIN, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{path}");
    }
}

/// A kick ends one session and says so to its owner; whom nobody has need not be there.
#[tokio::test]
async fn a_session_is_kicked_and_kicking_it_again_is_the_same() {
    let stage = stage().await;
    stage.publish("a").await;
    let (one, other) = (stage.watch("a").await, stage.watch("a").await);
    let handles = each(&get(&stage, "/sessions?role=viewer").await, "handle");
    let path = format!("/api/v2/sessions/{}", handles[0]);
    assert_eq!(ask(api(&stage), "DELETE", &path, READ, "").await.status, 403);
    let long = format!("{path}?reason={}", "x".repeat(201));
    assert_eq!(ask(api(&stage), "DELETE", &long, CONTROL, "").await.reason(), "bad_parameter");
    assert_eq!(stage.state(one.location()).await.status, 200, "refused requests end nothing");
    for _ in 0..2 {
        let reply = ask(api(&stage), "DELETE", &format!("{path}?reason=spam"), CONTROL, "").await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    }
    assert_eq!(stage.state(one.location()).await.json()["reason"], "kicked");
    assert_eq!(stage.state(other.location()).await.status, 200);
    let kicked = ToDataplane::Close { session: session_of(&one), reason: CloseReason::Kicked };
    assert_eq!(stage.dataplane.heard().iter().filter(|message| **message == kicked).count(), 1);
    let never = ask(api(&stage), "DELETE", "/api/v2/sessions/0123456789abcdef", CONTROL, "").await;
    assert_eq!(never.status, 204, "that it is not there is what was asked for");
    assert_eq!(ask(api(&stage), "DELETE", "/api/v2/sessions/xyz", CONTROL, "").await.status, 400);
}

/// An end that an operator sets holds, can be taken back, and survives a restart of control.
#[tokio::test]
async fn a_session_gets_another_end() {
    let stage = stage().await;
    stage.publish("a").await;
    let viewer = stage.watch("a").await;
    let handle = each(&get(&stage, "/sessions?role=viewer").await, "handle").remove(0);
    let path = format!("/api/v2/sessions/{handle}");
    let change = async |body: &str| ask(api(&stage), "PATCH", &path, CONTROL, body).await;
    let later = change(r#"{"expires": "2099-12-31T23:59:59+01:00"}"#).await;
    assert_eq!((later.status, later.json()["expires"].clone()), (200, "2099-12-31T22:59:59Z".into()));
    assert_eq!(change("{}").await.json()["expires"], "2099-12-31T22:59:59Z", "what is not named stays");
    assert_eq!(change(r#"{"expires": null}"#).await.json()["expires"], serde_json::Value::Null);
    for body in [
        r#"{"expires": "tomorrow"}"#,
        r#"{"expires": 1}"#,
        r#"{"expires": "2099-12-31"}"#,
        r#"{"expire": null}"#,
        r#"{"expires": null, "expires": null}"#,
    ] {
        let reply = change(body).await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "bad_body"), "{body}");
    }
    let nearest = change(r#"{"expirse": null}"#).await.json()["detail"].as_str().unwrap().to_owned();
    assert!(nearest.ends_with("the nearest is expires"), "{nearest}");
    assert_eq!(change(r#"{"expires": "2020-01-01T00:00:00Z"}"#).await.status, 200);
    until("the viewer's end", || async { stage.state(viewer.location()).await.status == 410 }).await;
    assert_eq!(change("{}").await.reason(), "not_there");
}

/// A loud publisher is muted for all, a viewer alone is limited, and a restart of control knows it still.
#[tokio::test]
async fn a_session_is_muted_and_limited() {
    let stage = stage().await;
    let publisher = session_of(&stage.publish("a").await);
    let viewer = session_of(&stage.watch("a").await);
    let handles = each(&get(&stage, "/sessions").await, "handle");
    let change = async |handle: &str, body: &str| {
        ask(api(&stage), "PATCH", &format!("/api/v2/sessions/{handle}"), CONTROL, body).await
    };
    let muted = change(&handles[0], r#"{"muted": {"audio": true}}"#).await;
    assert_eq!(
        (muted.status, muted.json()["muted"].clone()),
        (200, json!({ "audio": true, "video": false }))
    );
    let both = change(&handles[0], r#"{"muted": {"audio": false, "video": true}}"#).await.json();
    assert_eq!(both["muted"], json!({ "audio": false, "video": true }));
    let limited = change(&handles[1], r#"{"bitrate_bps_max": 500000.0}"#).await;
    assert_eq!((limited.status, limited.json()["bitrate_bps_max"].clone()), (200, 500_000.into()));
    assert_eq!(change(&handles[1], "{}").await.json()["bitrate_bps_max"], 500_000, "what is not named stays");
    let heard = stage.dataplane.heard();
    let told = |session, kind, muted| {
        let is_it = |message: &&ToDataplane| {
            matches!(message, ToDataplane::Mute { session: of, kind: which, muted: how, .. }
                if (*of, *which, *how) == (session, kind, muted))
        };
        heard.iter().filter(is_it).count()
    };
    assert_eq!(told(publisher, TrackKind::Audio, true), 1);
    assert_eq!(told(publisher, TrackKind::Audio, false), 1);
    assert_eq!(told(publisher, TrackKind::Video, true), 1);
    let is_limit = |message: &&ToDataplane| matches!(message, ToDataplane::Limit { session, bitrate_bps_max: Some(500_000), .. } if *session == viewer);
    assert_eq!(heard.iter().filter(is_limit).count(), 1);
    for body in [
        r#"{"bitrate_bps_max": 9999}"#,
        r#"{"bitrate_bps_max": 100000000001}"#,
        r#"{"bitrate_bps_max": "1"}"#,
        r#"{"bitrate_bps_max": -1}"#,
        r#"{"muted": true}"#,
        r#"{"muted": {"sound": true}}"#,
        r#"{"muted": {"audio": 1}}"#,
    ] {
        assert_eq!(change(&handles[1], body).await.reason(), "bad_body", "{body}");
    }
    let stage = stage.restart_control().await;
    assert_eq!(get(&stage, &format!("/sessions/{}", handles[0])).await["muted"]["video"], true);
    let path = format!("/api/v2/sessions/{}", handles[1]);
    assert_eq!(get(&stage, &format!("/sessions/{}", handles[1])).await["bitrate_bps_max"], 500_000);
    let lifted = ask(api(&stage), "PATCH", &path, CONTROL, r#"{"bitrate_bps_max": null}"#).await;
    assert_eq!(lifted.json()["bitrate_bps_max"], serde_json::Value::Null);
}

/// Two operators at once: the second one must not undo what it has not seen (RFC 9110 §13.1.1).
#[tokio::test]
async fn a_change_of_what_has_changed_meanwhile_is_refused() {
    let stage = stage().await;
    stage.publish("a").await;
    let handle = each(&get(&stage, "/sessions").await, "handle").remove(0);
    let path = format!("/api/v2/sessions/{handle}");
    let seen = ask(api(&stage), "GET", &path, READ, "").await.header("etag").unwrap().to_owned();
    let authorization = format!("Bearer {CONTROL}");
    let change = async |tags: &str, year: u32| {
        let body = format!("{{\"expires\": \"{year}-01-01T00:00:00Z\"}}");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
            ("If-Match", tags),
        ];
        request(api(&stage), "PATCH", &path, &headers, &body).await
    };
    let first = change(&seen, 2090).await;
    assert_eq!(first.status, 200);
    let second = change(&seen, 2091).await;
    assert_eq!((second.status, second.reason().as_str()), (412, "changed"));
    assert_eq!(get(&stage, &format!("/sessions/{handle}")).await["expires"], "2090-01-01T00:00:00Z");
    assert_eq!(change(first.header("etag").unwrap(), 2092).await.status, 200);
    assert_eq!(change("*", 2093).await.status, 200);
}

/// Sessions outlive control, and so do their handles.
#[tokio::test]
async fn a_handle_is_the_same_after_a_restart_of_control() {
    let stage = stage().await;
    stage.publish("a").await;
    stage.post("/live/room1/whip/endpoint/b", OFFER).await;
    let before = get(&stage, "/sessions").await;
    let stage = stage.restart_control().await;
    let after = get(&stage, "/sessions").await;
    let sorted = |list: &serde_json::Value| {
        let mut handles = each(list, "handle");
        handles.sort_unstable();
        handles
    };
    assert_eq!(sorted(&before), sorted(&after));
    assert_eq!(after["items"][0]["address"], "127.0.0.1", "whom it was opened for is known still");
}
