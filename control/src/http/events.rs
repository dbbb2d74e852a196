//! A session's events as they happen: Server-Sent Events (WHATWG HTML §9.2) on `…/resource/{stream}/{session}/events`.
//!
//! The way of draft-ietf-wish-whep: the answer to an offer links here; POST of a list of names gives the URL of a stream of
//! those events alone. Any client may as well GET this URL, or the resource URL with `Accept: text/event-stream`.
//!
//! Limits: see [`crate::events`]. A reader that does not read is cut off by its queue, or by `http.write_timeout_s`.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as _, Bytes, Frame};
use tokio::time::{Instant, Sleep, sleep};

use super::resource::Resource;
use super::{Site, body, route, session};
use crate::events::Queue;
use crate::fault::Fault;
use crate::signalling::Role;

/// Event names of a viewer's stream, as announced to it. The first two are those of draft-ietf-wish-whep.
const OF_VIEWERS: &str = "active,inactive,constrained,unconstrained,source_silent,source_back,first_frame,video_skipped,\
                          paused,resumed,muted,unmuted,switched,layer,ended";

/// Event names of a publisher's stream.
const OF_PUBLISHERS: &str = "source_silent,source_back,muted,unmuted,layers_wanted,ended";

/// Proxies close what is silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A comment, which readers skip.
const BEAT: Bytes = Bytes::from_static(b":\n\n");

const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");

const fn names(role: Role) -> &'static str {
    match role {
        Role::Publisher => OF_PUBLISHERS,
        Role::Viewer => OF_VIEWERS,
    }
}

/// Tells of the stream of events of the session at `location`.
pub(super) fn link(role: Role, location: &str) -> String {
    let (protocol, names) = (route::protocol(role), names(role));
    format!(
        "<{location}/events>; rel=\"urn:ietf:params:{protocol}:ext:core:server-sent-events\"; events=\"{names}\""
    )
}

impl Resource<'_> {
    /// GET: the stream. `query` may hold the names that are wanted: `only=ended,constrained`.
    pub(super) fn events(&self, site: &Site, query: Option<&str>) -> Result<Response, Fault> {
        let owner = Some((self.role, self.stream));
        let found = site.signalling.session(self.role, self.stream, self.session);
        let known = found.map_err(|_| session::gone(site, self.session, owner))?;
        let only = query.and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("only=")));
        let only = only.map(|names| names.split(',').map(str::to_owned).collect());
        let queue = site.signalling.listen(self.session, &known, only)?;
        let mut response = Response::new(Body::new(Stream::new(queue, HEARTBEAT)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, EVENT_STREAM);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // nginx holds answers back to send them in larger pieces.
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Ok(response)
    }

    /// POST of a list of names, or of nothing: where the stream of those events is. Nothing is held for it until its GET.
    pub(super) async fn select_events(
        &self,
        site: &Site,
        head: &Parts,
        body: Body,
    ) -> Result<Response, Fault> {
        site.signalling.session(self.role, self.stream, self.session)?;
        let mut location = head.uri.path().to_owned();
        if !body.is_end_stream() {
            body::check_type(&head.headers, body::JSON)?;
            let text = body::text(body, &site.config.http).await?;
            let wanted: Vec<String> =
                serde_json::from_str(&text).map_err(|_| Fault::BadEventList { names: names(self.role) })?;
            // Clients ask for all that they know, whatever is announced.
            let known = names(self.role).split(',').filter(|name| wanted.iter().any(|one| one == name));
            location += &format!("?only={}", known.collect::<Vec<_>>().join(","));
        }
        let mut response = StatusCode::CREATED.into_response();
        // The path was a request's, and names of ours are letters.
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        Ok(response)
    }

    /// DELETE: the streams of the session end, the session goes on.
    pub(super) fn end_events(&self, site: &Site) -> Result<Response, Fault> {
        site.signalling.session(self.role, self.stream, self.session)?;
        site.signalling.events.cut(self.session);
        Ok(StatusCode::OK.into_response())
    }
}

/// Asked for by name, as `EventSource` does.
pub(super) fn are_accepted(headers: &HeaderMap) -> bool {
    super::problem::accepts(headers, |kind| kind == "text/event-stream")
}

/// The body of an answer that ends with its session.
struct Stream {
    queue: Queue,
    interval: Duration,
    beat: Pin<Box<Sleep>>,
}

impl Stream {
    fn new(queue: Queue, interval: Duration) -> Self {
        Self { queue, interval, beat: Box::pin(sleep(interval)) }
    }
}

impl hyper::body::Body for Stream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let told = match self.queue.poll_recv(cx) {
            Poll::Ready(told) => told,
            Poll::Pending if self.beat.as_mut().poll(cx).is_ready() => Some(BEAT),
            Poll::Pending => return Poll::Pending,
        };
        let next = Instant::now() + self.interval;
        self.beat.as_mut().reset(next);
        Poll::Ready(told.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    use super::*;

    /// A proxy in front must not take a quiet stream for a dead one, and a stream ends when its session does.
    #[tokio::test]
    async fn a_quiet_stream_beats_and_an_ended_one_ends() {
        let (sender, queue) = mpsc::channel(4);
        let mut stream = Stream::new(queue, Duration::from_millis(20));
        let mut seen = Vec::new();
        for _ in 0..2 {
            seen.push(stream.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        sender.send(Bytes::from_static(b"event: ended\ndata: {}\n\n")).await.unwrap();
        drop(sender);
        seen.push(stream.frame().await.unwrap().unwrap().into_data().unwrap());
        assert_eq!(seen, [":\n\n", ":\n\n", "event: ended\ndata: {}\n\n"]);
        assert!(stream.frame().await.is_none());
    }
}
