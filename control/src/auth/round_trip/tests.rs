use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, UNIX_EPOCH};

use axum::http::header::{AUTHORIZATION, HeaderMap};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::*;
use crate::auth::{Client, Transport};
use crate::outbound::testing::{Act, Server, json as answer};

const YES: &str = "{\"result\":true}";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn stream() -> StreamPath {
    StreamPath { app: "live/room1".to_owned(), name: "camera".to_owned() }
}

fn settings(server: &Server) -> Settings {
    Settings {
        url: server.url("/validateCredentials"),
        timeout_ms: 500,
        allow_private: true,
        ..Settings::default()
    }
}

fn made(settings: &Settings) -> RoundTrip {
    RoundTrip::new(settings, Path::new("/"), &Outbound::of_a_test()).unwrap()
}

async fn judge(round_trip: &RoundTrip, action: Action, query: &str) -> Verdict {
    judge_with(round_trip, action, &Credentials::read(&HeaderMap::new(), Some(query))).await
}

async fn judge_with(round_trip: &RoundTrip, action: Action, credentials: &Credentials) -> Verdict {
    let client = &Client { address: "192.0.2.7".parse().unwrap(), agent: String::new() };
    let transport = Transport::Whip;
    let stream = &stream();
    round_trip.judge(&Ask { stream, action, transport, credentials, client, now: now() }).await
}

fn granted(verdict: Verdict) -> Claim {
    match verdict {
        Verdict::Granted(claim) => claim,
        other => panic!("{other:?}"),
    }
}

/// A back end that was written for Red5 must not see a difference.
#[tokio::test]
async fn the_question_is_that_of_red5() {
    let server =
        Server::new(|_| answer(200, "{\"result\":\"true\",\"url\":\"https://example.com/signed\"}")).await;
    let round_trip = made(&settings(&server));
    let claim = granted(judge(&round_trip, Action::Publish, "username=anna&password=p%20w&token=t").await);
    assert_eq!((claim.validator.as_str(), claim.subject.as_deref()), ("round_trip", Some("anna")));
    assert_eq!((claim.expires, claim.bitrate_bps_max, claim.farewell), (None, None, None));
    granted(judge(&round_trip, Action::Play, "username=anna&password=p").await);
    let bodies: Vec<String> = server.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(
        bodies,
        [
            r#"{"username":"anna","password":"p w","token":"t","type":"publisher","streamID":"camera"}"#,
            r#"{"username":"anna","password":"p","token":"","type":"subscriber","streamID":"camera"}"#,
        ]
    );
    let by_path = made(&Settings { stream_id: StreamId::Path, ..settings(&server) });
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, "Basic YW5uYTpw".parse().unwrap());
    granted(judge_with(&by_path, Action::Play, &Credentials::read(&headers, None)).await);
    assert_eq!(server.requests()[2].json()["streamID"], "live/room1/camera");
}

/// What we read beside Red5's fields: until when, how much, who.
#[tokio::test]
async fn the_answer_may_bound_what_it_grants() {
    let reply =
        json!({"result": true, "expires_in_s": 60, "bitrate_bps_max": 4_000_000, "subject": "user-7"})
            .to_string();
    let server = Server::new(move |_| answer(200, &reply)).await;
    let claim = granted(judge(&made(&settings(&server)), Action::Publish, "username=anna&password=p").await);
    assert_eq!(claim.expires, Some(now() + Duration::from_secs(60)));
    assert_eq!((claim.bitrate_bps_max, claim.subject.as_deref()), (Some(4_000_000), Some("user-7")));
}

/// Fail closed: Red5 let in whoever brought no name, and so must nobody here.
#[tokio::test]
async fn credentials_that_are_not_whole_are_refused_without_asking() {
    let server = Server::new(|_| answer(200, YES)).await;
    let round_trip = made(&settings(&server));
    for query in [
        "",
        "token=t",
        "username=anna",
        "password=p",
        "username=&password=",
        "username=anna&password=",
        "username=%20&password=p",
        "username=undefined&password=undefined",
        "username=anna&password=undefined",
        "username=a&username=b&password=p",
    ] {
        assert_eq!(judge(&round_trip, Action::Publish, query).await, Verdict::NotMine, "{query}");
    }
    let with_token = made(&Settings { token_required: true, ..settings(&server) });
    for query in [
        "username=anna&password=p",
        "username=anna&password=p&token=",
        "username=anna&password=p&token=undefined",
    ] {
        assert_eq!(judge(&with_token, Action::Publish, query).await, Verdict::Refused, "{query}");
    }
    assert_eq!(server.connections(), 0);
    granted(judge(&with_token, Action::Publish, "username=anna&password=p&token=t").await);
}

