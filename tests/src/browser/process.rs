//! A browser's process: with a profile of its own, and never left behind.

use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use super::BrowserError;
use crate::temporary::TemporaryFolder;

/// From the wish that it ends to the end of the process.
const END_TIMEOUT: Duration = Duration::from_secs(5);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Ends with this value, at the latest [`END_TIMEOUT`] after it was dropped.
pub(super) struct Process {
    pub(super) child: Child,
    _profile: TemporaryFolder,
}

impl Process {
    pub(super) fn start(
        command: &mut Command,
        package: &'static str,
        profile: TemporaryFolder,
    ) -> Result<Self, BrowserError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(|error| BrowserError::Start { program, package, error })?;
        Ok(Self { child, _profile: profile })
    }

    /// Why it does not answer.
    pub(super) fn last_words(&mut self) -> String {
        match self.child.try_wait() {
            Ok(Some(status)) => format!("it ended with {status}; is it installed?"),
            _ => "it closed its connection".to_owned(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let end = Instant::now() + END_TIMEOUT;
        while Instant::now() < end {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        // A browser that does not end by itself is ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
