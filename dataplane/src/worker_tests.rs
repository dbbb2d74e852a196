//! A worker with a real port, between sockets of its peers.

use std::io::ErrorKind;
use std::net::UdpSocket;

use allocation_counter::measure;
use fanlight_ring::{PortConfig, lane};
use fanlight_shard::keyed::Keyed;
use fanlight_shard::transport::{IceRestart, Output, Refused, Transport};
use fanlight_shard::{Role, SessionKey, SessionSpec};
use fanlight_wire::{Kind, Ssrc, classify};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use worlds::keys;
use worlds::world::{Seat, WorldConfig, new_shard};
use worlds::{Publisher, Viewer};

// Its peers and not its world.
#[allow(dead_code, unused_imports, reason = "this test needs a part of it")]
#[allow(unfulfilled_lint_expectations, reason = "it expects the stricter lints of its own crate")]
#[path = "../shard/tests/common/mod.rs"]
mod worlds;

const VIEWERS: u32 = 5;
const FRAME: [usize; 4] = [1_100; 4];

/// A peer's socket and seat.
fn seat(number: u32) -> (UdpSocket, Seat) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = Remote::udp(socket.local_addr().unwrap());
    (socket, Seat { shard: ShardId(0), key: SessionKey { slot: number, generation: 1 }, address, number })
}

/// Has its keys without a handshake. What proves its address has a byte: a port sends no empty messages.
struct Knocking(Keyed);

impl Transport for Knocking {
    fn receive(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Result<(), Refused> {
        self.0.receive(now, from, datagram)
    }

    fn advance(&mut self, now: Instant) {
        self.0.advance(now);
    }

    fn poll(&mut self, now: Instant) -> Output {
        match self.0.poll(now) {
            Output::Transmit { to, proves_address, .. } => {
                Output::Transmit { to, datagram: vec![0xff], proves_address }
            }
            output => output,
        }
    }

    fn restart_ice(&mut self, now: Instant, restart: IceRestart) {
        self.0.restart_ice(now, restart);
    }

    fn close(&mut self, now: Instant) {
        self.0.close(now);
    }
}

fn adopt(seat: &Seat, role: Role) -> Order {
    let transport = Box::new(Knocking(Keyed::new(keys::of_shard(seat.number), seat.address)));
    let local_ssrc = Ssrc(0xfb00_0000 + seat.number);
    Order::Command(Command::Adopt(Box::new(SessionSpec {
        key: seat.key,
        transport,
        local_ssrc,
        role,
        bitrate_bps_max: None,
    })))
}

/// Takes what has come; returns how many packets of media that is.
fn drain(socket: &UdpSocket) -> usize {
    let mut buffer = [0; 2048];
    let mut media = 0;
    loop {
        match socket.recv(&mut buffer) {
            Ok(len) => media += usize::from(classify(&buffer[..len]) == Kind::Rtp),
            Err(fault) if fault.kind() == ErrorKind::WouldBlock => return media,
            Err(fault) => panic!("{fault}"),
        }
    }
}

/// From the kernel to the kernel: what receives, forwards and sends a packet allocates nothing, the port and the turn alike.
#[test]
fn no_round_of_a_worker_allocates_for_a_packet() {
    let port =
        Port::open(&PortConfig { bind: "127.0.0.1:0".parse().unwrap(), ..PortConfig::default() }).unwrap();
    let to = port.local_address();
    let (mut orders, taken) = lane(64, port.waker());
    let (told, _tellings) = unbounded_channel();
    let plumbing = Plumbing { orders: taken, lanes_in: Vec::new(), lanes_out: vec![None], told, tcp: None };
    let shard = new_shard(&WorldConfig::default(), ShardId(0), Instant::now());
    let mut worker = Worker { id: ShardId(0), port, shard, plumbing };
    let (source, publisher_seat) = seat(1);
    let mut publisher = Publisher::seated(publisher_seat, Publisher::usual_spec(&publisher_seat));
    let mut adoptions = vec![adopt(&publisher_seat, Role::Publisher(publisher.spec.clone()))];
    let viewers: Vec<UdpSocket> = (2..2 + VIEWERS)
        .map(|number| {
            let (socket, seat) = seat(number);
            adoptions.push(adopt(&seat, Role::Viewer(Viewer::usual_spec(&seat, &publisher))));
            socket
        })
        .collect();
    for order in adoptions {
        assert!(orders.push(order).is_ok());
    }
    orders.wake();

    let mut hands = Hands::empty();
    let (mut allocated, mut kept, mut heard) = (0, 0, 0);
    for frame in 0..400_usize {
        if frame == 100 {
            (allocated, kept, heard) = (0, 0, 0); // lists and buffers have their size
        }
        let sealed: Vec<Vec<u8>> =
            publisher.frame(frame == 0, &FRAME).iter().map(|packet| publisher.seal(packet)).collect();
        let sent = worker.shard.counters().media_packets_out;
        for packet in &sealed {
            source.send_to(packet, to).unwrap();
        }
        let due = sent + FRAME.len() as u64 * u64::from(VIEWERS);
        for _ in 0..50 {
            let spent = measure(|| assert!(worker.go_round(&mut hands).unwrap()));
            allocated += spent.count_total;
            kept += spent.count_current;
            if worker.shard.counters().media_packets_out >= due {
                break;
            }
        }
        worker.port.flush().unwrap();
        heard += viewers.iter().map(drain).sum::<usize>();
        drain(&source);
    }
    assert_eq!(heard, 300 * FRAME.len() * VIEWERS as usize, "all of it to everybody");
    assert_eq!((allocated, kept), (0, 0));
}
