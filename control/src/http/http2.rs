//! One connection of HTTP/2 (RFC 9113) to its close, after a handshake that agreed on it.
//!
//! What a hostile peer can make of it (threat A40), and where that ends:
//!
//! | attack | limit |
//! |---|---|
//! | streams without number | [`STREAMS_MAX`]; more are refused |
//! | rapid reset | [`RESETS_PENDING_MAX`] of requests nobody has seen yet, [`RESETS_MAX`] that we had to send |
//! | CONTINUATION without end, HPACK bombs | `http.head_bytes_max`, unpacked; h2 bounds the frames by it |
//! | bodies | a window of `http.body_bytes_max` each, of two such for all |
//! | asking nothing | `http.header_timeout_s` for the first request, `http.idle_timeout_s` for each later one |
//! | taking nothing | `http.write_timeout_s` for each answer, and for the connection; [`ANSWER_BYTES_MAX`] wait for a peer |
//! | being gone without a word | a ping each [`PING_INTERVAL`] |

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http2;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Site;
use super::activity::{Activity, Verdict, Watched};
use super::client::Peer;
use super::write_clock::WriteClock;
use crate::config::Http;

/// The least that RFC 9113 §6.5.2 recommends. Each watch page holds one for its events.
const STREAMS_MAX: u32 = 100;

/// h2's own default, stated because it is a defence (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;

/// Of streams that the peer opened beyond what it may, or used wrongly, before it is told to calm down.
const RESETS_MAX: usize = 100;

/// Of one answer; the rest waits in the handler.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

const FRAME_BYTES_MAX: u32 = 16 * 1024;

/// Within it a peer that is gone is found out, while its stream of events is quiet.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long a peer that has asked nothing may take to hear that it was given up.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves `stream` until the peer, a time-out or `stop` ends it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    site: Arc<Site>,
    router: Router,
    mut stop: watch::Receiver<()>,
) {
    let limits = &site.config.http;
    let activity = Activity::new(Instant::now());
    let router = TowerToHyperService::new(router);
    let marks = activity.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let mark = marks.begin();
        request.extensions_mut().insert(peer);
        let answer = router.call(request);
        async move { answer.await.map(|answer| answer.map(|body| Watched { body, mark })) }
    });
    let socket =
        Socket { stream: TokioIo::new(stream), write_clock: WriteClock::new(limits.write_timeout()) };
    let mut connection = pin!(builder(limits).serve_connection(socket, service));
    let mut look_at = Instant::now();
    // Some: it is to end, by then at the latest.
    let mut end: Option<Instant> = None;
    loop {
        tokio::select! {
            ended = &mut connection => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection of HTTP/2 broke");
                }
                return;
            }
            () = sleep_until(end.unwrap_or(look_at)) => {}
            _ = stop.changed(), if end.is_none() => {
                // The listener bounds how long requests under way may take.
                connection.as_mut().graceful_shutdown();
                end = Some(Instant::now() + limits.write_timeout());
                continue;
            }
        }
        if end.is_some() {
            return;
        }
        match activity.verdict(Instant::now(), limits) {
            Verdict::GoOn(until) => look_at = until,
            Verdict::Idle => {
                connection.as_mut().graceful_shutdown();
                end = Some(Instant::now() + FAREWELL);
            }
            Verdict::Stalled => return,
        }
    }
}

fn builder(limits: &Http) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_pending_accept_reset_streams(RESETS_PENDING_MAX)
        .max_local_error_reset_streams(RESETS_MAX)
        .max_header_list_size(limits.head_bytes_max)
        .max_frame_size(FRAME_BYTES_MAX)
        .initial_stream_window_size(limits.body_bytes_max)
        .initial_connection_window_size(limits.body_bytes_max * 2)
        .max_send_buf_size(ANSWER_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_INTERVAL);
    builder
}

/// The network's side: a peer that does not read is given up.
struct Socket<S> {
    stream: TokioIo<S>,
    write_clock: WriteClock,
}

impl<S: AsyncRead + Unpin> Read for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> Write for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.write_clock.bound(cx, progress)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(cx);
        self.write_clock.bound(cx, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.write_clock.bound(cx, progress)
    }
}
