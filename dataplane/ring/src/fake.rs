//! A kernel for tests: it delays, reorders, refuses and fails as its script says, and checks the rules that the real ones rely on:
//! a queued slot stays as it was, a buffer has one owner.

#![expect(unsafe_code, reason = "it fills receive buffers and reads send slots, as a kernel does")]

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::address::{ADDRESS_LENGTH, RawAddress, Reach, decode};
use crate::datagram::{ADDRESS_AT, PREFIX_BYTES, write_header};
use crate::inbox::Inbox;
use crate::kernel::{Arrival, Enter, Entered, Failure, Kernel, Outgoing, Reaped};
use crate::memory::Area;
use crate::outbox::Outbox;
use crate::queues::Queues;
use crate::wake::{Alarm, Waker};

/// Datagrams that one enter brings at most, as io_uring's multishot receive.
const PER_ENTER: usize = 32;
/// What the port of the fake is bound to.
pub(crate) const REACH: Reach = Reach::Dual;

/// The script and the record of a fake kernel; tests hold it beside the queues.
#[derive(Default)]
pub(crate) struct State {
    /// The socket's queue of arrived datagrams.
    pub(crate) wire: VecDeque<(SocketAddr, Vec<u8>)>,
    /// How many sends an enter takes; `None`: all.
    pub(crate) takes: Option<usize>,
    /// The fate of each coming send: an errno, or 0 for success. Empty: success.
    pub(crate) fates: VecDeque<i32>,
    /// The same for `send_now`.
    pub(crate) fates_now: VecDeque<i32>,
    /// For how many enters an arrival is held back.
    pub(crate) delay: usize,
    /// Whether arrivals complete last first.
    pub(crate) reorders: bool,
    /// The receive ends with this errno at the next enter.
    pub(crate) receive_fails: Option<i32>,
    /// The next enter fails with this errno.
    pub(crate) enter_fails: Option<i32>,
    /// The watch ends when it fires.
    pub(crate) watch_is_single: bool,
    /// Every poll claims that there is more.
    pub(crate) always_more: bool,
    /// Looks without a system call that find nothing before the wire is seen. `None`: the wire is seen at once.
    pub(crate) blind_looks: Option<usize>,
    /// What happens during the coming sleeps, in order.
    pub(crate) sleeps: VecDeque<Event>,

    pub(crate) sent: Vec<Sent>,
    pub(crate) enters: Vec<Enter>,
    pub(crate) receive_arms: usize,
    pub(crate) watch_arms: usize,
    pub(crate) owned: BTreeSet<u16>,
    queued: VecDeque<(Outgoing, Vec<u8>)>,
    receive_armed: bool,
    watch_armed: bool,
    held: VecDeque<(usize, Arrival)>,
    done: Reaped,
}

/// A message as it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) segment: u16,
}

/// What ends a sleep.
pub(crate) enum Event {
    /// A signal: nothing at all happened.
    Signal,
    /// Datagrams arrive.
    Datagrams(Vec<(SocketAddr, Vec<u8>)>),
    /// Another thread wakes the port.
    Wake(Waker),
}

pub(crate) struct Fake {
    state: Rc<RefCell<State>>,
    buffers: Rc<Area>,
    slots: Rc<Area>,
}

/// Queues on a fake kernel, which owns all buffers.
pub(crate) fn queues(buffers: u16, slots: u16, spin: Duration) -> (Queues, Rc<RefCell<State>>) {
    let buffers = Area::new(buffers, 256).unwrap();
    let slots = Area::new(slots, 256).unwrap();
    let state = Rc::new(RefCell::new(State { owned: (0..buffers.pieces()).collect(), ..State::default() }));
    let fake = Fake { state: Rc::clone(&state), buffers: Rc::clone(&buffers), slots: Rc::clone(&slots) };
    let outbox = Outbox::new(Box::new(fake), slots, REACH);
    (Queues::new(Inbox::new(buffers), outbox, Alarm::new().unwrap(), spin), state)
}

impl Fake {
    fn slot(&self, message: &Outgoing) -> Vec<u8> {
        // SAFETY: the message is queued, so the slot is the kernel's; tests have one thread.
        let slot = unsafe { self.slots.piece(message.ticket.slot) };
        slot[..message.len].to_vec()
    }

    fn take_sends(&self, state: &mut State) -> u16 {
        let most = state.takes.unwrap_or(usize::MAX).min(state.queued.len());
        let taken: Vec<_> = state.queued.drain(..most).collect();
        for (message, bytes) in &taken {
            assert_eq!(*bytes, self.slot(message), "a queued slot was written again");
            match state.fates.pop_front().unwrap_or(0) {
                0 => state.sent.push(Sent {
                    to: decode(message.to.bytes()).unwrap(),
                    bytes: bytes.clone(),
                    segment: message.segment,
                }),
                errno => state.done.failures.push(Failure { ticket: message.ticket, errno }),
            }
        }
        u16::try_from(taken.len()).unwrap()
    }

