//! Malformed and hostile requests over raw TCP (threats A39–A42, A48): each gets a status and a reason that helps, each is
//! counted, and the server serves the next one.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Stage, exchange};

/// A request that is to be refused: what it is, its bytes, status and reason.
type Case = (&'static str, Vec<u8>, u16, &'static str);

fn raw(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    bytes.as_ref().to_vec()
}

/// A request line of our own with the usual headers.
fn line(line: &str) -> Vec<u8> {
    format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

/// A POST of an offer with headers and body of our own.
fn post(headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = format!("POST /live/whip/endpoint/a HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body.as_ref());
    bytes
}

/// A POST of `body` as SDP of the right length.
fn offer(body: impl AsRef<[u8]>) -> Vec<u8> {
    post(&format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.as_ref().len()), body)
}

/// Bytes that are no request of HTTP/1.1.
fn heads() -> Vec<Case> {
    const UNREADABLE: &str = "head_unreadable";
    vec![
        ("prose", raw("hello, is anybody there?\r\n\r\n"), 400, UNREADABLE),
        ("a TLS ClientHello", raw([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x0a, 0x0d]), 400, "tls"),
        ("NULs", raw([0; 64]), 400, UNREADABLE),
        ("an unknown version", raw("GET / HTTP/9.9\r\nHost: x\r\n\r\n"), 400, UNREADABLE),
        ("HTTP/0.9", raw("GET /\r\n\r\n"), 400, UNREADABLE),
        ("HTTP/2", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505, "http2"),
        (
            "a space in a header's name",
            raw("GET / HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n"),
            400,
            UNREADABLE,
        ),
        ("a space before the colon", raw("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), 400, UNREADABLE),
        ("a header without a colon", raw("GET / HTTP/1.1\r\nHost: x\r\nNothing\r\n\r\n"), 400, UNREADABLE),
        ("a NUL in a header", raw("GET / HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n"), 400, UNREADABLE),
        ("a folded header", raw("GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"), 400, UNREADABLE),
        ("a control character in the path", line("GET /\x01"), 400, UNREADABLE),
        ("a space in the path", line("GET /a b"), 400, UNREADABLE),
        ("a method that is no token", line("G@T /"), 400, UNREADABLE),
        ("no Host", raw("GET / HTTP/1.1\r\n\r\n"), 400, "bad_host"),
        ("two Hosts", raw("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), 400, "bad_host"),
        ("a negative length", post("Content-Length: -1\r\n", ""), 400, UNREADABLE),
        ("a length in words", post("Content-Length: ten\r\n", ""), 400, UNREADABLE),
        ("an endless length", post("Content-Length: 99999999999999999999999\r\n", ""), 400, UNREADABLE),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "v=0\r\n\r\n"), 400, UNREADABLE),
        ("a transfer coding that ends nowhere", post("Transfer-Encoding: gzip\r\n", ""), 400, UNREADABLE),
        (
            "a head of 40 KB",
            raw(format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(40_000))),
            431,
            "head_too_large",
        ),
        ("a path of 40 KB", line(&format!("GET /{}", "a".repeat(40_000))), 431, "head_too_large"),
        (
            "150 headers",
            raw(format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(150))),
            431,
            "head_too_large",
        ),
    ]
}

/// Requests that can be read, for what is not here or cannot be a name.
fn paths() -> Vec<Case> {
    let endpoint = |segment: &str| line(&format!("POST /live/whip/endpoint/{segment}"));
    vec![
        ("nothing here", line("GET /live/index.php"), 404, "unknown_path"),
        ("no segments", line("GET ////////"), 404, "unknown_path"),
        ("the server as a whole", line("OPTIONS *"), 404, "unknown_path"),
        ("a tunnel", line("CONNECT example.org:443"), 404, "unknown_path"),
        ("a page outside", line("GET /sdk/../../Cargo.toml"), 404, "unknown_path"),
        ("a broken escape", endpoint("%zz"), 400, "bad_stream_name"),
        ("half an escape", endpoint("a%4"), 400, "bad_stream_name"),
        ("no name", endpoint(""), 400, "bad_stream_name"),
        ("two dots", endpoint(".."), 400, "bad_stream_name"),
        ("two escaped dots", endpoint("%2e%2e"), 400, "bad_stream_name"),
        ("an escaped slash", endpoint("..%2f..%2fetc%2fpasswd"), 400, "bad_stream_name"),
        ("an escaped backslash", endpoint("..%5cboot.ini"), 400, "bad_stream_name"),
        ("an escaped NUL", endpoint("a%00.sdp"), 400, "bad_stream_name"),
        ("line ends in a name", endpoint("a%0d%0aSet-Cookie:%20x=y"), 400, "bad_stream_name"),
        ("an ANSI escape in a name", endpoint("%1b%5b31mred"), 400, "bad_stream_name"),
        ("text turned round", endpoint("%e2%80%aegpj.exe"), 400, "bad_stream_name"),
        ("overlong UTF-8", endpoint("%c0%ae%c0%ae"), 400, "bad_stream_name"),
        ("a surrogate", endpoint("%ed%a0%80"), 400, "bad_stream_name"),
        ("a name of 129 bytes", endpoint(&"x".repeat(129)), 400, "bad_stream_name"),
        ("a name of 12 KB", endpoint(&"%41".repeat(4_000)), 400, "bad_stream_name"),
        ("dots as an app", line("POST /../whip/endpoint/a"), 400, "bad_app_name"),
        ("an app of nine segments", line("POST /1/2/3/4/5/6/7/8/9/whip/endpoint/a"), 400, "bad_app_name"),
        ("an app without a name", line("POST //whip/endpoint/a"), 400, "bad_app_name"),
        ("a reserved app", line("POST /admin/whip/endpoint/a"), 404, "reserved_app"),
        ("an unknown method", line("FROBNICATE /live/whip/endpoint/a"), 405, "method_not_allowed"),
        ("TRACE", line("TRACE /live/whip/endpoint/a"), 405, "method_not_allowed"),
        ("a lower-case method", line("post /live/whip/endpoint/a"), 405, "method_not_allowed"),
        ("GET of an endpoint", line("GET /live/whip/endpoint/a"), 405, "method_not_allowed"),
        (
            "a guessed session",
            line("DELETE /live/whip/resource/a/00000000000000000000000000000000"),
            404,
            "unknown_session",
        ),
        (
            "a session id of capitals",
            line(&format!("GET /api/sessions/{}", "A".repeat(32))),
            400,
            "bad_session_id",
        ),
        (
            "a session id of 12 KB",
            line(&format!("GET /api/sessions/{}", "a".repeat(12_000))),
            400,
            "bad_session_id",
        ),
        (
            "events of a guessed session",
            line(&format!("GET /live/whep/resource/a/{:032}/events", 0)),
            404,
            "unknown_session",
        ),
        ("SQL for a session", line("DELETE /live/whip/resource/a/1'%20OR%20'1'='1"), 404, "unknown_session"),
    ]
}

/// Requests whose body is wrong.
fn bodies() -> Vec<Case> {
    let chunked =
        |body: String| post("Content-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n", body);
    let many_lines = format!("v=0\r\n{}", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n".repeat(2_000));
    vec![
        ("no body", post("Content-Type: application/sdp\r\n", ""), 400, "no_sdp"),
        ("a body of blanks", offer(" \r\n \r\n"), 400, "no_sdp"),
        ("JSON for SDP", offer("{\"sdp\":\"v=0\"}"), 400, "not_sdp"),
        ("HTML for SDP", offer("<script>alert(1)</script>"), 400, "not_sdp"),
        ("what is not UTF-8", offer([b'v', b'=', b'0', 0xff, 0xfe]), 400, "not_text"),
        ("a NUL in SDP", offer("v=0\r\ns=a\0b\r\n"), 400, "not_text"),
        ("no media type", post("Content-Length: 5\r\n", "v=0\r\n"), 415, "wrong_content_type"),
        (
            "another media type",
            post("Content-Type: text/plain\r\nContent-Length: 5\r\n", "v=0\r\n"),
            415,
            "wrong_content_type",
        ),
        (
            "two media types",
            post("Content-Type: application/sdp, a/b\r\nContent-Length: 5\r\n", "v=0\r\n"),
            415,
            "wrong_content_type",
        ),
        (
            "a packed body",
            post(
                "Content-Type: application/sdp\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n",
                "v=0\r\n",
            ),
            415,
            "content_encoding",
        ),
        (
            "a body announced too large",
            post("Content-Type: application/sdp\r\nContent-Length: 65537\r\n", ""),
            413,
            "body_too_large",
        ),
        ("a body of 2,000 candidates", offer(many_lines), 413, "body_too_large"),
        (
            "a terabyte announced",
            post("Content-Type: application/sdp\r\nContent-Length: 1099511627776\r\n", ""),
            413,
            "body_too_large",
        ),
        ("chunks without end", chunked(format!("20000\r\n{}", "v".repeat(0x20000))), 413, "body_too_large"),
        ("a chunk of no size", chunked("zz\r\nv=0\r\n0\r\n\r\n".into()), 400, "body_broken"),
        ("a chunk of a huge size", chunked("fffffffffffffffff\r\nv=0\r\n".into()), 400, "body_broken"),
        (
            "length and chunks together",
            post(
                "Content-Type: application/sdp\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "v=0\r\nGET / HTTP/1.1\r\n\r\n",
            ),
            400,
            "body_broken",
        ),
    ]
}

/// A PATCH of a session that is there, with headers and body of our own.
fn patch(location: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "PATCH {location} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

/// What must not come by PATCH to a session, whether it waits for an answer or not.
fn patches(location: &str, is_viewer: bool) -> Vec<Case> {
    const SDP: &str = "Content-Type: application/sdp\r\n";
    const FRAGMENT: &str = "Content-Type: application/trickle-ice-sdpfrag\r\n";
    let answer = |headers: &str, body: &str| patch(location, &format!("{SDP}{headers}"), body);
    let no_type = (415, "wrong_content_type");
    let of_sdp = |status, reason| if is_viewer { (status, reason) } else { no_type };
    let large = format!("v=0\r\n{}", "a=x\r\n".repeat(20_000));
    let cases = [
        ("nothing at all", patch(location, "", ""), no_type),
        ("an empty fragment", patch(location, FRAGMENT, ""), (400, "no_fragment")),
        ("an empty answer", answer("", ""), of_sdp(400, "no_sdp")),
        ("an answer of blanks", answer("", " \r\n"), of_sdp(400, "no_sdp")),
        ("JSON for an answer", answer("", "{}"), of_sdp(400, "not_sdp")),
        ("a fragment for an answer", answer("", "a=ice-ufrag:abcd\r\n"), of_sdp(400, "not_sdp")),
        ("a packed answer", answer("Content-Encoding: br\r\n", "v=0\r\n"), of_sdp(415, "content_encoding")),
        ("an answer too large", answer("", &large), of_sdp(413, "body_too_large")),
        ("a fragment too large", patch(location, FRAGMENT, &large), (413, "body_too_large")),
        ("another's answer", answer("If-Match: \"other\"\r\n", "v=0\r\n"), of_sdp(412, "stale_entity_tag")),
        ("HTML", patch(location, "Content-Type: text/html\r\n", "<p>"), no_type),
    ];
    cases.into_iter().map(|(what, bytes, (status, reason))| (what, bytes, status, reason)).collect()
}

/// The doors of a session that is there: nothing that comes wrong through them changes it.
#[tokio::test]
async fn every_malformed_patch_gets_a_reason_and_leaves_the_session_as_it_was() {
    let stage = Stage::new().await;
    let publisher = stage.publish("a").await;
    let viewers = [stage.watch("a").await, stage.ask_for_offer("a").await];
    let locations = [(&publisher, false), (&viewers[0], true), (&viewers[1], true)];
    for (opened, is_viewer) in locations {
        for (what, bytes, status, reason) in patches(opened.location(), is_viewer) {
            let reply =
                exchange(stage.address(), &bytes).await.unwrap_or_else(|| panic!("{what}: no answer"));
            assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{what}: {reply:?}");
        }
        assert_eq!(stage.state(opened.location()).await.status, 200);
    }
    let reached = stage.dataplane.heard().into_iter().filter(|message| {
        matches!(
            message,
            fanlight_protocol::ToDataplane::Answer { .. } | fanlight_protocol::ToDataplane::Trickle { .. }
        )
    });
    assert_eq!(reached.count(), 0, "none of them reached the media process");
}

/// A reason for each, a count for each, and nothing left behind.
#[tokio::test]
async fn every_malformed_request_gets_a_reason_is_counted_and_harms_nobody() {
    let stage = Stage::new().await;
    let cases: Vec<Case> = [heads(), paths(), bodies()].into_iter().flatten().collect();
    assert!(cases.len() >= 60);
    for (what, bytes, status, reason) in &cases {
        let series = format!("fanlight_http_faults_total{{reason=\"{reason}\"}}");
        let before = stage.metric(&series).await.unwrap_or(0.0);
        let reply = exchange(stage.address(), bytes).await.unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!((reply.status, reply.reason().as_str()), (*status, *reason), "{what}: {reply:?}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{what}");
        assert_eq!(stage.metric(&series).await, Some(before + 1.0), "{what} is not counted");
    }
    assert_eq!(stage.publish("a").await.status, 201, "the server serves the next one");
    assert!(stage.dataplane.heard().len() <= 3, "none of them reached the media process");
    // This connection alone is open: none of the others hangs.
    crate::support::until("the connections' ends", || async {
        stage.metric("fanlight_http_connections").await == Some(1.0)
    })
    .await;
}

/// A proxy that smuggles: what is behind a request on the same connection must not be taken for a part of it.
#[tokio::test]
async fn rubbish_behind_a_request_gets_an_answer_of_its_own() {
    let stage = Stage::new().await;
    let mut stream = TcpStream::connect(stage.address()).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01\x02 rubbish\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let statuses: Vec<&str> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "400"], "{text}");
    assert!(text.contains("head_unreadable"), "{text}");
}

/// A client may send its next requests before the first answer: each gets one answer, in order.
#[tokio::test]
async fn requests_in_a_row_get_answers_in_a_row() {
    let stage = Stage::new().await;
    let mut stream = TcpStream::connect(stage.address()).await.unwrap();
    let row = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50)
        + "GET /streams HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(row.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let statuses: Vec<&str> = text.match_indices("HTTP/1.1 ").map(|(at, _)| &text[at + 9..at + 12]).collect();
    assert_eq!(statuses.len(), 101);
    for (at, status) in statuses.iter().enumerate() {
        assert_eq!(*status, if at % 2 == 0 { "200" } else { "404" }, "{at}");
    }
}

/// A client that breaks off anywhere in a sound request costs its connection and nothing else.
#[tokio::test]
async fn a_request_broken_off_anywhere_leaves_nothing_behind() {
    let stage = Stage::new().await;
    let whole = offer("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    for cut in (0..whole.len()).step_by(7) {
        let mut stream = TcpStream::connect(stage.address()).await.unwrap();
        stream.write_all(&whole[..cut]).await.unwrap();
        drop(stream);
    }
    crate::support::until("the connections' ends", || async {
        stage.metric("fanlight_http_connections").await == Some(1.0)
    })
    .await;
    assert_eq!(stage.publish("a").await.status, 201);
    assert_eq!(stage.dataplane.sessions().len(), 1);
}
