//! Messages on their way out: a ring of slots, filled in place, handed to the kernel in batches.
//!
//! ```text
//!   slots   0   1   2   3   4   5   6   7
//!               └── queued ──┘  └ next free
//!             first
//! ```
//! A slot is free again as soon as the kernel has taken its message (rule 1 in `kernel`), so 32 slots serve any number of viewers.

#![expect(unsafe_code, reason = "a slot is filled in the memory that the kernel reads")]

use std::net::SocketAddr;
use std::rc::Rc;
use std::{io, mem};

use crate::address::{RawAddress, Reach};
use crate::counters::SendErrors;
use crate::kernel::{Enter, Entered, Failure, Kernel, Outgoing, Reaped, Ticket};
use crate::limits::{DATAGRAM_BYTES_MAX, SEGMENTS_MAX};
use crate::memory::Area;

/// The way out of a port: take a [`slot`](Self::slot), write a train into it, [`send`](Self::send) it.
pub struct Outbox {
    kernel: Box<dyn Kernel>,
    slots: Rc<Area>,
    /// What each slot was last queued with: the account of a failure, and the means to send it once more in pieces.
    messages: Box<[Outgoing]>,
    first: u16,
    queued: u16,
    /// `slot` gave out the next free one and `send` has not queued it yet.
    given: bool,
    reach: Reach,
    pub(crate) reaped: Reaped,
    counters: OutboxCounters,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OutboxCounters {
    pub(crate) messages: u64,
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    pub(crate) trains_cut: u64,
    pub(crate) errors: SendErrors,
}

impl Outbox {
    pub(crate) fn new(kernel: Box<dyn Kernel>, slots: Rc<Area>, reach: Reach) -> Self {
        let messages = (0..slots.pieces())
            .map(|slot| Outgoing {
                to: RawAddress::UNSPECIFIED,
                len: 0,
                segment: 1,
                ticket: Ticket { slot, generation: 0 },
            })
            .collect();
        Self {
            kernel,
            slots,
            messages,
            first: 0,
            queued: 0,
            given: false,
            reach,
            reaped: Reaped::default(),
            counters: OutboxCounters::default(),
        }
    }

    /// The next free slot, `slot_bytes` long, with whatever an earlier message left in it. The same one until it is sent.
    ///
    /// If all are queued they are submitted first; `None` only if the kernel takes nothing (it is out of memory): count
    /// the train as dropped.
    pub fn slot(&mut self) -> Option<&mut [u8]> {
        if self.queued == self.slots.pieces() {
            // An error that lasts shows itself at the next wait; here it is enough that nothing was taken.
            let _ = self.enter(Enter::Submit);
            if self.queued == self.slots.pieces() {
                return None;
            }
        }
        let slot = self.next_free();
        if !self.given {
            self.given = true;
            let ticket = &mut self.messages[usize::from(slot)].ticket;
            ticket.generation = ticket.generation.wrapping_add(1);
        }
        // SAFETY: the slot is not among the queued ones, so the kernel does not read it; `&mut self` keeps it from being
        // given twice at a time.
        Some(unsafe { self.slots.piece(slot) })
    }

    /// Queues the slot last given: its first `len` bytes to `to`, cut every `segment` bytes into datagrams (only the last
    /// may be shorter). It leaves with the next flush or wait, or when all slots are queued.
    ///
    /// # Panics
    /// If no slot was given, or the message breaks a limit: `len` within the slot and [`DATAGRAM_BYTES_MAX`], `segment`
    /// above zero, at most [`SEGMENTS_MAX`] segments.
    pub fn send(&mut self, to: SocketAddr, len: usize, segment: usize) {
        assert!(self.given, "send follows slot");
        assert!(len <= self.slots.piece_bytes().min(DATAGRAM_BYTES_MAX), "a message of {len} bytes");
        assert!(segment > 0 && len.div_ceil(segment) <= SEGMENTS_MAX, "{len} bytes cut every {segment}");
        self.given = false;
        let Some(to) = RawAddress::encode(to, self.reach) else {
            self.counters.errors.count(libc::EAFNOSUPPORT);
            return;
        };
        let slot = self.next_free();
        let message = &mut self.messages[usize::from(slot)];
        *message = Outgoing {
            to,
            len,
            // No cut beyond the end: `len` fits 16 bits.
            segment: u16::try_from(segment).unwrap_or(u16::MAX),
            ticket: message.ticket,
        };
        self.kernel.queue_send(message);
        self.queued += 1;
    }

