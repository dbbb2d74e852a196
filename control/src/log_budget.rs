//! How many lines of one kind the log may get: what peers can cause must not flood it.
//!
//! Pure: time is passed in. Limits: [`LINES_MAX`] lines in [`WINDOW`]; those left out are counted, and the next line says how
//! many they were.

use std::time::{Duration, Instant};

const LINES_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct LogBudget {
    window: Option<Instant>,
    lines: u32,
    left_out: u64,
}

impl LogBudget {
    /// Some: the line may be written, and this many were left out before it.
    pub(crate) fn spend(&mut self, now: Instant) -> Option<u64> {
        if self.window.is_none_or(|begun| now.saturating_duration_since(begun) >= WINDOW) {
            self.window = Some(now);
            self.lines = 0;
        }
        if self.lines >= LINES_MAX {
            self.left_out += 1;
            return None;
        }
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flood of failures costs a fixed number of lines, and none of it goes unsaid.
    #[test]
    fn a_flood_writes_few_lines_and_the_next_one_counts_the_rest() {
        let mut budget = LogBudget::default();
        let begun = Instant::now();
        let written = (0..10_000).filter(|_| budget.spend(begun).is_some()).count();
        assert_eq!(written, 20);
        assert_eq!(budget.spend(begun + WINDOW), Some(9_980));
        assert_eq!(budget.spend(begun + WINDOW), Some(0));
    }
}
