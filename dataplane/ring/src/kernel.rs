//! The narrow door between the queues and an operating system: what is asked of it and what it answers.
//!
//! Three implementations: `uring`, `plain`, and in tests `fake`, which delays, refuses and fails on purpose; and a feature's
//! `trial`. What the queues rely on is written here, once:
//!
//! 1. Sends are taken in the order they were queued. A slot whose send was *taken* has been copied: it may be written again
//!    as soon as `enter` returns. (Measured on Linux 6.18 and true by the code of it: a send with `MSG_DONTWAIT` is neither
//!    parked nor handed to another thread, and without zero-copy its bytes are in a socket buffer before it completes.)
//! 2. A send that fails is reaped by the `reap` after the `enter` that took it; success is silent.
//! 3. A receive buffer belongs to the kernel from `give_back` until an `Arrival` names it.
//! 4. Once armed, the receive and the watch stay armed until `Reaped` says that they ended.

use std::io;
use std::time::Duration;

use crate::address::RawAddress;

/// One message as it is queued: the first `len` bytes of a slot, cut every `segment` bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    pub(crate) to: RawAddress,
    pub(crate) len: usize,
    pub(crate) segment: u16,
    /// Returned with a failure, so that one which comes late is not taken for the slot's next message.
    pub(crate) ticket: Ticket,
}

impl Outgoing {
    /// How many datagrams it becomes.
    pub(crate) fn datagrams(&self) -> usize {
        self.len.div_ceil(usize::from(self.segment)).max(1)
    }

    /// Whether it needs to be cut.
    pub(crate) fn is_train(&self) -> bool {
        self.len > usize::from(self.segment)
    }
}

/// A slot and which use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ticket {
    pub(crate) slot: u16,
    pub(crate) generation: u16,
}

/// How to enter the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enter {
    /// Hand over what is queued.
    Submit,
    /// Hand over, and take what has arrived.
    Poll,
    /// Hand over, and sleep.
    Sleep(Nap),
}

/// A sleep until something arrives, the watch fires or the time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nap {
    pub(crate) at_most: Option<Duration>,
    /// So long a little that arrives does not end it. Zero: whatever arrives does.
    pub(crate) gather: Duration,
}

/// What an `enter` did. `taken` counts even where `outcome` is an error.
#[derive(Debug)]
pub(crate) struct Entered {
    /// Sends taken, from the front of the queue.
    pub(crate) taken: u16,
    /// Whether another `Poll` would bring more.
    pub(crate) more: bool,
    /// Errors that a later try will not cure by itself. Time-outs, signals and a busy kernel are none.
    pub(crate) outcome: io::Result<()>,
}

/// A receive buffer that holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) buffer: u16,
    /// Bytes written to it, prefix included.
    pub(crate) received: usize,
}

/// A send that failed after it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) ticket: Ticket,
    pub(crate) errno: i32,
}

/// What completed since the last `reap`.
#[derive(Debug, Default)]
pub(crate) struct Reaped {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) failures: Vec<Failure>,
    /// The receive ended and has to be armed again: 0 without a reason, else the errno.
    pub(crate) receive_ended: Option<i32>,
    /// The watched descriptor became readable.
    pub(crate) woken: bool,
    /// The watch has to be armed again.
    pub(crate) watch_ended: bool,
}

/// An operating system, as the queues see it. Owned by one thread.
pub(crate) trait Kernel {
    /// Asks for all datagrams, each in a buffer of its own.
    fn arm_receive(&mut self);

    /// Asks for a notice when the waker's descriptor becomes readable.
    fn arm_watch(&mut self);

    /// Queues a send of the ticket's slot. There is room for each slot once.
    fn queue_send(&mut self, message: &Outgoing);

    /// Crosses into the kernel.
    fn enter(&mut self, how: Enter) -> Entered;

    /// Whether a `Poll` may bring something, as far as can be told without a system call.
    fn may_have_work(&mut self) -> bool;

    /// Adds what has completed.
    fn reap(&mut self, into: &mut Reaped);

    /// Hands receive buffers to the kernel.
    fn give_back(&mut self, buffers: &[u16]);

    /// Sends one datagram at once, past the queue: the way out for a train that the path cannot cut.
    fn send_now(&mut self, to: &RawAddress, datagram: &[u8]) -> io::Result<()>;
}
