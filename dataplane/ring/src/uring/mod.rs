//! io_uring behind the `Kernel` trait: one ring a port, used by the thread that opened it.
//!
//! | choice | why (figures: Linux 6.18) |
//! |---|---|
//! | `SINGLE_ISSUER`, `DEFER_TASKRUN` | completions are made when we ask for them, not by interrupting us |
//! | `TASKRUN_FLAG` | a word in shared memory says that something arrived: a spin costs no system call |
//! | `SUBMIT_ALL` | one bad message does not hold up the batch behind it |
//! | `NO_SQARRAY` where it exists (6.6) | entries are read in place |
//! | multishot `recvmsg` into 2 KiB provided buffers | 334 ns a datagram, `recvmmsg` 407 |
//! | `sendmsg` + `UDP_SEGMENT` for trains, `send` with an address for single datagrams | the latter saves 50 ns |
//! | `CQE_SKIP_SUCCESS`, `MSG_DONTWAIT` | only failures complete, and with the submission itself |
//! | no SQPOLL, no zero-copy | dearer: docs/benchmarks.md; zero-copy gains only on NICs that cut trains themselves |
//!
//! Completions of armed requests are made only inside an enter with `GETEVENTS`; the completion queue has room for all
//! buffers and all sends at once, so it cannot overflow.

#![expect(unsafe_code, reason = "entries point to memory that the compiler cannot follow to the kernel")]

mod buffers;
pub(crate) mod check;
pub(crate) mod setup;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::time::Duration;

use io_uring::types::{CancelBuilder, Fixed, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, cqueue, opcode, squeue};

use self::buffers::BufferRing;
use self::setup::{Setup, build};
use crate::address::{ADDRESS_LENGTH, RawAddress};
use crate::error::RingError;
use crate::kernel::{Arrival, Enter, Entered, Failure, Kernel, Nap, Outgoing, Reaped, Ticket};
use crate::memory::Area;
use crate::message::{Messages, zeroed_head};
use crate::socket::{SEND_FLAGS, Socket};

/// Places in the table of registered files.
const SOCKET: Fixed = Fixed(0);
const WATCHED: Fixed = Fixed(1);

/// Completions that end a sleep in which they are gathered: a frame of ordinary size has about as many packets.
const BURST: u32 = 8;

/// A longer sleep is as good as this one: a day, in seconds, far from where the kernel's clock arithmetic ends.
const SLEEP_MAX: Duration = Duration::from_secs(86_400);

pub(crate) struct Uring {
    ring: IoUring,
    buffers: BufferRing,
    messages: Messages,
    slots: Rc<Area>,
    socket: Rc<Socket>,
    /// What the submission queue holds, oldest first: `true` is a send.
    submitted: VecDeque<bool>,
    /// What the multishot receive was armed with. Boxed: entries point to it.
    receive_head: Box<libc::msghdr>,
}

impl Uring {
    /// Sets up a ring on the calling thread. All pieces of `buffers` belong to the kernel from now on.
    pub(crate) fn open(
        socket: Rc<Socket>,
        watched: RawFd,
        buffers: Rc<Area>,
        slots: Rc<Area>,
        setup: Setup,
    ) -> Result<Self, RingError> {
        // One entry a slot, and the two that are armed.
        let entries = (u32::from(slots.pieces()) + 2).next_power_of_two();
        let completions = (4 * entries).max(2 * u32::from(buffers.pieces()));
        let ring = build(entries, completions, setup)?;
        ring.submitter()
            .register_files(&[socket.descriptor(), watched])
            .map_err(RingError::at("registering files"))?;
        let pieces: Vec<u16> = (0..buffers.pieces()).collect();
        let mut buffers = BufferRing::register(&ring.submitter(), buffers)?;
        buffers.give_back(&pieces);
        let mut receive_head = Box::new(zeroed_head().msg_hdr);
        receive_head.msg_namelen = ADDRESS_LENGTH;
        Ok(Self {
            ring,
            buffers,
            messages: Messages::new(slots.pieces()),
            submitted: VecDeque::with_capacity(entries as usize),
            slots,
            socket,
            receive_head,
        })
    }

