//! The TLS handshake of a connection, and who it turns out to be.
//!
//! Limits: `http.header_timeout_s` for the handshake, as for the first request after it, and [`HANDSHAKES_MAX`] at a time. Who
//! speaks plain HTTP is told so; any other who does not get through the handshake is counted and gone.

use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::client::Peer;
use super::{Site, connection, http2};
use crate::fault::Fault;
use crate::tls;

/// A quarter of the connections by default: those who never finish leave room for those who are through.
const HANDSHAKES_MAX: usize = 1024;

/// What stands before HTTP on a listener.
#[derive(Clone)]
pub(crate) struct Entrance {
    acceptor: TlsAcceptor,
    handshakes: Arc<Semaphore>,
}

impl Entrance {
    pub(crate) fn new(config: Arc<rustls::ServerConfig>) -> Self {
        Self { acceptor: config.into(), handshakes: Arc::new(Semaphore::new(HANDSHAKES_MAX)) }
    }
}

/// How a handshake ended without a connection.
enum Failure {
    PlainHttp(TcpStream),
    Counted(&'static str, Option<io::Error>),
}

/// Serves `stream` until the peer, a time-out or `stop` ends it.
pub(super) async fn serve(
    stream: TcpStream,
    peer: Peer,
    entrance: Entrance,
    site: Arc<Site>,
    router: Router,
    stop: watch::Receiver<()>,
) {
    let mut stopping = stop.clone();
    let shaken = tokio::select! {
        shaken = handshake(stream, entrance, &site) => shaken,
        // Nothing was asked yet.
        _ = stopping.changed() => return,
    };
    match shaken {
        Ok(stream) => {
            let (_, session) = stream.get_ref();
            let protocol = session.alpn_protocol();
            if tls::is_challenge(protocol) {
                return;
            }
            if tls::is_http2(protocol) {
                http2::serve(stream, peer, site, router, stop).await;
            } else {
                connection::serve(stream, peer, site, router, stop).await;
            }
        }
        Err(Failure::PlainHttp(stream)) => connection::turn_away(stream, &site, &Fault::NotTls).await,
        Err(Failure::Counted(reason, error)) => {
            site.signalling.metrics.fault(reason);
            tracing::debug!(reason, ?error, "no TLS handshake");
        }
    }
}

async fn handshake(
    stream: TcpStream,
    entrance: Entrance,
    site: &Site,
) -> Result<TlsStream<TcpStream>, Failure> {
    let Ok(_place) = entrance.handshakes.try_acquire() else {
        return Err(Failure::Counted("tls_handshakes_full", None));
    };
    let shaking = async {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1) if first.as_slice() != &connection::TLS_HANDSHAKE[..1] => Err(Failure::PlainHttp(stream)),
            // Whoever only looks whether somebody listens has done nothing wrong.
            Ok(0) => Err(Failure::Counted("tls_handshake_unbegun", None)),
            _ => {
                let shaken = entrance.acceptor.accept(stream).await;
                shaken.map_err(|error| Failure::Counted("tls_handshake_failed", Some(error)))
            }
        }
    };
    match timeout(site.config.http.header_timeout(), shaking).await {
        Ok(shaken) => shaken,
        Err(_) => Err(Failure::Counted("tls_handshake_slow", None)),
    }
}
