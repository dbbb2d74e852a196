//! The self-check: does a ring on this kernel move datagrams as it should? A kernel or a sandbox can allow every call and
//! still lack one of the features; better to learn it at the start than from viewers without a picture.

use std::fmt::Display;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Uring;
use super::setup::Setup;
use crate::address::Reach;
use crate::config::PortConfig;
use crate::error::RingError;
use crate::inbox::Inbox;
use crate::memory::Area;
use crate::outbox::Outbox;
use crate::queues::Queues;
use crate::socket::Socket;
use crate::wake::Alarm;

/// Loopback delivers within microseconds; this is for a machine that is swapping or starts fifty other things.
const PATIENCE: Duration = Duration::from_secs(3);
const SEGMENT_BYTES: usize = 700;
const TRAIN_BYTES: usize = 2 * SEGMENT_BYTES + 100;
const SINGLE_BYTES: usize = 60;
/// The train's and the single one.
const DATAGRAMS: usize = TRAIN_BYTES.div_ceil(SEGMENT_BYTES) + 1;
/// Any process may have this much without asking.
const SOCKET_BYTES: usize = 64 * 1024;

/// Sends a train and a single datagram to itself over loopback, and sleeps until they are there.
pub(crate) fn check(reach: Reach) -> Result<(), RingError> {
    let (mut queues, address) = open(reach)?;
    for (len, segment) in [(TRAIN_BYTES, SEGMENT_BYTES), (SINGLE_BYTES, SINGLE_BYTES)] {
        let slot = queues.outbox.slot().ok_or_else(|| failed("no send slot came free"))?;
        slot[..len].copy_from_slice(&pattern(len));
        queues.outbox.send(address, len, segment);
    }
    let received = receive(&mut queues, address).map_err(failed)?;
    let (train, single) = (pattern(TRAIN_BYTES), pattern(SINGLE_BYTES));
    let expected = train.chunks(SEGMENT_BYTES).chain([single.as_slice()]);
    if expected.eq(received.iter().map(Vec::as_slice)) {
        return Ok(());
    }
    let lengths: Vec<usize> = received.iter().map(Vec::len).collect();
    let errors = queues.counters().send_errors;
    Err(failed(format_args!("datagrams of {lengths:?} bytes came back; {errors:?}")))
}

/// A small port on loopback, and its address.
fn open(reach: Reach) -> Result<(Queues, SocketAddr), RingError> {
    let loopback: SocketAddr = match reach {
        // A dual-stack port too: loopback has an IPv4 address even where its IPv6 one is switched off.
        Reach::V4 | Reach::Dual => (Ipv4Addr::LOCALHOST, 0).into(),
        Reach::V6 => (Ipv6Addr::LOCALHOST, 0).into(),
    };
    let config = PortConfig {
        bind: loopback,
        socket_receive_bytes: SOCKET_BYTES,
        socket_send_bytes: SOCKET_BYTES,
        ..PortConfig::default()
    };
    let socket = Rc::new(Socket::open(&config, &mut Vec::new()).map_err(failed)?);
    let alarm = Alarm::new().map_err(failed)?;
    let buffers = Area::new(8, 2048).map_err(failed)?;
    let slots = Area::new(2, 2048).map_err(failed)?;
    let kernel = Uring::open(
        Rc::clone(&socket),
        alarm.descriptor(),
        Rc::clone(&buffers),
        Rc::clone(&slots),
        Setup::Deferred,
    )?;
    let outbox = Outbox::new(Box::new(kernel), slots, socket.reach());
    Ok((Queues::new(Inbox::new(buffers), outbox, alarm, Duration::ZERO), socket.local()))
}

fn receive(queues: &mut Queues, from: SocketAddr) -> io::Result<Vec<Vec<u8>>> {
    let start = Instant::now();
    let mut received = Vec::new();
    while received.len() < DATAGRAMS && start.elapsed() < PATIENCE {
        queues.wait(Some(PATIENCE.saturating_sub(start.elapsed())), Duration::ZERO)?;
        while let Some(datagram) = queues.inbox.next() {
            // Other programs may send to a loopback port.
            if datagram.from == from {
                received.push(datagram.bytes.to_vec());
            }
        }
    }
    Ok(received)
}

/// Bytes that betray a wrong offset: the period of 251 divides none of the lengths.
fn pattern(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}

fn failed(reason: impl Display) -> RingError {
    RingError::SelfCheck(reason.to_string())
}
