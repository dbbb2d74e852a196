//! Server-Sent Events of a session: what happens is told at once, to its owner, and the end with its reason.

use fanlight_protocol::{CloseReason, Notable, TrackKind};
use serde_json::json;

use crate::support::{EventStream, Reply, Stage, request, session_of, until};

fn events_of(opened: &Reply) -> String {
    format!("{}/events", opened.location())
}

/// "Your connection is slower than the stream" is of use while it is, not in a report afterwards.
#[tokio::test]
async fn a_viewer_hears_what_happens_to_it_and_to_its_publisher() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    stage.dataplane.connect_all();
    let viewer = stage.watch("camera").await;
    let (source, own) = (session_of(&publisher), session_of(&viewer));
    until("the publisher", || async { !stage.get("/streams").await.body.eq("[]") }).await;
    let mut stream = EventStream::open(stage.address(), &events_of(&viewer)).await;
    assert!(stream.head.contains("cache-control: no-store\r\n"), "{}", stream.head);
    assert!(stream.head.contains("access-control-allow-origin: *\r\n"), "{}", stream.head);
    assert_eq!(stream.expect("active").await, json!({}));
    stage.dataplane.note(own, 700, Notable::Constrained { estimate_bps: 500_000, stream_bps: 2_000_000 });
    let told = stream.expect("constrained").await;
    assert_eq!(
        (&told["at_ms"], &told["estimate_bps"], &told["stream_bps"]),
        (&json!(700), &json!(500_000), &json!(2_000_000))
    );
    assert!(told["text"].as_str().unwrap().contains("500 of 2000 kbit/s"), "{told}");
    // Of the publisher's notes the viewer hears those that explain its picture.
    stage.dataplane.note(source, 900, Notable::KeyFrameAsked);
    stage.dataplane.note(source, 1_000, Notable::SourceSilent { video: true });
    let told = stream.expect("source_silent").await;
    assert_eq!(
        (&told["kind"], &told["text"]),
        (&json!("video"), &json!("The publisher sends no picture right now."))
    );
    stage.dataplane.close(source, CloseReason::PeerClosed);
    assert_eq!(stream.expect("inactive").await, json!({}));
    let ended = stream.expect("ended").await;
    assert_eq!((&ended["reason"], &ended["cause"]), (&json!("stream_ended"), &json!("stream_ended")));
    assert!(ended["text"].as_str().unwrap().contains("publisher"), "{ended}");
    assert_eq!(stream.next().await, None);
}

/// A page that connects late, or again, must know what lasts.
#[tokio::test]
async fn a_stream_begins_with_what_lasts() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    let (source, own) = (session_of(&publisher), session_of(&viewer));
    let mut first = EventStream::open(stage.address(), viewer.location()).await;
    stage.dataplane.note(source, 10, Notable::SourceSilent { video: false });
    stage.dataplane.note(source, 20, Notable::SourceSilent { video: true });
    stage.dataplane.note(source, 30, Notable::SourceBack { video: false, silent_ms: 20 });
    stage.dataplane.note(own, 40, Notable::Constrained { estimate_bps: 1, stream_bps: 2 });
    while first.next().await.unwrap().0 != "constrained" {}
    let mut second = EventStream::open(stage.address(), viewer.location()).await;
    second.expect("active").await;
    assert_eq!(second.expect("source_silent").await["kind"], "video");
    second.expect("constrained").await;
    let mut publishers = EventStream::open(stage.address(), publisher.location()).await;
    let told = publishers.expect("source_silent").await;
    assert_eq!(told["text"], "The server gets no picture from you right now.");
    assert_eq!(stage.metric("fanlight_event_streams").await, Some(3.0));
}

/// The way of draft-ietf-wish-whep: POST of the wanted names, then GET of the Location.
#[tokio::test]
async fn a_stream_of_chosen_events_is_made_by_post() {
    let stage = Stage::new().await;
    stage.publish("camera").await;
    stage.dataplane.connect_all();
    let viewer = stage.watch("camera").await;
    let own = session_of(&viewer);
    let json_type = ("Content-Type", "application/json");
    let body = r#"["inactive", "layers", "viewercount", "video_skipped"]"#;
    let made = request(stage.address(), "POST", &events_of(&viewer), &[json_type], body).await;
    assert_eq!(made.location(), format!("{}?only=inactive,video_skipped", events_of(&viewer)));
    let mut stream = EventStream::open(stage.address(), made.location()).await;
    stage.dataplane.note(own, 1, Notable::Constrained { estimate_bps: 1, stream_bps: 2 });
    stage.dataplane.note(own, 2, Notable::VideoSkipped { packets: 30 });
    assert_eq!(stream.expect("video_skipped").await["packets"], 30);
    let all = request(stage.address(), "POST", &events_of(&viewer), &[], "").await;
    assert_eq!(all.location(), events_of(&viewer));
    for (headers, body, status, reason) in [
        (&[json_type][..], "{}", 400, "bad_event_list"),
        (&[json_type][..], "[1]", 400, "bad_event_list"),
        (&[("Content-Type", "text/plain")][..], "[]", 415, "wrong_content_type"),
    ] {
        let reply = request(stage.address(), "POST", &events_of(&viewer), headers, body).await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{body}");
    }
    let cut = request(stage.address(), "DELETE", made.location(), &[], "").await;
    assert_eq!(cut.status, 200);
    assert_eq!(stream.next().await, None, "the stream has ended");
    assert_eq!(stage.state(viewer.location()).await.status, 200, "the session has not");
}

