//! The task that owns the socket: connects, says hello, takes over the snapshot, then carries messages both ways.
//!
//! ```text
//!   connect ─► peer's uid ─► Hello ─► Welcome ─► Snapshot ─► line open ─► … ─► closed or silent ─► back-off ─► connect
//! ```
//!
//! Limits: a handshake of 5 s, a silence of 30 s (the dataplane reports every second, if the machine lets it), back-off
//! from 50 ms to 2 s.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fanlight_protocol::{Decoder, FrameError, PROTOCOL_VERSION, RequestId, ToControl, ToDataplane, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::signalling::Signalling;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
const SILENCE_MAX: Duration = Duration::from_secs(30);
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);

/// One read's worth. A report of some thousand sessions takes a few of them.
const READ_BYTES: usize = 64 * 1024;

/// The snapshot of a connection's beginning. Requests of [`super::Line`] count from 1.
const SNAPSHOT: RequestId = RequestId(0);

/// Why a connection ended or did not come to be.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("cannot reach the media process: {0}")]
    Connect(io::Error),
    #[error("the socket belongs to user {0}, not to this one; it is not used")]
    ForeignUser(u32),
    #[error(
        "the media process speaks version {theirs} of the protocol, this control version {PROTOCOL_VERSION}"
    )]
    Version { theirs: u16 },
    #[error("the media process did not finish the handshake within {HANDSHAKE_TIMEOUT:?}")]
    HandshakeTimeout,
    #[error("the media process has been silent for {SILENCE_MAX:?}")]
    Silent,
    #[error("the media process closed the connection; it stopped, or a newer control is in charge")]
    Closed,
    #[error("the connection to the media process failed: {0}")]
    Io(#[from] io::Error),
    #[error("the media process sent what is no message: {0}")]
    Frame(#[from] FrameError),
}

/// Keeps the line to the dataplane at `socket` open until `stop` says so or its sender is gone.
pub(crate) async fn run(
    signalling: Arc<Signalling>,
    socket: &Path,
    epoch: u64,
    mut stop: watch::Receiver<()>,
) {
    let link = Link { signalling, epoch };
    let mut backoff = BACKOFF_MIN;
    loop {
        let ended = tokio::select! {
            ended = link.once(socket) => ended,
            _ = stop.changed() => {
                link.signalling.line_lost();
                return;
            }
        };
        let was_open = link.signalling.line_lost();
        if was_open {
            backoff = BACKOFF_MIN;
            tracing::warn!(reason = %ended, "lost the media process");
        } else {
            tracing::debug!(reason = %ended, "no media process yet");
            // A version or a user that does not fit will not heal by itself: it is said aloud, though not often.
            if matches!(ended, LinkError::Version { .. } | LinkError::ForeignUser(_)) {
                backoff = BACKOFF_MAX;
                tracing::error!(reason = %ended, "cannot use the media process");
            }
        }
        tokio::select! {
            () = sleep(backoff) => {}
            _ = stop.changed() => return,
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

struct Link {
    signalling: Arc<Signalling>,
    epoch: u64,
}

impl Link {
    async fn once(&self, socket: &Path) -> LinkError {
        match self.connect(socket).await {
            Ok(never) => match never {},
            Err(error) => error,
        }
    }

    async fn connect(&self, socket: &Path) -> Result<Infallible, LinkError> {
        let stream = UnixStream::connect(socket).await.map_err(LinkError::Connect)?;
        let uid = stream.peer_cred()?.uid();
        if uid != rustix::process::geteuid().as_raw() {
            return Err(LinkError::ForeignUser(uid));
        }
        let (reader, writer) = stream.into_split();
        let (outbox, queue) = mpsc::unbounded_channel();
        // Both directions run at once: a full socket one way must not stop the other.
        tokio::select! {
            ended = self.receive(Inbound::new(reader), outbox) => ended,
            ended = transmit(writer, queue) => ended,
        }
    }

    async fn receive(
        &self,
        mut inbound: Inbound,
        outbox: mpsc::UnboundedSender<ToDataplane>,
    ) -> Result<Infallible, LinkError> {
        timeout(HANDSHAKE_TIMEOUT, self.handshake(&mut inbound, &outbox))
            .await
            .map_err(|_| LinkError::HandshakeTimeout)??;
        self.signalling.line.open(outbox);
        tracing::info!("the media process is connected");
        loop {
            let message = timeout(SILENCE_MAX, inbound.next()).await.map_err(|_| LinkError::Silent)??;
            self.take(message);
        }
    }

    async fn handshake(
        &self,
        inbound: &mut Inbound,
        outbox: &mpsc::UnboundedSender<ToDataplane>,
    ) -> Result<(), LinkError> {
        // Sending fails only after the writer has ended, and then this future is dropped.
        let _ = outbox.send(ToDataplane::Hello { protocol: PROTOCOL_VERSION, epoch: self.epoch });
        loop {
            match inbound.next().await? {
                ToControl::Welcome { protocol, .. } if protocol != PROTOCOL_VERSION => {
                    return Err(LinkError::Version { theirs: protocol });
                }
                ToControl::Welcome { boot, .. } => {
                    // A new life of the dataplane needs no more than its snapshot, which lacks the sessions of the old one.
                    tracing::debug!(boot, "the media process greets");
                    let _ = outbox.send(ToDataplane::Snapshot { request: SNAPSHOT });
                }
                ToControl::Snapshot { request: SNAPSHOT, sessions } => {
                    for close in self.signalling.reconcile(sessions) {
                        let _ = outbox.send(close);
                    }
                    return Ok(());
                }
                event => self.take(event),
            }
        }
    }

    fn take(&self, message: ToControl) {
        let signalling = &self.signalling;
        match message {
            ToControl::Accepted { request, session, description, ice_tag, tracks } => {
                // The registry first: events of the session may be the next message.
                signalling.session_accepted(session, ice_tag.clone(), tracks);
                signalling.line.answer(request, Ok(super::Answer::Accepted { description, ice_tag }));
            }
            ToControl::Restarted { request, session, ice_tag, fragment } => {
                signalling.session_restarted(session, ice_tag.clone());
                signalling.line.answer(request, Ok(super::Answer::Restarted { ice_tag, fragment }));
            }
            ToControl::Replaced { publisher, former, viewers } => {
                signalling.publisher_replaced(publisher, former, &viewers);
            }
            ToControl::Refused { request, refusal } => signalling.line.answer(request, Err(refusal)),
            ToControl::Done { request } => signalling.line.answer(request, Ok(super::Answer::Done)),
            ToControl::Connected { session } => signalling.session_connected(session),
            ToControl::Closed { session, reason, last } => signalling.session_closed(session, reason, last),
            ToControl::Inspected { request, inspection } => {
                signalling.line.answer(request, Ok(super::Answer::Inspected(inspection)));
            }
            ToControl::Noted { session, note } => signalling.session_noted(session, note),
            ToControl::Stats(report) => signalling.reported(report),
            ToControl::Welcome { .. } | ToControl::Snapshot { .. } => {
                tracing::warn!("the media process repeated a message of the handshake; it is ignored");
            }
        }
    }
}

/// Messages out of the socket.
struct Inbound {
    reader: OwnedReadHalf,
    decoder: Decoder,
    chunk: Vec<u8>,
}

impl Inbound {
    fn new(reader: OwnedReadHalf) -> Self {
        Self { reader, decoder: Decoder::new(), chunk: vec![0; READ_BYTES] }
    }

    async fn next(&mut self) -> Result<ToControl, LinkError> {
        loop {
            if let Some(message) = self.decoder.message()? {
                return Ok(message);
            }
            let count = self.reader.read(&mut self.chunk).await?;
            if count == 0 {
                return Err(LinkError::Closed);
            }
            self.decoder.push(self.chunk.get(..count).unwrap_or_default());
        }
    }
}

async fn transmit(
    mut writer: OwnedWriteHalf,
    mut queue: mpsc::UnboundedReceiver<ToDataplane>,
) -> Result<Infallible, LinkError> {
    let mut bytes = Vec::new();
    while let Some(message) = queue.recv().await {
        bytes.clear();
        encode(&message, &mut bytes)?;
        writer.write_all(&bytes).await?;
    }
    // The receiving side holds a sender for as long as the connection lives.
    Err(LinkError::Closed)
}