    /// How many messages wait for the next flush.
    pub fn queued(&self) -> usize {
        self.queued.into()
    }

    /// Hands what is queued to the kernel.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.queued == 0 {
            return Ok(());
        }
        self.enter(Enter::Submit).map(drop)
    }

    /// Enters the kernel and settles the sends; what was received stays in `reaped`. Says whether a poll would bring more.
    pub(crate) fn enter(&mut self, how: Enter) -> io::Result<bool> {
        let Entered { taken, more, outcome } = self.kernel.enter(how);
        self.settle_taken(taken);
        self.kernel.reap(&mut self.reaped);
        self.settle_failures();
        outcome.map(|()| more)
    }

    pub(crate) fn kernel(&mut self) -> &mut dyn Kernel {
        &mut *self.kernel
    }

    pub(crate) fn counters(&self) -> OutboxCounters {
        self.counters
    }

    fn next_free(&self) -> u16 {
        self.wrap(self.first, self.queued)
    }

    fn wrap(&self, slot: u16, by: u16) -> u16 {
        (slot + by) % self.slots.pieces()
    }

    fn settle_taken(&mut self, taken: u16) {
        assert!(taken <= self.queued, "the kernel took {taken} of {} messages", self.queued);
        for _ in 0..taken {
            let message = self.messages[usize::from(self.first)];
            self.counters.messages += 1;
            self.counters.datagrams += message.datagrams() as u64;
            self.counters.bytes += message.len as u64;
            self.first = self.wrap(self.first, 1);
        }
        self.queued -= taken;
        if self.queued == 0 && !self.given {
            // Under light load the same few slots are used again: they stay in the L1 cache.
            self.first = 0;
        }
    }

    fn settle_failures(&mut self) {
        let mut failures = mem::take(&mut self.reaped.failures);
        for failure in failures.drain(..) {
            let message = self.messages[usize::from(failure.ticket.slot)];
            if message.ticket != failure.ticket {
                self.counters.errors.count(failure.errno);
                continue;
            }
            self.counters.messages -= 1;
            self.counters.datagrams -= message.datagrams() as u64;
            self.counters.bytes -= message.len as u64;
            if message.is_train() && is_cutting_refused(failure) {
                self.send_cut(&message);
            } else {
                self.counters.errors.count(failure.errno);
            }
        }
        self.reaped.failures = failures;
    }

    /// Sends a train datagram by datagram, up to the first that fails.
    fn send_cut(&mut self, message: &Outgoing) {
        self.counters.trains_cut += 1;
        // SAFETY: the ticket says that the slot still holds this message; it was taken and not queued again, so it is ours.
        let slot = unsafe { self.slots.piece(message.ticket.slot) };
        for datagram in slot[..message.len].chunks(message.segment.into()) {
            if let Err(error) = self.kernel.send_now(&message.to, datagram) {
                self.counters.errors.count(error.raw_os_error().unwrap_or(0));
                return;
            }
            self.counters.messages += 1;
            self.counters.datagrams += 1;
            self.counters.bytes += datagram.len() as u64;
        }
    }
}

/// Whether the error may mean "I cannot cut" rather than "I cannot send": EIO for IPsec and, before Linux 6.11, for devices
/// without checksum offload; EINVAL for sockets without checksums.
fn is_cutting_refused(failure: Failure) -> bool {
    matches!(failure.errno, libc::EIO | libc::EINVAL)
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox")
            .field("slots", &self.slots.pieces())
            .field("queued", &self.queued)
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
