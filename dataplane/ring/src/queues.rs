//! The two queues of a port and the wait between turns: fetch, spin, sleep.
//!
//! A wait runs these steps, each only if the one before brought nothing:
//! 1. return the buffers that were lent, arm what is not armed, submit what is queued, fetch what has arrived;
//! 2. spin for a few dozen µs, if the last wait brought something and nothing is to be gathered;
//! 3. say that we sleep, look once more for a wake, sleep.

use std::io;
use std::time::{Duration, Instant};

use crate::counters::PortCounters;
use crate::inbox::Inbox;
use crate::kernel::{Enter, Nap};
use crate::limits::RECEIVED_PER_WAIT_MAX;
use crate::outbox::Outbox;
use crate::wake::Alarm;

/// Looks at the wake flag and the kernel's flag between two readings of the clock (20–30 ns each).
const LOOKS_PER_CLOCK: u32 = 16;

#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) inbox: Inbox,
    pub(crate) outbox: Outbox,
    pub(crate) alarm: Alarm,
    spin: Duration,
    receive: Armed,
    watch: Armed,
    /// The last wait brought a datagram or a wake.
    is_busy: bool,
    receive_rearms: u64,
    waits: u64,
    sleeps: u64,
    wakes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Armed {
    /// Not yet: the first time is no re-arm.
    Never,
    Yes,
    Ended,
}

impl Queues {
    /// The inbox's buffers must belong to the kernel already.
    pub(crate) fn new(inbox: Inbox, outbox: Outbox, alarm: Alarm, spin: Duration) -> Self {
        Self {
            inbox,
            outbox,
            alarm,
            spin,
            receive: Armed::Never,
            watch: Armed::Never,
            is_busy: false,
            receive_rearms: 0,
            waits: 0,
            sleeps: 0,
            wakes: 0,
        }
    }

    /// See `Port::wait` and `Port::gather`.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>, gather: Duration) -> io::Result<()> {
        self.waits += 1;
        let kernel = self.outbox.kernel();
        self.inbox.recycle(|buffers| kernel.give_back(buffers));
        let outcome = self.absorb().and_then(|()| self.wait_for_news(timeout, gather));
        let noticed = self.alarm.take_notice();
        self.wakes += u64::from(noticed);
        self.is_busy = noticed || !self.inbox.is_empty();
        outcome
    }

    pub(crate) fn counters(&self) -> PortCounters {
        let inbox = self.inbox.counters();
        let outbox = self.outbox.counters();
        PortCounters {
            datagrams_in: inbox.datagrams,
            bytes_in: inbox.bytes,
            truncated: inbox.truncated,
            receive_rearms: self.receive_rearms,
            messages_out: outbox.messages,
            datagrams_out: outbox.datagrams,
            bytes_out: outbox.bytes,
            trains_cut: outbox.trains_cut,
            send_errors: outbox.errors,
            waits: self.waits,
            sleeps: self.sleeps,
            wakes: self.wakes,
        }
    }

    fn wait_for_news(&mut self, timeout: Option<Duration>, gather: Duration) -> io::Result<()> {
        self.fetch()?;
        if self.has_news() || timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        let now = Instant::now();
        // A time-out beyond what the clock can say is none.
        let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
        if self.is_busy && !self.spin.is_zero() && gather.is_zero() {
            let spin_end = now + self.spin;
            self.spin_until(deadline.map_or(spin_end, |deadline| deadline.min(spin_end)))?;
        }
        while !self.has_news() {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                break;
            }
            self.sleep(Nap { at_most: left, gather: left.map_or(gather, |left| gather.min(left)) })?;
        }
        Ok(())
    }

    fn has_news(&self) -> bool {
        !self.inbox.is_empty() || self.alarm.is_notified()
    }

    /// Submits what is queued and takes what has arrived, up to a batch.
    fn fetch(&mut self) -> io::Result<()> {
        // A multishot receive brings some 32 datagrams an entry and an empty datagram ends it, so a batch can take several
        // entries; the bound is for a kernel that says "more" and brings nothing.
        for _ in 0..RECEIVED_PER_WAIT_MAX {
            if self.inbox.len() >= RECEIVED_PER_WAIT_MAX {
                return self.outbox.flush();
            }
            let has_queued = self.arm() || self.outbox.queued() > 0;
            if !has_queued && !self.outbox.kernel().may_have_work() {
                return Ok(());
            }
            let more = self.enter(Enter::Poll)?;
            if !(more || self.must_arm_receive()) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn spin_until(&mut self, end: Instant) -> io::Result<()> {
        while Instant::now() < end {
            for _ in 0..LOOKS_PER_CLOCK {
                if self.alarm.is_notified() {
                    return Ok(());
                }
                if self.outbox.kernel().may_have_work() {
                    self.fetch()?;
                    if self.has_news() {
                        return Ok(());
                    }
                    break;
                }
                std::hint::spin_loop();
            }
        }
        Ok(())
    }

    fn sleep(&mut self, nap: Nap) -> io::Result<()> {
        self.arm();
        if !self.alarm.fall_asleep() {
            assert!(self.alarm.is_notified(), "only a notice forbids sleep");
            return Ok(());
        }
        self.sleeps += 1;
        let outcome = self.enter(Enter::Sleep(nap));
        self.alarm.rise();
        if outcome? { self.fetch() } else { Ok(()) }
    }

    /// Enters the kernel and takes in what it brought; says whether a poll would bring more.
    fn enter(&mut self, how: Enter) -> io::Result<bool> {
        let more = self.outbox.enter(how);
        self.absorb()?;
        more
    }

    /// Takes in what was reaped, by us or by the outbox when it submitted during the turn.
    fn absorb(&mut self) -> io::Result<()> {
        let reaped = &mut self.outbox.reaped;
        self.inbox.accept(&mut reaped.arrivals);
        if std::mem::take(&mut reaped.woken) {
            self.alarm.silence();
        }
        if std::mem::take(&mut reaped.watch_ended) {
            self.watch = Armed::Ended;
        }
        if let Some(errno) = reaped.receive_ended.take() {
            self.receive = Armed::Ended;
            if !is_receive_curable(errno) {
                return Err(io::Error::from_raw_os_error(errno));
            }
        }
        Ok(())
    }

    /// Queues the receive and the watch where they are not armed; says whether it queued any.
    fn arm(&mut self) -> bool {
        let mut queued = false;
        if self.must_arm_receive() {
            self.receive_rearms += u64::from(self.receive == Armed::Ended);
            self.receive = Armed::Yes;
            self.outbox.kernel().arm_receive();
            queued = true;
        }
        if self.watch != Armed::Yes {
            self.watch = Armed::Yes;
            self.outbox.kernel().arm_watch();
            queued = true;
        }
        queued
    }

    /// Without a buffer the receive would only end again.
    fn must_arm_receive(&self) -> bool {
        self.receive != Armed::Yes && self.inbox.buffers_lent_to_kernel() > 0
    }
}

/// Whether arming again is all it takes: no buffers for the moment (ENOBUFS), an empty datagram (0), a signal.
fn is_receive_curable(errno: i32) -> bool {
    matches!(errno, 0 | libc::ENOBUFS | libc::EINTR | libc::EAGAIN | libc::ECANCELED)
}

#[cfg(test)]
mod tests;
