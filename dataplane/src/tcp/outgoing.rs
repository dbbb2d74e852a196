//! What waits for one peer: framed already, bounded in bytes, written in as few system calls as the peer's pace allows.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use fanlight_shard::ShardId;
use fanlight_wire::{Kind, classify};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::counters::{Close, Dropped};
use super::framing::{append, framed_len};
use super::limits::{MEDIA_QUEUE_BYTES_MAX, QUEUE_BYTES_KEPT, QUEUE_BYTES_MAX, STALL_TIMEOUT};

/// See the file's head.
pub(super) struct Outgoing {
    /// The only shard that may send here.
    pub(super) shard: ShardId,
    queue: RefCell<Vec<u8>>,
    /// Bytes in the queue and of it in the writer's hands.
    held: Cell<usize>,
    ready: Notify,
    last_push: Cell<Instant>,
}

impl Outgoing {
    pub(super) fn new(shard: ShardId) -> Self {
        Self {
            shard,
            queue: RefCell::default(),
            held: Cell::new(0),
            ready: Notify::new(),
            last_push: Cell::new(Instant::now()),
        }
    }

    /// Queues a datagram.
    ///
    /// # Errors
    /// The peer is too slow for it. Media that a viewer misses it can ask for; checks and handshakes have room of their own.
    pub(super) fn push(&self, datagram: &[u8]) -> Result<(), Dropped> {
        self.last_push.set(Instant::now());
        let is_media = classify(datagram) == Kind::Rtp;
        let bound = if is_media { MEDIA_QUEUE_BYTES_MAX } else { QUEUE_BYTES_MAX };
        let held = self.held.get() + framed_len(datagram);
        if held > bound {
            return Err(Dropped::SlowReader);
        }
        self.held.set(held);
        append(&mut self.queue.borrow_mut(), datagram);
        self.ready.notify_one();
        Ok(())
    }

    /// Since a shard last had something for the peer.
    pub(super) fn silence(&self) -> Duration {
        self.last_push.get().elapsed()
    }

    /// Writes what is queued, for as long as the peer takes it.
    pub(super) async fn write(&self, stream: &mut (impl AsyncWrite + Unpin)) -> Close {
        let mut batch = Vec::new();
        loop {
            std::mem::swap(&mut *self.queue.borrow_mut(), &mut batch);
            if batch.is_empty() {
                self.ready.notified().await;
                continue;
            }
            let mut rest = batch.as_slice();
            while !rest.is_empty() {
                match timeout(STALL_TIMEOUT, stream.write(rest)).await {
                    Ok(Ok(count)) if count > 0 => {
                        rest = rest.get(count..).unwrap_or_default();
                        self.held.set(self.held.get() - count);
                    }
                    Ok(_) => return Close::Peer,
                    Err(_) => return Close::Stalled,
                }
            }
            batch.clear();
            batch.shrink_to(QUEUE_BYTES_KEPT);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::super::framing::Deframer;
    use super::*;

    const RTP: u8 = 0x80;
    const DTLS: u8 = 22;

    fn fill(outgoing: &Outgoing, first: u8) -> usize {
        let datagram = [first; 1000];
        std::iter::repeat_with(|| outgoing.push(&datagram)).take_while(Result::is_ok).count()
    }

    /// Who does not read must not grow our memory, and must still hear the checks that tell it from a dead peer.
    #[test]
    fn media_is_dropped_before_what_keeps_the_session_alive() {
        let outgoing = Outgoing::new(ShardId(0));
        assert_eq!(fill(&outgoing, RTP), MEDIA_QUEUE_BYTES_MAX / 1002);
        assert_eq!(outgoing.push(&[DTLS; 1000]), Ok(()));
        assert_eq!(outgoing.push(&[RTP; 1000]), Err(Dropped::SlowReader));
        assert!(fill(&outgoing, DTLS) > 10);
        assert!(outgoing.held.get() <= QUEUE_BYTES_MAX);
    }

    /// Once the peer reads again there is room again, and nothing was torn.
    #[tokio::test]
    async fn a_peer_that_reads_on_gets_whole_frames() {
        let outgoing = Outgoing::new(ShardId(0));
        let sent = fill(&outgoing, RTP);
        let (mut ours, mut theirs) = tokio::io::duplex(5000);
        let read = async {
            let (mut deframer, mut whole) = (Deframer::new(), 0);
            while whole < sent {
                let count = theirs.read(deframer.room()).await.unwrap();
                deframer.fill(count);
                while let Some(datagram) = deframer.next().unwrap() {
                    assert_eq!(datagram, [RTP; 1000]);
                    whole += 1;
                }
            }
        };
        tokio::select! {
            end = outgoing.write(&mut ours) => panic!("{end:?}"),
            () = read => {}
        }
        assert_eq!((outgoing.held.get(), outgoing.push(&[RTP; 1000])), (0, Ok(())));
    }

    /// A peer that takes nothing for too long is hopeless.
    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_reads_is_given_up() {
        let outgoing = Outgoing::new(ShardId(0));
        fill(&outgoing, RTP);
        let (mut ours, _theirs) = tokio::io::duplex(5000);
        let began = Instant::now();
        assert_eq!(outgoing.write(&mut ours).await, Close::Stalled);
        assert!(began.elapsed() >= STALL_TIMEOUT);
    }
}
