//! Red5's server API: a script that was made for it must find the paths, the parameters, the envelope and the fields.

mod actions;
mod log;
mod refusals;
mod shapes;

use fanlight_protocol::{SessionRole, SessionStats, StatsReport, ToControl};
use serde_json::Value;

use crate::api_v2::{ADMIN, api, stage};
use crate::support::{OFFER, Reply, Stage, request, until};

/// Every endpoint, with variables that lead to something on [`busy`]'s stage but for the client's; with the scope that it takes.
const ENDPOINTS: [(&str, &str, &str); 25] = [
    ("GET", "/server", "read"),
    ("GET", "/server/ping", "read"),
    ("GET", "/server/statistics", "read"),
    ("GET", "/applications", "read"),
    ("GET", "/applications/statistics", "read"),
    ("GET", "/applications/live", "read"),
    ("POST", "/applications/live/invoke", "control"),
    ("GET", "/applications/live/streams", "read"),
    ("GET", "/applications/live/streams/stream1", "read"),
    ("GET", "/applications/live/streams/stream1/action/unpublish", "control"),
    ("POST", "/applications/live/streams/stream1/action/unpublish", "control"),
    ("GET", "/applications/live/streams/stream1/action/startrecord", "control"),
    ("POST", "/applications/live/streams/stream1/action/startrecord", "control"),
    ("GET", "/applications/live/streams/stream1/action/stoprecord", "control"),
    ("POST", "/applications/live/streams/stream1/action/stoprecord", "control"),
    ("GET", "/applications/live/clients", "read"),
    ("DELETE", "/applications/live/clients", "control"),
    ("GET", "/applications/live/clients/0123456789abcdef", "read"),
    ("DELETE", "/applications/live/clients/0123456789abcdef", "control"),
    ("GET", "/applications/live/sharedobjects", "read"),
    ("GET", "/applications/live/sharedobjects/BallControl", "read"),
    ("GET", "/applications/live/media", "read"),
    ("DELETE", "/applications/live/media?filename=stream1", "control"),
    ("GET", "/log", "admin"),
    ("GET", "/log/fanlight.log", "admin"),
];

/// One request with the token where Red5's scripts have it.
async fn call(stage: &Stage, method: &str, path: &str, token: &str, body: &str) -> Reply {
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("/api/v1{path}{separator}accessToken={token}");
    let headers: &[(&str, &str)] =
        if body.is_empty() { &[] } else { &[("Content-Type", "application/json")] };
    request(api(stage), method, &path, headers, body).await
}

/// What a call that succeeds brings, out of its envelope.
async fn data(stage: &Stage, method: &str, path: &str, body: &str) -> Value {
    let reply = call(stage, method, path, ADMIN, body).await;
    let envelope = reply.json();
    assert_eq!(reply.status, 200, "{method} {path}: {envelope}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"), "a GET may be an action");
    assert_eq!(keys(&envelope), ["code", "data", "status", "timestamp"], "{method} {path}");
    assert_eq!((&envelope["status"], &envelope["code"]), (&"success".into(), &200.into()));
    assert!(envelope["timestamp"].as_u64().unwrap() > 1_700_000_000_000, "milliseconds: {envelope}");
    envelope["data"].clone()
}

async fn get(stage: &Stage, path: &str) -> Value {
    data(stage, "GET", path, "").await
}

/// What a call says that is refused.
fn refusal(reply: &Reply) -> (u16, String) {
    let envelope = reply.json();
    assert_eq!(keys(&envelope), ["code", "message", "status", "timestamp"], "{envelope}");
    assert_eq!(envelope["status"], "error");
    assert_eq!(envelope["code"], reply.status, "{envelope}");
    (reply.status, envelope["message"].as_str().unwrap().to_owned())
}

fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// `live/stream1` with two viewers, and `live/room1/stream2`; the dataplane has reported once.
async fn busy() -> Stage {
    let stage = stage().await;
    populate(&stage).await;
    stage
}

async fn populate(stage: &Stage) {
    for path in ["/live/whip/endpoint/stream1", "/live/room1/whip/endpoint/stream2"] {
        assert_eq!(stage.post(path, OFFER).await.status, 201);
    }
    for _ in 0..2 {
        assert_eq!(stage.watch("stream1").await.status, 201);
    }
    stage.dataplane.connect_all();
    until("the streams", || async { stage.get("/streams").await.json().as_array().unwrap().len() == 2 })
        .await;
    stage.dataplane.say(&report(stage));
    until("the report", || async { get(stage, "/server/statistics").await["messages_in"] == 2_000 }).await;
}

/// A publisher brings 1.5 MiB in 1,000 packets, a viewer gets as much.
fn report(stage: &Stage) -> ToControl {
    let sessions = stage.dataplane.sessions().into_values().map(|info| {
        let (i, o) = if info.role == SessionRole::Publisher { (1, 0) } else { (0, 1) };
        SessionStats {
            session: info.session,
            packets_in: i * 1_000,
            bytes_in: i * 1_572_864,
            packets_out: o * 1_000,
            bytes_out: o * 1_572_864,
            rtt_us: Some(42_900),
            fraction_lost: None,
            estimate_bps: None,
            tracks: vec![],
        }
    });
    ToControl::Stats(StatsReport {
        uptime_ms: 1_000,
        shards: vec![],
        tcp: None,
        sessions: sessions.collect(),
    })
}
