//! A ring whose sends are each followed to their end: none succeeds in silence.
//!
//! A wait is for half of what is in flight, so that slots come free in batches, asleep: what a polling thread of the kernel takes
//! away is not paid for by spinning.

#![expect(unsafe_code, reason = "entries point to memory that the compiler cannot follow to the kernel")]

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use io_uring::types::{Fixed, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, Probe, cqueue, opcode, squeue};

use super::Candidate;
use super::flights::Flights;
use crate::address::RawAddress;
use crate::error::RingError;
use crate::kernel::{Enter, Entered, Failure, Kernel, Outgoing, Reaped, Ticket};
use crate::memory::Area;
use crate::message::Messages;
use crate::socket::{SEND_FLAGS, Socket};
use crate::uring::setup::{Setup, build};

const SOCKET: Fixed = Fixed(0);
/// All slots are one registered buffer.
const SLOTS: u16 = 0;
/// How long the kernel's thread polls an empty queue before it sleeps, in milliseconds.
const POLLING_IDLE_MS: u32 = 1;
/// No send on loopback or to a card takes that long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks for a notification that says whether the bytes were copied. `linux/io_uring.h`: `IORING_SEND_ZC_REPORT_USAGE`.
const REPORT_USAGE: u16 = 1 << 3;
/// They were; the highest bit of a notification's result. `IORING_NOTIF_USAGE_ZC_COPIED`.
const COPIED: i32 = i32::MIN;

pub(super) struct Tracked {
    ring: IoUring,
    candidate: Candidate,
    messages: Messages,
    slots: Rc<Area>,
    socket: Rc<Socket>,
    flights: Flights,
    failures: Vec<Failure>,
    copied: Rc<Cell<u64>>,
}

impl Tracked {
    /// Sets up a ring on the calling thread. `copied` counts zero-copy messages that were copied.
    pub(super) fn open(
        socket: Rc<Socket>,
        slots: Rc<Area>,
        candidate: Candidate,
        copied: Rc<Cell<u64>>,
    ) -> Result<Self, RingError> {
        let setup = match candidate {
            Candidate::Polled => Setup::Polled { idle_ms: POLLING_IDLE_MS },
            _ => Setup::Deferred,
        };
        let entries = u32::from(slots.pieces()).next_power_of_two();
        let ring = build(entries, 4 * entries, setup)?;
        let submitter = ring.submitter();
        submitter.register_files(&[socket.descriptor()]).map_err(RingError::at("registering files"))?;
        let mut probe = Probe::new();
        submitter.register_probe(&mut probe).map_err(RingError::at("asking what it can do"))?;
        for (needed, code, name) in [
            (candidate.is_zero_copy(), opcode::SendZc::CODE, "SEND_ZC"),
            (candidate == Candidate::ZeroCopy, opcode::SendMsgZc::CODE, "SENDMSG_ZC"),
        ] {
            if needed && !probe.is_supported(code) {
                return Err(RingError::Lacks(name));
            }
        }
        if matches!(candidate, Candidate::ZeroCopyRegistered { .. }) {
            let iov_len = usize::from(slots.pieces()) * slots.piece_bytes();
            let all = libc::iovec { iov_base: slots.pointer(0).cast(), iov_len };
            // SAFETY: the slots are one allocation of that many bytes, which lives in `self` and so beyond the ring.
            unsafe { submitter.register_buffers(&[all]) }.map_err(RingError::at("registering send slots"))?;
        }
        let (messages, flights) = (Messages::new(slots.pieces()), Flights::new(slots.pieces()));
        Ok(Self { ring, candidate, messages, slots, socket, flights, failures: Vec::new(), copied })
    }

    fn entry(&self, message: &Outgoing) -> squeue::Entry {
        let slot = message.ticket.slot;
        let (head, to) = (self.messages.head(slot), self.messages.address(slot));
        let payload = self.slots.pointer(slot).cast_const();
        let len = u32::try_from(message.len).unwrap_or(u32::MAX);
        let with_control = message.is_train() && self.candidate.socket_segment().is_none();
        let zero_copy = || {
            opcode::SendZc::new(SOCKET, payload, len)
                .dest_addr(to.as_ptr())
                .dest_addr_len(to.len())
                .flags(SEND_FLAGS)
                .zc_flags(REPORT_USAGE)
        };
        match self.candidate {
            Candidate::ZeroCopyRegistered { .. } => zero_copy().buf_index(Some(SLOTS)).build(),
            Candidate::ZeroCopy if with_control => opcode::SendMsgZc::new(SOCKET, head)
                .ioprio(REPORT_USAGE)
                .flags(SEND_FLAGS.cast_unsigned())
                .build(),
            Candidate::ZeroCopy => zero_copy().build(),
            _ if with_control => opcode::SendMsg::new(SOCKET, head).flags(SEND_FLAGS.cast_unsigned()).build(),
            _ => opcode::Send::new(SOCKET, payload, len)
                .flags(SEND_FLAGS)
                .dest_addr(to.as_ptr())
                .dest_addr_len(to.len())
                .build(),
        }
    }

