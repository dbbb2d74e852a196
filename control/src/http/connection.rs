//! One connection of HTTP/1.1 to its close: hyper with its time-outs armed, and a reason for those whom it cannot read.
//!
//! hyper's time-outs do nothing unless a timer is installed, which `axum::serve` does not do; so this is done by hand. What hyper cannot parse never reaches the door: it gets its problem details, and is counted, here.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::client::Peer;
use super::head_clock::Turns;
use super::socket::Socket;
use super::{Site, cors, problem};
use crate::fault::Fault;

/// Header lines of one request. Browsers send some 20.
const HEADERS_MAX: usize = 100;

/// How a TLS connection begins: a handshake record and its version's first byte, RFC 8446 §5.1.
pub(super) const TLS_HANDSHAKE: [u8; 2] = [22, 3];

/// Serves `stream` until the peer, a time-out or `stop` ends it.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    peer: Peer,
    site: Arc<Site>,
    router: Router,
    mut stop: watch::Receiver<()>,
) {
    let http = &site.config.http;
    let turns = Turns::default();
    let socket = Socket::new(stream, http, turns.clone());
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        turns.request_begins();
        request.extensions_mut().insert(peer);
        let answer = hyper::service::Service::call(&router, request);
        let turns = turns.clone();
        // Boxed, because hyper gives a connection back only if its futures can be moved.
        let answer: Answer = Box::pin(async move {
            let answer = answer.await;
            turns.answer_given();
            answer
        });
        answer
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(http.idle_timeout())
        .max_headers(HEADERS_MAX)
        .max_buf_size(http.head_bytes_max as usize)
        .serve_connection(socket, service);
    let mut stopping = false;
    let ended = loop {
        tokio::select! {
            ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break ended,
            _ = stop.changed(), if !stopping => {
                stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let fault = ended.err().and_then(|error| unread(&site, &error, &parts.io, &parts.read_buf));
    let last_words = match &fault {
        Some(fault) => Some(refusal(&site, fault).await),
        None => None,
    };
    parts.io.finish(last_words.as_deref()).await;
}

type Answer = Pin<Box<dyn Future<Output = Result<Response, std::convert::Infallible>> + Send>>;

/// Refuses a connection before its first request.
pub(super) async fn turn_away(stream: TcpStream, site: &Site, fault: &Fault) {
    let last_words = refusal(site, fault).await;
    Socket::new(stream, &site.config.http, Turns::default()).finish(Some(&last_words)).await;
}

/// What to tell a peer whose request hyper could not read; None if there is nobody to tell. `rest` is what hyper did not
/// get through.
fn unread<S: AsyncRead + AsyncWrite + Unpin>(
    site: &Site,
    error: &hyper::Error,
    socket: &Socket<S>,
    rest: &[u8],
) -> Option<Fault> {
    if error.is_parse_version_h2() {
        return Some(Fault::Http2 { https_port: site.https_port });
    }
    if error.is_timeout() || socket.head_is_late() {
        let timeout_s = site.config.http.header_timeout_s;
        // A connection on which nothing was asked is just closed.
        return (!rest.is_empty()).then_some(Fault::HeadTooSlow { timeout_s });
    }
    // Without an answer held back the peer has had one already, behind an earlier answer.
    if !socket.held_back() {
        return None;
    }
    if rest.starts_with(&TLS_HANDSHAKE) {
        return Some(Fault::Tls { https_port: site.https_port });
    }
    if error.is_parse_too_large() {
        return Some(Fault::HeadTooLarge);
    }
    error.is_parse().then(|| Fault::HeadUnreadable(error.to_string()))
}

/// A problem as the bytes of a last answer, counted as the door counts.
async fn refusal(site: &Site, fault: &Fault) -> Vec<u8> {
    let nothing = HeaderMap::new();
    let mut response = problem::response(fault, &nothing);
    cors::apply(&site.config.http.cors_origins, &nothing, response.headers_mut());
    site.signalling.metrics.fault(problem::reason(fault));
    site.signalling.metrics.request("none", response.status().as_u16());
    serialize(response).await
}

async fn serialize(response: Response) -> Vec<u8> {
    let (head, body) = response.into_parts();
    // A body made of bytes in memory does not fail.
    let body = Body::collect(body).await.map(|whole| whole.to_bytes()).unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
        .extend_from_slice(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}
