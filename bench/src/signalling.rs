//! WHIP (RFC 9725) and WHEP, on a thread of its own: whoever moves media must not wait for an answer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::http::{HttpError, Url};

/// An offer was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SignallingError {
    #[error("POST {0}: {1}")]
    Http(Url, #[source] HttpError),
    /// The server said no, and why.
    #[error("POST {url}: {status} {body}")]
    Refused { url: Url, status: u16, body: String },
    #[error("POST {0}: 201 without a Location")]
    NoLocation(Url),
}

/// What came of an offer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Whose offer it was.
    pub(crate) asker: usize,
    /// Just before the request.
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
    pub(crate) outcome: Result<Answer, SignallingError>,
}

/// An SDP answer and the session's URL.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) sdp: String,
    pub(crate) session: Url,
}

enum Request {
    Offer { asker: usize, url: Url, sdp: String },
    End { session: Url },
}

/// The thread; it ends with this value, after its last request.
pub(crate) struct Signalling {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
}

impl Signalling {
    pub(crate) fn start() -> Self {
        let (requests, received) = channel();
        let (answer, replies) = channel();
        let thread = thread::spawn(move || serve(&received, &answer));
        Self { requests: Some(requests), replies, thread: Some(thread) }
    }

    /// Posts an offer; the reply comes by and by.
    pub(crate) fn offer(&self, asker: usize, url: &Url, sdp: String) {
        self.send(Request::Offer { asker, url: url.clone(), sdp });
    }

    /// Deletes a session.
    pub(crate) fn end(&self, session: Url) {
        self.send(Request::End { session });
    }

    /// The next reply, if one is there.
    pub(crate) fn reply(&self) -> Option<Reply> {
        self.replies.try_recv().ok()
    }

    fn send(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // The thread lives as long as this sender.
            let _ = requests.send(request);
        }
    }
}

impl Drop for Signalling {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // It panicked: there is nothing left to wait for.
            let _ = thread.join();
        }
    }
}

fn serve(requests: &Receiver<Request>, replies: &Sender<Reply>) {
    for request in requests {
        match request {
            Request::Offer { asker, url, sdp } => {
                let asked = Instant::now();
                let outcome = post(&url, &sdp);
                // Nobody waits any more: the load has ended early.
                let _ = replies.send(Reply { asker, asked, answered: Instant::now(), outcome });
            }
            // A session that is gone already is as good.
            Request::End { session } => drop(session.request("DELETE", &[], "")),
        }
    }
}

fn post(url: &Url, offer: &str) -> Result<Answer, SignallingError> {
    let http = |error| SignallingError::Http(url.clone(), error);
    let response = url.request("POST", &[("Content-Type", "application/sdp")], offer).map_err(http)?;
    if response.status != 201 {
        let (url, status, body) = (url.clone(), response.status, response.body);
        return Err(SignallingError::Refused { url, status, body });
    }
    let location = response.header("location").ok_or_else(|| SignallingError::NoLocation(url.clone()))?;
    let session = url.join(location).map_err(http)?;
    Ok(Answer { sdp: response.body, session })
}
