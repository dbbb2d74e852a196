//! What the tests of requests to other servers stand on.

mod server;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use server::{Act, Request, Server, json};

use super::Outbound;
use super::guard::{Looking, Lookup};

/// A resolver that says what the test likes, one answer after the other, the last one for ever.
pub(crate) struct Script {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Arc<AtomicUsize>,
}

impl Lookup for Script {
    fn lookup(&self, _: &str) -> Looking {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.ok_or_else(|| io::ErrorKind::NotFound.into()) })
    }
}

impl Outbound {
    /// One of the test's own, with the system's resolver.
    pub(crate) fn of_a_test() -> Self {
        Self::with_lookup(Arc::new(super::System::new()))
    }

    /// One whose every name resolves as it is written here; and how often that was asked.
    pub(crate) fn resolving(answers: &[&[&str]]) -> (Self, Arc<AtomicUsize>) {
        let parsed = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        let answers = Mutex::new(answers.iter().map(parsed).collect());
        let asked = Arc::new(AtomicUsize::new(0));
        (Self::with_lookup(Arc::new(Script { answers, asked: Arc::clone(&asked) })), asked)
    }
}