    /// Fills buffers from the wire; says whether more waits.
    fn receive(&self, state: &mut State) -> bool {
        if let Some(errno) = state.receive_fails.take() {
            state.receive_armed = false;
            state.done.receive_ended = Some(errno);
        }
        for _ in 0..PER_ENTER {
            if !state.receive_armed || state.wire.is_empty() {
                break;
            }
            let Some(buffer) = state.owned.pop_first() else {
                state.receive_armed = false;
                state.done.receive_ended = Some(libc::ENOBUFS);
                break;
            };
            let (from, payload) = state.wire.pop_front().unwrap();
            let arrival = self.fill(buffer, from, &payload);
            state.held.push_back((state.delay, arrival));
            if payload.is_empty() {
                state.receive_armed = false;
                state.done.receive_ended = Some(0);
            }
        }
        state.receive_armed && !state.wire.is_empty()
    }

    fn fill(&self, buffer: u16, from: SocketAddr, payload: &[u8]) -> Arrival {
        // SAFETY: the buffer was among the owned ones; tests have one thread.
        let bytes = unsafe { self.buffers.piece(buffer) };
        let room = bytes.len() - PREFIX_BYTES;
        let kept = payload.len().min(room);
        let flags = if kept < payload.len() { libc::MSG_TRUNC.cast_unsigned() } else { 0 };
        let from = RawAddress::encode(from, REACH).unwrap();
        bytes[ADDRESS_AT..PREFIX_BYTES].copy_from_slice(from.bytes());
        write_header(bytes, ADDRESS_LENGTH, u32::try_from(payload.len()).unwrap(), flags);
        bytes[PREFIX_BYTES..PREFIX_BYTES + kept].copy_from_slice(&payload[..kept]);
        Arrival { buffer, received: PREFIX_BYTES + kept }
    }
}

impl State {
    fn sleep(&mut self, is_timed: bool) {
        match self.sleeps.pop_front() {
            Some(Event::Datagrams(datagrams)) => self.wire.extend(datagrams),
            Some(Event::Wake(waker)) => {
                waker.wake();
                assert!(waker.is_ringing(), "the sleeper was not rung");
                assert!(self.watch_armed, "a sleep without a watch");
                self.watch_armed = !self.watch_is_single;
                self.done.woken = true;
                self.done.watch_ended = self.watch_is_single;
            }
            Some(Event::Signal) => {}
            None => assert!(is_timed, "nothing will end this sleep"),
        }
    }

    /// Completes the arrivals whose delay is over.
    fn ripen(&mut self) {
        let (ripe, held): (VecDeque<_>, VecDeque<_>) = self.held.drain(..).partition(|(left, _)| *left == 0);
        self.held = held.into_iter().map(|(left, arrival)| (left - 1, arrival)).collect();
        let arrivals = ripe.into_iter().map(|(_, arrival)| arrival);
        if self.reorders {
            self.done.arrivals.extend(arrivals.rev());
        } else {
            self.done.arrivals.extend(arrivals);
        }
    }
}

impl Kernel for Fake {
    fn arm_receive(&mut self) {
        let mut state = self.state.borrow_mut();
        assert!(!std::mem::replace(&mut state.receive_armed, true), "the receive was armed twice");
        state.receive_arms += 1;
    }

    fn arm_watch(&mut self) {
        let mut state = self.state.borrow_mut();
        assert!(!std::mem::replace(&mut state.watch_armed, true), "the watch was armed twice");
        state.watch_arms += 1;
    }

    fn queue_send(&mut self, message: &Outgoing) {
        let bytes = self.slot(message);
        let mut state = self.state.borrow_mut();
        let is_queued = state.queued.iter().any(|(queued, _)| queued.ticket.slot == message.ticket.slot);
        assert!(!is_queued, "a slot was queued twice");
        state.queued.push_back((*message, bytes));
    }

    fn enter(&mut self, how: Enter) -> Entered {
        let state = &mut *self.state.borrow_mut();
        state.enters.push(how);
        if let Some(errno) = state.enter_fails.take() {
            return Entered { taken: 0, more: false, outcome: Err(io::Error::from_raw_os_error(errno)) };
        }
        let taken = self.take_sends(state);
        let mut more = false;
        if how != Enter::Submit {
            if let Enter::Sleep(nap) = how {
                state.sleep(nap.at_most.is_some());
            }
            more = self.receive(state);
            state.ripen();
        }
        Entered { taken, more: more || state.always_more, outcome: Ok(()) }
    }

    fn may_have_work(&mut self) -> bool {
        let mut state = self.state.borrow_mut();
        match &mut state.blind_looks {
            Some(0) | None => {}
            Some(left) => {
                *left -= 1;
                return false;
            }
        }
        !state.wire.is_empty() || !state.held.is_empty() || state.receive_fails.is_some()
    }

    fn reap(&mut self, into: &mut Reaped) {
        let mut done = std::mem::take(&mut self.state.borrow_mut().done);
        into.arrivals.append(&mut done.arrivals);
        into.failures.append(&mut done.failures);
        into.receive_ended = done.receive_ended.or(into.receive_ended);
        into.woken |= done.woken;
        into.watch_ended |= done.watch_ended;
    }

    fn give_back(&mut self, buffers: &[u16]) {
        let mut state = self.state.borrow_mut();
        for buffer in buffers {
            assert!(state.owned.insert(*buffer), "buffer {buffer} was given back twice");
        }
    }

    fn send_now(&mut self, to: &RawAddress, datagram: &[u8]) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        match state.fates_now.pop_front().unwrap_or(0) {
            0 => {
                let to = decode(to.bytes()).unwrap();
                state.sent.push(Sent { to, bytes: datagram.to_vec(), segment: 0 });
                Ok(())
            }
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }
}
