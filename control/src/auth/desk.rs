//! Where passwords are tried: a few at a time, on threads of their own, with a line that has an end.
//!
//! One for the whole process, since the cores and the memory are the process's, however many apps and readings of their files
//! there are.
//!
//! Limits: half the cores, and at most [`AT_ONCE_MAX`], at a time, each with up to 64 MiB ([`crate::roster`]); [`LINE_MAX`] in
//! line, which is a second or so; [`LINE_OF_ADDRESS_MAX`] of one address, so that nobody alone fills it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use super::address::Block;

const AT_ONCE_MAX: usize = 4;
const LINE_MAX: u32 = 128;
const LINE_OF_ADDRESS_MAX: u32 = 32;

/// There is no place in the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy {
    pub(super) limit: &'static str,
}

/// See the file's head.
pub(super) struct Desk {
    places: Semaphore,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    length: u32,
    by_address: HashMap<Block, u32>,
}

impl Desk {
    pub(super) fn of_the_process() -> Arc<Self> {
        static DESK: LazyLock<Arc<Desk>> = LazyLock::new(|| {
            let cores = available_parallelism().map_or(1, usize::from);
            Arc::new(Desk::new((cores / 2).clamp(1, AT_ONCE_MAX)))
        });
        Arc::clone(&DESK)
    }

    pub(super) fn new(at_once: usize) -> Self {
        Self { places: Semaphore::new(at_once), line: Mutex::default() }
    }

    /// A place in the line, which is given back when it is dropped.
    pub(super) fn line_up(self: &Arc<Self>, address: IpAddr) -> Result<Place, Busy> {
        let block = Block::of(address);
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = line.by_address.get(&block).copied().unwrap_or_default();
        if line.length >= LINE_MAX || of_address >= LINE_OF_ADDRESS_MAX {
            return Err(Busy { limit: "the number of logins that are being tried" });
        }
        line.length += 1;
        line.by_address.insert(block, of_address + 1);
        drop(line);
        Ok(Place { desk: Arc::clone(self), block })
    }
}

/// One place in the line.
pub(super) struct Place {
    desk: Arc<Desk>,
    block: Block,
}

impl Place {
    /// Waits for its turn, and for the outcome of `work`. One that panics found nothing.
    pub(super) async fn work(self, work: impl FnOnce() -> bool + Send + 'static) -> bool {
        // Nobody closes it.
        let Ok(_turn) = self.desk.places.acquire().await else { return false };
        tokio::task::spawn_blocking(work).await.unwrap_or(false)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut line = self.desk.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.length = line.length.saturating_sub(1);
        let left = line.by_address.get(&self.block).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            line.by_address.remove(&self.block);
        } else {
            line.by_address.insert(self.block, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guesses must not gather without end, and whoever floods must leave places to others.
    #[test]
    fn the_line_has_an_end_and_one_address_does_not_fill_it() {
        let desk = Arc::new(Desk::new(1));
        let line_up = |address: &str, count: u32| {
            let places: Vec<Place> =
                (0..count).filter_map(|_| desk.line_up(address.parse().unwrap()).ok()).collect();
            places
        };
        let one = line_up("192.0.2.1", 100);
        assert_eq!(one.len(), 32);
        assert_eq!(line_up("::ffff:192.0.2.1", 1).len(), 0, "the same address in other clothes");
        let network: Vec<Place> =
            (0..100).filter_map(|n| line_up(&format!("2001:db8::{n:x}"), 1).pop()).collect();
        assert_eq!(network.len(), 32, "a /64 is one household");
        let (two, three) = (line_up("192.0.2.2", 100), line_up("192.0.2.3", 100));
        assert_eq!((two.len(), three.len()), (32, 32));
        assert_eq!(line_up("192.0.2.4", 1).len(), 0, "full");
        drop((one, network));
        assert_eq!(line_up("192.0.2.4", 1).len(), 1);
        drop((two, three));
        let line = desk.line.lock().unwrap();
        assert_eq!((line.length, line.by_address.len()), (0, 0), "nothing is left behind");
    }
}
