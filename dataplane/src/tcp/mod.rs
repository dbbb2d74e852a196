//! ICE-TCP: the way in for peers whose network lets no UDP pass. RFC 6544 (we are passive), RFC 4571 (framing).
//!
//! ```text
//!   peers ◄─TCP─► connections ◄─► exchange ◄─trunk: two lanes─► shard 0
//!                 (one thread for all)     ◄─trunk────────────► shard 1
//! ```
//!
//! One thread, apart from the workers, because TCP is a fallback: UDP must not pay for it. It knows no more of WebRTC than
//! where the first frame's username leads. What a shard gets from here is a datagram like any other, from an address that
//! says it is TCP; all proofs are asked for there. A connection that ends is told to nobody: its session lives until consent is
//! lost, so that its peer can come back on another one, and what the shard still sends to it is dropped here and counted.

mod connection;
mod counters;
mod exchange;
mod framing;
mod gate;
mod limits;
mod listener;
mod outgoing;
mod trunk;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use fanlight_ring::Waker;
use fanlight_shard::UfragKey;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::sleep;

use self::exchange::Exchange;
use self::gate::Gate;
use self::trunk::{Bell, ThreadEnd};

pub(crate) use self::counters::{Counters, read};
pub(crate) use self::limits::FRAMES_PER_TURN_MAX;
pub(crate) use self::trunk::{Frame, FramesOut, ShardEnd};

/// The TCP side, while it runs.
pub(crate) struct Listening {
    /// With the real port number.
    pub(crate) address: SocketAddr,
    pub(crate) counters: Arc<Counters>,
    /// The thread's CPU time in procfs.
    pub(crate) schedstat: PathBuf,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<()>,
}

/// Opens the port and starts the thread, with a trunk to each shard that one of the wakers wakes, in their order.
///
/// # Errors
/// What the system says to the port or to the thread.
pub(crate) fn start(
    bind: SocketAddr,
    connections_max: usize,
    ufrag_key: UfragKey,
    shards: impl IntoIterator<Item = Waker>,
) -> io::Result<(Listening, Vec<ShardEnd>)> {
    let (bell, counters) = (Bell::default(), Arc::new(Counters::default()));
    let (thread_ends, shard_ends): (Vec<_>, Vec<_>) =
        shards.into_iter().map(|shard| trunk::lay(shard, &bell, &counters)).unzip();
    let (stop, stopped) = oneshot::channel();
    let (send_ready, ready) = sync_channel(1);
    let thread_counters = Arc::clone(&counters);
    let thread = thread::Builder::new().name("tcp".to_owned()).spawn(move || {
        let Some((runtime, listener)) = open(bind, &send_ready) else { return };
        let (to_shards, from_shards) =
            thread_ends.into_iter().map(|ThreadEnd { to_shard, from_shard }| (to_shard, from_shard)).unzip();
        let exchange = Exchange::new(ufrag_key, to_shards, thread_counters);
        LocalSet::new().block_on(&runtime, async move {
            let accepting = listener::accept(listener, Gate::new(connections_max), Rc::clone(&exchange));
            let accepting = spawn_local(accepting);
            spawn_local(async move { exchange.deliver(from_shards, bell).await });
            // Without a link the process is ending too.
            let _ = stopped.await;
            accepting.abort();
            sleep(limits::FAREWELL).await;
        });
    })?;
    let (address, schedstat) = ready.recv().map_err(io::Error::other)??;
    Ok((Listening { address, counters, schedstat, stop, thread }, shard_ends))
}

/// On the thread itself; tells whoever started it how that went.
fn open(
    bind: SocketAddr,
    ready: &SyncSender<io::Result<(SocketAddr, PathBuf)>>,
) -> Option<(runtime::Runtime, TcpListener)> {
    let opened = runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        let listener = {
            let _context = runtime.enter();
            listener::bind(bind)?
        };
        Ok((listener.local_addr()?, runtime, listener))
    });
    match opened {
        Ok((address, runtime, listener)) => {
            tracing::info!(%address, "ICE-TCP listens");
            let told = ready.send(Ok((address, crate::boot::schedstat())));
            told.ok().map(|()| (runtime, listener))
        }
        Err(cause) => {
            // Who started it takes the answer or is gone.
            let _ = ready.send(Err(cause));
            None
        }
    }
}

impl Listening {
    /// Lets what the shards have said last leave, then ends the thread.
    pub(crate) fn stop(self) {
        // Gone already: nothing to stop.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}
