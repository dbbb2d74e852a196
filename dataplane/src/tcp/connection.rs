//! One connection, from its first frame to its end.
//!
//! ```text
//!   accept ─► stranger: one frame, in time, a check of ours ─► known: frames to that shard, frames from it
//! ```

use std::net::SocketAddr;
use std::rc::Rc;

use fanlight_shard::ShardId;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::counters::Close;
use super::exchange::Exchange;
use super::framing::Deframer;
use super::gate::Place;
use super::limits::{FIRST_FRAME_TIMEOUT, IDLE_TIMEOUT};
use super::outgoing::Outgoing;
use super::trunk::Frame;

/// Serves the connection until it ends, and says why it did.
pub(super) async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    mut place: Place,
    exchange: Rc<Exchange>,
) -> Close {
    // A frame is a datagram: it must not wait for the next one. Without the option it is late, not lost.
    let _ = stream.set_nodelay(true);
    let (mut reading, mut writing) = stream.split();
    let mut deframer = Deframer::new();
    let first = tokio::select! {
        () = place.pushed_out() => Err(Close::PushedOut),
        first = timeout(FIRST_FRAME_TIMEOUT, first_frame(&mut reading, &mut deframer, peer, &exchange)) => {
            first.unwrap_or(Err(Close::FirstFrameLate))
        }
    };
    let (shard, first) = match first {
        Ok(first) => first,
        Err(close) => return close,
    };
    place.introduce();
    let Some(listed) = exchange.list(peer, shard) else { return Close::SamePeer };
    exchange.hand(shard, first).await;
    let outgoing = &*listed.outgoing;
    tokio::select! {
        close = take_frames(&mut reading, deframer, peer, &exchange, outgoing) => close,
        close = outgoing.write(&mut writing) => close,
    }
}

/// The first frame and the shard that it leads to.
async fn first_frame(
    stream: &mut (impl AsyncRead + Unpin),
    deframer: &mut Deframer,
    peer: SocketAddr,
    exchange: &Exchange,
) -> Result<(ShardId, Frame), Close> {
    loop {
        read(stream, deframer).await?;
        if let Some(bytes) = deframer.next().map_err(|_| Close::FrameTooLong)? {
            let shard = exchange.addressee(bytes).ok_or(Close::FirstFrameBad)?;
            return Ok((shard, Frame::new(peer, bytes).ok_or(Close::FrameTooLong)?));
        }
    }
}

async fn take_frames(
    stream: &mut (impl AsyncRead + Unpin),
    mut deframer: Deframer,
    peer: SocketAddr,
    exchange: &Exchange,
    outgoing: &Outgoing,
) -> Close {
    loop {
        loop {
            let frame = match deframer.next() {
                Ok(Some(bytes)) => Frame::new(peer, bytes),
                Ok(None) => break,
                Err(_) => None,
            };
            let Some(frame) = frame else { return Close::FrameTooLong };
            exchange.hand(outgoing.shard, frame).await;
        }
        exchange.wake(outgoing.shard);
        match timeout(IDLE_TIMEOUT, read(stream, &mut deframer)).await {
            Ok(Ok(())) if outgoing.silence() < IDLE_TIMEOUT => {}
            Ok(Ok(())) => return Close::Unanswered,
            Ok(Err(close)) => return close,
            Err(_) => return Close::Idle,
        }
    }
}

/// Reads what is there, or waits for it.
async fn read(stream: &mut (impl AsyncRead + Unpin), deframer: &mut Deframer) -> Result<(), Close> {
    match stream.read(deframer.room()).await {
        Ok(count) if count > 0 => {
            deframer.fill(count);
            Ok(())
        }
        _ => Err(Close::Peer),
    }
}
