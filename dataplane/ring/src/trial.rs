//! Ways to the kernel that a [`Port`](crate::Port) does not take, for the load harness to compare with those it takes.
//!
//! ```text
//!   Outbox ──► Uring without DEFER_TASKRUN        slots come free as in a port: when they were submitted
//!          └─► Tracked: SQPOLL, zero-copy …       slots come free by their completion or, with zero-copy, their notification
//! ```
//! They only send. The outbox is the port's own, so that a loop over it is the same for all.

mod flights;
mod threads;
mod tracked;

use std::cell::Cell;
use std::io;
use std::rc::Rc;

pub use self::threads::PollingTime;
use self::tracked::Tracked;
use crate::config::PortConfig;
use crate::counters::SendErrors;
use crate::error::{OpenError, RingError};
use crate::kernel::Kernel;
use crate::limits;
use crate::memory::Area;
use crate::outbox::Outbox;
use crate::socket::{Socket, set_option};
use crate::uring::Uring;
use crate::uring::setup::Setup;
use crate::wake::Alarm;

/// A way to the kernel on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// The port's own, without `DEFER_TASKRUN`.
    Prompt,
    /// A thread of the kernel takes messages from the queue (`SQPOLL`).
    Polled,
    /// Copied as in a port, but the socket cuts, every so many bytes: no control messages. All trains of it are cut alike.
    SocketCuts {
        /// Bytes of a datagram.
        segment: u16,
    },
    /// `SENDMSG_ZC`: the network card reads the slots.
    ZeroCopy,
    /// `SEND_ZC` from registered buffers, which takes no control messages: the socket cuts.
    ZeroCopyRegistered {
        /// Bytes of a datagram.
        segment: u16,
    },
}

/// A way to send, on trial. Used by the thread that opened it.
#[derive(Debug)]
pub struct Trial {
    outbox: Outbox,
    copied: Rc<Cell<u64>>,
}

impl Trial {
    /// Opens the socket and the way out of it.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::Ring`] where this kernel lacks what the candidate is made of.
    pub fn open(config: &PortConfig, candidate: Candidate) -> Result<Self, OpenError> {
        limits::check(config)?;
        let socket = Rc::new(Socket::open(config, &mut Vec::new())?);
        if let Some(segment) = candidate.socket_segment() {
            set_option(socket.descriptor(), libc::SOL_UDP, libc::UDP_SEGMENT, segment.into())
                .map_err(RingError::at("setting UDP_SEGMENT"))?;
        }
        let out_of_memory = || OpenError::at("allocating buffers");
        let slots = Area::new(config.send_slots, config.slot_bytes).map_err(out_of_memory())?;
        let copied = Rc::new(Cell::new(0));
        let kernel: Box<dyn Kernel> = if candidate == Candidate::Prompt {
            // The ring keeps the eventfd that it registers.
            let alarm = Alarm::new().map_err(OpenError::at("opening an eventfd"))?;
            let buffers =
                Area::new(config.receive_buffers, config.receive_buffer_bytes).map_err(out_of_memory())?;
            let (socket, slots) = (Rc::clone(&socket), Rc::clone(&slots));
            Box::new(Uring::open(socket, alarm.descriptor(), buffers, slots, Setup::Prompt)?)
        } else {
            let (socket, slots) = (Rc::clone(&socket), Rc::clone(&slots));
            Box::new(Tracked::open(socket, slots, candidate, Rc::clone(&copied))?)
        };
        Ok(Self { outbox: Outbox::new(kernel, slots, socket.reach()), copied })
    }

    /// The way out.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Hands over what is queued, and waits until no slot is in use.
    ///
    /// # Errors
    /// What the kernel says when it will not go on; `TimedOut` if it kept a slot for a second.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.outbox.queued() > 0 {
            self.outbox.flush()?;
        }
        Ok(())
    }

    /// Messages that the kernel took.
    pub fn messages(&self) -> u64 {
        self.outbox.counters().messages
    }

    /// Messages that it refused.
    pub fn send_errors(&self) -> SendErrors {
        self.outbox.counters().errors
    }

    /// Zero-copy messages that were copied all the same, as the kernel reports it.
    pub fn copied(&self) -> u64 {
        self.copied.get()
    }
}

impl Candidate {
    /// The size of datagrams that the socket itself cuts to.
    fn socket_segment(self) -> Option<u16> {
        match self {
            Self::SocketCuts { segment } | Self::ZeroCopyRegistered { segment } => Some(segment),
            Self::Prompt | Self::Polled | Self::ZeroCopy => None,
        }
    }
}
