//! A WHIP and WHEP server that does wrong exactly as often as it is told, and keeps books of it: what proves that the load
//! harness tells the truth.
//!
//! ```text
//!   POST /whip/{stream} ─► Publisher ──payloads──► Viewer ─► str0m seals ─► Wire ─► UDP     DELETE /session/{number}
//!                             ▲                      │          damage before │ after: drop, corrupt, duplicate,
//!                             └──── key-frame wishes ┘                        │        swap, delay      └─► Log ─► Book
//! ```
//!
//! A second server beside Fanlight with none of its code: stock str0m in RTP mode on one thread that
//! looks at its sockets turn by turn. It forwards whatever both sides negotiated (Opus, VP8, VP9, H.264, AV1), passes on at most one wish for a key
//! frame in 500 ms, and answers NACK as str0m does, by RTX that no fault but the delay touches.
//!
//! # Limits
//! IPv4 loopback. Of a simulcast the first layer that comes is forwarded. A viewer whose publisher is not there gets 404. Books
//! grow with the run: these are minutes.

mod book;
#[cfg(test)]
mod client;
mod faults;
mod http;
mod publisher;
mod relay;
mod session;
mod viewer;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub(crate) use book::Book;
pub(crate) use faults::Faults;

use book::Books;
use relay::{Relay, RelayError};

/// The thread's rest when nothing came: short beside any delay that is measured.
const REST: Duration = Duration::from_micros(300);

/// See the file's head. It serves as long as this value lives.
pub(crate) struct FaultyServer {
    address: SocketAddr,
    books: Books,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), RelayError>>>,
}

impl FaultyServer {
    /// Serves on free ports of the loopback.
    ///
    /// # Errors
    /// The system has no socket for it.
    pub(crate) fn start(faults: Faults) -> io::Result<Self> {
        let (books, stop) = (Books::default(), Arc::new(AtomicBool::new(false)));
        let mut relay = Relay::bind(faults, books.clone())?;
        let address = relay.http_address()?;
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if !relay.turn()? {
                    thread::sleep(REST);
                }
            }
            Ok(())
        });
        Ok(Self { address, books, stop, thread: Some(thread) })
    }

    /// Where streams are published, `{stream}` standing for the name.
    pub(crate) fn whip(&self) -> String {
        format!("http://{}/whip/{{stream}}", self.address)
    }

    /// Where streams are watched.
    pub(crate) fn whep(&self) -> String {
        format!("http://{}/whep/{{stream}}", self.address)
    }

    /// One book for each viewer that was let in, in the order of their joining. It is of what came from the publisher between
    /// its first rest and the next, or of all if it took none: a load rests where its window begins and ends.
    pub(crate) fn books(&self) -> Vec<Book> {
        self.books.read()
    }

    /// All viewers' books together.
    pub(crate) fn book(&self) -> Book {
        self.books().into_iter().sum()
    }

    /// Viewers that were sent away with 503.
    pub(crate) fn refused(&self) -> u64 {
        self.books.refused()
    }

    /// Forgets what happened so far, as before another window of the same load; viewers that are there keep their place.
    pub(crate) fn begin_books(&self) {
        self.books.begin();
    }
}

impl Drop for FaultyServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let Some(thread) = self.thread.take() else { return };
        let ended = thread.join();
        // A test that fails already has told more than this would.
        if !thread::panicking() {
            assert!(
                matches!(ended, Ok(Ok(()))),
                "the faulty server broke in a way it was not told to: {ended:?}"
            );
        }
    }
}

#[cfg(test)]
mod tests;
