//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::header::USER_AGENT;
use axum::http::request::Parts;

use crate::auth::Client;

/// Bytes of a `User-Agent` that are kept.
const AGENT_BYTES_MAX: usize = 200;

/// The peer of the connection, an extension of each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) SocketAddr);

pub(crate) fn of(head: &Parts) -> Client {
    // Each connection of ours sets it; requests made by an embedding program come from here.
    let address = head.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    let agent = head.headers.get(USER_AGENT).map(|value| printable(value.as_bytes())).unwrap_or_default();
    Client { address: address.to_canonical(), agent }
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
