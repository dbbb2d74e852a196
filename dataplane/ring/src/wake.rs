//! Waking a port's thread from another one, and not doing so when it is awake.
//!
//! To wake a sleeping thread costs its waker 12–17 µs on a virtual machine, as much as 40–100 packets; to find it awake costs
//! one atomic swap. The protocol is one word, in `word`; this file adds what the sleeper sleeps on.

#![expect(unsafe_code, reason = "std has no eventfd")]

mod word;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use crossbeam_utils::CachePadded;

use self::word::Word;

/// Ends the wait of the port it came from, from any thread.
#[derive(Debug, Clone)]
pub struct Waker {
    bell: Arc<Bell>,
}

/// The sleeper's side. One a port.
#[derive(Debug)]
pub(crate) struct Alarm {
    bell: Arc<Bell>,
}

#[derive(Debug)]
struct Bell {
    word: CachePadded<Word>,
    eventfd: File,
}

impl Waker {
    /// Ends the current wait of the owner, or its next one. Cheap unless the owner sleeps; of several wakes at once only
    /// the first pays. Put the work where the owner will look (a lane) before.
    pub fn wake(&self) {
        if self.bell.word.notify() {
            // It fails only when the counter is at its end (2^64 - 2): then the descriptor is readable anyway.
            let _ = (&self.bell.eventfd).write(&1u64.to_ne_bytes());
        }
    }
}

#[cfg(test)]
impl Waker {
    /// Whether the descriptor is readable.
    pub(crate) fn is_ringing(&self) -> bool {
        let rang = (&self.bell.eventfd).read(&mut [0; 8]).is_ok();
        if rang {
            (&self.bell.eventfd).write_all(&1u64.to_ne_bytes()).unwrap();
        }
        rang
    }
}

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes two numbers and returns a descriptor or -1.
        let descriptor = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and ours alone.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        let word = CachePadded::new(Word::default());
        Ok(Self { bell: Arc::new(Bell { word, eventfd: File::from(descriptor) }) })
    }

    pub(crate) fn waker(&self) -> Waker {
        Waker { bell: Arc::clone(&self.bell) }
    }

    /// What becomes readable when the sleeper is woken.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.bell.eventfd.as_raw_fd()
    }

    /// Whether a wake came that was not taken notice of yet.
    pub(crate) fn is_notified(&self) -> bool {
        self.bell.word.is_notified()
    }

    /// Announces sleep. `false`: a wake has come, don't.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.bell.word.fall_asleep()
    }

    /// Ends the sleep; a notice stays.
    pub(crate) fn rise(&self) {
        self.bell.word.rise();
    }

    /// Whether a wake came since the last call.
    pub(crate) fn take_notice(&self) -> bool {
        self.bell.word.take_notice()
    }

    /// Makes the descriptor unreadable again.
    pub(crate) fn silence(&self) {
        let mut count = [0; 8];
        // WouldBlock: somebody silenced it before. Nothing else can happen to an eventfd.
        let _ = (&self.bell.eventfd).read(&mut count);
    }
}

#[cfg(test)]
mod tests {
    use super::Alarm;

    /// The system call is the expensive part: an owner that is awake must not cause one.
    #[test]
    fn a_wake_of_an_awake_owner_writes_nothing() {
        let alarm = Alarm::new().unwrap();
        alarm.waker().wake();
        assert!(!alarm.waker().is_ringing());
        assert!(alarm.is_notified());
    }

    /// The lost wake-up: work arrives between the owner's last look and its sleep.
    #[test]
    fn a_wake_before_sleep_forbids_the_sleep() {
        let alarm = Alarm::new().unwrap();
        alarm.waker().wake();
        assert!(!alarm.fall_asleep());
        assert!(alarm.take_notice(), "the notice is still there");
        assert!(!alarm.take_notice(), "and is taken once");
        assert!(alarm.fall_asleep());
    }

    /// Many shards may wake one: the first write is enough.
    #[test]
    fn only_the_first_wake_of_a_sleeper_writes() {
        let alarm = Alarm::new().unwrap();
        assert!(alarm.fall_asleep());
        alarm.waker().wake();
        assert!(alarm.waker().is_ringing());
        alarm.silence();
        alarm.waker().wake();
        assert!(!alarm.waker().is_ringing());
        alarm.rise();
        assert!(alarm.take_notice(), "to rise does not lose the notice");
    }

    /// A sleep that ended by itself must not leave the word ASLEEP behind: every later wake would cost a write.
    #[test]
    fn a_sleep_without_news_ends_awake() {
        let alarm = Alarm::new().unwrap();
        assert!(alarm.fall_asleep());
        alarm.rise();
        assert!(!alarm.take_notice());
        alarm.waker().wake();
        assert!(!alarm.waker().is_ringing());
    }
}
