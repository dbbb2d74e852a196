//! The word between a sleeper and its wakers.
//!
//! ```text
//!            wake                    wake: writes the eventfd
//!   AWAKE ─────────► NOTIFIED ◄───────────────────────── ASLEEP
//!     ▲ ▲               │                                 ▲  │
//!     │ └───────────────┘ take_notice                     │  │
//!     ├──────────────────────────── fall_asleep ──────────┘  │
//!     └─────────────────────────────── rise ─────────────────┘
//! ```
//! Every change is a read-modify-write of that word, so a wake comes either before `fall_asleep`, which then fails, or after
//! it, and then sees ASLEEP and writes. The swaps are release and acquire: what was pushed to a lane before the wake is seen by
//! whoever takes the notice.
//!
//! It is generic over the atomic for the tests, which try every interleaving and every reordering that the memory model
//! allows (loom).

use std::sync::atomic::{AtomicU32, Ordering};

const AWAKE: u32 = 0;
const NOTIFIED: u32 = 1;
const ASLEEP: u32 = 2;

/// The owner's state. One thread sleeps, any thread notifies.
#[derive(Debug, Default)]
pub(super) struct Word<A = AtomicU32> {
    state: A,
}

impl<A: Atomic> Word<A> {
    /// By a waker: leaves a notice. `true`: the owner sleeps and this waker is the one who has to ring.
    pub(super) fn notify(&self) -> bool {
        self.state.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP
    }

    /// By the owner: whether there is a notice. It stays.
    pub(super) fn is_notified(&self) -> bool {
        self.state.load(Ordering::Relaxed) == NOTIFIED
    }

    /// By the owner: `true` if it may sleep, `false` if there is a notice.
    pub(super) fn fall_asleep(&self) -> bool {
        self.state.change(AWAKE, ASLEEP)
    }

    /// By the owner: the sleep is over. A notice stays.
    pub(super) fn rise(&self) {
        // It fails if there is a notice, which for a waker is as good as AWAKE.
        self.state.change(ASLEEP, AWAKE);
    }

    /// By the owner: takes the notice, if there is one. What was done before `notify` is seen after this.
    pub(super) fn take_notice(&self) -> bool {
        // A notice that comes right after this look is found by the next one, at the latest by `fall_asleep`.
        self.is_notified() && self.state.swap(AWAKE, Ordering::AcqRel) == NOTIFIED
    }
}

/// What the protocol needs of an atomic word.
pub(super) trait Atomic {
    fn load(&self, order: Ordering) -> u32;
    fn swap(&self, value: u32, order: Ordering) -> u32;
    /// From one value to another, if it is the one.
    fn change(&self, from: u32, to: u32) -> bool;
}

impl Atomic for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        Self::load(self, order)
    }

    fn swap(&self, value: u32, order: Ordering) -> u32 {
        Self::swap(self, value, order)
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicU32, AtomicUsize};
    use loom::thread;

    use super::{Atomic, Word};

    impl Atomic for AtomicU32 {
        fn load(&self, order: Ordering) -> u32 {
            Self::load(self, order)
        }

        fn swap(&self, value: u32, order: Ordering) -> u32 {
            Self::swap(self, value, order)
        }

        fn change(&self, from: u32, to: u32) -> bool {
            self.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        }
    }

    /// An owner with two lanes, each one word of work, and the bell it sleeps on, a counter as an eventfd is. All but the word is relaxed: whatever
    /// order there is comes from the protocol alone.
    #[derive(Default)]
    struct Scene {
        word: Word<AtomicU32>,
        work: [AtomicUsize; 2],
        bell: AtomicUsize,
    }

    impl Scene {
        fn give_work(&self, lane: usize) {
            self.work[lane].store(1, Ordering::Relaxed);
            if self.word.notify() {
                self.bell.fetch_add(1, Ordering::Relaxed);
            }
        }

        /// The owner's loop until all work is seen. A lost wake-up leaves it on the bell for ever, which loom reports.
        fn work_until_done(&self, lanes: usize) {
            while self.work[..lanes].iter().any(|work| work.load(Ordering::Relaxed) == 0) {
                if self.word.fall_asleep() {
                    while self.bell.swap(0, Ordering::Relaxed) == 0 {
                        thread::yield_now();
                    }
                    self.word.rise();
                }
                assert!(self.word.take_notice(), "awake without a notice");
            }
        }
    }

    /// The lost wake-up, in every order that the hardware may choose.
    #[test]
    fn no_interleaving_loses_the_wake_of_one_waker() {
        loom::model(|| {
            let scene = Arc::new(Scene::default());
            let other = Arc::clone(&scene);
            let waker = thread::spawn(move || other.give_work(0));
            scene.work_until_done(1);
            waker.join().unwrap();
        });
    }

    /// Two wakers: the second finds a notice already and rings no bell; its work must be seen all the same.
    #[test]
    fn no_interleaving_loses_the_wake_of_two_wakers() {
        // Three preemptions find each fault that was tried; all of them would take minutes.
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let scene = Arc::new(Scene::default());
            let wakers = [0, 1].map(|lane| {
                let other = Arc::clone(&scene);
                thread::spawn(move || other.give_work(lane))
            });
            scene.work_until_done(2);
            for waker in wakers {
                waker.join().unwrap();
            }
        });
    }
}
