//! The clock of a run: what packets are stamped with.

use std::time::{Duration, Instant};

/// Counts nanoseconds from the start of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Now. It would take five hundred years to saturate.
    pub(crate) fn now_ns(self) -> u64 {
        self.at(Instant::now())
    }

    /// A moment of the run; 0 before its start.
    pub(crate) fn at(self, moment: Instant) -> u64 {
        nanoseconds(moment.saturating_duration_since(self.0))
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// Of seconds as plans have them: from 0 up, all of which fit.
pub(crate) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
