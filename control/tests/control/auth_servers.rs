//! Servers of the operator's that are asked who may come in: the round trip and the admission hook, over real sockets.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::apps::stage;
use crate::back_end::{Act, Request, Server, json as answer};
use crate::support::{OFFER, Stage, until};

const PUBLISH: &str = "/live/whip/endpoint/camera?username=anna&password=right&token=t";
const WATCH: &str = "/live/whep/endpoint/camera?username=bob&password=right";

/// One that knows the password, and otherwise says what `more` is.
async fn back_end(more: Value) -> Server {
    Server::new(move |request: &Request| {
        let mut reply = more.clone();
        reply["result"] = (request.json()["password"] == "right").into();
        answer(200, &reply.to_string())
    })
    .await
}

fn app(server: &Server, more: &str) -> String {
    format!(
        "[auth]\npublish = ['round_trip']\nplay = ['round_trip']\n[auth.round_trip]\nurl = '{}'\ninvalidate_url = '{}'\n\
         allow_private = true\ntimeout_ms = 500\n{more}",
        server.url("/validateCredentials"),
        server.url("/invalidateCredentials"),
    )
}

async fn post(stage: &Stage, path: &str) -> u16 {
    stage.post(path, OFFER).await.status
}

fn told(server: &Server) -> Vec<Value> {
    let requests =
        server.requests().into_iter().filter(|request| request.head.contains("/invalidateCredentials"));
    requests.map(|request| request.json()).collect()
}

/// What an integrator of Red5 has working must work here: who may publish and play, and that he hears of the end, which a restart
/// of control in between does not change.
#[tokio::test]
async fn a_round_trip_opens_whip_and_whep_and_hears_of_the_end() {
    let server = back_end(json!({"url": "https://example.com/"})).await;
    let (stage, _folder) = stage(&[("live.toml", &app(&server, ""))]).await;
    for path in [
        "/live/whip/endpoint/camera",
        "/live/whip/endpoint/camera?username=anna&password=wrong",
        "/live/whip/endpoint/camera?username=anna",
        "/live/whip/endpoint/camera?token=t",
    ] {
        let refused = stage.post(path, OFFER).await;
        assert_eq!((refused.status, refused.reason().as_str()), (401, "not_allowed"), "{path}");
    }
    assert_eq!(server.requests().len(), 1, "the rest is refused without asking");
    let publisher = stage.post(PUBLISH, OFFER).await;
    assert_eq!(publisher.status, 201, "{}", publisher.body);
    assert_eq!(post(&stage, "/live/whep/endpoint/camera?username=bob&password=wrong").await, 401);
    let viewer = stage.post(WATCH, OFFER).await;
    assert_eq!(viewer.status, 201);
    let asked = server.requests().pop().unwrap().json();
    assert_eq!((&asked["type"], &asked["streamID"]), (&json!("subscriber"), &json!("camera")));
    stage.dataplane.connect_all();
    let stage = stage.restart_control().await;
    assert_eq!(stage.delete(viewer.location()).await.status, 200);
    assert_eq!(stage.delete(publisher.location()).await.status, 200);
    until("the farewell", || async { !told(&server).is_empty() }).await;
    sleep(Duration::from_millis(200)).await;
    let expected = json!({"username": "anna", "password": "right", "token": "t", "streamID": "camera"});
    assert_eq!(told(&server), [expected], "of the publisher, once");
}

/// What the back end bounds is bounded.
#[tokio::test]
async fn a_round_trips_answer_ends_the_session_in_time() {
    let server = back_end(json!({"expires_in_s": 1})).await;
    let (stage, _folder) = stage(&[("live.toml", &app(&server, ""))]).await;
    let publisher = stage.post(PUBLISH, OFFER).await;
    assert_eq!(publisher.status, 201);
    stage.dataplane.connect_all();
    until("the end of the grant", || async { stage.state(publisher.location()).await.status == 410 }).await;
    until("the farewell", || async { told(&server).len() == 1 }).await;
}

