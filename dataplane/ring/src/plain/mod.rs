//! Plain system calls behind the `Kernel` trait: `sendmmsg`, `recvmmsg`, `ppoll`. For kernels and containers without io_uring, and
//! as the other half of every comparison.

#![expect(unsafe_code, reason = "ppoll is not in std")]

mod receive;
mod transmit;

use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use self::receive::Receive;
use self::transmit::Transmit;
use crate::address::RawAddress;
use crate::kernel::{Enter, Entered, Kernel, Nap, Outgoing, Reaped};
use crate::memory::Area;
use crate::socket::Socket;

pub(crate) struct Plain {
    socket: Rc<Socket>,
    watched: RawFd,
    receive: Receive,
    transmit: Transmit,
    /// What happened inside `enter`, until it is reaped.
    done: Reaped,
}

impl Plain {
    /// All pieces of `buffers` belong to this side from now on.
    pub(crate) fn new(socket: Rc<Socket>, watched: RawFd, buffers: Rc<Area>, slots: Rc<Area>) -> Self {
        Self {
            receive: Receive::new(socket.descriptor(), buffers),
            transmit: Transmit::new(socket.descriptor(), slots),
            socket,
            watched,
            done: Reaped::default(),
        }
    }

    /// Sleeps until the socket or the watched descriptor is readable; while it gathers, only for the latter.
    fn sleep(&mut self, nap: Nap) -> io::Result<()> {
        if !nap.gather.is_zero() {
            self.poll(None, Some(nap.gather))?;
        }
        if self.done.woken {
            return Ok(());
        }
        self.poll(
            Some(self.socket.descriptor()),
            nap.at_most.map(|at_most| at_most.saturating_sub(nap.gather)),
        )
    }

    /// Sleeps until the watched descriptor or the other one is readable.
    fn poll(&mut self, other: Option<RawFd>, time: Option<Duration>) -> io::Result<()> {
        // A negative descriptor is passed over.
        let readable = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polled = [readable(self.watched), readable(other.unwrap_or(-1))];
        let timespec = time.map(to_timespec);
        let time = timespec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: two pollfds that the call may write, a timespec that outlives it or null, and no signal mask.
        let ready = unsafe { libc::ppoll(polled.as_mut_ptr(), 2, time, std::ptr::null()) };
        if ready < 0 {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        self.done.woken |= polled[0].revents != 0;
        Ok(())
    }
}

impl Kernel for Plain {
    // Nothing needs arming: every poll and sleep looks at both descriptors.
    fn arm_receive(&mut self) {}

    fn arm_watch(&mut self) {}

    fn queue_send(&mut self, message: &Outgoing) {
        self.transmit.queue(message);
    }

    fn enter(&mut self, how: Enter) -> Entered {
        let taken = self.transmit.submit(&mut self.done.failures);
        let outcome = match how {
            Enter::Submit => return Entered { taken, more: false, outcome: Ok(()) },
            Enter::Poll => Ok(()),
            Enter::Sleep(nap) => self.sleep(nap),
        };
        let (more, errno) = self.receive.fetch(&mut self.done.arrivals);
        self.done.receive_ended = errno;
        Entered { taken, more, outcome }
    }

    /// Only a system call could tell.
    fn may_have_work(&mut self) -> bool {
        true
    }

    fn reap(&mut self, into: &mut Reaped) {
        into.arrivals.append(&mut self.done.arrivals);
        into.failures.append(&mut self.done.failures);
        into.receive_ended = self.done.receive_ended.take().or(into.receive_ended);
        into.woken |= std::mem::take(&mut self.done.woken);
    }

    fn give_back(&mut self, buffers: &[u16]) {
        self.receive.give_back(buffers);
    }

    fn send_now(&mut self, to: &RawAddress, datagram: &[u8]) -> io::Result<()> {
        self.socket.send_now(to, datagram)
    }
}

fn to_timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        // `as _`: below 10^9, and `c_long` may be 32 bits wide.
        tv_nsec: time.subsec_nanos() as _,
    }
}