    /// Hands over what is queued and takes what is over, without a wait.
    fn submit(&mut self) -> io::Result<()> {
        let submission = self.ring.submission();
        let queued = u32::try_from(submission.len()).unwrap_or(u32::MAX);
        let polling_sleeps = submission.need_wakeup();
        drop(submission);
        match self.candidate {
            Candidate::Polled if polling_sleeps => self.enter_ring(queued, 0, EnterFlags::SQ_WAKEUP),
            Candidate::Polled => Ok(()),
            _ => self.enter_ring(queued, 0, EnterFlags::GETEVENTS),
        }
    }

    fn enter_ring(&self, queued: u32, want: u32, flags: EnterFlags) -> io::Result<()> {
        let patience = Timespec::from(PATIENCE);
        let timed = SubmitArgs::new().timespec(&patience);
        let flags = flags | EnterFlags::EXT_ARG;
        // SAFETY: EXT_ARG goes with a `SubmitArgs`, which outlives the call.
        let entered = unsafe { self.ring.submitter().enter(queued, want, flags.bits(), Some(&timed)) };
        match entered {
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => Err(io::ErrorKind::TimedOut.into()),
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn collect(&mut self) {
        let Self { ring, flights, copied, .. } = self;
        for completion in ring.completion() {
            let (result, flags) = (completion.result(), completion.flags());
            let ticket = decode(completion.user_data());
            if cqueue::notif(flags) {
                copied.set(copied.get() + u64::from(result & COPIED != 0));
                flights.complete(ticket, None, false);
            } else {
                flights.complete(ticket, (result < 0).then_some(-result), cqueue::more(flags));
            }
        }
    }

    /// Submits, and waits until half of the slots in use, or more, are over.
    fn go(&mut self) -> io::Result<()> {
        let enough = self.flights.len().div_ceil(2);
        self.submit()?;
        self.collect();
        while self.flights.over() < enough {
            let missing = u32::try_from(enough - self.flights.over()).unwrap_or(1);
            // Of zero-copy no more than one may be still to come.
            let want = if self.candidate.is_zero_copy() { 1 } else { missing };
            self.enter_ring(0, want, EnterFlags::GETEVENTS)?;
            self.collect();
        }
        Ok(())
    }
}

impl Kernel for Tracked {
    // Nothing is received.
    fn arm_receive(&mut self) {}

    fn arm_watch(&mut self) {}

    fn queue_send(&mut self, message: &Outgoing) {
        let cut = self.candidate.socket_segment();
        assert!(
            cut.is_none_or(|cut| cut == message.segment || !message.is_train() && message.len <= cut.into()),
            "the socket cuts every {cut:?} bytes, not every {}",
            message.segment
        );
        self.messages.fill(message, self.slots.pointer(message.ticket.slot));
        let entry = self.entry(message).user_data(encode(message.ticket));
        // SAFETY: what entries point to is in `messages` and `slots`: neither moves or is freed before the ring is; and the outbox
        // leaves a slot alone until its flight is over.
        let pushed = unsafe { self.ring.submission().push(&entry) };
        assert!(pushed.is_ok(), "the submission queue has an entry for each slot");
        self.flights.begin(message.ticket);
    }

    fn enter(&mut self, _: Enter) -> Entered {
        let outcome = self.go();
        Entered { taken: self.flights.land(&mut self.failures), more: false, outcome }
    }

    fn may_have_work(&mut self) -> bool {
        self.flights.len() > 0
    }

    fn reap(&mut self, into: &mut Reaped) {
        into.failures.append(&mut self.failures);
    }

    fn give_back(&mut self, _: &[u16]) {}

    fn send_now(&mut self, to: &RawAddress, datagram: &[u8]) -> io::Result<()> {
        self.socket.send_now(to, datagram)
    }
}

impl Drop for Tracked {
    /// What is in flight is over before its memory goes, and the files are unregistered, so that the UDP port is free at once.
    fn drop(&mut self) {
        while self.flights.len() > 0 && self.go().is_ok() {
            self.flights.land(&mut self.failures);
        }
        // An error here means that there was nothing to unregister.
        let _ = self.ring.submitter().unregister_files();
    }
}

impl Candidate {
    fn is_zero_copy(self) -> bool {
        matches!(self, Self::ZeroCopy | Self::ZeroCopyRegistered { .. })
    }
}

fn encode(ticket: Ticket) -> u64 {
    u64::from(ticket.generation) << 16 | u64::from(ticket.slot)
}

fn decode(bits: u64) -> Ticket {
    let [slot_low, slot_high, generation_low, generation_high, ..] = bits.to_le_bytes();
    Ticket {
        slot: u16::from_le_bytes([slot_low, slot_high]),
        generation: u16::from_le_bytes([generation_low, generation_high]),
    }
}