/// Only what Red5's documentation calls a yes is one.
#[tokio::test]
async fn whatever_is_not_a_yes_refuses() {
    let bodies = [
        "",
        "{}",
        "true",
        "[true]",
        "null",
        "{\"result\":false}",
        "{\"result\":\"false\"}",
        "{\"result\":\"TRUE\"}",
        "{\"result\":1}",
        "{\"result\":null}",
        "{\"result\":[true]}",
        "{\"Result\":true}",
        "{\"result\":true",
        "<result>true</result>",
        "{\"result\":true,\"result\":true}",
        "{\"result\":true,\"expires_in_s\":0}",
        "{\"result\":true,\"expires_in_s\":-5}",
        "{\"result\":true,\"expires_in_s\":18446744073709551615}",
        "{\"result\":true,\"bitrate_bps_max\":0}",
        "{\"result\":true,\"bitrate_bps_max\":\"a\"}",
    ];
    let acts = bodies.iter().map(|body| answer(200, body));
    let others = [201, 204, 302, 401, 500].map(|status| answer(status, YES));
    let refused = acts.chain(others).map(|act| (act, Verdict::Refused));
    let away = [Act::Hang, Act::Close, answer(502, YES)].map(|act| (act, Verdict::Away));
    for (act, expected) in refused.chain(away) {
        let acting = act.clone();
        let server = Server::new(move |_| acting.clone()).await;
        let verdict = judge(&made(&settings(&server)), Action::Publish, "username=anna&password=p").await;
        assert_eq!(verdict, expected, "{act:?}");
        assert_eq!(server.requests().len(), 1, "{act:?}");
    }
}

/// An arena joins with one token in the same second; the back end is asked once, and whoever leaves first takes nothing along.
#[tokio::test]
async fn a_thousand_who_bring_the_same_are_one_question() {
    let server = Server::new(|_| {
        let Act::Send(bytes) = answer(200, YES) else { return Act::Close };
        Act::Late(Duration::from_millis(200), bytes)
    })
    .await;
    let round_trip = Arc::new(made(&settings(&server)));
    let leaving = tokio::time::timeout(
        Duration::from_millis(50),
        judge(&round_trip, Action::Play, "username=anna&password=p&token=t"),
    );
    assert!(leaving.await.is_err());
    let mut joining = JoinSet::new();
    for _ in 0..1000 {
        let round_trip = Arc::clone(&round_trip);
        joining
            .spawn(async move { judge(&round_trip, Action::Play, "username=anna&password=p&token=t").await });
    }
    for verdict in joining.join_all().await {
        granted(verdict);
    }
    assert_eq!(server.requests().len(), 1);
    granted(judge(&round_trip, Action::Play, "username=anna&password=p&token=t").await);
    assert_eq!(server.requests().len(), 2, "nothing is kept unless it is wished");
}

/// With `cache_s` a yes counts for its time, for these credentials, this stream and this type alone.
#[tokio::test]
async fn an_answer_is_kept_for_as_long_as_the_operator_says() {
    let is_yes = Arc::new(AtomicBool::new(true));
    let server = Server::new({
        let is_yes = Arc::clone(&is_yes);
        move |_| answer(200, if is_yes.load(Ordering::SeqCst) { YES } else { "{\"result\":false}" })
    })
    .await;
    let round_trip = made(&Settings { cache_s: 1, ..settings(&server) });
    for _ in 0..10 {
        granted(judge(&round_trip, Action::Play, "username=anna&password=p").await);
    }
    assert_eq!(server.requests().len(), 1);
    granted(judge(&round_trip, Action::Publish, "username=anna&password=p").await);
    granted(judge(&round_trip, Action::Play, "username=anna&password=q").await);
    assert_eq!(server.requests().len(), 3, "another type, another password");
    is_yes.store(false, Ordering::SeqCst);
    sleep(Duration::from_millis(1100)).await;
    for _ in 0..10 {
        assert_eq!(judge(&round_trip, Action::Play, "username=anna&password=p").await, Verdict::Refused);
    }
    assert_eq!(server.requests().len(), 4, "a no is kept for a moment too");
}

/// A back end that is down costs newcomers no time-out, and lets nobody in.
#[tokio::test]
async fn a_server_that_is_down_refuses_at_once_and_is_tried_again() {
    let is_up = Arc::new(AtomicBool::new(false));
    let server = Server::new({
        let is_up = Arc::clone(&is_up);
        move |_| if is_up.load(Ordering::SeqCst) { answer(200, YES) } else { Act::Hang }
    })
    .await;
    let round_trip = Arc::new(made(&settings(&server)));
    let mut first = JoinSet::new();
    for number in 0..8 {
        let round_trip = Arc::clone(&round_trip);
        first.spawn(async move {
            judge(&round_trip, Action::Play, &format!("username=u{number}&password=p")).await
        });
    }
    assert!(first.join_all().await.iter().all(|verdict| *verdict == Verdict::Away));
    let begun = Instant::now();
    for number in 0..200 {
        let verdict = judge(&round_trip, Action::Play, &format!("username=v{number}&password=p")).await;
        assert_eq!(verdict, Verdict::Away);
    }
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    is_up.store(true, Ordering::SeqCst);
    sleep(Duration::from_millis(1100)).await;
    granted(judge(&round_trip, Action::Play, "username=anna&password=p").await);
}

fn grant(action: Action, claim: Claim) -> Grant {
    Grant::new(stream(), action, claim)
}

async fn until_requests(server: &Server, count: usize) {
    let begun = Instant::now();
    while server.requests().len() < count && begun.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(server.requests().len(), count);
}

