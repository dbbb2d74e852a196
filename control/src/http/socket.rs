//! The network's side of one connection of HTTP/1.1, in plain or by TLS, with three habits that hyper lacks.
//!
//! - A head that is late is given up, see [`super::head_clock`].
//! - A peer that does not take its answer is given up after `http.write_timeout_s`, see [`super::write_clock`].
//! - hyper answers a head that it cannot parse by itself, without a word why. Such an answer is held back here, so that
//!   `connection` can send one with a reason. It is told from ours by the lack of a header that all of ours have.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::cors;
use super::head_clock::{HeadClock, Turns};
use super::write_clock::WriteClock;
use crate::config::Http;

/// hyper's own answer is a status line, Content-Length, Date and perhaps Connection.
const OWN_ANSWER_BYTES_MAX: usize = 512;

/// How long, and how much, is read and thrown away after the last answer. Closing with unread bytes would reset the
/// connection, and the peer might never see the answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: u64 = 1 << 20;

/// One accepted connection.
pub(super) struct Socket<S> {
    stream: TokioIo<S>,
    head_clock: HeadClock,
    head_is_late: bool,
    write_clock: WriteClock,
    held_back: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    pub(super) fn new(stream: S, limits: &Http, turns: Turns) -> Self {
        Self {
            stream: TokioIo::new(stream),
            head_clock: HeadClock::start(limits.header_timeout(), turns),
            head_is_late: false,
            write_clock: WriteClock::new(limits.write_timeout()),
            held_back: false,
        }
    }

    /// Whether the peer took too long over a request's head.
    pub(super) const fn head_is_late(&self) -> bool {
        self.head_is_late
    }

    /// Whether hyper gave an answer of its own that the peer has not got.
    pub(super) const fn held_back(&self) -> bool {
        self.held_back
    }

    /// Sends `last_words`, if any, says goodbye and waits a moment for the peer to read.
    pub(super) async fn finish(self, last_words: Option<&[u8]>) {
        let write_timeout = self.write_clock.limit();
        let mut stream = self.stream.into_inner();
        let farewell = async {
            if let Some(bytes) = last_words {
                stream.write_all(bytes).await?;
            }
            stream.shutdown().await
        };
        if let Ok(Ok(())) = timeout(write_timeout, farewell).await {
            let mut rest = stream.take(LINGER_BYTES_MAX);
            let mut scratch = [0; 4096];
            let drained = async { while matches!(rest.read(&mut scratch).await, Ok(count) if count > 0) {} };
            // Either way the connection ends here.
            let _ = timeout(LINGER, drained).await;
        }
    }
}

fn is_hypers_own(bytes: &[u8]) -> bool {
    let mark = cors::MARK;
    bytes.len() <= OWN_ANSWER_BYTES_MAX
        && bytes.starts_with(b"HTTP/1.1 4")
        && bytes.ends_with(b"\r\n\r\n")
        && !bytes.windows(mark.as_str().len()).any(|window| window == mark.as_str().as_bytes())
}

impl<S: AsyncRead + Unpin> Read for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.head_clock.poll(cx, progress.is_ready()).is_ready() {
            self.head_is_late = true;
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        progress
    }
}

/// Not vectored: so hyper hands over an answer's head in one piece.
impl<S: AsyncWrite + Unpin> Write for Socket<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if is_hypers_own(bytes) {
            self.held_back = true;
            return Poll::Ready(Ok(bytes.len()));
        }
        let progress = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.write_clock.bound(cx, progress)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.stream).poll_flush(cx);
        self.write_clock.bound(cx, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holding back an answer of ours would leave a client without one.
    #[test]
    fn only_hypers_own_errors_are_held_back() {
        assert!(is_hypers_own(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"));
        assert!(is_hypers_own(b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\n\r\n"));
        let ours = b"HTTP/1.1 400 Bad Request\r\naccess-control-expose-headers: Location\r\ncontent-length: 0\r\n\r\n";
        assert!(!is_hypers_own(ours));
        assert!(!is_hypers_own(b"HTTP/1.1 100 Continue\r\n\r\n"));
        assert!(!is_hypers_own(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno"));
        assert!(!is_hypers_own(b""));
    }
}
