//! The port: what a worker owns of the network.

use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{Backend, BackendChoice, PortConfig};
use crate::counters::PortCounters;
use crate::error::{OpenError, RingError};
use crate::inbox::Inbox;
use crate::kernel::Kernel;
use crate::limits;
use crate::memory::Area;
use crate::outbox::Outbox;
use crate::plain::Plain;
use crate::queues::Queues;
use crate::socket::Socket;
use crate::uring::setup::Setup;
use crate::uring::{Uring, check};
use crate::wake::{Alarm, Waker};

/// One UDP socket and its queues. Open it on the thread that will use it: the kernel ties the ring to that thread, so a
/// port is not `Send`.
#[derive(Debug)]
pub struct Port {
    queues: Queues,
    local: SocketAddr,
    backend: Backend,
    fallback_reason: Option<String>,
    notes: Vec<String>,
    /// Neither `Send` nor `Sync`.
    thread: PhantomData<*const ()>,
}

impl Port {
    /// Opens the socket and its queues, and lets the calling thread's timers fire within about a microsecond.
    ///
    /// # Errors
    /// [`OpenError`], which says what to set. With [`BackendChoice::Auto`] an unusable io_uring is no error but a
    /// [`fallback_reason`](Self::fallback_reason).
    pub fn open(config: &PortConfig) -> Result<Self, OpenError> {
        limits::check(config)?;
        let mut notes = Vec::new();
        limits::note_process_limits(&mut notes);
        let socket = Rc::new(Socket::open(config, &mut notes)?);
        let alarm = Alarm::new().map_err(OpenError::at("opening an eventfd"))?;
        let out_of_memory = || OpenError::at("allocating buffers");
        let buffers =
            Area::new(config.receive_buffers, config.receive_buffer_bytes).map_err(out_of_memory())?;
        let slots = Area::new(config.send_slots, config.slot_bytes).map_err(out_of_memory())?;
        limits::sharpen_timers();

        let plain = || -> Box<dyn Kernel> {
            let socket = Rc::clone(&socket);
            Box::new(Plain::new(socket, alarm.descriptor(), Rc::clone(&buffers), Rc::clone(&slots)))
        };
        let ring = || -> Result<Box<dyn Kernel>, RingError> {
            check::check(socket.reach())?;
            let socket = Rc::clone(&socket);
            let ring = Uring::open(
                socket,
                alarm.descriptor(),
                Rc::clone(&buffers),
                Rc::clone(&slots),
                Setup::Deferred,
            )?;
            Ok(Box::new(ring))
        };
        let (kernel, backend, fallback_reason) = match config.backend {
            BackendChoice::Plain => (plain(), Backend::Plain, None),
            BackendChoice::IoUring => (ring()?, Backend::IoUring, None),
            BackendChoice::Auto => match ring() {
                Ok(kernel) => (kernel, Backend::IoUring, None),
                Err(reason) => (plain(), Backend::Plain, Some(reason.to_string())),
            },
        };
        let local = socket.local();
        let outbox = Outbox::new(kernel, slots, socket.reach());
        let queues = Queues::new(Inbox::new(buffers), outbox, alarm, config.spin);
        Ok(Self { queues, local, backend, fallback_reason, notes, thread: PhantomData })
    }

    /// The path to the kernel in use.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Why io_uring is not in use though the configuration left the choice open, and what to do about it.
    pub fn fallback_reason(&self) -> Option<&str> {
        self.fallback_reason.as_deref()
    }

    /// What the system granted less than was wanted, each with the setting that would change it. For the log, at the start.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The address the socket is bound to, with the real port number.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// What ends this port's wait from another thread.
    pub fn waker(&self) -> Waker {
        self.queues.alarm.waker()
    }

    /// Submits what is queued and returns as soon as a datagram is there, a wake came, or `timeout` is over: `None` waits
    /// for ever, zero only looks. The buffers of the datagrams given out before go back to the kernel.
    ///
    /// # Errors
    /// What the kernel says when it will not go on: a fault of the set-up, not of the network. The next wait tries again.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.queues.wait(timeout, Duration::ZERO)
    }

    /// As [`wait`](Self::wait), for an owner with much to do: what arrives one by one is gathered for so long before it ends the
    /// wait, unless it becomes a burst. To be woken costs as much as dozens of packets.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn gather(&mut self, timeout: Option<Duration>, gather: Duration) -> io::Result<()> {
        self.queues.wait(timeout, gather)
    }

    /// Both queues, for one turn that reads and writes.
    pub fn split(&mut self) -> (&mut Inbox, &mut Outbox) {
        (&mut self.queues.inbox, &mut self.queues.outbox)
    }

    /// Hands the queued sends to the kernel now. A wait does so too.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn flush(&mut self) -> io::Result<()> {
        self.queues.outbox.flush()
    }

    /// What the port has done so far.
    pub fn counters(&self) -> PortCounters {
        self.queues.counters()
    }
}

#[cfg(test)]
mod tests;
