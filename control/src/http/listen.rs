//! The listeners: they accept, count places, and hand each connection to a task of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::Peer;
use super::secure::{self, Entrance};
use super::{Site, connection};
use crate::fault::Fault;

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

/// The connections of all listeners together.
#[derive(Clone)]
pub(crate) struct Places {
    connections: Arc<Semaphore>,
    farewells: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new(connections_max: u32) -> Self {
        Self {
            connections: Arc::new(Semaphore::new(connections_max as usize)),
            farewells: Arc::new(Semaphore::new(TURNED_AWAY_MAX)),
        }
    }
}

/// What a listener serves.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) site: Arc<Site>,
    pub(crate) router: Router,
    pub(crate) places: Places,
    /// None: plain HTTP.
    pub(crate) entrance: Option<Entrance>,
}

/// Serves `listener` until `stop` says so or its sender is gone, then lets requests under way end.
pub(crate) async fn run(listener: TcpListener, service: Service, mut stop: watch::Receiver<()>) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Ended tasks are collected as they end; without any this branch is not taken.
            Some(_) = tasks.join_next() => continue,
            _ = stop.changed() => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, Peer(peer)),
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are small and at once; a failure costs latency only.
        let _ = stream.set_nodelay(true);
        admit(stream, peer, &service, &stop, &mut tasks);
    }
    drop(listener);
    // Streams of events end with their sessions, which live on: these would not end by themselves.
    service.site.signalling.events.close();
    let drained = async { while tasks.join_next().await.is_some() {} };
    if timeout(DRAIN, drained).await.is_err() {
        tracing::debug!("requests under way are cut off");
    }
}

fn admit(
    stream: TcpStream,
    peer: Peer,
    service: &Service,
    stop: &watch::Receiver<()>,
    tasks: &mut JoinSet<()>,
) {
    let places = &service.places;
    if let Ok(place) = Arc::clone(&places.connections).try_acquire_owned() {
        let (service, stop) = (service.clone(), stop.clone());
        tasks.spawn(async move {
            serve(stream, peer, service, stop).await;
            drop(place);
        });
    } else if service.entrance.is_some() {
        // To say so would take a handshake, which costs more than what there is no place for.
        service.site.signalling.metrics.fault("too_many_connections");
    } else if let Ok(farewell) = Arc::clone(&places.farewells).try_acquire_owned() {
        let site = Arc::clone(&service.site);
        tasks.spawn(async move {
            let fault = Fault::TooManyConnections { retry_after_s: site.config.limits.retry_after_s };
            connection::turn_away(stream, &site, &fault).await;
            drop(farewell);
        });
    }
}

async fn serve(stream: TcpStream, peer: Peer, service: Service, stop: watch::Receiver<()>) {
    let Service { site, router, entrance, .. } = service;
    let counted = Arc::clone(&site);
    let _counted = counted.signalling.metrics.connection();
    match entrance {
        Some(entrance) => secure::serve(stream, peer, entrance, site, router, stop).await,
        None => connection::serve(stream, peer, site, router, stop).await,
    }
}
