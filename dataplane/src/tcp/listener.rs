//! Where connections come in: one port for all shards.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::connection;
use super::counters::add_one;
use super::exchange::Exchange;
use super::gate::Gate;
use super::limits::{ACCEPT_PAUSE, BACKLOG, SEND_BUFFER_BYTES};

/// Opens the port. `::` takes IPv6 and IPv4, or IPv4 alone where the system has no IPv6.
pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    match open(address) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse && is_any_ipv6(address.ip()) => {
            open(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port()))
        }
        opened => opened,
    }
}

fn is_any_ipv6(address: IpAddr) -> bool {
    address.is_ipv6() && address.is_unspecified()
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    if is_any_ipv6(address.ip()) {
        // Whatever net.ipv6.bindv6only says.
        rustix::net::sockopt::set_ipv6_v6only(&socket, false)?;
    }
    // Connections of the process before us may linger in TIME_WAIT.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it. The system may grant less; then slow readers are found sooner.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts for ever, each connection in a task of its own.
pub(super) async fn accept(listener: TcpListener, gate: Rc<Gate>, exchange: Rc<Exchange>) {
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a TCP connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // An IPv4 peer on a socket of both families looks like an IPv6 one.
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let counters = &exchange.counters;
        add_one(&counters.accepted);
        match gate.admit(peer.ip()) {
            Ok(place) => {
                add_one(&counters.open);
                let exchange = Rc::clone(&exchange);
                spawn_local(async move {
                    let close = connection::serve(stream, peer, place, Rc::clone(&exchange)).await;
                    exchange.counters.closed(close);
                    exchange.counters.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
            Err(close) => counters.closed(close),
        }
    }
}
