//! Who is at the other end: the peer of the connection, or for whom a proxy speaks that is trusted.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use super::forwarded;
use crate::auth::Client;
use crate::config::Http;

/// Bytes of a `User-Agent` that are kept.
const AGENT_BYTES_MAX: usize = 200;

/// The peer of the connection, an extension of each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

pub(crate) fn of(head: &Parts, config: &Http) -> Client {
    // Each connection of ours sets it; requests made by an embedding program come from here.
    let peer = head.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    let agent = head.headers.get(USER_AGENT).map(|value| printable(value.as_bytes())).unwrap_or_default();
    Client { address: forwarded::origin(&head.headers, peer.to_canonical(), config), agent }
}

/// The text goes to logs, listings and others' servers: ASCII that is seen, and not much of it.
fn printable(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(AGENT_BYTES_MAX)
        .map(|byte| char::from(*byte))
        .filter(|c| matches!(c, ' '..='~'))
        .collect()
}
