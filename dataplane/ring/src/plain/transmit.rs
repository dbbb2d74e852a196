//! `sendmmsg` of the queued slots.

#![expect(unsafe_code, reason = "sendmmsg is not in std, and it reads through pointers")]

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;

use crate::kernel::{Failure, Outgoing, Ticket};
use crate::memory::Area;
use crate::message::Messages;
use crate::socket::SEND_FLAGS;

pub(super) struct Transmit {
    socket: RawFd,
    slots: Rc<Area>,
    messages: Messages,
    /// Oldest first. Their slots follow each other, but for the ring's end.
    queued: VecDeque<Ticket>,
}

impl Transmit {
    pub(super) fn new(socket: RawFd, slots: Rc<Area>) -> Self {
        let messages = Messages::new(slots.pieces());
        let queued = VecDeque::with_capacity(slots.pieces().into());
        Self { socket, slots, messages, queued }
    }

    pub(super) fn queue(&mut self, message: &Outgoing) {
        self.messages.fill(message, self.slots.pointer(message.ticket.slot));
        self.queued.push_back(message.ticket);
    }

    /// Sends all that is queued; a message that fails is lost and the ones behind it go on. Says how many were taken: all.
    pub(super) fn submit(&mut self, failures: &mut Vec<Failure>) -> u16 {
        let taken = self.queued.len();
        while let Some(first) = self.queued.front().copied() {
            match self.send_run(first.slot) {
                Ok(sent) => {
                    self.queued.drain(..sent.min(self.queued.len()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failures
                        .push(Failure { ticket: first, errno: error.raw_os_error().unwrap_or(libc::EIO) });
                    self.queued.pop_front();
                }
            }
        }
        u16::try_from(taken).unwrap_or(u16::MAX)
    }

    /// One call for the queued slots from `first` up to the last or the ring's end. It stops at a message that fails; an error
    /// is the first one's.
    fn send_run(&mut self, first: u16) -> io::Result<usize> {
        let to_end = self.slots.pieces() - first;
        let run = u16::try_from(self.queued.len()).unwrap_or(to_end).min(to_end);
        let heads = self.messages.heads(first..first + run);
        // SAFETY: `run` filled heads, whose parts and slots stay where they are; the call writes only their `msg_len`.
        let sent =
            unsafe { libc::sendmmsg(self.socket, heads.as_mut_ptr(), u32::from(run), SEND_FLAGS as _) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }
}
