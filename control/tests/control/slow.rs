//! Slow, silent and greedy peers (threats A39, A41): they lose their connection, others keep theirs.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Reply, Stage, exchange_slowly, until, write_slowly};

async fn impatient() -> Stage {
    Stage::with(|config| {
        config.http.header_timeout_s = 1;
        config.http.idle_timeout_s = 3;
        config.http.body_timeout_s = 1;
        config.http.write_timeout_s = 1;
    })
    .await
}

/// A byte now and then in the request line or the headers: told why, and gone in time.
#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off_with_a_reason() {
    let stage = impatient().await;
    for pieces in [
        &[b"G".as_slice(), b"E", b"T", b" ", b"/", b"s", b"t", b"r"][..],
        &[
            b"GET /streams HTTP/1.1\r\n".as_slice(),
            b"Host: x\r\n",
            b"A: b\r\n",
            b"C: d\r\n",
            b"E: f\r\n",
            b"G: h\r\n",
        ][..],
    ] {
        let begun = Instant::now();
        let reply = exchange_slowly(stage.address(), pieces, Duration::from_millis(250)).await.unwrap();
        assert_eq!((reply.status, reply.reason().as_str()), (408, "head_too_slow"));
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }
    assert_eq!(stage.metric("fanlight_http_faults_total{reason=\"head_too_slow\"}").await, Some(2.0));
}

#[tokio::test]
async fn a_body_that_trickles_in_is_cut_off_with_a_reason() {
    let stage = impatient().await;
    let head = b"POST /live/whip/endpoint/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: 99\r\n\r\n";
    let pieces = [head.as_slice(), b"v", b"=", b"0", b"\r", b"\n", b"o", b"=", b"-"];
    let begun = Instant::now();
    let reply = exchange_slowly(stage.address(), &pieces, Duration::from_millis(200)).await.unwrap();
    assert_eq!((reply.status, reply.reason().as_str()), (408, "body_too_slow"));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

/// Nothing was asked, so nothing is said. A peer that has asked once may idle longer than one that never did.
#[tokio::test]
async fn a_silent_connection_is_closed_without_a_word() {
    let stage = impatient().await;
    let mut fresh = TcpStream::connect(stage.address()).await.unwrap();
    let mut used = used_connection(&stage).await;
    let begun = Instant::now();
    for (stream, from, to) in [(&mut fresh, 0.5, 2.5), (&mut used, 2.5, 9.0)] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "{rest:?}");
        assert!((from..to).contains(&begun.elapsed().as_secs_f64()), "{:?}", begun.elapsed());
    }
}

async fn used_connection(stage: &Stage) -> TcpStream {
    let mut stream = TcpStream::connect(stage.address()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(Reply::read(&mut stream, false).await.unwrap().status, 200);
    stream
}

/// The time to idle is not time to trickle: each later head has the same time as the first.
#[tokio::test]
async fn a_later_head_that_trickles_in_is_cut_off_as_the_first_is() {
    let stage = Stage::with(|config| {
        config.http.header_timeout_s = 1;
        config.http.idle_timeout_s = 20;
    })
    .await;
    for later_requests in 0..3 {
        let mut stream = used_connection(&stage).await;
        for _ in 0..later_requests {
            tokio::time::sleep(Duration::from_millis(1_200)).await;
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            assert_eq!(Reply::read(&mut stream, false).await.unwrap().status, 200, "idling is allowed");
        }
        let begun = Instant::now();
        let pieces: Vec<&[u8]> = b"GET /streams".chunks(1).collect();
        let reply = write_slowly(&mut stream, &pieces, Duration::from_millis(200)).await.unwrap();
        assert_eq!((reply.status, reply.reason().as_str()), (408, "head_too_slow"));
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}

/// A body may take longer than a head: the head's clock must not run on.
#[tokio::test]
async fn a_body_may_take_its_own_time() {
    let stage = Stage::with(|config| {
        config.http.header_timeout_s = 1;
        config.http.body_timeout_s = 10;
    })
    .await;
    let body = crate::support::OFFER.as_bytes();
    let head = format!(
        "POST /live/whip/endpoint/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let pieces: Vec<&[u8]> = std::iter::once(head.as_bytes()).chain(body.chunks(16)).collect();
    let reply = exchange_slowly(stage.address(), &pieces, Duration::from_millis(500)).await.unwrap();
    assert_eq!(reply.status, 201, "{reply:?}");
}

/// A peer that asks without end and never reads an answer holds buffers; hyper alone would wait for it for ever.
#[tokio::test]
async fn a_peer_that_never_reads_is_given_up() {
    let stage = impatient().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut greedy = socket.connect(stage.address()).await.unwrap();
    let requests = b"GET /sdk/fanlight.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000);
    // Ends when the server has had enough and resets the connection.
    let sent = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            if greedy.write_all(&requests).await.is_err() {
                return;
            }
        }
    });
    sent.await.expect("the server gives the peer up");
    until("the end of the connection", || async {
        stage.metric("fanlight_http_connections").await == Some(1.0)
    })
    .await;
}

/// Connections have an end as everything has: the next one is told so, and there is room again when one leaves.
#[tokio::test]
async fn when_all_connections_are_in_use_the_next_one_is_told() {
    let stage = Stage::with(|config| config.http.connections_max = 3).await;
    let mut held = Vec::new();
    // A place is counted from accept on, which a finished connect may precede: each holder is answered once.
    for _ in 0..3 {
        let mut stream = TcpStream::connect(stage.address()).await.unwrap();
        loop {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
            if Reply::read(&mut stream, false).await.unwrap().status == 200 {
                break;
            }
            stream = TcpStream::connect(stage.address()).await.unwrap();
        }
        held.push(stream);
    }
    let refused = stage.get("/streams").await;
    assert_eq!((refused.status, refused.reason().as_str()), (503, "too_many_connections"));
    assert_eq!(refused.header("retry-after"), Some("2"));
    held.pop();
    until("a free place", || async { stage.get("/streams").await.status == 200 }).await;
}

/// Many slow peers at once: honest requests are served while all of them are there.
#[tokio::test]
async fn honest_requests_are_served_among_a_crowd_of_slow_ones() {
    let stage = Stage::with(|config| config.http.header_timeout_s = 60).await;
    let address = stage.address();
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..200 {
        crowd.spawn(async move {
            let pieces = [b"POST /live/whip/endpoint/a HTTP/1.1\r\n".as_slice(), b"Host: x\r\n", b"A: b\r\n"];
            exchange_slowly(address, &pieces, Duration::from_millis(500)).await
        });
    }
    let connections = async || stage.metric("fanlight_http_connections").await.unwrap();
    until("the crowd", || async { connections().await >= 201.0 }).await;
    for number in 0..20 {
        assert_eq!(stage.publish(&format!("honest{number}")).await.status, 201);
    }
    assert!(connections().await >= 201.0, "the crowd is there still");
}

/// Stopping lets a request under way end.
#[tokio::test]
async fn a_shutdown_answers_what_is_under_way() {
    let stage = Stage::new().await;
    stage.dataplane.hold();
    let address = stage.address();
    let offer = tokio::spawn(async move {
        let sdp = [crate::support::SDP];
        crate::support::request(address, "POST", "/live/whip/endpoint/camera", &sdp, crate::support::OFFER)
            .await
    });
    until("the offer", || async { stage.dataplane.held() == 1 }).await;
    let Stage { server, dataplane, .. } = stage;
    let answer = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        dataplane.answer_held();
    };
    tokio::join!(server.shutdown(), answer);
    assert_eq!(offer.await.unwrap().status, 201);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}
