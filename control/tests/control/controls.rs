//! Viewers' controls: PATCH of the resource with JSON pauses and resumes audio and video.

use fanlight_protocol::{ToDataplane, TrackKind};
use serde_json::json;

use crate::support::{FRAGMENT, Reply, Stage, request, session_of};

const JSON: (&str, &str) = ("Content-Type", "application/json");

async fn patch(stage: &Stage, location: &str, body: &str) -> Reply {
    request(stage.address(), "PATCH", location, &[JSON], body).await
}

fn pauses(stage: &Stage) -> Vec<(TrackKind, bool)> {
    let heard = stage.dataplane.heard().into_iter();
    heard
        .filter_map(|message| match message {
            ToDataplane::Pause { kind, paused, .. } => Some((kind, paused)),
            _ => None,
        })
        .collect()
}

/// A viewer in a pocket needs no picture: one PATCH, no renegotiation, and the state can be read back.
#[tokio::test]
async fn a_viewer_pauses_and_resumes_what_it_likes() {
    let stage = Stage::new().await;
    stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    for (body, paused) in [
        (r#"{"video": "paused"}"#, json!(["video"])),
        (r#"{"audio": "paused"}"#, json!(["audio", "video"])),
        (r#"{"video": "playing"}"#, json!(["audio"])),
        (r#"{"video": "playing", "audio": "playing"}"#, json!([])),
    ] {
        let reply = patch(&stage, viewer.location(), body).await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{body}");
        assert_eq!(stage.state(viewer.location()).await.json()["paused"], paused, "{body}");
    }
    let (audio, video) = (TrackKind::Audio, TrackKind::Video);
    assert_eq!(
        pauses(&stage),
        [(video, true), (audio, true), (video, false), (audio, false), (video, false)]
    );
    let patches = request(stage.address(), "OPTIONS", viewer.location(), &[], "").await;
    assert_eq!(
        patches.header("accept-patch"),
        Some("application/sdp, application/trickle-ice-sdpfrag, application/json")
    );
}

/// A control that does nothing must say so: each wrong wish has a reason, and none reaches the media process.
#[tokio::test]
async fn wrong_wishes_are_refused_with_what_is_allowed() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    let sound = r#"{"video": "paused"}"#;
    let other = viewer.location().replace("/camera/", "/other/");
    for (location, body, status, reason) in [
        (publisher.location(), sound, 409, "not_a_viewer"),
        (other.as_str(), sound, 404, "unknown_session"),
        (viewer.location(), "", 400, "bad_control"),
        (viewer.location(), "{}", 400, "bad_control"),
        (viewer.location(), "[\"video\"]", 400, "bad_control"),
        (viewer.location(), "{\"video\": \"stopped\"}", 400, "bad_control"),
        (viewer.location(), "{\"video\": 1}", 400, "bad_control"),
        (viewer.location(), "{\"video\": \"paused\", \"layer\": 3}", 400, "bad_control"),
        (viewer.location(), "{\"video\": \"paused\"", 400, "bad_control"),
        (viewer.location(), "{\"video\": \"pau\0sed\"}", 400, "not_text"),
        (viewer.location(), &"[".repeat(60_000), 400, "bad_control"),
        (viewer.location(), &format!("{{\"video\": \"{}\"}}", "p".repeat(70_000)), 413, "body_too_large"),
    ] {
        let reply = patch(&stage, location, body).await;
        let start: String = body.chars().take(40).collect();
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{start}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            reason != "bad_control" || detail.contains("(\"paused\" or \"playing\")"),
            "{start}: {detail}"
        );
    }
    let packed = [JSON, ("Content-Encoding", "gzip")];
    let reply = request(stage.address(), "PATCH", viewer.location(), &packed, sound).await;
    assert_eq!((reply.status, reply.reason().as_str()), (415, "content_encoding"));
    let text = request(stage.address(), "PATCH", viewer.location(), &[("Content-Type", "text/plain")], sound);
    assert_eq!(text.await.status, 415);
    let fragment = request(stage.address(), "PATCH", viewer.location(), &[FRAGMENT], sound).await;
    assert_eq!((fragment.status, fragment.reason().as_str()), (400, "bad_sdp"), "the type decides");
    assert_eq!(pauses(&stage), []);
}

/// What is not sent cannot be paused: a switch that has no effect would be taken for broken.
#[tokio::test]
async fn a_kind_that_the_session_lacks_cannot_be_paused() {
    let stage = Stage::new().await;
    let opened = stage
        .post("/live/whip/endpoint/radio", &format!("{}a=x-test:audio-only\r\n", crate::support::OFFER))
        .await;
    assert_eq!(opened.status, 201);
    let viewer = stage
        .post("/live/whep/endpoint/radio", &format!("{}a=x-test:audio-only\r\n", crate::support::OFFER))
        .await;
    let reply = patch(&stage, viewer.location(), r#"{"audio": "paused", "video": "paused"}"#).await;
    assert_eq!((reply.status, reply.reason().as_str()), (409, "no_such_track"));
    assert_eq!(pauses(&stage), [], "all or nothing");
    assert_eq!(patch(&stage, viewer.location(), r#"{"audio": "paused"}"#).await.status, 204);
    assert_eq!(stage.dataplane.sessions()[&session_of(&viewer)].tracks.len(), 1);
}
