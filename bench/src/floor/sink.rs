//! Where the floor's packets go.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fanlight_ring::{Trains, pin_to_core, take_trains};
use rustix::net::sockopt::set_socket_recv_buffer_size;

use super::FloorError;
use crate::files;

/// A socket each.
pub(super) const VIEWERS_MAX: usize = 20_000;
/// Files besides the sockets.
const OTHER_FILES: u64 = 64;
/// Asked of a buffer that is to be full; the kernel gives a little more.
const SMALL_BYTES: usize = 1;

/// What a train meets at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// A socket that nobody reads, full: the train is cut, and each packet is brought there in vain. What receivers that take
    /// packets one by one cost the sender.
    Full,
    /// A socket that takes trains whole (UDP_GRO), read by a thread that never sleeps: as the harness's viewers are.
    Read,
}

/// One socket a viewer.
pub(super) struct Sinks {
    kind: Sink,
    sockets: Vec<UdpSocket>,
    addresses: Vec<SocketAddr>,
}

impl Sinks {
    pub(super) fn open(kind: Sink, count: usize) -> Result<Self, FloorError> {
        files::allow(count as u64 + OTHER_FILES)?;
        let open = || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            match kind {
                Sink::Full => set_socket_recv_buffer_size(&socket, SMALL_BYTES)?,
                Sink::Read => take_trains(&socket)?,
            }
            Ok(socket)
        };
        let sockets = (0..count).map(|_| open()).collect::<std::io::Result<Vec<_>>>();
        let sockets = sockets.map_err(FloorError::at("opening a sink"))?;
        let addresses = sockets.iter().map(UdpSocket::local_addr).collect::<std::io::Result<_>>();
        let addresses = addresses.map_err(FloorError::at("asking for a sink's address"))?;
        Ok(Self { kind, sockets, addresses })
    }

    pub(super) fn kind(&self) -> Sink {
        self.kind
    }

    pub(super) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Does `work` while the first sockets are read, on a core of their own. Beside its result: how many packets came, where
    /// somebody reads.
    pub(super) fn while_reading<R>(
        &self,
        viewers: usize,
        core: usize,
        work: impl FnOnce() -> R,
    ) -> Result<(R, Option<u64>), FloorError> {
        if self.kind == Sink::Full {
            return Ok((work(), None));
        }
        let sockets = self.sockets.get(..viewers).unwrap_or(&self.sockets);
        let (ready, is_over) = (Barrier::new(2), AtomicBool::new(false));
        let (done, read) = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let pinned = pin_to_core(core);
                ready.wait();
                pinned.and_then(|()| read_until(sockets, &is_over))
            });
            ready.wait();
            let done = work();
            is_over.store(true, Ordering::Release);
            (done, reader.join())
        });
        let read = read.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((done, Some(read.map_err(FloorError::at("reading"))?)))
    }
}

/// Reads until it is over and nothing is left. Returns how many packets came.
fn read_until(sockets: &[UdpSocket], is_over: &AtomicBool) -> std::io::Result<u64> {
    let mut trains = Trains::default();
    let mut packets = 0;
    loop {
        // First, so that the last round begins after the last packet was sent.
        let is_last = is_over.load(Ordering::Acquire);
        let mut is_idle = true;
        for socket in sockets {
            is_idle &= trains.receive(socket)? == 0;
            packets += trains.iter_mut().map(|train| train.datagrams().count() as u64).sum::<u64>();
        }
        if is_last && is_idle {
            return Ok(packets);
        }
    }
}
