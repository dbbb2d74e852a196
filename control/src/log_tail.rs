//! The latest lines of this process's log, for those who may read it from afar. In memory alone, and no more than [`BYTES_MAX`].

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Bytes of all lines together: an hour of a quiet server, minutes of a busy one.
pub(crate) const BYTES_MAX: usize = 256 * 1024;

/// Bytes of one line; what is longer is cut.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// The latest lines. A subscriber of `tracing` writes into it, one event a write: `Arc<LogTail>` is a `MakeWriter`.
#[derive(Debug, Default)]
pub struct LogTail(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    written: Option<SystemTime>,
}

/// The lines at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) text: String,
    /// When the last line came. None: there is none yet.
    pub(crate) written: Option<SystemTime>,
}

impl LogTail {
    pub(crate) fn read(&self) -> Excerpt {
        let kept = self.kept();
        let text: Vec<u8> = kept.lines.iter().flat_map(|line| line.iter().copied()).collect();
        Excerpt { text: String::from_utf8_lossy(&text).into_owned(), written: kept.written }
    }

    fn keep(&self, line: &[u8], now: SystemTime) {
        let whole = line.len() <= LINE_BYTES_MAX;
        let mut line = line.get(..LINE_BYTES_MAX).unwrap_or(line).to_vec();
        if !whole {
            line.push(b'\n');
        }
        let mut kept = self.kept();
        kept.bytes += line.len();
        kept.written = Some(now);
        kept.lines.push_back(line.into());
        while kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.lines.pop_front() else { return };
            kept.bytes -= oldest.len();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &LogTail {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.keep(line, SystemTime::now());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    /// A log that is read from memory must not fill it, and what is wanted of it is the end.
    #[test]
    fn the_latest_lines_are_kept_and_the_oldest_are_let_go() {
        let tail = LogTail::default();
        assert_eq!(tail.read(), Excerpt { text: String::new(), written: None });
        for number in 0..5_000 {
            tail.keep(format!("{number:04} {}\n", "x".repeat(94)).as_bytes(), NOW);
        }
        let Excerpt { text, written } = tail.read();
        assert_eq!(written, Some(NOW));
        assert_eq!(text.len(), BYTES_MAX / 100 * 100);
        assert!(text.starts_with(&format!("{:04} ", 5_000 - BYTES_MAX / 100)) && text.ends_with("x\n"));
        assert_eq!(text.lines().last().unwrap().get(..4), Some("4999"));
    }

    /// One line of a peer's making must not push out all others.
    #[test]
    fn a_long_line_is_cut() {
        let tail = LogTail::default();
        tail.keep(b"first\n", NOW);
        tail.keep(&vec![b'y'; 1_000_000], NOW);
        tail.keep("ü\n".as_bytes(), NOW);
        let text = tail.read().text;
        assert_eq!(text.len(), 6 + LINE_BYTES_MAX + 1 + 3);
        assert_eq!((text.lines().next(), text.lines().last()), (Some("first"), Some("ü")));
    }
}
