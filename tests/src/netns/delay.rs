//! A long road: takes UDP out of the router, keeps it for some time, and lets it go on. Not every kernel has netem, so that
//! this is done by hand: the router redirects what comes from the clients to a socket here.
//!
//! ```text
//!   client ──► front ──► wait ──► back, one a client ──► server       and the same way back
//! ```
//!
//! Limits: one server port; order is kept; a busy machine adds a few milliseconds of jitter.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How soon the end is noticed.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// See the file's head. The road is short again after this value; what is on it is lost.
pub struct Delay {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Delay {
    /// Listens on a port of the namespace that the calling thread is in; gives back that port.
    pub(super) fn start(server: SocketAddr, each_way: Duration) -> io::Result<(Self, u16)> {
        let front = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        front.set_nonblocking(true)?;
        let port = front.local_addr()?.port();
        let ended = Arc::new(AtomicBool::new(false));
        let mut road = Road { front, server, each_way, backs: BTreeMap::new(), under_way: VecDeque::new() };
        let seen = Arc::clone(&ended);
        // A thread is born in the namespace of the one that starts it.
        let thread = thread::spawn(move || {
            // A socket that fails delays nothing any more, and the test that wants it sees nothing arrive.
            while !seen.load(Ordering::Relaxed) && road.step().is_ok() {}
        });
        Ok((Self { ended, thread: Some(thread) }, port))
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

/// A datagram under way.
struct Waiting {
    due: Instant,
    client: SocketAddr,
    upwards: bool,
    bytes: Vec<u8>,
}

struct Road {
    front: UdpSocket,
    server: SocketAddr,
    each_way: Duration,
    backs: BTreeMap<SocketAddr, UdpSocket>,
    /// In the order of their time.
    under_way: VecDeque<Waiting>,
}

impl Road {
    fn step(&mut self) -> io::Result<()> {
        self.wait()?;
        let mut buffer = [0; 2048];
        while let Some((len, client)) = came(self.front.recv_from(&mut buffer))? {
            self.begin(client, true, &buffer[..len]);
        }
        let clients: Vec<_> = self.backs.keys().copied().collect();
        for client in clients {
            while let Some(len) = came(self.backs[&client].recv(&mut buffer))? {
                self.begin(client, false, &buffer[..len]);
            }
        }
        let now = Instant::now();
        while let Some(waiting) = self.under_way.pop_front_if(|waiting| waiting.due <= now) {
            self.arrive(&waiting)?;
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        let next = self.under_way.front().map_or(LOOK_INTERVAL, |waiting| {
            waiting.due.saturating_duration_since(Instant::now()).min(LOOK_INTERVAL)
        });
        let sockets = std::iter::once(&self.front).chain(self.backs.values());
        let mut waits: Vec<_> = sockets.map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
        let time = Timespec::try_from(next).map_err(io::Error::other)?;
        match poll(&mut waits, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn begin(&mut self, client: SocketAddr, upwards: bool, bytes: &[u8]) {
        let due = Instant::now() + self.each_way;
        self.under_way.push_back(Waiting { due, client, upwards, bytes: bytes.to_vec() });
    }

    fn arrive(&mut self, waiting: &Waiting) -> io::Result<()> {
        if !waiting.upwards {
            return came(self.front.send_to(&waiting.bytes, waiting.client)).map(drop);
        }
        if !self.backs.contains_key(&waiting.client) {
            let back = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            back.connect(self.server)?;
            back.set_nonblocking(true)?;
            self.backs.insert(waiting.client, back);
        }
        came(self.backs[&waiting.client].send(&waiting.bytes)).map(drop)
    }
}

/// None: nothing there, or no room, or nobody at the other end: as on any road.
fn came<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{ConnectionRefused, PermissionDenied, WouldBlock};
    match result {
        Ok(value) => Ok(Some(value)),
        // The rule that loses packets on the way out says so to the sender.
        Err(error) if matches!(error.kind(), WouldBlock | ConnectionRefused | PermissionDenied) => Ok(None),
        Err(error) => Err(error),
    }
}
