//! Starting the process: workers with their ports, lanes between them, then the link.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use fanlight_ring::{Backend, OpenError, Port, PortConfig, Waker, cores, lane, pin_to_core};
use fanlight_shard::rtc::Certificate;
use fanlight_shard::{Shard, ShardConfig, ShardId, UfragKey};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::address;
use crate::config::{Config, Tcp};
use crate::error::StartError;
use crate::link::{self, ShardLink, TcpLink};
use crate::secret;
use crate::tcp::{self, Listening, ShardEnd};
use crate::ways_out::WayOut;
use crate::worker::{Plumbing, Told, Worker};

/// Orders that may wait for one shard.
const ORDERS_MAX: usize = 4096;

/// Messages that may wait on one lane: 512 packets are half a second of a 10 Mbit/s stream, 0.8 MB.
const LANE_DEPTH: usize = 512;

/// Runs the dataplane until SIGTERM or SIGINT, with one worker thread a shard and the link on the calling thread.
///
/// # Errors
/// [`StartError`], which says what to do. After the start nothing but a fault of ours ends it early.
pub fn run(config: Config) -> Result<(), StartError> {
    let shards = if config.shards == 0 { u16::try_from(cores()).unwrap_or(1) } else { config.shards };
    if config.port_base != 0 && config.port_base.checked_add(shards - 1).is_none() {
        return Err(StartError::PortBase { base: config.port_base, shards });
    }
    let ufrag_key = UfragKey::new(secret::bytes()?);
    let certificate = Certificate::generate().ok_or(StartError::NoCertificate)?;
    let interfaces = address::interfaces().map_err(StartError::Interfaces)?;
    let (told, tellings) = unbounded_channel();
    let recruits: Vec<Recruit> = (0..shards)
        .map(|shard| recruit(shard, &config, ufrag_key.clone(), told.clone()))
        .collect::<Result<_, _>>()?;
    let wakers: Vec<Waker> = recruits.iter().map(|recruit| recruit.waker.clone()).collect();
    let (listening, tcp_ends) = listen(&config, &ufrag_key, &wakers)?.unzip();
    let links = connect(recruits, &wakers, tcp_ends.unwrap_or_default(), &config, &interfaces, told)?;
    let tcp = listening.map(|listening| TcpLink {
        candidates: address::candidates(listening.address, &config.public_addresses, &interfaces),
        listening,
    });
    link::serve(config, ufrag_key, certificate, links, tcp, tellings)
}

/// Opens the way in by TCP, if there is to be one.
fn listen(
    config: &Config,
    ufrag_key: &UfragKey,
    wakers: &[Waker],
) -> Result<Option<(Listening, Vec<ShardEnd>)>, StartError> {
    let Some(Tcp { port, connections_max }) = config.tcp else { return Ok(None) };
    let bind = SocketAddr::new(config.bind, port);
    let started = tcp::start(bind, connections_max as usize, ufrag_key.clone(), wakers.to_vec());
    started.map(Some).map_err(|cause| StartError::TcpPort { port, cause })
}

/// A worker thread whose port is open and that waits for its lanes.
struct Recruit {
    shard: u16,
    waker: Waker,
    address: SocketAddr,
    backend: Backend,
    /// The thread's scheduler statistics in procfs.
    schedstat: PathBuf,
    send_plumbing: mpsc::SyncSender<Plumbing>,
    thread: thread::JoinHandle<()>,
}

fn recruit(
    shard: u16,
    config: &Config,
    ufrag_key: UfragKey,
    told: UnboundedSender<Told>,
) -> Result<Recruit, StartError> {
    let port = if config.port_base == 0 { 0 } else { config.port_base + shard };
    let port_config = PortConfig {
        bind: SocketAddr::new(config.bind, port),
        backend: config.backend,
        ..PortConfig::default()
    };
    let shard_config = ShardConfig {
        id: ShardId(shard),
        ufrag_key,
        seed: u64::from_ne_bytes(secret::bytes()?),
        connect_timeout: config.limits.connect_timeout,
        key_frame_interval: config.key_frame_interval,
        catch_up_speed: config.catch_up_speed,
        trains: config.trains,
        started: Instant::now(),
    };
    let pin = config.pin;
    let (send_plumbing, plumbing) = mpsc::sync_channel(1);
    let (send_ready, ready) = mpsc::sync_channel(1);
    let thread = thread::Builder::new().name(format!("shard-{shard}")).spawn(move || {
        drop(told); // its own comes with the plumbing
        let opened = open_port(&port_config, shard, pin);
        let (port, opened) = match opened {
            Ok(port) => {
                let opened = (port.waker(), port.local_address(), port.backend(), schedstat());
                (Some(port), Ok(opened))
            }
            Err(cause) => (None, Err(cause)),
        };
        let told_ready = send_ready.send(opened);
        if let (Some(port), Ok(()), Ok(plumbing)) = (port, told_ready, plumbing.recv()) {
            work(Worker { id: ShardId(shard), port, shard: Shard::new(shard_config), plumbing });
        }
    });
    let thread = thread.map_err(StartError::Thread)?;
    let opened = ready.recv().map_err(|_| StartError::Worker(shard))?;
    let (waker, address, backend, schedstat) = opened.map_err(|cause| StartError::Port { shard, cause })?;
    Ok(Recruit { shard, waker, address, backend, schedstat, send_plumbing, thread })
}

