//! How long a peer may pause in taking what it is sent: hyper would wait for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// The clock of one connection. It runs while the peer's window is closed.
#[derive(Debug)]
pub(super) struct WriteClock {
    limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl WriteClock {
    pub(super) const fn new(limit: Duration) -> Self {
        Self { limit, stalled: None }
    }

    pub(super) const fn limit(&self) -> Duration {
        self.limit
    }

    /// Turns a wait for the peer into an error when it has lasted too long.
    pub(super) fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        progress: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stalled = None;
            return progress;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}
