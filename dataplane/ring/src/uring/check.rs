//! The self-check: does a ring on this kernel move datagrams as it should? A kernel or a sandbox can allow every call and
//! still lack one of the features; better to learn it at the start than from viewers without a picture.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Uring;
use crate::address::Reach;
use crate::config::PortConfig;
use crate::error::RingError;
use crate::inbox::Inbox;
use crate::memory::Area;
use crate::outbox::Outbox;
use crate::queues::Queues;
use crate::socket::Socket;
use crate::wake::Alarm;

/// Loopback delivers within microseconds; this is for a machine that is swapping.
const PATIENCE: Duration = Duration::from_secs(1);
const SEGMENT_BYTES: usize = 700;
const TRAIN_BYTES: usize = 2 * SEGMENT_BYTES + 100;
const SINGLE_BYTES: usize = 60;
/// Any process may have this much without asking.
const SOCKET_BYTES: usize = 64 * 1024;

/// Sends a train and a single datagram to itself over loopback, and sleeps until they are there.
pub(crate) fn check(reach: Reach) -> Result<(), RingError> {
    let failed = |reason: String| RingError::SelfCheck(reason);
    let mut queues = open(reach).map_err(|reason| match reason {
        CheckError::Ring(error) => error,
        CheckError::Other(reason) => failed(reason),
    })?;
    let (to, queues) = (queues.0, &mut queues.1);
    for (len, segment) in [(TRAIN_BYTES, SEGMENT_BYTES), (SINGLE_BYTES, SINGLE_BYTES)] {
        let slot = queues.outbox.slot().ok_or_else(|| failed("no send slot came free".to_owned()))?;
        for (place, byte) in slot[..len].iter_mut().zip(pattern()) {
            *place = byte;
        }
        queues.outbox.send(to, len, segment);
    }
    let received = receive(queues, to).map_err(|error| failed(error.to_string()))?;
    let expected: Vec<Vec<u8>> = [TRAIN_BYTES, SINGLE_BYTES]
        .into_iter()
        .flat_map(|len| {
            let bytes: Vec<u8> = pattern().take(len).collect();
            bytes.chunks(SEGMENT_BYTES).map(<[u8]>::to_vec).collect::<Vec<_>>()
        })
        .collect();
    if received == expected {
        return Ok(());
    }
    let lengths: Vec<usize> = received.iter().map(Vec::len).collect();
    Err(failed(format!("datagrams of {lengths:?} bytes came back; {:?}", queues.counters().send_errors)))
}

enum CheckError {
    Ring(RingError),
    Other(String),
}

fn open(reach: Reach) -> Result<(SocketAddr, Queues), CheckError> {
    let loopback: SocketAddr = match reach {
        Reach::V4 => (Ipv4Addr::LOCALHOST, 0).into(),
        Reach::V6 | Reach::Dual => (Ipv6Addr::LOCALHOST, 0).into(),
    };
    let config = PortConfig {
        bind: loopback,
        socket_receive_bytes: SOCKET_BYTES,
        socket_send_bytes: SOCKET_BYTES,
        ..PortConfig::default()
    };
    let other = |error: &dyn std::fmt::Display| CheckError::Other(error.to_string());
    let socket = Rc::new(Socket::open(&config, &mut Vec::new()).map_err(|error| other(&error))?);
    let alarm = Alarm::new().map_err(|error| other(&error))?;
    let buffers = Area::new(8, 2048).map_err(|error| other(&error))?;
    let slots = Area::new(2, 2048).map_err(|error| other(&error))?;
    let kernel = Uring::open(Rc::clone(&socket), alarm.descriptor(), Rc::clone(&buffers), Rc::clone(&slots))
        .map_err(CheckError::Ring)?;
    let outbox = Outbox::new(Box::new(kernel), slots, socket.reach());
    Ok((socket.local(), Queues::new(Inbox::new(buffers), outbox, alarm, Duration::ZERO)))
}

fn receive(queues: &mut Queues, from: SocketAddr) -> std::io::Result<Vec<Vec<u8>>> {
    let start = Instant::now();
    let mut received = Vec::new();
    while received.len() < TRAIN_BYTES.div_ceil(SEGMENT_BYTES) + 1 && start.elapsed() < PATIENCE {
        queues.wait(Some(PATIENCE.saturating_sub(start.elapsed())))?;
        while let Some(datagram) = queues.inbox.next() {
            if datagram.from == from {
                received.push(datagram.bytes.to_vec());
            }
        }
    }
    Ok(received)
}

/// Bytes that betray a wrong offset: 251 is prime to all lengths used.
fn pattern() -> impl Iterator<Item = u8> {
    (0..=250).cycle()
}
