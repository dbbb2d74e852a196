//! Whether the machine has time to spare: what is late on one that has none is not the server's fault.

use std::io;

/// Share of processor time that must be left over for a late picture to say anything of the server.
pub const IDLE_MIN: f64 = 0.1;

/// Processor time since boot, in ticks: proc_stat(5).
pub struct Processor {
    idle: f64,
    all: f64,
}

impl Processor {
    /// Reads it.
    ///
    /// # Errors
    /// There is no such file, or it holds something else.
    pub fn now() -> io::Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let first = stat.lines().next().unwrap_or_default();
        let ticks: Vec<f64> =
            first.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
        let idle = *ticks.get(3).ok_or_else(|| io::Error::other(format!("/proc/stat: {first}")))?;
        Ok(Self { idle, all: ticks.iter().sum() })
    }

    /// Share of the time since then, of all processors together.
    #[must_use]
    pub fn idle_since(&self, then: &Self) -> f64 {
        (self.idle - then.idle) / (self.all - then.all)
    }
}