/// A stream of a session that is not is refused as other requests are; of one that was lately, with the reason.
#[tokio::test]
async fn a_stream_of_no_session_is_refused_with_the_reason() {
    let stage = Stage::new().await;
    let opened = stage.publish("camera").await;
    let (path, id) = (events_of(&opened), session_of(&opened));
    for (wrong, status, reason) in [
        (path.replace("/camera/", "/other/"), 404, "unknown_session"),
        (path.replace("/whip/", "/whep/"), 404, "unknown_session"),
        (path.replace(&id.to_string(), "1"), 404, "unknown_session"),
        (format!("{path}/more"), 404, "unknown_path"),
    ] {
        let reply = EventStream::refused(stage.address(), &wrong).await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{wrong}");
    }
    let put = request(stage.address(), "PUT", &path, &[], "").await;
    assert_eq!((put.status, put.header("allow")), (405, Some("OPTIONS, GET, POST, DELETE")));
    stage.dataplane.close(id, CloseReason::Kicked);
    until("the end", || async { stage.state(opened.location()).await.status == 410 }).await;
    assert_eq!(EventStream::refused(stage.address(), &path).await.reason(), "kicked");
    assert_eq!(EventStream::refused(stage.address(), opened.location()).await.reason(), "kicked");
}

/// Each stream holds a connection: they are limited, and one that is left gives its place back.
#[tokio::test]
async fn streams_are_limited() {
    let stage = Stage::with(|config| config.limits.event_streams_max = 2).await;
    let (a, b) = (stage.publish("a").await, stage.publish("b").await);
    let first = EventStream::open(stage.address(), &events_of(&a)).await;
    let _second = EventStream::open(stage.address(), &events_of(&b)).await;
    let full = EventStream::refused(stage.address(), &events_of(&a)).await;
    assert_eq!((full.status, full.reason().as_str()), (503, "full"));
    assert_eq!(full.header("retry-after"), Some("2"));
    drop(first);
    until("the place", || async { stage.metric("fanlight_event_streams").await == Some(1.0) }).await;
    let _third = EventStream::open(stage.address(), &events_of(&a)).await;
}

/// Streams of events outlast any time-out of a request, and must not hold up the end of the server.
#[tokio::test]
async fn a_quiet_stream_lasts_and_ends_with_the_server() {
    let stage = Stage::with(|config| {
        config.http.header_timeout_s = 1;
        config.http.idle_timeout_s = 1;
        config.http.body_timeout_s = 1;
        config.http.write_timeout_s = 1;
    })
    .await;
    let opened = stage.publish("camera").await;
    let mut stream = EventStream::open(stage.address(), &events_of(&opened)).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    stage.dataplane.note(session_of(&opened), 1, Notable::SourceSilent { video: true });
    stream.expect("source_silent").await;
    let stage = stage.restart_control().await;
    assert_eq!(stream.next().await, None);
    // The next control adopts the session, and serves its events on the same address.
    let mut again = EventStream::open(stage.address(), &events_of(&opened)).await;
    stage.dataplane.note(session_of(&opened), 2, Notable::SourceBack { video: true, silent_ms: 1 });
    again.expect("source_back").await;
}

/// Who is muted, and who watches, must read why nothing is heard or seen; and so must who asks a control that was started since.
#[tokio::test]
async fn what_an_operator_has_muted_is_told_to_both_ends_and_outlives_control() {
    let stage = Stage::new().await;
    let publisher = stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    until("the publisher", || async { !stage.get("/streams").await.body.eq("[]") }).await;
    let mut streams = [
        EventStream::open(stage.address(), viewer.location()).await,
        EventStream::open(stage.address(), publisher.location()).await,
    ];
    let link = [&viewer, &publisher].map(|opened| opened.headers("link").join(" "));
    assert!(link.iter().all(|links| links.contains(",muted,unmuted,")), "{link:?}");
    streams[0].expect("active").await;
    stage.dataplane.mute(session_of(&publisher), TrackKind::Video, true);
    stage.dataplane.mute(session_of(&viewer), TrackKind::Audio, true);
    for (stream, word) in streams.iter_mut().zip(["the publisher's picture", "your picture"]) {
        let told = stream.expect("muted").await;
        assert_eq!((&told["kind"], &told["everybody"]), (&json!("video"), &json!(true)));
        assert!(told["text"].as_str().unwrap().contains(word), "{told}");
    }
    let told = streams[0].expect("muted").await;
    assert_eq!((&told["kind"], &told["everybody"]), (&json!("audio"), &json!(false)));
    drop(streams);
    let stage = stage.restart_control().await;
    let mut again = EventStream::open(stage.address(), viewer.location()).await;
    again.expect("active").await;
    let lasts = [again.expect("muted").await, again.expect("muted").await];
    let kinds = lasts.each_ref().map(|told| (told["kind"].clone(), told["everybody"].clone()));
    assert_eq!(kinds, [(json!("video"), json!(true)), (json!("audio"), json!(false))]);
    stage.dataplane.mute(session_of(&publisher), TrackKind::Video, false);
    assert_eq!(again.expect("unmuted").await["kind"], "video");
}
