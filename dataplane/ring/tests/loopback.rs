//! Both backends on real sockets over loopback, through one body of tests: what one does the other does.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "test code: a failed set-up is a failed test, and the payloads are patterns"
)]

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use fanlight_ring::{
    Backend, BackendChoice, OpenError, Port, PortConfig, RECEIVE_OVERHEAD_BYTES, RECEIVED_PER_WAIT_MAX, lane,
};

/// How long nothing may happen: far beyond what loopback takes on a machine with other work, so that only a fault ends a test
/// by time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes each function below a test for each backend.
macro_rules! on_both_backends {
    ($($(#[$doc:meta])* fn $name:ident($choice:ident) $body:block)*) => {
        $($(#[$doc])* fn $name($choice: BackendChoice) $body)*
        mod io_uring {
            $(#[test] fn $name() { super::$name(super::BackendChoice::IoUring) })*
        }
        mod plain {
            $(#[test] fn $name() { super::$name(super::BackendChoice::Plain) })*
        }
    };
}

fn open(bind: &str, backend: BackendChoice, change: impl FnOnce(&mut PortConfig)) -> Port {
    let mut config = PortConfig { bind: bind.parse().unwrap(), backend, ..PortConfig::default() };
    change(&mut config);
    Port::open(&config).unwrap()
}

/// An ordinary socket on the other side, with a time-out so that a lost datagram fails the test instead of hanging it.
fn peer(bind: &str) -> UdpSocket {
    let socket = UdpSocket::bind(bind).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn at(ip: impl Into<std::net::IpAddr>, port: &Port) -> SocketAddr {
    SocketAddr::new(ip.into(), port.local_address().port())
}

/// Waits until `count` datagrams came, or none comes any more.
fn receive(port: &mut Port, count: usize) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut received = Vec::new();
    while received.len() < count {
        port.wait(Some(PATIENCE)).unwrap();
        let (inbox, _) = port.split();
        if inbox.is_empty() {
            break;
        }
        while let Some(datagram) = inbox.next() {
            received.push((datagram.from, datagram.bytes.to_vec()));
        }
    }
    received
}

/// What ends one wait without a time limit.
fn receive_one(port: &mut Port) -> Vec<u8> {
    port.wait(None).unwrap();
    let (inbox, _) = port.split();
    inbox.next().unwrap().bytes.to_vec()
}

/// Queues one message of these bytes.
fn send(port: &mut Port, to: SocketAddr, bytes: &[u8], segment: usize) {
    let (_, outbox) = port.split();
    outbox.slot().unwrap()[..bytes.len()].copy_from_slice(bytes);
    outbox.send(to, bytes.len(), segment);
}

/// `len` bytes that differ from datagram to datagram and within one.
fn payload(number: u32, len: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        (0..len).map(|at| (at as u32).wrapping_mul(31).wrapping_add(number) as u8).collect();
    let prefix = number.to_be_bytes();
    bytes[..4].copy_from_slice(&prefix);
    bytes
}

fn recv(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 65_536];
    let len = socket.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

on_both_backends! {
    /// The whole path in both directions, at every size: each datagram arrives once, whole and unchanged.
    fn ten_thousand_datagrams_pass_in_both_directions(choice) {
        const COUNT: u32 = 10_000;
        // What the client's socket holds even where its buffer is the system's default.
        const WINDOW: u32 = 50;
        let mut port = open("127.0.0.1:0", choice, |_| {});
        let client = peer("127.0.0.1:0");
        let client_address = client.local_addr().unwrap();
        client.connect(port.local_address()).unwrap();
        let lengths = [4, 60, 172, 1200, 1400, 1999];
        let length = |number: u32| lengths[number as usize % lengths.len()];

        for window in (0..COUNT).step_by(WINDOW as usize) {
            let expected: Vec<_> = (window..window + WINDOW).map(|number| payload(number, length(number))).collect();
            for datagram in &expected {
                client.send(datagram).unwrap();
            }
            let received = receive(&mut port, expected.len());
            assert!(received.iter().all(|(from, _)| *from == client_address));
            assert!(received.iter().map(|(_, bytes)| bytes).eq(&expected), "window at {window}");
            for datagram in &expected {
                send(&mut port, client_address, datagram, datagram.len());
            }
            port.flush().unwrap();
            for datagram in &expected {
                assert_eq!(recv(&client), *datagram);
            }
        }
        let counters = port.counters();
        let bytes: u64 = (0..COUNT).map(|number| length(number) as u64).sum();
        assert_eq!((counters.datagrams_in, counters.bytes_in), (COUNT.into(), bytes));
        assert_eq!(
            (counters.messages_out, counters.datagrams_out, counters.bytes_out),
            (COUNT.into(), COUNT.into(), bytes)
        );
        assert_eq!((counters.send_errors.total(), counters.truncated), (0, 0));
    }

    /// A train is one message; what viewers get are datagrams of exactly the sizes that were packed, in order.
    fn a_train_arrives_as_rightly_cut_datagrams(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| {
            config.send_slots = 8;
            config.slot_bytes = 64 * 1024;
        });
        let client = peer("127.0.0.1:0");
        let to = client.local_addr().unwrap();
        let trains = [(12_000, 1200), (12_001, 1200), (2400, 1200), (1201, 1200), (1200, 1200), (64 * 100, 100), (65_507, 1300)];
        for (number, (len, segment)) in (0..).zip(trains) {
            let train = payload(number, len);
            send(&mut port, to, &train, segment);
            port.flush().unwrap();
            let datagrams: Vec<Vec<u8>> = (0..len.div_ceil(segment)).map(|_| recv(&client)).collect();
            let expected: Vec<&[u8]> = train.chunks(segment).collect();
            assert_eq!(datagrams, expected, "{len} bytes cut every {segment}");
        }
        let counters = port.counters();
        assert_eq!(counters.messages_out, trains.len() as u64);
        assert_eq!(counters.datagrams_out, trains.iter().map(|(len, segment)| len.div_ceil(*segment) as u64).sum::<u64>());
        assert_eq!(counters.trains_cut, 0);
    }

    /// More messages than slots in one turn: slots are reused as soon as they are submitted, never before.
    fn a_turn_with_more_messages_than_slots_loses_none(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| config.send_slots = 3);
        let client = peer("127.0.0.1:0");
        for number in 0..100 {
            send(&mut port, client.local_addr().unwrap(), &payload(number, 200), 200);
        }
        port.flush().unwrap();
        for number in 0..100 {
            assert_eq!(recv(&client), payload(number, 200));
        }
    }

    /// A burst that no wait could take at once stays in the socket: nothing is lost and the receive is armed again.
    fn a_burst_larger_than_all_buffers_is_not_lost(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| config.receive_buffers = 16);
        let client = peer("127.0.0.1:0");
        // Armed before the burst, as a running server is.
        port.wait(Some(Duration::ZERO)).unwrap();
        for number in 0..200 {
            client.send_to(&payload(number, 100), port.local_address()).unwrap();
        }
        let received = receive(&mut port, 200);
        let expected: Vec<_> = (0..200).map(|number| (client.local_addr().unwrap(), payload(number, 100))).collect();
        assert_eq!(received, expected);
        if choice == BackendChoice::IoUring {
            assert!(port.counters().receive_rearms >= 200 / 16, "{:?}", port.counters());
        }
        // And it still receives.
        client.send_to(b"after", port.local_address()).unwrap();
        assert_eq!(receive(&mut port, 1)[0].1, b"after");
    }

    /// A turn's work is bounded, however much waits; the rest comes with the next wait, without a sleep.
    fn a_wait_brings_a_bounded_batch(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| config.receive_buffers = 1024);
        let client = peer("127.0.0.1:0");
        for number in 0..400 {
            client.send_to(&payload(number, 20), port.local_address()).unwrap();
        }
        let mut taken = Vec::new();
        for _ in 0..2 {
            port.wait(None).unwrap();
            let (inbox, _) = port.split();
            let mut count = 0;
            while inbox.next().is_some() {
                count += 1;
            }
            taken.push(count);
        }
        assert_eq!(taken, [RECEIVED_PER_WAIT_MAX, 400 - RECEIVED_PER_WAIT_MAX]);
        assert_eq!(port.counters().sleeps, 0);
    }

    /// To be woken costs as much as dozens of packets: what comes one by one shares a wake.
    fn what_comes_while_it_is_gathered_comes_together(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        let client = peer("127.0.0.1:0");
        let address = port.local_address();
        let sender = std::thread::spawn(move || {
            for number in 0..2 {
                std::thread::sleep(Duration::from_millis(30));
                client.send_to(&payload(number, 20), address).unwrap();
            }
        });
        port.gather(Some(PATIENCE), Duration::from_secs(3)).unwrap();
        sender.join().unwrap();
        let (inbox, _) = port.split();
        let count = std::iter::from_fn(|| inbox.next().map(|_| ())).count();
        assert_eq!((count, port.counters().sleeps), (2, 1));
    }

    /// Half a packet is worse than none: it fails authentication at best. Its neighbours must not suffer.
    fn an_oversize_datagram_is_dropped_and_counted(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| config.receive_buffer_bytes = 512);
        let most = 512 - RECEIVE_OVERHEAD_BYTES;
        let client = peer("127.0.0.1:0");
        for (number, len) in (0..).zip([100, most, most + 1, 60_000, 100]) {
            client.send_to(&payload(number, len), port.local_address()).unwrap();
        }
        let lengths: Vec<usize> = receive(&mut port, 3).iter().map(|(_, bytes)| bytes.len()).collect();
        assert_eq!(lengths, [100, most, 100]);
        assert_eq!(port.counters().truncated, 2);
        assert_eq!(port.counters().datagrams_in, 3);
    }

    /// Anybody can send empty datagrams, and each one ends a multishot receive: they must not stop or lose the others.
    fn empty_datagrams_do_not_stop_the_receive(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        let client = peer("127.0.0.1:0");
        let to = port.local_address();
        port.wait(Some(Duration::ZERO)).unwrap();
        for number in 0..40 {
            client.send_to(b"", to).unwrap();
            client.send_to(&payload(number, 50), to).unwrap();
        }
        let received: Vec<Vec<u8>> = receive(&mut port, 80).into_iter().map(|(_, bytes)| bytes).collect();
        let expected: Vec<Vec<u8>> = (0..40).flat_map(|number| [Vec::new(), payload(number, 50)]).collect();
        assert_eq!(received, expected);
    }

    /// One port serves both families, and a viewer on IPv4 has an IPv4 address whichever way its packet came.
    fn one_dual_stack_port_serves_ipv4_and_ipv6(choice) {
        let mut port = open("[::]:0", choice, |_| {});
        for (client, to) in [
            (peer("127.0.0.1:0"), at(Ipv4Addr::LOCALHOST, &port)),
            (peer("[::1]:0"), at(Ipv6Addr::LOCALHOST, &port)),
        ] {
            client.send_to(b"there", to).unwrap();
            let (from, bytes) = receive(&mut port, 1).remove(0);
            assert_eq!((from, bytes.as_slice()), (client.local_addr().unwrap(), b"there".as_slice()));
            send(&mut port, from, b"and back", 3);
            port.flush().unwrap();
            assert_eq!([recv(&client), recv(&client), recv(&client)], [b"and".to_vec(), b" ba".to_vec(), b"ck".to_vec()]);
        }
    }

    /// A port bound to IPv4 alone must count, not crash on, a viewer that it cannot reach.
    fn a_peer_of_the_wrong_family_is_counted_unreachable(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        send(&mut port, "[::1]:9".parse().unwrap(), b"lost", 4);
        port.flush().unwrap();
        assert_eq!(port.counters().send_errors.unreachable, 1);
        assert_eq!(port.counters().messages_out, 0);
    }

    /// Viewers vanish all the time. ICMP errors, routes that are gone and trains that are too long must each cost only
    /// themselves.
    fn a_send_that_fails_does_not_stop_the_port(choice) {
        let mut port = open("[::]:0", choice, |_| {});
        let client = peer("127.0.0.1:0");
        let to = client.local_addr().unwrap();
        let gone = { peer("127.0.0.1:0").local_addr().unwrap() };
        for _ in 0..5 {
            send(&mut port, gone, b"nobody is there", 15);
            // A class E address has no route; port 0 is no port.
            send(&mut port, "255.255.255.255:9".parse().unwrap(), b"a broadcast is not permitted", 28);
            send(&mut port, "127.0.0.1:0".parse().unwrap(), b"port 0", 6);
            send(&mut port, to, b"still here", 10);
            port.flush().unwrap();
            assert_eq!(recv(&client), b"still here");
        }
        client.send_to(b"and receiving", at(Ipv4Addr::LOCALHOST, &port)).unwrap();
        assert_eq!(receive(&mut port, 1)[0].1, b"and receiving");
        let counters = port.counters();
        assert_eq!(counters.send_errors.total(), 10, "{counters:?}");
        assert_eq!(counters.messages_out, 10);
        assert_eq!(counters.bytes_out, 5 * (15 + 10));
    }

    /// The way new work reaches a sleeping worker. No time is asserted: that the wait ends at all, and why, is the point.
    fn a_wake_from_another_thread_ends_a_sleep(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        let waker = port.waker();
        let start = Instant::now();
        let mut round = 0;
        while port.counters().sleeps < 10 && start.elapsed() < PATIENCE {
            let waker = waker.clone();
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(2));
                waker.wake();
            });
            port.wait(None).unwrap();
            other.join().unwrap();
            round += 1;
            let counters = port.counters();
            assert_eq!((counters.wakes, counters.waits, counters.datagrams_in), (round, round, 0));
        }
        assert!(port.counters().sleeps >= 10);
    }

    /// The lost wake-up: a wake while the worker is in its turn must end the next wait before it sleeps.
    fn a_wake_before_the_wait_forbids_the_sleep(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        port.waker().wake();
        port.wait(None).unwrap();
        let counters = port.counters();
        assert_eq!((counters.wakes, counters.sleeps), (1, 0));
    }

    /// What has arrived during a turn must be seen without a sleep: the receive fills nothing by itself, so the flag that says
    /// so is all there is.
    fn what_arrived_during_the_turn_needs_no_sleep(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| config.spin = Duration::ZERO);
        let client = peer("127.0.0.1:0");
        port.wait(Some(Duration::ZERO)).unwrap();
        for round in 0..10 {
            client.send_to(&payload(round, 10), port.local_address()).unwrap();
            assert_eq!(receive_one(&mut port), payload(round, 10));
            assert!(port.split().0.next().is_none());
        }
        assert_eq!(port.counters().sleeps, 0);
    }

    /// A datagram ends a sleep too, and the sleep after it is a real one again: no stale wake-up is left.
    fn a_datagram_ends_a_sleep(choice) {
        let mut port = open("127.0.0.1:0", choice, |config| config.spin = Duration::ZERO);
        let to = port.local_address();
        let start = Instant::now();
        // On a busy machine the sender may come first; what counts is that the port sleeps time and again.
        while port.counters().sleeps < 10 && start.elapsed() < PATIENCE {
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(2));
                peer("127.0.0.1:0").send_to(b"news", to).unwrap();
            });
            assert_eq!(receive_one(&mut port), b"news");
            other.join().unwrap();
        }
        assert!(port.counters().sleeps >= 10);
        assert_eq!(port.counters().wakes, 0);
    }

    /// Timers of the shard stand on this. Only the lower bound is certain on a busy machine.
    fn a_wait_without_news_ends_by_time(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        let start = Instant::now();
        port.wait(Some(Duration::from_millis(20))).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        port.wait(Some(Duration::ZERO)).unwrap();
        let counters = port.counters();
        assert_eq!((counters.waits, counters.wakes, counters.datagrams_in), (2, 0, 0));
    }

    /// Two shards: values arrive in order and none is lost, though the receiver sleeps in between.
    fn a_lane_delivers_in_order_to_a_sleeping_worker(choice) {
        const COUNT: u64 = 5_000;
        let (address, waiting) = std::sync::mpsc::channel();
        let receiver = std::thread::spawn(move || {
            let mut port = open("127.0.0.1:0", choice, |_| {});
            let (sender, mut lane) = lane::<u64, _>(64, port.waker());
            address.send(sender).unwrap();
            let mut next = 0;
            while next < COUNT {
                port.wait(Some(PATIENCE)).unwrap();
                while let Some(value) = lane.pop() {
                    assert_eq!(value, next);
                    next += 1;
                }
            }
            port.counters()
        });
        let mut sender = waiting.recv().unwrap();
        for value in 0..COUNT {
            while sender.push(value).is_err() {
                sender.wake();
                std::thread::yield_now();
            }
            if value % 7 == 0 {
                sender.wake();
            }
        }
        sender.wake();
        let counters = receiver.join().unwrap();
        // Had a wake been lost, the wait would have ended by its time of ten seconds without one.
        assert_eq!(counters.waits, counters.wakes, "{counters:?}");
    }

    /// A restarted server needs its port back at once; a ring that is merely closed would hold it.
    fn a_closed_port_is_free_again_at_once(choice) {
        let mut port = open("127.0.0.1:0", choice, |_| {});
        let address = port.local_address().to_string();
        for _ in 0..20 {
            port.wait(Some(Duration::from_micros(100))).unwrap();
            drop(port);
            port = open(&address, choice, |_| {});
        }
        assert_eq!(port.local_address().to_string(), address);
    }

    /// Operators read this at the start; it must be what was asked for.
    fn the_backend_asked_for_is_the_one_in_use(choice) {
        let port = open("127.0.0.1:0", choice, |_| {});
        let expected = if choice == BackendChoice::Plain { Backend::Plain } else { Backend::IoUring };
        assert_eq!(port.backend(), expected);
        assert_eq!(port.fallback_reason(), None);
    }
}

/// The default must work everywhere, and say why if it is not the fast way.
#[test]
fn auto_takes_io_uring_or_says_why_not() {
    let port = open("127.0.0.1:0", BackendChoice::Auto, |_| {});
    assert_eq!(port.backend() == Backend::Plain, port.fallback_reason().is_some());
}

/// Limits are checked before anything is opened.
#[test]
fn a_config_out_of_bounds_opens_nothing() {
    let config = PortConfig { receive_buffers: 1000, ..PortConfig::default() };
    let error = Port::open(&config).unwrap_err();
    assert_eq!(error.to_string(), "receive_buffers is 1000: it must be a power of two from 8 to 32768");
    assert!(matches!(error, OpenError::Limit { key: "receive_buffers", value: 1000, .. }));
}
