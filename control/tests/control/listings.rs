//! What is live, metrics and health.

use fanlight_protocol::{
    IoBackend, NamedCounter, SessionRole, SessionStats, ShardStats, StatsReport, ToControl, TrackKind,
    TrackStats,
};

use crate::support::{OFFER, Stage, request, until};

/// The landing page and any player list what can be watched: connected streams, with what they are made of.
#[tokio::test]
async fn live_streams_are_listed_by_app_with_tracks_viewers_and_rates() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/streams").await.json(), serde_json::json!([]));
    for path in ["/live/whip/endpoint/b", "/live/whip/endpoint/a", "/live/room1/whip/endpoint/c"] {
        assert_eq!(stage.post(path, OFFER).await.status, 201);
    }
    assert_eq!(stage.watch("a").await.status, 201);
    assert_eq!(
        stage.get("/streams").await.json(),
        serde_json::json!([]),
        "nothing flows before ICE and DTLS are up"
    );
    stage.dataplane.connect_all();
    until("the streams", || async { stage.get("/streams").await.json().as_array().unwrap().len() == 3 })
        .await;
    stage.dataplane.say(&report(&stage, 10_000, 100_000));
    stage.dataplane.say(&report(&stage, 11_000, 400_000));
    until("the report", || async { stage.get("/live/streams").await.json()[0]["bitrate_bps"] != 0 }).await;

    let listed = stage.get("/live/streams").await;
    assert_eq!(listed.header("content-type"), Some("application/json"));
    let listed = listed.json();
    let first = &listed[0];
    assert_eq!((&first["app"], &first["name"]), (&"live".into(), &"a".into()));
    assert_eq!(first["viewers"], 1);
    assert_eq!(
        first["tracks"],
        serde_json::json!([{"kind": "audio", "codec": "opus"}, {"kind": "video", "codec": "VP8"}])
    );
    assert_eq!(first["bitrate_bps"], 2_400_000);
    assert_eq!(first["packets_lost"], 5);
    let since = first["since"].as_str().unwrap();
    assert!(since.len() >= 20 && since.as_bytes()[10] == b'T' && since.ends_with('Z'), "{since}");
    assert_eq!(listed[1]["name"], "b");
    assert_eq!(listed.as_array().unwrap().len(), 2, "a room is an app of its own");
    assert_eq!(stage.get("/live/room1/streams").await.json()[0]["name"], "c");
    assert_eq!(stage.get("/streams").await.json().as_array().unwrap().len(), 3);
    assert_eq!(stage.get("/nobody/streams").await.json(), serde_json::json!([]));
}

/// A report in which each publisher has sent `bytes` of media.
fn report(stage: &Stage, uptime_ms: u64, bytes: u64) -> ToControl {
    let track = TrackStats {
        kind: TrackKind::Video,
        packets: 1,
        bytes,
        packets_lost: 5,
        retransmitted: 0,
        nacks: 0,
        key_frame_requests: 0,
        key_frames: 0,
        frames: 0,
        jitter: 0,
    };
    let publishers =
        stage.dataplane.sessions().into_values().filter(|info| info.role == SessionRole::Publisher);
    let sessions = publishers
        .map(|info| SessionStats {
            session: info.session,
            packets_in: 1,
            bytes_in: bytes,
            packets_out: 0,
            bytes_out: 0,
            rtt_us: None,
            fraction_lost: None,
            estimate_bps: None,
            tracks: vec![track.clone()],
        })
        .collect();
    let shard = shard(0, bytes, 10);
    ToControl::Stats(StatsReport { uptime_ms, shards: vec![shard], tcp: None, sessions })
}

