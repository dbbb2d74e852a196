//! CPU time of the threads in which the kernel polls our queues.

#![expect(unsafe_code, reason = "std has no clock of another thread")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What the kernel calls them, with a number behind it.
const NAME: &str = "iou-sqp-";
/// A clock of one thread, by its scheduler's time: the low three bits of such a clock's id. `linux/posix-timers.h`.
const THREAD_CLOCK: libc::clockid_t = 0b110;

/// CPU time that the kernel's polling threads (`SQPOLL`) took up to a moment, of all rings of this process. They are threads of the
/// process, but none of its code runs in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PollingTime(BTreeMap<libc::pid_t, Duration>);

impl PollingTime {
    /// Up to now.
    #[must_use]
    pub fn now() -> Self {
        let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
        let polls = |thread: &fs::DirEntry| {
            fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.starts_with(NAME))
        };
        let ids = threads.filter(polls).filter_map(|thread| thread.file_name().to_str()?.parse().ok());
        Self(ids.filter_map(|id| Some((id, time(id)?))).collect())
    }

    /// What they took since an earlier moment. A thread that ended in between counts nothing: a ring's end is not waited for, so that
    /// the one before may still be going.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        let before = |id| earlier.0.get(id).copied().unwrap_or_default();
        self.0.iter().map(|(id, time)| time.saturating_sub(before(id))).sum()
    }
}

/// None: the thread is gone.
fn time(thread: libc::pid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock's id is a number, and the call fills the timespec.
    let outcome = unsafe { libc::clock_gettime(!thread << 3 | THREAD_CLOCK, &raw mut time) };
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
    (outcome == 0).then(|| Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{PollingTime, time};

    /// A clock that stood still would make a polling thread cost nothing.
    #[test]
    fn a_threads_clock_runs_while_it_works() {
        let (tell, told) = std::sync::mpsc::channel();
        let busy = std::thread::spawn(move || {
            // SAFETY: gettid takes nothing and cannot fail.
            tell.send(unsafe { libc::gettid() }).unwrap();
            let start = Instant::now();
            while time(0).unwrap() < Duration::from_millis(5) && start.elapsed() < Duration::from_secs(60) {}
            time(0).unwrap()
        });
        let thread = told.recv().unwrap();
        let start = Instant::now();
        while time(thread).is_some_and(|time| time < Duration::from_millis(2)) {
            assert!(start.elapsed() < Duration::from_secs(60));
        }
        assert!(busy.join().unwrap() >= Duration::from_millis(5));
        assert_eq!(time(thread), None);
    }

    /// The thread of the ring before ends a moment after it: taken from the sum, its time would make the next one look cheap.
    #[test]
    fn a_thread_that_ended_takes_nothing_from_the_others() {
        let at = |times: &[(i32, u64)]| {
            PollingTime(times.iter().map(|(id, ms)| (*id, Duration::from_millis(*ms))).collect())
        };
        let (before, after) = (at(&[(7, 900), (8, 10)]), at(&[(8, 25), (9, 3)]));
        assert_eq!(after.since(&before), Duration::from_millis(15 + 3));
    }
}
