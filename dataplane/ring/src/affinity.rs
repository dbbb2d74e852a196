//! Which cores the process may use, and tying a thread to one.

#![expect(unsafe_code, reason = "std has no scheduler affinity")]

use std::io;
use std::sync::OnceLock;

/// Room for 8192 CPUs, the most that Linux can be built for on x86-64.
type CpuMask = [u64; 128];

/// How many cores the process may use; at least one. In a container or under `taskset` these are fewer than the machine has.
/// The set is read once, before any thread is tied to a core.
pub fn cores() -> usize {
    allowed().len()
}

/// Ties the calling thread to the `core`-th of the cores that the process may use, counted from 0.
///
/// # Errors
/// `InvalidInput` if there is no such core, or what the system call says.
pub fn pin_to_core(core: usize) -> io::Result<()> {
    let cpu = *allowed().get(core).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("no core {core}: the process may use {} cores, counted from 0", cores()),
        )
    })?;
    let mut mask: CpuMask = [0; 128];
    mask[cpu / 64] = 1 << (cpu % 64);
    // SAFETY: 0 is the calling thread; the mask is valid for its size and only read.
    let outcome = unsafe { libc::sched_setaffinity(0, size_of::<CpuMask>(), mask.as_ptr().cast()) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn allowed() -> &'static [usize] {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        let cpus = cpus_in(&current_mask());
        // An unreadable mask is no reason not to run: take the first CPU.
        if cpus.is_empty() { vec![0] } else { cpus }
    })
}

/// The CPUs of the calling thread; none if the kernel does not say.
fn current_mask() -> CpuMask {
    let mut mask: CpuMask = [0; 128];
    // SAFETY: 0 is the calling thread; the mask is valid for its size and may be written.
    unsafe { libc::sched_getaffinity(0, size_of::<CpuMask>(), mask.as_mut_ptr().cast()) };
    mask
}

fn cpus_in(mask: &CpuMask) -> Vec<usize> {
    (0..mask.len() * 64).filter(|cpu| mask[cpu / 64] >> (cpu % 64) & 1 == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::{allowed, cores, cpus_in, current_mask, pin_to_core};

    /// A worker that shares a core with another by mistake halves both.
    #[test]
    fn a_pinned_thread_runs_on_that_core_alone() {
        let last = cores() - 1;
        std::thread::spawn(move || {
            pin_to_core(last).unwrap();
            assert_eq!(cpus_in(&current_mask()), [allowed()[last]]);
        })
        .join()
        .unwrap();
    }

    /// Asking for more workers than cores must fail loudly, not land somewhere.
    #[test]
    fn a_core_beyond_the_last_is_refused() {
        let error = pin_to_core(cores()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
