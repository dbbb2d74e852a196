//! Drives clients from one thread: each socket that has something and each timer that is due, in turn.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::publisher::Publisher;
use super::session::SessionError;
use super::viewer::Viewer;

/// How often a condition is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Clients that live at the same time. They stand still between two runs; a second of that does no harm.
#[derive(Default)]
pub struct Stage {
    pub publishers: Vec<Publisher>,
    pub viewers: Vec<Viewer>,
}

/// A run that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("waiting for sockets: {0}")]
    Io(#[from] io::Error),
    /// What should have happened did not.
    #[error("not within {after:?}: {what}. {state}")]
    TimedOut { what: String, after: Duration, state: String },
}

impl Stage {
    /// Runs for this long.
    ///
    /// # Errors
    /// Faults of a client.
    pub fn run_for(&mut self, time: Duration) -> Result<(), StageError> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.step(until)?;
        }
        Ok(())
    }

    /// Runs until `done` says so; `what` names it.
    ///
    /// # Errors
    /// Faults of a client, and [`StageError::TimedOut`].
    pub fn run_until(
        &mut self,
        what: &str,
        timeout: Duration,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<(), StageError> {
        let end = Instant::now() + timeout;
        while !done(self) {
            if end <= Instant::now() {
                let (what, state) = (what.to_owned(), self.to_string());
                return Err(StageError::TimedOut { what, after: timeout, state });
            }
            self.run_for(LOOK_INTERVAL)?;
        }
        Ok(())
    }

    fn step(&mut self, until: Instant) -> Result<(), StageError> {
        let mut wake = until;
        for publisher in &mut self.publishers {
            wake = wake.min(publisher.poll()?);
        }
        for viewer in &mut self.viewers {
            wake = wake.min(viewer.poll()?);
        }
        let sockets =
            self.publishers.iter().map(Publisher::socket).chain(self.viewers.iter().map(Viewer::socket));
        let mut waits: Vec<_> =
            sockets.flatten().map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN)).collect();
        let time = wake.saturating_duration_since(Instant::now());
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        match poll(&mut waits, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}

/// One line a client, for the message of a failed test.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, publisher) in self.publishers.iter().enumerate() {
            let (times, end) = (publisher.milestones(), publisher.end());
            let (withheld, resent) = (publisher.packets_withheld(), publisher.packets_resent());
            write!(
                f,
                "\n  publisher {number}: {times:?}, end {end:?}, withheld {withheld}, sent again {resent}"
            )?;
        }
        for (number, viewer) in self.viewers.iter().enumerate() {
            let (times, end) = (viewer.milestones(), viewer.end());
            write!(f, "\n  viewer {number}: {times:?}, end {end:?}, kept out {}", viewer.packets_kept_out())?;
            for seen in viewer.tracks() {
                let (content, packets, missing) = (seen.script.content, seen.packets, seen.missing());
                let again = seen.by_retransmission;
                write!(f, "\n    {content:?}: {packets} packets, {again} of them again, {missing} missing")?;
                write!(f, ", {:?}", seen.faults)?;
            }
        }
        Ok(())
    }
}
