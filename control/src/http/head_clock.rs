//! How long a request's head may take, apart from how long a connection may idle before it.
//!
//! hyper has one timer for both, which gets the longer time. This clock gives the shorter one: it runs from accept, or from
//! the first byte of a later head, until the request is handed over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Where a connection is: even while the next head is awaited, odd while a request is answered. Written and read by the
/// connection's own task.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<AtomicU32>);

impl Turns {
    /// A head was read and is handed over.
    pub(super) fn request_begins(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The request handed over last has its answer.
    pub(super) fn answer_given(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The clock of one connection.
#[derive(Debug)]
pub(super) struct HeadClock {
    limit: Duration,
    turns: Turns,
    /// The turn it was started in, and its end.
    running: Option<(u32, Pin<Box<Sleep>>)>,
}

impl HeadClock {
    /// Runs from now on: a peer that connects and says nothing has no time to idle.
    pub(super) fn start(limit: Duration, turns: Turns) -> Self {
        let running = Some((turns.now(), Box::pin(sleep(limit))));
        Self { limit, turns, running }
    }

    /// To be polled with every read; `bytes_came` says what the read brought. Ready: the head is late.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, bytes_came: bool) -> Poll<()> {
        let turn = self.turns.now();
        self.running.take_if(|(started, _)| *started != turn);
        let answering = turn % 2 == 1;
        if answering {
            return Poll::Pending;
        }
        if bytes_came && self.running.is_none() {
            self.running = Some((turn, Box::pin(sleep(self.limit))));
        }
        match &mut self.running {
            Some((_, end)) => end.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}