/// A46: while the back end is away nobody comes in, soon nobody waits for it either, and whoever is there stays.
#[tokio::test]
async fn a_back_end_that_is_down_refuses_newcomers_and_touches_no_live_session() {
    let server = back_end(json!({})).await;
    let (stage, _folder) =
        stage(&[("live.toml", &app(&server, "")), ("open.toml", "[auth]\npublish = ['open']\n")]).await;
    let publisher = stage.post(PUBLISH, OFFER).await;
    let mut viewers = Vec::new();
    for number in 0..20 {
        let viewer =
            stage.post(&format!("/live/whep/endpoint/camera?username=v{number}&password=right"), OFFER).await;
        viewers.push(viewer.location().to_owned());
    }
    stage.dataplane.connect_all();
    let address = server.address;
    drop(server);
    let mut slowest = Duration::ZERO;
    for number in 0..100 {
        let begun = Instant::now();
        assert_eq!(
            post(&stage, &format!("/live/whep/endpoint/camera?username=n{number}&password=right")).await,
            503
        );
        slowest = slowest.max(begun.elapsed());
        if number == 50 {
            assert_eq!(
                post(&stage, &format!("/open/whip/endpoint/c{number}")).await,
                201,
                "other apps do not notice"
            );
        }
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    for location in viewers.iter().map(String::as_str).chain([publisher.location()]) {
        assert_eq!(stage.state(location).await.status, 200);
    }
    assert!(
        stage
            .metric("fanlight_outbound_requests_total{purpose=\"round_trip\",outcome=\"down\"}")
            .await
            .unwrap()
            > 0.0
    );
    let _back = Server::on(address, None, |_| answer(200, "{\"result\":true}")).await.unwrap();
    until("the back end's return", || async { post(&stage, WATCH).await == 201 }).await;
}

/// The hook has the last word, on whoever was let in by whatever.
#[tokio::test]
async fn an_admission_hook_may_refuse_whom_a_validator_let_in() {
    let server = Server::new(|request: &Request| {
        let asked = request.json();
        if asked["stream"] == "hang" {
            return Act::Hang;
        }
        answer(
            200,
            &json!({"allow": asked["stream"] == "camera" && asked["validator"] == "open"}).to_string(),
        )
    })
    .await;
    let app = format!(
        "[auth]\npublish = ['open']\nplay = ['open']\n[auth.admission]\nurl = '{}'\nsecret = '0123456789abcdef'\n\
         allow_private = true\ntimeout_ms = 300\non = ['publish']\n",
        server.url("/may")
    );
    let (stage, _folder) = stage(&[("live.toml", &app)]).await;
    assert_eq!(stage.publish("camera").await.status, 201);
    for (name, expected) in [("other", (401, "not_allowed")), ("hang", (503, "authority_away"))] {
        let refused = stage.publish(name).await;
        assert_eq!((refused.status, refused.reason().as_str()), expected, "{name}");
    }
    assert_eq!(stage.watch("camera").await.status, 201, "it is asked about publishers only");
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.requests()[0].json()["address"], "127.0.0.1");
}

/// A file that would send requests into the server's own network unasked, or ask nobody, does not start.
#[tokio::test]
async fn a_file_that_fails_open_does_not_start() {
    for (section, words) in [
        ("[auth.round_trip]\nurl = 'http://127.0.0.1:9/'\n", "allow_private"),
        ("[auth.round_trip]\nurl = 'http://0x7f000001/'\n", "allow_private"),
        ("[auth.round_trip]\n", "no url"),
        ("[auth.round_trip]\nurl = 'https://example.com/'\ntimeout_ms = 60000\n", "100 to 9000"),
        (
            "[auth.round_trip]\nurl = 'https://example.com/'\n[auth.admission]\nurl = 'https://example.com/'\n",
            "no secret",
        ),
        (
            "[auth.round_trip]\nurl = 'https://example.com/'\n[auth.admission]\nsecret = '0123456789abcdef'\n",
            "no url",
        ),
    ] {
        let scratch = crate::support::Scratch::new();
        let text = format!("[auth]\npublish = ['round_trip']\n{section}");
        std::fs::write(scratch.path().join("live.toml"), text).unwrap();
        let mut config = fanlight::Config::default();
        config.http.port = 0;
        config.apps.folder = scratch.path().to_owned();
        let told = fanlight::Server::start(config).await.unwrap_err().to_string();
        assert!(told.contains(words) && told.contains("live.toml"), "{section}\n{told}");
    }
}