/// What a shard may report.
pub(crate) fn shard(shard: u16, bytes_in: u64, rejected: u64) -> ShardStats {
    ShardStats {
        shard,
        port: 8189 + shard,
        backend: IoBackend::Plain,
        sessions: 4,
        tracks: 6,
        datagrams_in: 100 + rejected,
        datagrams_accepted: 100,
        bytes_in,
        datagrams_out: 0,
        bytes_out: 0,
        messages_out: 0,
        media_packets_out: 0,
        retransmissions_out: 0,
        padding_packets_out: 0,
        key_frame_requests_out: 0,
        turns: 9,
        cpu_ns: 0,
        rejects: vec![NamedCounter { name: "unknown_path".into(), value: rejected }],
        port_counters: vec![],
        lanes: vec![],
    }
}

/// Operators watch these; each line is one that an alarm may stand on.
#[tokio::test]
async fn metrics_tell_of_requests_sessions_and_shards() {
    let stage = Stage::new().await;
    stage.publish("a").await;
    stage.watch("a").await;
    stage.watch("nothing").await;
    stage.get("/nowhere").await;
    stage.dataplane.say(&report(&stage, 5_000, 77));
    until("the report", || async {
        stage.metric("fanlight_shard_bytes_in_total{shard=\"0\"}").await == Some(77.0)
    })
    .await;
    let page = stage.get("/metrics").await;
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for (series, value) in [
        ("fanlight_http_requests_total{route=\"whip_endpoint\",status=\"201\"}", 1.0),
        ("fanlight_http_requests_total{route=\"whep_endpoint\",status=\"409\"}", 1.0),
        ("fanlight_http_requests_total{route=\"unknown\",status=\"404\"}", 1.0),
        ("fanlight_http_faults_total{reason=\"not_live\"}", 1.0),
        ("fanlight_http_faults_total{reason=\"unknown_path\"}", 1.0),
        ("fanlight_sessions{role=\"publisher\"}", 1.0),
        ("fanlight_sessions{role=\"viewer\"}", 1.0),
        ("fanlight_joins_total{role=\"viewer\"}", 1.0),
        ("fanlight_dataplane_connected", 1.0),
        ("fanlight_dataplane_uptime_seconds", 5.0),
        ("fanlight_shard_rejects_total{shard=\"0\",reason=\"unknown_path\"}", 10.0),
        ("fanlight_http_connections", 1.0),
    ] {
        assert_eq!(stage.metric(series).await, Some(value), "{series}");
    }
}

/// A problem is for programs; whoever takes only text gets the sentence.
#[tokio::test]
async fn faults_come_as_json_or_as_text_for_those_who_take_only_text() {
    let stage = Stage::new().await;
    let get = async |accept: &'static str| {
        request(stage.address(), "GET", "/nowhere", &[("Accept", accept)], "").await
    };
    for accept in [
        "*/*",
        "application/sdp",
        "application/json, text/plain",
        "text/html,application/xhtml+xml,*/*;q=0.8",
    ] {
        assert_eq!(get(accept).await.reason(), "unknown_path", "{accept}");
    }
    let text = get("text/plain").await;
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
    assert!(
        text.body.starts_with("there is nothing here; publish at /{app}/whip/endpoint/{stream}"),
        "{text:?}"
    );
}

/// HEAD is GET without the body, and OPTIONS says so.
#[tokio::test]
async fn listings_take_head_and_options_and_nothing_that_changes() {
    let stage = Stage::new().await;
    for path in ["/streams", "/live/streams", "/metrics", "/healthz"] {
        let head = request(stage.address(), "HEAD", path, &[], "").await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert!(head.header("content-length").unwrap().parse::<u32>().unwrap() > 0, "{path}");
        let options = request(stage.address(), "OPTIONS", path, &[], "").await;
        assert_eq!((options.status, options.header("allow")), (204, Some("OPTIONS, HEAD, GET")), "{path}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            let reply = request(stage.address(), method, path, &[], "").await;
            assert_eq!(
                (reply.status, reply.header("allow")),
                (405, Some("OPTIONS, HEAD, GET")),
                "{method} {path}"
            );
        }
    }
}
