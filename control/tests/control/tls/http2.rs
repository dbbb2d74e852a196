//! Sessions and their events over HTTP/2, which browsers use wherever there is TLS.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Secure;
use crate::support::{Http2, OFFER, SDP, connect};

/// All that a page does, on one connection.
#[tokio::test]
async fn a_session_lives_from_offer_to_end_on_one_connection() {
    let secure = Secure::new().await;
    let mut client = Http2::open(secure.address(), &secure.root).await;
    let (status, publisher, answer) = client.ask("POST", "/live/whip/endpoint/a", &[SDP], OFFER).await;
    assert_eq!(status, 201, "{answer}");
    assert!(answer.starts_with("v=0"), "{answer}");
    let (status, viewer, _) = client.ask("POST", "/live/whep/endpoint/a", &[SDP], OFFER).await;
    assert_eq!(status, 201);
    let (status, _, page) = client.ask("GET", "/watch?stream=a", &[], "").await;
    assert!(status == 200 && page.contains("<html"), "{status}: {page}");
    for location in [&viewer, &publisher] {
        let json = [("accept", "application/json")];
        assert_eq!(client.ask("GET", location, &json, "").await.0, 200);
        assert_eq!(client.ask("DELETE", location, &[], "").await.0, 200);
        assert_eq!(client.ask("GET", location, &json, "").await.0, 410);
    }
    let (status, _, problem) = client.ask("GET", "/nowhere/at/all", &[], "").await;
    assert!(status == 404 && problem.contains("unknown_path"), "{problem}");
}

/// The next piece of a stream of events.
async fn piece(body: &mut Incoming) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// A page hears what happens to its session while it asks for other things on the same connection.
#[tokio::test]
async fn events_come_while_other_requests_are_answered() {
    let secure = Secure::new().await;
    let mut client = Http2::open(secure.address(), &secure.root).await;
    let (_, publisher, _) = client.ask("POST", "/live/whip/endpoint/a", &[SDP], OFFER).await;
    let (_, viewer, _) = client.ask("POST", "/live/whep/endpoint/a", &[SDP], OFFER).await;
    let response =
        client.send("GET", &format!("{viewer}/events"), &[("accept", "text/event-stream")], "").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut events = response.into_body();
    assert_eq!(client.ask("DELETE", &publisher, &[], "").await.0, 200);
    let mut heard = String::new();
    while let Some(piece) = piece(&mut events).await {
        heard += &piece;
    }
    assert!(heard.contains("event: ended") && heard.contains("publisher"), "{heard}");
}

/// In HTTP/2 the host is `:authority`; a Host beside it may only say the same (RFC 9113 §8.3.1), lest a proxy and we take the request
/// for two different ones.
#[tokio::test]
async fn a_host_that_contradicts_the_authority_is_refused() {
    let secure = Secure::new().await;
    let mut client = Http2::open(secure.address(), &secure.root).await;
    let same = format!("LOCALHOST:{}", secure.address().port());
    assert_eq!(client.ask("GET", "/healthz", &[("host", &same)], "").await.0, 200);
    for hosts in [&["example.org"][..], &[&same, &same], &["localhost"]] {
        let headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        let (status, _, problem) = client.ask("GET", "/healthz", &headers, "").await;
        assert!(status == 400 && problem.contains("bad_host"), "{hosts:?}: {status} {problem}");
    }
}

/// A connection costs a place: one on which nothing happens is given up, one with a quiet stream of events is not.
#[tokio::test]
async fn a_connection_at_rest_ends_and_one_with_events_stays() {
    let secure = Secure::with(|config| {
        config.http.header_timeout_s = 1;
        config.http.idle_timeout_s = 2;
        config.http.write_timeout_s = 1;
    })
    .await;
    let mut busy = Http2::open(secure.address(), &secure.root).await;
    let (_, publisher, _) = busy.ask("POST", "/live/whip/endpoint/a", &[SDP], OFFER).await;
    let _events =
        busy.send("GET", &format!("{publisher}/events"), &[("accept", "text/event-stream")], "").await;
    let mut idle = Http2::open(secure.address(), &secure.root).await;
    assert_eq!(idle.ask("GET", "/healthz", &[], "").await.0, 200);
    let never = Http2::open(secure.address(), &secure.root).await;
    let begun = Instant::now();
    for (connection, from, to) in [(never.connection, 0.5, 1.9), (idle.connection, 1.5, 6.0)] {
        tokio::time::timeout(Duration::from_secs(9), connection).await.expect("it ends").unwrap().unwrap();
        assert!((from..to).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
    }
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(busy.ask("GET", "/healthz", &[], "").await.0, 200, "the page with events is there still");
}

/// A restart of control must not wait for those who only listen.
#[tokio::test]
async fn a_shutdown_ends_connections_with_events() {
    let Secure { stage, root, folder: _folder } = Secure::new().await;
    let address = stage.server.https_address().unwrap();
    let mut client = Http2::open(address, &root).await;
    let (_, publisher, _) = client.ask("POST", "/live/whip/endpoint/a", &[SDP], OFFER).await;
    let response =
        client.send("GET", &format!("{publisher}/events"), &[("accept", "text/event-stream")], "").await;
    let begun = Instant::now();
    stage.server.shutdown().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(response.into_body().collect().await.is_ok(), "the stream has a proper end");
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

/// Limits of requests hold here as there: the body's length, its time, and the length of the head.
#[tokio::test]
async fn bodies_and_heads_have_the_limits_of_http_1() {
    let secure = Secure::with(|config| config.http.body_timeout_s = 1).await;
    let mut client = Http2::open(secure.address(), &secure.root).await;
    let large = format!("v=0\r\n{}", "a=x\r\n".repeat(20_000));
    let (status, _, problem) = client.ask("POST", "/live/whip/endpoint/a", &[SDP], &large).await;
    assert!(status == 413 && problem.contains("body_too_large"), "{status} {problem}");
    let (status, ..) = client.ask("GET", "/healthz", &[("x-long", &"a".repeat(20_000))], "").await;
    assert_eq!(status, 431);
    assert_eq!(client.ask("GET", "/healthz", &[], "").await.0, 200);

    // A body that was announced and does not come: by hand, as no sound client does so.
    let mut stream = connect(secure.address(), &secure.root, &["h2"]).await.unwrap();
    stream.write_all(&super::hostile::preface()).await.unwrap();
    let head = super::hostile::head(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/live/whip/endpoint/b"),
        ("content-type", "application/sdp"),
        ("content-length", "99"),
    ]);
    stream.write_all(&super::hostile::frame(1, 4, 1, &head)).await.unwrap();
    let mut got = Vec::new();
    let refusal = async {
        while !String::from_utf8_lossy(&got).contains("body_too_slow") {
            assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "it is told why");
        }
    };
    tokio::time::timeout(Duration::from_secs(5), refusal).await.expect("an answer in time");
}
