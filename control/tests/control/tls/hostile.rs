//! Who abuses the TLS handshake or HTTP/2 (threats A39, A40): each loses its connection, or is held to a limit, and others are
//! served meanwhile.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use super::Secure;
use crate::support::{Certificate, Http2, OFFER, SDP, connect, exchange, get_by_tls, until};

// Frames of RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Error codes of GOAWAY, §7.
const ENHANCE_YOUR_CALM: u32 = 11;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// What a client says first (§3.4), with default settings.
pub(super) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// A length as HPACK has it: 7 bits, no Huffman code (RFC 7541 §5.1, §5.2).
fn text(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = bytes.len();
    if length < 127 {
        out.push(u8::try_from(length).unwrap());
    } else {
        out.push(127);
        length -= 127;
        while length >= 128 {
            out.push(u8::try_from(length % 128).unwrap() | 128);
            length /= 128;
        }
        out.push(u8::try_from(length).unwrap());
    }
    out.extend(bytes);
    out
}

/// A header block of literals that are not indexed (§6.2.2).
pub(super) fn head(fields: &[(&str, &str)]) -> Vec<u8> {
    let field =
        |(name, value): &(&str, &str)| [vec![0], text(name.as_bytes()), text(value.as_bytes())].concat();
    fields.iter().flat_map(field).collect()
}

fn get(path: &str) -> Vec<u8> {
    head(&[(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path)])
}

/// A connection of HTTP/2 that writes what it likes. All that comes back is read.
struct Attacker {
    out: WriteHalf<TlsStream<TcpStream>>,
    heard: JoinHandle<Vec<u8>>,
}

impl Attacker {
    async fn new(secure: &Secure) -> Self {
        Self::reading(secure, |mut stream| async move {
            let mut heard = Vec::new();
            let _ = stream.read_to_end(&mut heard).await;
            heard
        })
        .await
    }

    async fn reading<F: Future<Output = Vec<u8>> + Send + 'static>(
        secure: &Secure,
        read: impl FnOnce(ReadHalf<TlsStream<TcpStream>>) -> F,
    ) -> Self {
        let (back, out) = split(connect(secure.address(), &secure.root, &["h2"]).await.unwrap());
        let mut attacker = Self { out, heard: tokio::spawn(read(back)) };
        attacker.out.write_all(&preface()).await.unwrap();
        attacker
    }

    /// Writes until the server has had enough; how many times that was.
    async fn write_all_of(&mut self, mut pieces: impl Iterator<Item = Vec<u8>>) -> usize {
        let mut written = 0;
        let writing = async {
            for piece in &mut pieces {
                if self.out.write_all(&piece).await.is_err() || self.out.flush().await.is_err() {
                    return;
                }
                written += 1;
                // The server of these tests lives on the same thread.
                if written % 16 == 0 {
                    tokio::task::yield_now().await;
                }
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(20), writing).await;
        assert!(done.is_ok(), "neither taken nor refused after {written}");
        written
    }

    /// What the server said, once it has closed: frames as kind, flags, stream, payload.
    async fn frames(self) -> Vec<(u8, u8, u32, Vec<u8>)> {
        let heard = tokio::time::timeout(Duration::from_secs(20), self.heard).await;
        frames(&heard.expect("the server closes the connection").unwrap())
    }

    /// The error code of the server's GOAWAY, once it has closed.
    async fn error(self) -> Option<u32> {
        let frames = self.frames().await;
        let away = frames.iter().rev().find(|(kind, ..)| *kind == 7)?;
        Some(u32::from_be_bytes(away.3[4..8].try_into().unwrap()))
    }
}

fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some(head) = bytes.get(..9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap()) & 0x7fff_ffff;
        let Some(payload) = bytes.get(9..9 + length) else { break };
        found.push((head[3], head[4], stream, payload.to_vec()));
        bytes = &bytes[9 + length..];
    }
    found
}

/// Others publish, and in the end none of the attackers holds a place.
async fn serves_others(secure: &Secure) {
    let mut client = Http2::open(secure.address(), &secure.root).await;
    let (status, location, _) = client.ask("POST", "/live/whip/endpoint/honest", &[SDP], OFFER).await;
    assert_eq!(status, 201);
    assert_eq!(client.ask("DELETE", &location, &[], "").await.0, 200);
    drop(client);
    until("the connections' ends", || async {
        secure.stage.metric("fanlight_http_connections").await == Some(1.0)
    })
    .await;
}

async fn count(secure: &Secure, reason: &str) -> f64 {
    secure.stage.metric(&format!("fanlight_http_faults_total{{reason=\"{reason}\"}}")).await.unwrap_or(0.0)
}

/// Odd identifiers of a client's streams (§5.1.1).
fn streams(number: u32) -> impl Iterator<Item = u32> {
    (0..number).map(|index| index * 2 + 1)
}

