//! What the last wait brought: a bounded batch of whole datagrams, lent one after the other.

#![expect(unsafe_code, reason = "a datagram is lent straight from the buffer that the kernel filled")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::datagram;
use crate::kernel::Arrival;
use crate::limits::RECEIVED_PER_WAIT_MAX;
use crate::memory::Area;

/// A datagram, whole, in the buffer it was received in; decrypt it there.
#[derive(Debug)]
pub struct Received<'a> {
    /// Who sent it. An IPv4 peer has an IPv4 address, on dual-stack sockets too.
    pub from: SocketAddr,
    /// The payload. May be empty.
    pub bytes: &'a mut [u8],
}

/// The datagrams that have arrived and wait for the worker.
///
/// Buffers that were lent go back to the kernel at the next wait. That costs nothing: the kernel fills buffers only inside
/// a wait.
#[derive(Debug)]
pub struct Inbox {
    area: Rc<Area>,
    ready: VecDeque<Arrival>,
    /// Lent since the last wait.
    spent: Vec<u16>,
    /// How many more this wait gives out.
    left: usize,
    counters: InboxCounters,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InboxCounters {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    pub(crate) truncated: u64,
}

impl Inbox {
    pub(crate) fn new(area: Rc<Area>) -> Self {
        let buffers = usize::from(area.pieces());
        Self {
            area,
            ready: VecDeque::with_capacity(buffers),
            spent: Vec::with_capacity(buffers),
            left: 0,
            counters: InboxCounters::default(),
        }
    }

    /// The next datagram, at most [`RECEIVED_PER_WAIT_MAX`] a wait; the rest come after the next wait, which then
    /// returns at once. One that did not arrive whole is dropped and counted.
    #[expect(clippy::should_implement_trait, reason = "an Iterator cannot lend from itself")]
    pub fn next(&mut self) -> Option<Received<'_>> {
        while self.left > 0 {
            let arrival = self.ready.pop_front()?;
            self.left -= 1;
            self.spent.push(arrival.buffer);
            // SAFETY: the arrival gave this buffer to us; it was in `ready` once and goes back only in `recycle`, which
            // needs `&mut self`, so while the slice is lent nobody else has it.
            let buffer = unsafe { self.area.piece(arrival.buffer) };
            let Some((from, payload)) = datagram::parse(buffer, arrival.received) else {
                self.counters.truncated += 1;
                continue;
            };
            self.counters.datagrams += 1;
            self.counters.bytes += payload.len() as u64;
            return Some(Received { from, bytes: &mut buffer[payload] });
        }
        None
    }

    /// How many datagrams wait, those beyond this wait's share included.
    pub fn len(&self) -> usize {
        self.ready.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Begins a new batch: what was lent is returned to `give_back`.
    pub(crate) fn recycle(&mut self, give_back: impl FnOnce(&[u16])) {
        if !self.spent.is_empty() {
            give_back(&self.spent);
            self.spent.clear();
        }
        self.left = RECEIVED_PER_WAIT_MAX;
    }

    pub(crate) fn accept(&mut self, arrivals: &mut Vec<Arrival>) {
        self.ready.extend(arrivals.drain(..));
    }

    /// How many buffers the kernel holds.
    pub(crate) fn buffers_lent_to_kernel(&self) -> usize {
        usize::from(self.area.pieces()) - self.ready.len() - self.spent.len()
    }

    pub(crate) fn counters(&self) -> InboxCounters {
        self.counters
    }
}