/// Red5's back ends end a login when its publisher has left, and know it by its credentials.
#[tokio::test]
async fn a_publisher_that_leaves_is_told_and_counts_no_more() {
    let server = Server::new(|_| answer(200, YES)).await;
    let invalidate_url = server.url("/invalidateCredentials");
    let settings = Settings { invalidate_url, cache_s: 60, ..settings(&server) };
    let round_trip = made(&settings);
    let query = "username=anna&password=p&token=t";
    let claim = granted(judge(&round_trip, Action::Publish, query).await);
    let viewer = granted(judge(&round_trip, Action::Play, query).await);
    assert_eq!(viewer.farewell, None, "of publishers alone, as it is set");
    assert!(!format!("{claim:?}").contains("\"p\""), "{claim:?}");
    // It goes through the dataplane and another control.
    let kept = serde_json::to_vec(&grant(Action::Publish, claim.clone())).unwrap();
    let again = made(&settings);
    again.left(&serde_json::from_slice(&kept).unwrap());
    until_requests(&server, 3).await;
    let told = server.requests().pop().unwrap();
    assert!(told.head.starts_with("POST /invalidateCredentials "));
    assert_eq!(told.body, r#"{"username":"anna","password":"p","token":"t","streamID":"camera"}"#);
    round_trip.left(&grant(Action::Play, viewer));
    round_trip.left(&grant(Action::Publish, Claim::default()));
    round_trip.left(&grant(Action::Publish, claim));
    until_requests(&server, 4).await;
    granted(judge(&round_trip, Action::Publish, query).await);
    assert_eq!(server.requests().len(), 5, "what is invalidated is asked about again");
    let viewers_too = made(&Settings { invalidate_on: vec![Action::Publish, Action::Play], ..settings });
    let viewer = granted(judge(&viewers_too, Action::Play, query).await);
    viewers_too.left(&grant(Action::Play, viewer));
    until_requests(&server, 7).await;
}

/// A server that is away for a moment still hears of it, and one that does not want to know is left alone.
#[tokio::test]
async fn a_farewell_is_tried_again_and_never_waited_for() {
    let server = Server::new({
        let first = AtomicBool::new(true);
        move |request| match request.body.as_str() {
            body if body.contains("gone") => answer(404, ""),
            _ if first.swap(false, Ordering::SeqCst) => Act::Close,
            _ => answer(200, YES),
        }
    })
    .await;
    let round_trip = made(&Settings { invalidate_url: server.url("/out"), ..settings(&server) });
    let claim = |username: &str| {
        let farewell = Farewell { username: username.to_owned(), password: "p".to_owned(), token: None };
        Claim { farewell: Some(farewell), ..Claim::default() }
    };
    let begun = Instant::now();
    round_trip.left(&grant(Action::Publish, claim("anna")));
    until_requests(&server, 1).await;
    round_trip.left(&grant(Action::Publish, claim("gone")));
    until_requests(&server, 2).await;
    assert!(begun.elapsed() < Duration::from_millis(900));
    until_requests(&server, 3).await;
    sleep(Duration::from_millis(300)).await;
    assert_eq!(server.requests().len(), 3);
}

/// The dataplane keeps so much of a session and no more.
#[tokio::test]
async fn credentials_that_cannot_be_kept_are_refused_where_they_must_be() {
    let server = Server::new(|_| answer(200, YES)).await;
    let query = format!("username=anna&password=p&token={}", "t".repeat(1100));
    granted(judge(&made(&settings(&server)), Action::Publish, &query).await);
    let kept = made(&Settings { invalidate_url: server.url("/out"), ..settings(&server) });
    assert_eq!(judge(&kept, Action::Publish, &query).await, Verdict::Refused);
    granted(judge(&kept, Action::Play, &query).await);
    assert_eq!(server.requests().len(), 2);
}

/// What would let everybody in, or nobody, is no configuration.
#[test]
fn a_section_that_is_not_whole_is_refused() {
    let of = |text: &str| {
        let settings: Settings = toml::from_str(text).unwrap();
        RoundTrip::new(&settings, Path::new("/nowhere"), &Outbound::of_a_test()).map(|_| ())
    };
    assert_eq!(of("url = 'https://example.com/validate'"), Ok(()));
    for (text, words) in [
        ("", "no url"),
        ("url = '/validateCredentials'", "no URL"),
        ("url = 'http://127.0.0.1:3000/validate'", "allow_private"),
        ("url = 'http://169.254.169.254/'\nallow_private = true", "no server to ask"),
        ("url = 'https://u:p@example.com/'", "user name or a password"),
        ("url = 'https://example.com/'\ninvalidate_url = 'http://10.0.0.1/'", "of invalidate_url"),
        ("url = 'https://example.com/'\nca_file = 'missing.pem'", "ca_file"),
    ] {
        let told = of(text).unwrap_err();
        assert!(told.contains(words), "{text}: {told}");
    }
    for text in ["lazyAuth = true", "stream_id = 'names'", "invalidate_on = ['publisher']", "cache_s = -1"] {
        assert!(toml::from_str::<Settings>(text).is_err(), "{text}");
    }
}