/// The beginning of a hello, a byte now and then, silence: none holds its place beyond the time of a head.
#[tokio::test]
async fn a_handshake_that_does_not_come_through_is_cut_off() {
    let secure = Secure::with(|config| config.http.header_timeout_s = 1).await;
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for (what, pieces) in
        [("silence", vec![]), ("half", vec![&hello[..]]), ("bytes", hello.chunks(1).collect())]
    {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(secure.address()).await.unwrap();
        for piece in pieces {
            if stream.write_all(piece).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(rest.is_empty() && begun.elapsed() < Duration::from_secs(3), "{what}: {:?}", begun.elapsed());
    }
    assert_eq!(count(&secure, "tls_handshake_slow").await, 3.0);
    serves_others(&secure).await;
}

/// A handshake in good time does not buy time for silence after it.
#[tokio::test]
async fn a_silent_connection_behind_a_handshake_is_closed() {
    let secure = Secure::with(|config| config.http.header_timeout_s = 1).await;
    for protocol in ["h2", "http/1.1"] {
        let begun = Instant::now();
        let mut stream = connect(secure.address(), &secure.root, &[protocol]).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!((0.5..3.5).contains(&begun.elapsed().as_secs_f64()), "{protocol}: {:?}", begun.elapsed());
    }
}

/// What is no TLS, old TLS, or gives up midway: answered as far as it can be understood, counted, gone.
#[tokio::test]
async fn what_is_no_sound_handshake_is_counted_and_gone() {
    let secure = Secure::new().await;
    let address = secure.address();
    let reply = exchange(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!((reply.status, reply.reason().as_str()), (400, "not_tls"));

    // TLS 1.1 alone, which RFC 8996 forbids: a fatal alert, handshake_failure or protocol_version.
    let body = [&[3, 2][..], &[7; 32], &[0, 0, 2, 0xc0, 0x13, 1, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&hello).await.unwrap();
    let mut alert = Vec::new();
    let _ = stream.read_to_end(&mut alert).await;
    assert!(matches!(alert[..], [21, 3, _, 0, 2, 2, 40 | 70]), "{alert:?}");

    // A record of rubbish, and a client that does not trust us.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[22, 3, 1, 0, 5, 99, 98, 97, 96, 95]).await.unwrap();
    let _ = stream.read_to_end(&mut alert).await;
    assert!(connect(address, &Certificate::for_days(9).chain, &["h2"]).await.is_err());
    until("their counts", || async { count(&secure, "tls_handshake_failed").await == 3.0 }).await;
    serves_others(&secure).await;
}

/// Many handshakes that never end: who is honest gets through meanwhile.
#[tokio::test]
async fn honest_handshakes_come_through_among_a_crowd_of_slow_ones() {
    let secure = Secure::with(|config| config.http.header_timeout_s = 60).await;
    let mut crowd = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(secure.address()).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        crowd.push(stream);
    }
    for _ in 0..20 {
        assert_eq!(get_by_tls(secure.address(), &secure.root, "/healthz").await.status, 200);
    }
    drop(crowd);
    serves_others(&secure).await;
}

/// CVE-2023-44487: requests that are taken back at once, as many as fit, make work and hold nothing.
#[tokio::test]
async fn a_rapid_reset_ends_the_connection() {
    let secure = Secure::new().await;
    let mut attacker = Attacker::new(&secure).await;
    let reset = |stream| {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/streams"));
        [request, frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())].concat()
    };
    // Many in one record, as an attacker sends them.
    let all: Vec<u32> = streams(50_000).collect();
    let written = attacker
        .write_all_of(all.chunks(50).map(|some| some.iter().copied().flat_map(reset).collect()))
        .await;
    assert!(written < 1_000, "{written} times 50 requests were taken");
    assert_eq!(attacker.error().await, Some(ENHANCE_YOUR_CALM));
    serves_others(&secure).await;
}

/// A head that never ends (CVE-2024-27316), in frames that each are sound.
#[tokio::test]
async fn continuations_without_end_end_the_connection() {
    let secure = Secure::new().await;
    for piece in [&[][..], &[0; 1], &head(&[("x-long", &"a".repeat(1_000))])] {
        let mut attacker = Attacker::new(&secure).await;
        attacker.out.write_all(&frame(HEADERS, 0, 1, &get("/healthz"))).await.unwrap();
        let endless = std::iter::repeat_n(frame(CONTINUATION, 0, 1, piece), 100_000);
        let written = attacker.write_all_of(endless).await;
        assert!(written < 20_000, "{written} frames of {} bytes were taken", piece.len());
        attacker.frames().await;
    }
    serves_others(&secure).await;
}

/// A few bytes that stand for many: a field of the dynamic table, over and over (RFC 7541 §7.3).
#[tokio::test]
async fn a_head_that_unpacks_to_megabytes_is_refused() {
    let secure = Secure::new().await;
    let mut attacker = Attacker::new(&secure).await;
    let large = [vec![0x40], text(b"x-bomb"), text(&[b'a'; 3_900])].concat();
    // Index 62 is the newest entry.
    let bomb = [get("/healthz"), large, vec![0xbe; 12_000]].concat();
    let times = streams(200).map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &bomb));
    let before = Instant::now();
    attacker.write_all_of(times).await;
    drop(attacker.out.shutdown().await);
    let frames = attacker.frames().await;
    assert!(before.elapsed() < Duration::from_secs(15), "{:?}", before.elapsed());
    // 431 is index-less in HPACK's table, so it is found as text.
    let answered_well =
        frames.iter().filter(|(kind, _, _, payload)| *kind == HEADERS && payload.first() == Some(&0x88));
    assert_eq!(answered_well.count(), 0, "none of them is answered with 200");
    serves_others(&secure).await;
}

