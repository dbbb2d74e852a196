//! What needs a hand on the port's own socket: a path that cannot cut trains.

use std::net::UdpSocket;
use std::rc::Rc;
use std::time::Duration;

use crate::config::PortConfig;
use crate::inbox::Inbox;
use crate::kernel::Kernel;
use crate::memory::Area;
use crate::outbox::Outbox;
use crate::plain::Plain;
use crate::queues::Queues;
use crate::socket::{self, Socket};
use crate::uring::Uring;
use crate::uring::setup::Setup;
use crate::wake::Alarm;

/// Sends a train over a socket without checksums, for which Linux refuses to cut.
fn send_train_without_checksums(
    kernel: impl FnOnce(Rc<Socket>, &Alarm, Rc<Area>, Rc<Area>) -> Box<dyn Kernel>,
) {
    let config = PortConfig { bind: "127.0.0.1:0".parse().unwrap(), ..PortConfig::default() };
    let socket = Rc::new(Socket::open(&config, &mut Vec::new()).unwrap());
    socket::tests::switch_checksums_off(&socket);
    let (buffers, slots) = (Area::new(8, 2048).unwrap(), Area::new(2, 2048).unwrap());
    let alarm = Alarm::new().unwrap();
    let kernel = kernel(Rc::clone(&socket), &alarm, Rc::clone(&buffers), Rc::clone(&slots));
    let outbox = Outbox::new(kernel, slots, socket.reach());
    let mut queues = Queues::new(Inbox::new(buffers), outbox, alarm, Duration::ZERO);

    let viewer = UdpSocket::bind("127.0.0.1:0").unwrap();
    viewer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    queues.outbox.slot().unwrap()[..9].copy_from_slice(b"onetwosix");
    queues.outbox.send(viewer.local_addr().unwrap(), 9, 3);
    queues.outbox.flush().unwrap();

    let mut bytes = [0; 100];
    for expected in ["one", "two", "six"] {
        let len = viewer.recv(&mut bytes).unwrap();
        assert_eq!(&bytes[..len], expected.as_bytes());
    }
    let counters = queues.counters();
    assert_eq!((counters.trains_cut, counters.messages_out, counters.send_errors.total()), (1, 3, 0));
}

/// The kernel's real refusal, not the one we imagine, must lead to the way out.
#[test]
fn a_train_that_linux_will_not_cut_arrives_all_the_same_over_io_uring() {
    send_train_without_checksums(|socket, alarm, buffers, slots| {
        Box::new(Uring::open(socket, alarm.descriptor(), buffers, slots, Setup::Deferred).unwrap())
    });
}

/// The same over plain system calls.
#[test]
fn a_train_that_linux_will_not_cut_arrives_all_the_same_over_plain_calls() {
    send_train_without_checksums(|socket, alarm, buffers, slots| {
        Box::new(Plain::new(socket, alarm.descriptor(), buffers, slots))
    });
}