    fn push(&mut self, entry: &squeue::Entry, is_send: bool) {
        // SAFETY: what entries point to is in `messages`, `receive_head`, `slots` and `buffers`: none of it moves or is freed
        // before the ring is; and the outbox leaves a slot alone until it is taken.
        let pushed = unsafe { self.ring.submission().push(entry) };
        assert!(pushed.is_ok(), "the submission queue has an entry for each slot and each arm");
        self.submitted.push_back(is_send);
    }

    /// One `io_uring_enter`, for all that is queued.
    fn enter_ring(&mut self, want: u32, flags: EnterFlags, sleep: Option<Duration>) -> io::Result<()> {
        let timespec = Timespec::from(sleep.unwrap_or_default().min(SLEEP_MAX));
        let timed = SubmitArgs::new().timespec(&timespec);
        let (flags, arguments) = match sleep {
            Some(_) => (flags | EnterFlags::EXT_ARG, Some(&timed)),
            None => (flags, None),
        };
        self.enter_ring_with(want, flags, arguments)
    }

    /// `flags` say EXT_ARG if there are arguments.
    fn enter_ring_with(
        &mut self,
        want: u32,
        flags: EnterFlags,
        arguments: Option<&SubmitArgs<'_, '_>>,
    ) -> io::Result<()> {
        let queued = u32::try_from(self.submitted.len()).unwrap_or(u32::MAX);
        // SAFETY: the flags fit the arguments (EXT_ARG with a `SubmitArgs`, else none), which outlive the call.
        let entered = unsafe { self.ring.submitter().enter(queued, want, flags.bits(), arguments) };
        match entered {
            Err(error) if !is_passing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Sleeps until something completes. While it gathers, until a burst does.
    fn sleep(&mut self, nap: Nap) -> io::Result<()> {
        if nap.gather.is_zero() || !self.ring.params().is_feature_min_timeout() {
            return self.enter_ring(1, EnterFlags::GETEVENTS, nap.at_most);
        }
        let timespec = Timespec::from(nap.at_most.unwrap_or(SLEEP_MAX).min(SLEEP_MAX));
        let gather_us = u32::try_from(nap.gather.as_micros()).unwrap_or(u32::MAX);
        let arguments = SubmitArgs::new().timespec(&timespec).min_wait_usec(gather_us);
        self.enter_ring_with(BURST, EnterFlags::GETEVENTS | EnterFlags::EXT_ARG, Some(&arguments))
    }

    /// How many sends left the submission queue: the kernel moves its head, whatever the call returned.
    fn settle_submitted(&mut self) -> u16 {
        let left = self.ring.submission().len();
        let gone = self.submitted.len() - left;
        let sends = self.submitted.drain(..gone).filter(|is_send| *is_send).count();
        u16::try_from(sends).unwrap_or(u16::MAX)
    }
}

impl Kernel for Uring {
    fn arm_receive(&mut self) {
        let head: *const libc::msghdr = &raw const *self.receive_head;
        let entry = opcode::RecvMsgMulti::new(SOCKET, head, buffers::GROUP).build();
        self.push(&entry.user_data(Tag::Receive.encode()), false);
    }

    fn arm_watch(&mut self) {
        let entry = opcode::PollAdd::new(WATCHED, POLL_READABLE).multi(true).build();
        self.push(&entry.user_data(Tag::Watch.encode()), false);
    }

    fn queue_send(&mut self, message: &Outgoing) {
        let slot = message.ticket.slot;
        let payload = self.slots.pointer(slot);
        self.messages.fill(message, payload);
        let entry = if message.is_train() {
            opcode::SendMsg::new(SOCKET, self.messages.head(slot)).flags(SEND_FLAGS.cast_unsigned()).build()
        } else {
            let to = self.messages.address(slot);
            let len = u32::try_from(message.len).unwrap_or(u32::MAX);
            opcode::Send::new(SOCKET, payload, len)
                .flags(SEND_FLAGS)
                .dest_addr(to.as_ptr())
                .dest_addr_len(to.len())
                .build()
        };
        let entry = entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(Tag::Send(message.ticket).encode());
        self.push(&entry, true);
    }

    fn enter(&mut self, how: Enter) -> Entered {
        let outcome = match how {
            Enter::Submit if self.submitted.is_empty() => Ok(()),
            Enter::Submit => self.enter_ring(0, EnterFlags::empty(), None),
            Enter::Poll => self.enter_ring(0, EnterFlags::GETEVENTS, None),
            Enter::Sleep(nap) => self.sleep(nap),
        };
        Entered { taken: self.settle_submitted(), more: self.ring.submission().taskrun(), outcome }
    }

    fn may_have_work(&mut self) -> bool {
        let submission = self.ring.submission();
        let flagged = submission.taskrun() || submission.cq_overflow();
        drop(submission);
        flagged || !self.ring.completion().is_empty()
    }

    fn reap(&mut self, into: &mut Reaped) {
        for entry in self.ring.completion() {
            let (result, flags) = (entry.result(), entry.flags());
            let ended = !cqueue::more(flags);
            match Tag::decode(entry.user_data()) {
                Some(Tag::Receive) => {
                    // A buffer that was picked is ours now, even one with an error: the inbox drops it and gives it back.
                    if let Some(buffer) = cqueue::buffer_select(flags) {
                        let received = usize::try_from(result).unwrap_or(0);
                        into.arrivals.push(Arrival { buffer, received });
                    }
                    if ended {
                        into.receive_ended = Some((-result).max(0));
                    }
                }
                Some(Tag::Watch) => {
                    into.woken |= result > 0;
                    into.watch_ended |= ended;
                }
                Some(Tag::Send(ticket)) if result < 0 => {
                    into.failures.push(Failure { ticket, errno: -result });
                }
                Some(Tag::Send(_)) | None => {}
            }
        }
    }

    fn give_back(&mut self, buffers: &[u16]) {
        self.buffers.give_back(buffers);
    }

    fn send_now(&mut self, to: &RawAddress, datagram: &[u8]) -> io::Result<()> {
        self.socket.send_now(to, datagram)
    }
}

impl Drop for Uring {
    /// A ring that is only closed keeps its socket, and thereby the UDP port, for a while: armed requests hold the file. So
    /// they are cancelled, their ends run, and the files unregistered, before the ring goes.
    fn drop(&mut self) {
        // Errors here mean that there was nothing to cancel or unregister; closing cleans up the rest.
        let _ = self.ring.submitter().register_sync_cancel(None, CancelBuilder::any());
        let _ = self.enter_ring(0, EnterFlags::GETEVENTS, None);
        let _ = self.ring.submitter().unregister_files();
        let _ = self.ring.submitter().unregister_buf_ring(buffers::GROUP);
    }
}

/// POLLIN as the 32-bit mask that a poll entry takes.
const POLL_READABLE: u32 = libc::POLLIN as u32;

/// What a completion belongs to, in the 64 bits that travel with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tag {
    Receive,
    Watch,
    Send(Ticket),
}

impl Tag {
    const RECEIVE: u64 = 1 << 32;
    const WATCH: u64 = 2 << 32;
    const SEND: u64 = 3 << 32;

