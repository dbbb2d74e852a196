//! Every way to the kernel that is on trial, on real sockets over loopback: one that lost or mixed up bytes would win by doing less.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "test code: a failed set-up is a failed test, and the payloads are patterns"
)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use fanlight_ring::trial::{Candidate, PollingTime, Trial};
use fanlight_ring::{OpenError, PortConfig, RingError};

const SEGMENT: u16 = 1_200;
/// So that only a fault ends a test by time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes each function below a test for each candidate.
macro_rules! on_all_candidates {
    ($($(#[$doc:meta])* fn $name:ident($candidate:ident) $body:block)*) => {
        $($(#[$doc])* fn $name($candidate: Candidate) $body)*
        on_all_candidates!(prompt, Candidate::Prompt, $($name)*);
        on_all_candidates!(polled, Candidate::Polled, $($name)*);
        on_all_candidates!(socket_cuts, Candidate::SocketCuts { segment: super::SEGMENT }, $($name)*);
        on_all_candidates!(zero_copy, Candidate::ZeroCopy, $($name)*);
        on_all_candidates!(zero_copy_registered, Candidate::ZeroCopyRegistered { segment: super::SEGMENT }, $($name)*);
    };
    ($module:ident, $candidate:expr, $($name:ident)*) => {
        mod $module {
            use super::Candidate;
            $(#[test] fn $name() { super::$name($candidate) })*
        }
    };
}

/// None where the kernel lacks it, which is a kernel to run on, too.
fn open(candidate: Candidate, send_slots: u16) -> Option<Trial> {
    let bind = "127.0.0.1:0".parse().unwrap();
    let config = PortConfig { bind, send_slots, slot_bytes: 64 * 1024, ..PortConfig::default() };
    match Trial::open(&config, candidate) {
        Err(OpenError::Ring(RingError::Lacks(_) | RingError::Missing | RingError::Refused(_))) => None,
        opened => Some(opened.unwrap()),
    }
}

fn peer() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// `len` bytes that differ from message to message and within one.
fn payload(number: u32, len: usize) -> Vec<u8> {
    let byte = |at| (at as u32).wrapping_mul(31).wrapping_add(number.wrapping_mul(7)) as u8;
    let mut bytes: Vec<u8> = (0..len).map(byte).collect();
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn send(trial: &mut Trial, to: SocketAddr, bytes: &[u8]) {
    let outbox = trial.outbox();
    outbox.slot().unwrap()[..bytes.len()].copy_from_slice(bytes);
    outbox.send(to, bytes.len(), SEGMENT.into());
}

fn recv(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 65_536];
    let len = socket.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

on_all_candidates! {
    /// Single datagrams, short ends and long trains, with more messages than slots: each byte comes once, in its place.
    fn every_byte_arrives_in_order(candidate) {
        let Some(mut trial) = open(candidate, 3) else { return };
        let (client, to) = peer();
        let lengths = [60, 1_200, 1_201, 2_400, 12_000, 12_100, 40 * 1_200];
        let mut number = 0;
        for _ in 0..40 {
            let sent: Vec<Vec<u8>> = lengths
                .iter()
                .map(|len| {
                    number += 1;
                    payload(number, *len)
                })
                .collect();
            let (whole, train) = sent.split_at(6);
            // Not more at a time than the client's socket holds where its buffer is the system's default.
            for messages in [whole, train] {
                messages.iter().for_each(|message| send(&mut trial, to, message));
                trial.flush().unwrap();
                let expected: Vec<&[u8]> = messages.iter().flat_map(|message| message.chunks(SEGMENT.into())).collect();
                let received: Vec<Vec<u8>> = expected.iter().map(|_| recv(&client)).collect();
                assert_eq!(received, expected, "messages up to {number}");
            }
        }
        assert_eq!((trial.messages(), trial.send_errors().total()), (number.into(), 0));
    }

    /// On loopback the receiver must have bytes of its own, so the kernel copies whatever was asked of it; a count that said else would
    /// praise zero-copy for what it did not do.
    fn what_the_kernel_copied_is_counted(candidate) {
        let Some(mut trial) = open(candidate, 8) else { return };
        let (client, to) = peer();
        for number in 0..20 {
            send(&mut trial, to, &payload(number, 3_000));
            trial.flush().unwrap();
            (0..3).for_each(|_| drop(recv(&client)));
        }
        let asks = matches!(candidate, Candidate::ZeroCopy | Candidate::ZeroCopyRegistered { .. });
        assert_eq!(trial.copied(), if asks { 20 } else { 0 });
    }

    /// A message that fails must give its slot back and be counted, or the comparison would stop or lie.
    fn a_message_that_fails_costs_only_itself(candidate) {
        let Some(mut trial) = open(candidate, 2) else { return };
        let (client, to) = peer();
        for number in 0..10 {
            send(&mut trial, "255.255.255.255:9".parse().unwrap(), b"a broadcast is not permitted");
            send(&mut trial, to, &payload(number, 100));
            trial.flush().unwrap();
            assert_eq!(recv(&client), payload(number, 100));
        }
        assert_eq!((trial.messages(), trial.send_errors().total()), (10, 10));
    }

    /// The harness opens one after the other.
    fn a_closed_one_gives_its_port_back(candidate) {
        let (client, to) = peer();
        let Some(mut trial) = open(candidate, 2) else { return };
        send(&mut trial, to, b"where from?");
        trial.flush().unwrap();
        let mut buffer = [0; 64];
        let (_, from) = client.recv_from(&mut buffer).unwrap();
        send(&mut trial, to, b"in flight");
        drop(trial);
        UdpSocket::bind(from).unwrap();
    }
}

/// What a thread of the kernel does for us is work all the same.
#[test]
fn the_polling_threads_time_is_known() {
    let Some(mut trial) = open(Candidate::Polled, 8) else { return };
    let (client, to) = peer();
    let before = PollingTime::now();
    for number in 0..50 {
        send(&mut trial, to, &payload(number, 12_000));
        trial.flush().unwrap();
        (0..10).for_each(|_| drop(recv(&client)));
    }
    let took = PollingTime::now().since(&before);
    // Less than a microsecond a train would be no time for sending it.
    assert!(took > Duration::from_micros(50), "{took:?}");
}

/// A socket that cuts otherwise than the sender asked would send rubbish.
#[test]
#[should_panic(expected = "the socket cuts every Some(1000) bytes, not every 1200")]
fn a_train_that_the_socket_would_cut_wrongly_is_refused() {
    let mut trial = open(Candidate::SocketCuts { segment: 1_000 }, 2)
        .expect("the socket cuts every Some(1000) bytes, not every 1200");
    send(&mut trial, peer().1, &payload(1, 2_400));
}
