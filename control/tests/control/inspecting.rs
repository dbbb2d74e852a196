//! `GET /api/sessions/{id}` and GET on the resource: all that is known of a session, and why one that is gone has ended.

use fanlight_protocol::{CloseReason, IcePair, Notable, SessionId};
use serde_json::json;

use crate::support::{Reply, Stage, request, session_of, until};

async fn by_id(stage: &Stage, id: SessionId) -> Reply {
    stage.get(&format!("/api/sessions/{id}")).await
}

/// What an operator wants to know when somebody says "it stutters": each fact under its name, on both addresses.
#[tokio::test]
async fn all_that_is_known_of_a_session_is_told_on_both_addresses() {
    let stage = Stage::new().await;
    stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    let id = session_of(&viewer);
    stage.dataplane.connect_all();
    stage.dataplane.note(id, 1_500, Notable::FirstFrame { waited_ms: 40, from_store: true });
    stage.dataplane.note(id, 2_000, Notable::Paused { video: true });
    until("the connection", || async {
        let state = by_id(&stage, id).await.json();
        state["state"] == "connected" && state["paused"] == json!(["video"])
    })
    .await;
    let mut told = by_id(&stage, id).await.json();
    let mut same = stage.state(viewer.location()).await.json();
    for one in [&mut told, &mut same] {
        one["age"].take();
    }
    assert_eq!(told, same);
    let track = |kind: &str, codec: &str| {
        json!({
            "kind": kind, "codec": codec, "packets": 100, "bytes": 100_000, "packets_lost": 3, "retransmitted": 2,
            "nacks": 5, "key_frame_requests": 1, "key_frames": 4, "frames": 50, "jitter": 90
        })
    };
    let expected = json!({
        "app": "live", "stream": "camera", "role": "viewer",
        "dtls": {"version": "1.2", "srtp_profile": "SRTP_AEAD_AES_128_GCM"},
        "rtt_ms": 12.5, "loss": 0.25, "estimate_bps": 900_000, "packets_in": 11, "packets_out": 12,
        "tracks": [track("audio", "opus"), track("video", "VP8")],
        "ice": {
            "state": "up", "text": "Media goes to udp 198.51.100.7:50000.", "local": ["udp 192.0.2.1:8189"],
            "pairs": [{"remote": "udp 198.51.100.7:50000", "checks": 8, "answered": 8, "selected": true}]
        },
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&told[key], value, "{key}");
    }
    let event = &told["events"][0];
    assert_eq!((&event["event"], &event["at_ms"]), (&json!("first_frame"), &json!(1_500)));
    assert_eq!((&event["waited_ms"], &event["from_store"]), (&json!(40), &json!(true)));
    assert!(event["text"].as_str().unwrap().ends_with("from the server's store."), "{event}");
    let (since, time) = (told["since"].as_str().unwrap(), event["time"].as_str().unwrap());
    assert!(since < time && time.ends_with('Z') && time.len() >= 20, "{since} {time}");
}

/// A session that is on its way says what it waits for; that is what a page shows after ten seconds of nothing.
#[tokio::test]
async fn a_session_that_waits_says_for_what() {
    let stage = Stage::new().await;
    let opened = stage.publish("camera").await;
    let id = session_of(&opened);
    for (pairs, state, words) in [
        (vec![], "no_check_came", "udp 192.0.2.1:8189"),
        (
            vec![IcePair { remote: "udp 198.51.100.7:1".into(), checks: 3, answered: 0, selected: false }],
            "wrong_password",
            "password",
        ),
        (
            vec![IcePair { remote: "udp 198.51.100.7:1".into(), checks: 3, answered: 3, selected: true }],
            "handshake",
            "DTLS",
        ),
    ] {
        stage.dataplane.see_pairs(id, pairs);
        let ice = stage.state(opened.location()).await.json()["ice"].clone();
        assert_eq!(ice["state"], state);
        assert!(ice["text"].as_str().unwrap().contains(words), "{ice}");
    }
}