fn open_port(config: &PortConfig, shard: u16, pin: bool) -> Result<Port, OpenError> {
    if pin && let Err(cause) = pin_to_core(usize::from(shard) % cores()) {
        tracing::warn!(shard, %cause, "not pinned to a core");
    }
    let port = Port::open(config)?;
    for note in port.notes() {
        tracing::warn!(shard, "{note}");
    }
    if let Some(reason) = port.fallback_reason() {
        tracing::warn!(shard, reason, "no io_uring: plain system calls instead");
    }
    tracing::info!(shard, address = %port.local_address(), backend = ?port.backend(), "shard listens");
    Ok(port)
}

/// Where the kernel says how much CPU time this thread has used.
pub(crate) fn schedstat() -> PathBuf {
    let thread = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    PathBuf::from("/proc").join(thread).join("schedstat")
}

/// A shard that fails takes the process with it: its sessions are lost, and the supervisor starts a new one at once.
fn work(worker: Worker) {
    struct AbortOnPanic;
    impl Drop for AbortOnPanic {
        fn drop(&mut self) {
            if thread::panicking() {
                std::process::abort();
            }
        }
    }
    let _guard = AbortOnPanic;
    let shard = worker.id.0;
    if let Err(cause) = worker.run() {
        tracing::error!(shard, %cause, "the shard's port failed; the process ends");
        std::process::abort();
    }
}

/// Lays a lane between each two shards, and gives each worker its ends and that of its trunk to the TCP thread.
fn connect(
    recruits: Vec<Recruit>,
    wakers: &[Waker],
    tcp_ends: Vec<ShardEnd>,
    config: &Config,
    interfaces: &[IpAddr],
    told: UnboundedSender<Told>,
) -> Result<Vec<ShardLink>, StartError> {
    let count = wakers.len();
    let mut tcp_ends = tcp_ends.into_iter();
    let mut outs: Vec<Vec<_>> = (0..count).map(|_| (0..count).map(|_| None).collect()).collect();
    let mut ins: Vec<Vec<_>> = (0..count).map(|_| Vec::new()).collect();
    for (from, outs) in outs.iter_mut().enumerate() {
        for (to, waker) in wakers.iter().enumerate().filter(|(to, _)| *to != from) {
            let (sender, receiver) = lane(LANE_DEPTH, waker.clone());
            outs[to] = Some(WayOut::new(sender));
            ins[to].push((shard_id(from), receiver));
        }
    }
    let mut links = Vec::with_capacity(count);
    for ((recruit, lanes_out), lanes_in) in recruits.into_iter().zip(outs).zip(ins) {
        let (orders, taken) = lane(ORDERS_MAX, recruit.waker.clone());
        let plumbing =
            Plumbing { orders: taken, lanes_in, lanes_out, told: told.clone(), tcp: tcp_ends.next() };
        recruit.send_plumbing.send(plumbing).map_err(|_| StartError::Worker(recruit.shard))?;
        let candidates = address::candidates(recruit.address, &config.public_addresses, interfaces);
        if candidates.is_empty() {
            return Err(StartError::NoAddress);
        }
        links.push(ShardLink {
            id: ShardId(recruit.shard),
            orders,
            port: recruit.address.port(),
            backend: recruit.backend,
            candidates,
            schedstat: recruit.schedstat,
            thread: recruit.thread,
        });
    }
    Ok(links)
}

/// The number of a shard from its place; there are at most 65,536.
fn shard_id(place: usize) -> ShardId {
    ShardId(u16::try_from(place).unwrap_or(u16::MAX))
}
