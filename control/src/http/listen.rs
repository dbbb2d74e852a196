//! The listener: accepts, counts places, and hands each connection to a task of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Site, connection};

/// Peers that are told at a time that there is no place. More are closed without a word.
const TURNED_AWAY_MAX: usize = 64;

/// After a failed accept, which is mostly a lack of file descriptors: give connections time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests under way may take to end when the server stops.
const DRAIN: Duration = Duration::from_secs(3);

/// Opens the listener. Where the system has no IPv6, `::` means IPv4.
pub(crate) async fn bind(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind(SocketAddr::new(address, port)).await {
        Err(error)
            if address.is_unspecified() && address.is_ipv6() && error.kind() != io::ErrorKind::AddrInUse =>
        {
            TcpListener::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)).await
        }
        bound => bound,
    }
}

/// Serves `listener` until `stop` says so or its sender is gone, then lets requests under way end.
pub(crate) async fn run(
    listener: TcpListener,
    site: Arc<Site>,
    router: Router,
    mut stop: watch::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(site.config.http.connections_max as usize));
    let farewells = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Ended tasks are collected as they end; without any this branch is not taken.
            Some(_) = tasks.join_next() => continue,
            _ = stop.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and at once; a failure costs latency only.
        let _ = stream.set_nodelay(true);
        admit(stream, &site, &router, &stop, &places, &farewells, &mut tasks);
    }
    drop(listener);
    // Streams of events end with their sessions, which live on: these would not end by themselves.
    site.signalling.events.close();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::debug!("requests under way are cut off");
    }
}

fn admit(
    stream: TcpStream,
    site: &Arc<Site>,
    router: &Router,
    stop: &watch::Receiver<()>,
    places: &Arc<Semaphore>,
    farewells: &Arc<Semaphore>,
    tasks: &mut JoinSet<()>,
) {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        let (site, router, stop) = (Arc::clone(site), router.clone(), stop.clone());
        tasks.spawn(async move {
            connection::serve(stream, site, router, stop).await;
            drop(place);
        });
    } else if let Ok(farewell) = Arc::clone(farewells).try_acquire_owned() {
        let site = Arc::clone(site);
        tasks.spawn(async move {
            connection::turn_away(stream, site).await;
            drop(farewell);
        });
    }
}
