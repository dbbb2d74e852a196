//! The clock of a run: what packets are stamped with.

use std::time::Instant;

/// Counts nanoseconds from the start of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now. It would take five hundred years to saturate.
    pub(crate) fn now_ns(self) -> u64 {
        self.0.elapsed().as_nanos().try_into().unwrap_or(u64::MAX)
    }
}
