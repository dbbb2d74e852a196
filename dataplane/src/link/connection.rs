//! One connection of control: frames in, frames out, each way a task of its own so that neither waits for the other.

use std::sync::atomic::{AtomicU64, Ordering};

use fanlight_protocol::{Decoder, ToControl, ToDataplane, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Frames that may wait for a control that does not read. Then it is cut off; the next one gets a snapshot.
const FRAMES_MAX: usize = 4096;

/// Messages of control that may wait for the link.
const MESSAGES_MAX: usize = 256;

const READ_BYTES: usize = 64 * 1024;

/// Names a connection within the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConnectionId(u64);

/// What the reading task passes on. None: the connection is over.
pub(super) type Heard = (ConnectionId, Option<ToDataplane>);

/// The writing side, as the link holds it.
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    frames: Sender<Vec<u8>>,
}

impl Connection {
    /// Takes a connection whose peer's user was checked.
    pub(super) fn start(stream: UnixStream, heard: Sender<Heard>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
        let (read, write) = stream.into_split();
        let (frames, waiting) = channel(FRAMES_MAX);
        tokio::spawn(write_frames(write, waiting));
        tokio::spawn(async move {
            if let Err(cause) = read_messages(id, read, &heard).await {
                tracing::warn!(%cause, "control connection ends");
            }
            // The link is gone only with the process.
            let _ = heard.send((id, None)).await;
        });
        Self { id, frames }
    }

    /// False: control does not read, or is gone.
    pub(super) fn send(&self, message: &ToControl) -> bool {
        let mut frame = Vec::new();
        match encode(message, &mut frame) {
            Ok(()) => self.frames.try_send(frame).is_ok(),
            Err(cause) => {
                tracing::error!(%cause, "a message for control is lost");
                true
            }
        }
    }
}

pub(super) fn heard_channel() -> (Sender<Heard>, Receiver<Heard>) {
    channel(MESSAGES_MAX)
}

async fn write_frames(mut stream: OwnedWriteHalf, mut frames: Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if stream.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn read_messages(
    id: ConnectionId,
    mut stream: OwnedReadHalf,
    heard: &Sender<Heard>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut decoder = Decoder::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        decoder.push(&buffer[..count]);
        while let Some(message) = decoder.message()? {
            heard.send((id, Some(message))).await?;
        }
    }
}