/// Each way to ask wrongly has an answer that helps, and none tells which sessions there are.
#[tokio::test]
async fn wrong_questions_are_answered_with_what_is_wrong() {
    let stage = Stage::new().await;
    let id = session_of(&stage.publish("camera").await).to_string();
    for (path, status, reason) in [
        (format!("/api/sessions/{}", SessionId(7)), 404, "unknown_session"),
        ("/api/sessions/1234".to_owned(), 400, "bad_session_id"),
        (format!("/api/sessions/{}", id.to_uppercase() + "G"), 400, "bad_session_id"),
        (format!("/api/sessions/{}", &id[..31]), 400, "bad_session_id"),
        (format!("/api/sessions/{id}0"), 400, "bad_session_id"),
        ("/api/sessions/%27%20OR%201=1".to_owned(), 400, "bad_session_id"),
        ("/api/sessions/".to_owned(), 400, "bad_session_id"),
        ("/api/sessions".to_owned(), 404, "unknown_path"),
        (format!("/api/sessions/{id}/"), 404, "unknown_path"),
        (format!("/api/sessions/{id}/events"), 404, "unknown_path"),
        ("/api".to_owned(), 404, "unknown_path"),
    ] {
        let reply = stage.get(&path).await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{path}");
        assert!(!reply.body.contains(&id), "{path}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let reply = request(stage.address(), method, &format!("/api/sessions/{id}"), &[], "").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("OPTIONS, HEAD, GET")), "{method}");
    }
}

/// A media process that is away or slow takes no session away: the client must not take its session for gone.
#[tokio::test]
async fn without_the_media_process_a_session_is_told_as_far_as_it_is_known() {
    let mut stage = Stage::new().await;
    let opened = stage.publish("camera").await;
    stage.dataplane.stop().await;
    stage.until_healthy(503).await;
    let state = stage.state(opened.location()).await;
    assert_eq!(state.status, 200);
    let state = state.json();
    assert_eq!((&state["state"], &state["stream"]), (&json!("connecting"), &json!("camera")));
    assert!(state["incomplete"].as_str().unwrap().contains("not connected"), "{state}");
    assert!(state.get("ice").is_none());
}

/// "It did not connect" is no reason: which address, and who can mend it.
#[tokio::test]
async fn a_session_that_never_connected_tells_why_after_its_end() {
    let stage = Stage::new().await;
    let opened = stage.publish("camera").await;
    let id = session_of(&opened);
    stage.dataplane.see_pairs(id, vec![]);
    stage.dataplane.close(id, CloseReason::NeverConnected);
    until("the end", || async { stage.state(opened.location()).await.status == 410 }).await;
    for reply in [stage.state(opened.location()).await, by_id(&stage, id).await] {
        assert_eq!(reply.reason(), "never_connected");
        let problem = reply.json();
        assert_eq!((&problem["cause"], &problem["state"]), (&json!("no_check_came"), &json!("ended")));
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("udp 192.0.2.1:8189") && detail.contains("media.public_addresses"),
            "{detail}"
        );
        assert_eq!(problem["ice"]["local"], json!(["udp 192.0.2.1:8189"]));
        assert_eq!(problem["ice"]["pairs"], json!([]));
        // Dates in UTC compare as texts but for the Z, before which zeros are left out.
        let date = |key: &str| problem[key].as_str().unwrap().trim_end_matches('Z').to_owned();
        assert!(date("since") <= date("ended"), "{problem}");
    }
    assert_eq!(stage.metric("fanlight_failures_total{cause=\"no_check_came\"}").await, Some(1.0));
    // It is its owner's alone, as the session was; it can be read and nothing else.
    let other = opened.location().replace("/camera/", "/other/");
    assert_eq!(stage.state(&other).await.reason(), "unknown_session");
    assert_eq!(stage.delete(opened.location()).await.reason(), "unknown_session");
    assert_eq!(stage.publish("camera").await.status, 201, "the name is free");
}

/// Each end has its name, as in the metrics; the owner's own DELETE is known at once.
#[tokio::test]
async fn each_end_has_its_reason() {
    let stage = Stage::new().await;
    for reason in [
        CloseReason::PeerClosed,
        CloseReason::ConsentLost,
        CloseReason::TransportFailed,
        CloseReason::Kicked,
        CloseReason::Shutdown,
    ] {
        let publisher = stage.publish("camera").await;
        let viewer = stage.watch("camera").await;
        stage.dataplane.close(session_of(&publisher), reason);
        until("the end", || async { stage.state(viewer.location()).await.status == 410 }).await;
        assert_eq!(stage.state(publisher.location()).await.reason(), reason.name());
        assert_eq!(stage.state(viewer.location()).await.reason(), "stream_ended");
    }
    // Ends by the owner's DELETE; while nothing had come through, with what was seen until then.
    let given_up = stage.publish("camera").await;
    stage.dataplane.see_pairs(session_of(&given_up), vec![]);
    assert_eq!(stage.delete(given_up.location()).await.status, 200);
    let told = stage.state(given_up.location()).await;
    assert_eq!((told.reason().as_str(), &told.json()["cause"]), ("deleted", &json!("no_check_came")));
    let left = stage.publish("camera").await;
    stage.dataplane.connect_all();
    until("the connection", || async { stage.state(left.location()).await.json()["state"] == "connected" })
        .await;
    assert_eq!(stage.delete(left.location()).await.status, 200);
    let told = stage.state(left.location()).await;
    assert_eq!((told.reason().as_str(), &told.json()["cause"]), ("deleted", &json!("deleted")));
}

/// What is remembered of the dead has an end, so that failing often costs a fixed amount of memory.
#[tokio::test]
async fn reasons_are_remembered_in_bounded_number() {
    let stage = Stage::with(|config| config.limits.endings_max = 2).await;
    let mut ended = Vec::new();
    for name in ["a", "b", "c"] {
        let opened = stage.publish(name).await;
        assert_eq!(stage.delete(opened.location()).await.status, 200);
        ended.push(opened);
    }
    let mut statuses = Vec::new();
    for opened in &ended {
        statuses.push(stage.state(opened.location()).await.status);
    }
    assert_eq!(statuses, [404, 410, 410]);
}