    fn encode(self) -> u64 {
        match self {
            Self::Receive => Self::RECEIVE,
            Self::Watch => Self::WATCH,
            Self::Send(Ticket { slot, generation }) => {
                Self::SEND | u64::from(generation) << 16 | u64::from(slot)
            }
        }
    }

    fn decode(bits: u64) -> Option<Self> {
        let [slot_low, slot_high, generation_low, generation_high, ..] = bits.to_le_bytes();
        match bits & !0xffff_ffff {
            Self::RECEIVE => Some(Self::Receive),
            Self::WATCH => Some(Self::Watch),
            Self::SEND => Some(Self::Send(Ticket {
                slot: u16::from_le_bytes([slot_low, slot_high]),
                generation: u16::from_le_bytes([generation_low, generation_high]),
            })),
            _ => None,
        }
    }
}

/// The time is over, a signal came, or the kernel is short of memory for the moment: what is queued stays queued.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETIME | libc::EINTR | libc::EAGAIN | libc::EBUSY))
}

#[cfg(test)]
mod tests {
    use super::Tag;
    use crate::kernel::Ticket;

    /// A completion credited to the wrong request would free memory that is in use.
    #[test]
    fn tags_survive_their_journey() {
        let send = Tag::Send(Ticket { slot: 0xabcd, generation: 0x1234 });
        for tag in [Tag::Receive, Tag::Watch, send, Tag::Send(Ticket::default())] {
            assert_eq!(Tag::decode(tag.encode()), Some(tag));
        }
        assert_eq!(Tag::decode(0), None);
        assert_eq!(Tag::decode(u64::MAX), None);
    }
}