/// As many requests as there are numbers, none of which ends: a hundred are kept, the rest is refused, and who goes on is sent away.
#[tokio::test]
async fn streams_beyond_the_limit_are_refused() {
    let secure = Secure::with(|config| config.http.body_timeout_s = 60).await;
    let mut attacker = Attacker::new(&secure).await;
    let post = head(&[
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/live/whip/endpoint/a"),
        ("content-type", "application/sdp"),
    ]);
    let written = attacker
        .write_all_of(streams(100_000).map(|stream| frame(HEADERS, END_HEADERS, stream, &post)))
        .await;
    assert!(written < 10_000, "{written} streams were taken");
    let frames = attacker.frames().await;
    let refused = frames.iter().filter(|(kind, ..)| *kind == RST_STREAM).count();
    assert!((50..=1_000).contains(&refused), "{refused} streams were refused one by one");
    serves_others(&secure).await;
}

/// Frames that ask for an answer each, from one who reads none: pings and settings (CVE-2019-9512, 9515), and empty bodies
/// (CVE-2019-9518).
#[tokio::test]
async fn floods_of_small_frames_are_held_up_or_end() {
    let secure = Secure::with(|config| config.http.write_timeout_s = 1).await;
    let request = frame(HEADERS, END_HEADERS, 1, &get("/healthz"));
    for (what, opening, flood) in [
        ("pings", vec![], frame(PING, 0, 0, &[1; 8])),
        ("settings", vec![], frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])),
        ("empty bodies", request, frame(DATA, 0, 1, &[])),
    ] {
        let mut attacker = Attacker::reading(&secure, |stream| async move {
            tokio::time::sleep(Duration::from_secs(15)).await;
            drop(stream);
            Vec::new()
        })
        .await;
        attacker.out.write_all(&opening).await.unwrap();
        let begun = Instant::now();
        let written = attacker.write_all_of(std::iter::repeat_n(flood.repeat(100), 100_000)).await;
        assert!(written < 100_000, "{what}: all were taken");
        assert!(begun.elapsed() < Duration::from_secs(15), "{what}: {:?}", begun.elapsed());
        attacker.heard.abort();
    }
    serves_others(&secure).await;
}

/// Who asks for pages and lets none through, by a window of nothing, or by not reading (CVE-2019-9511, 9517).
#[tokio::test]
async fn who_takes_no_answers_is_given_up() {
    let secure = Secure::with(|config| {
        config.http.write_timeout_s = 1;
        config.http.idle_timeout_s = 1;
    })
    .await;
    // SETTINGS_INITIAL_WINDOW_SIZE = 0.
    let mut attacker = Attacker::new(&secure).await;
    attacker.out.write_all(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await.unwrap();
    for stream in streams(90) {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/sdk/fanlight.js"));
        attacker.out.write_all(&request).await.unwrap();
    }
    let begun = Instant::now();
    attacker.frames().await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());

    // A generous window, and a socket that is never read.
    let mut attacker = Attacker::reading(&secure, |stream| async move {
        tokio::time::sleep(Duration::from_secs(15)).await;
        drop(stream);
        Vec::new()
    })
    .await;
    let generous =
        [frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]), frame(8, 0, 0, &[0x7f, 0, 0, 0])].concat();
    attacker.out.write_all(&generous).await.unwrap();
    let begun = Instant::now();
    attacker
        .write_all_of(
            streams(200_000)
                .map(|stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/assets/base.css"))),
        )
        .await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    attacker.heard.abort();
    serves_others(&secure).await;
}

/// What breaks the rules of frames ends the connection at once, with an error that says which kind it was.
#[tokio::test]
async fn broken_frames_end_the_connection() {
    let secure = Secure::new().await;
    for (what, bytes) in [
        ("a frame beyond the size", frame(DATA, 0, 1, &vec![0; 40_000])),
        ("data of no stream", frame(DATA, 0, 7, b"x")),
        ("an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, &get("/healthz"))),
        ("a head that HPACK does not know", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 40])),
        ("settings of half a length", frame(SETTINGS, 0, 0, &[0, 3, 0])),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &[])),
        ("a push", frame(5, END_HEADERS, 1, &[0, 0, 0, 2])),
    ] {
        let mut attacker = Attacker::new(&secure).await;
        attacker.out.write_all(&bytes).await.unwrap();
        let error = attacker.error().await;
        assert!(error.is_some_and(|code| code != 0), "{what}: {error:?}");
    }
    serves_others(&secure).await;
}
