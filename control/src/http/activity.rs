//! What a connection of HTTP/2 is busy with: hyper has no clock for one on which nothing is asked, nor for a peer that takes no
//! more of an answer.
//!
//! ```text
//!   request ─► Mark ─► answer's head ─► Watched body ─► its end
//!              └──────── the connection is not at rest ────┘
//! ```
//!
//! Time is passed to [`Activity::verdict`], which is pure.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Bytes, Frame, SizeHint};
use tokio::time::Instant;

use crate::config::Http;

/// The requests under way on one connection. Its own task and those of its requests read and write it.
#[derive(Debug, Clone)]
pub(super) struct Activity(Arc<Mutex<Requests>>);

#[derive(Debug)]
struct Requests {
    /// By number. Some: since when the peer has not asked for more of the answer.
    open: BTreeMap<u64, Option<Instant>>,
    begun: u64,
    /// When the last one ended, or the connection began.
    rests_since: Instant,
}

/// What is to be done with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing before that time.
    GoOn(Instant),
    /// Nothing was asked for too long.
    Idle,
    /// The peer takes no more of an answer.
    Stalled,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self(Arc::new(Mutex::new(Requests { open: BTreeMap::new(), begun: 0, rests_since: now })))
    }

    /// A request has come; it is under way until the mark is dropped.
    pub(super) fn begin(&self) -> Mark {
        let mut requests = self.requests();
        requests.begun += 1;
        let number = requests.begun;
        requests.open.insert(number, None);
        Mark { activity: self.clone(), number }
    }

    /// The first request has less time than each later one, as in HTTP/1.1.
    pub(super) fn verdict(&self, now: Instant, limits: &Http) -> Verdict {
        let requests = self.requests();
        if requests.open.is_empty() {
            let patience = if requests.begun == 0 { limits.header_timeout() } else { limits.idle_timeout() };
            return until(requests.rests_since, patience, now, Verdict::Idle);
        }
        let patience = limits.write_timeout();
        let longest = requests.open.values().flatten().min();
        longest.map_or(Verdict::GoOn(now + patience), |since| until(*since, patience, now, Verdict::Stalled))
    }

    fn requests(&self) -> MutexGuard<'_, Requests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn until(since: Instant, patience: Duration, now: Instant, then: Verdict) -> Verdict {
    let end = since + patience;
    if now < end { Verdict::GoOn(end) } else { then }
}

/// One request under way.
#[derive(Debug)]
pub(super) struct Mark {
    activity: Activity,
    number: u64,
}

impl Mark {
    fn set(&self, waits_for_peer_since: Option<Instant>) {
        if let Some(request) = self.activity.requests().open.get_mut(&self.number) {
            *request = waits_for_peer_since;
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let mut requests = self.activity.requests();
        requests.open.remove(&self.number);
        if requests.open.is_empty() {
            requests.rests_since = Instant::now();
        }
    }
}

/// The body of an answer. hyper asks it for more when the peer has taken what there was.
pub(super) struct Watched {
    pub(super) body: Body,
    pub(super) mark: Mark,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let progress = Pin::new(&mut self.body).poll_frame(cx);
        self.mark.set(progress.is_ready().then(Instant::now));
        progress
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::config::Config;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Http {
        let mut http = Config::default().http;
        (http.header_timeout_s, http.idle_timeout_s, http.write_timeout_s) = (5, 15, 30);
        http
    }

    /// A peer that never asked has no time to idle; one that asked has; nobody idles while an answer is under way.
    #[tokio::test]
    async fn a_connection_at_rest_is_given_up_and_a_busy_one_is_not() {
        let (limits, begun) = (limits(), Instant::now());
        let activity = Activity::new(begun);
        let at = |seconds: u32| begun + SECOND * seconds;
        assert_eq!(activity.verdict(at(4), &limits), Verdict::GoOn(at(5)));
        assert_eq!(activity.verdict(at(5), &limits), Verdict::Idle);
        let (first, second) = (activity.begin(), activity.begin());
        assert_eq!(activity.verdict(at(1_000), &limits), Verdict::GoOn(at(1_030)));
        drop(first);
        assert_eq!(activity.verdict(at(1_000), &limits), Verdict::GoOn(at(1_030)));
        let before = Instant::now();
        drop(second);
        let (earliest, latest) = (before + SECOND * 15, Instant::now() + SECOND * 15);
        let Verdict::GoOn(until) = activity.verdict(before, &limits) else {
            panic!("it rests since a moment")
        };
        assert!((earliest..=latest).contains(&until), "from the end of the last one on");
        assert_eq!(activity.verdict(latest, &limits), Verdict::Idle);
    }

    /// A quiet stream of events waits for us and may wait for ever; an answer that was given waits for the peer.
    #[tokio::test]
    async fn only_a_wait_for_the_peer_counts_as_stalled() {
        let (limits, begun) = (limits(), Instant::now());
        let activity = Activity::new(begun);
        let (sender, mut pieces) = tokio::sync::mpsc::channel::<Bytes>(4);
        let body = http_body_util::StreamBody::new(futures_of(move |cx| pieces.poll_recv(cx)));
        let mut watched = Watched { body: Body::new(body), mark: activity.begin() };
        let quiet = tokio::time::timeout(SECOND / 100, watched.frame()).await;
        assert!(quiet.is_err(), "there is nothing yet");
        let late = begun + SECOND * 500;
        assert_eq!(activity.verdict(late, &limits), Verdict::GoOn(late + SECOND * 30));
        let before = Instant::now();
        sender.send(Bytes::from_static(b"event: a\n\n")).await.unwrap();
        watched.frame().await.unwrap().unwrap();
        let Verdict::GoOn(until) = activity.verdict(before, &limits) else {
            panic!("it was given a moment ago")
        };
        assert!((before + SECOND * 30..=Instant::now() + SECOND * 30).contains(&until));
        assert_eq!(activity.verdict(late, &limits), Verdict::Stalled);
    }

    /// A stream of frames by hand.
    fn futures_of(
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Unpin,
    ) -> impl futures_core::Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> {
        struct Polled<F>(F);
        impl<F: FnMut(&mut Context<'_>) -> Poll<Option<Bytes>> + Unpin> futures_core::Stream for Polled<F> {
            type Item = Result<Frame<Bytes>, std::convert::Infallible>;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                (self.0)(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
        Polled(move |cx: &mut Context<'_>| poll(cx))
    }
}
