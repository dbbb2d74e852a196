//! The machine that a report is of: figures mean nothing without it.

use std::fs;

use serde::{Deserialize, Serialize};

/// See the file's head. What the system does not tell is empty or 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_bytes: u64,
    pub kernel: String,
    /// Of all programs, over the minute before the window.
    pub load: String,
}

impl Machine {
    #[must_use]
    pub fn here() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let first = |text: &str, name| {
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
        };
        let memory = first(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let kilobytes = memory.split_whitespace().next().and_then(|digits| digits.parse::<u64>().ok());
        Self {
            processor: first(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: fanlight_ring::cores(),
            memory_bytes: kilobytes.unwrap_or(0) * 1_024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load: read("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned(),
        }
    }
}
