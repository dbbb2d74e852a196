//! Receives from plain UDP sockets, trains as trains: for whoever has very many sockets and little to do for each packet.
//!
//! With `UDP_GRO` a socket takes a train that a neighbour sent in one piece (`UDP_SEGMENT`) in one piece, too, with the size
//! of its segments in a control message (`linux/udp.h`): one crossing of the network stack in place of ten. The buffers are
//! shared by all sockets of a thread and stay in its cache.
//!
//! ```text
//!   socket ─┐  receive(socket)              ┌─ Train { from, bytes: [segment │ segment │ … │ shorter last one] }
//!   socket ─┼────────► 4 × 64 KiB ──────────┤
//!   socket ─┘  one recvmmsg                 └─ Train …
//! ```

#![expect(unsafe_code, reason = "recvmmsg and UDP_GRO are not in std")]

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use crate::address::{ADDRESS_BYTES, ADDRESS_LENGTH, decode};
use crate::message::zeroed_head;

/// The longest train: 64 KiB less what IP and UDP take, rounded up.
const TRAIN_BYTES_MAX: usize = 1 << 16;
/// Trains a call. More would push what the caller needs out of its cache.
const BATCH: usize = 4;
/// A control message with the `int` that the kernel writes for `UDP_GRO`: header, value, padding.
const CONTROL_BYTES: usize = size_of::<libc::cmsghdr>() + 8;

const _: () = assert!(size_of::<libc::cmsghdr>() == 16, "control messages are read by their 64-bit layout");

/// Lets a socket take trains whole. From then on it must be read by [`Trains`]: whoever reads single datagrams loses the rest.
///
/// # Errors
/// The kernel is older than 5.0.
pub fn take_trains(socket: &UdpSocket) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the socket is open, and the value is an int of four bytes.
    let outcome = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, (&raw const on).cast(), 4)
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The buffers of a thread. See the file's head.
pub struct Trains {
    heads: Box<[libc::mmsghdr]>,
    parts: Box<[Part]>,
    received: usize,
}

/// What a head points to.
struct Part {
    bytes: Box<[u8]>,
    payload: libc::iovec,
    address: [u8; ADDRESS_BYTES],
    control: Control,
}

#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_BYTES]);

/// Datagrams that came in one piece.
#[derive(Debug)]
pub struct Train<'a> {
    pub from: SocketAddr,
    pub bytes: &'a mut [u8],
    /// Bytes of each datagram but the last, which may be shorter. At least 1.
    pub segment: usize,
}

impl Default for Trains {
    fn default() -> Self {
        let empty = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };
        let part = || Part {
            bytes: vec![0; TRAIN_BYTES_MAX].into(),
            payload: empty,
            address: [0; ADDRESS_BYTES],
            control: Control([0; CONTROL_BYTES]),
        };
        let heads = (0..BATCH).map(|_| zeroed_head()).collect();
        Self { heads, parts: (0..BATCH).map(|_| part()).collect(), received: 0 }
    }
}

impl Trains {
    /// Takes what has arrived at a socket, without waiting: how many trains, 0 for nothing. There may be more if it is the most
    /// that a call takes, see [`Trains::is_full`].
    ///
    /// # Errors
    /// What the system says. `WouldBlock` is none; `ConnectionRefused` tells that nobody listens at the other end.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.received = 0;
        self.aim();
        // SAFETY: `BATCH` heads, each pointing to buffers of its part, which live as long as `self` (`aim`).
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.heads.as_mut_ptr(),
                4,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(received) = usize::try_from(received) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::WouldBlock { Ok(0) } else { Err(error) };
        };
        self.received = received;
        Ok(received)
    }

    /// Whether the last call took as much as it can.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.received == BATCH
    }

    /// What the last call took. Datagrams that did not come whole or from no address are left out.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = Train<'_>> {
        self.heads.iter().zip(&mut self.parts).take(self.received).filter_map(|(head, part)| {
            let len = usize::try_from(head.msg_len).ok()?;
            if head.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
                return None;
            }
            let address_bytes = usize::try_from(head.msg_hdr.msg_namelen).ok()?.min(ADDRESS_BYTES);
            let from = decode(part.address.get(..address_bytes)?)?;
            // `as _`: see `aim`.
            let control_bytes: usize = head.msg_hdr.msg_controllen as _;
            let segment = part.control.segment(control_bytes).unwrap_or(len).max(1);
            Some(Train { from, bytes: part.bytes.get_mut(..len)?, segment })
        })
    }

    /// Points the heads at their buffers. Each time: the kernel writes lengths over what was asked for, and parts may move.
    fn aim(&mut self) {
        for (head, part) in self.heads.iter_mut().zip(&mut self.parts) {
            part.payload =
                libc::iovec { iov_base: part.bytes.as_mut_ptr().cast(), iov_len: part.bytes.len() };
            let head = &mut head.msg_hdr;
            head.msg_name = part.address.as_mut_ptr().cast();
            head.msg_namelen = ADDRESS_LENGTH;
            head.msg_iov = &raw mut part.payload;
            head.msg_iovlen = 1;
            head.msg_control = part.control.0.as_mut_ptr().cast();
            // `as _`: the field is `size_t` in one C library and `socklen_t` in another.
            head.msg_controllen = CONTROL_BYTES as _;
            head.msg_flags = 0;
        }
    }
}

impl Control {
    /// The segment size, if the kernel wrote one: of the first `len` bytes, length, level, type, value.
    fn segment(&self, len: usize) -> Option<usize> {
        let written = self.0.get(..len.min(CONTROL_BYTES))?;
        let integer = |at: usize| {
            let bytes = written.get(at..at + 4)?.try_into().ok()?;
            Some(libc::c_int::from_ne_bytes(bytes))
        };
        if integer(8)? != libc::SOL_UDP || integer(12)? != libc::UDP_GRO {
            return None;
        }
        usize::try_from(integer(16)?).ok()
    }
}

impl<'a> Train<'a> {
    /// The datagrams, one by one.
    pub fn datagrams(self) -> impl Iterator<Item = &'a mut [u8]> {
        self.bytes.chunks_mut(self.segment)
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::{Trains, take_trains};
    use crate::{BackendChoice, Port, PortConfig};

    fn socket() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    }

    /// Polls until so many datagrams came: each train as its datagrams' lengths.
    fn lengths(trains: &mut Trains, socket: &UdpSocket, datagrams: usize) -> Vec<Vec<usize>> {
        let mut all: Vec<Vec<usize>> = Vec::new();
        for _ in 0..10_000 {
            trains.receive(socket).unwrap();
            all.extend(trains.iter_mut().map(|train| train.datagrams().map(|one| one.len()).collect()));
            if all.iter().map(Vec::len).sum::<usize>() >= datagrams {
                break;
            }
            std::thread::yield_now();
        }
        all
    }

    /// A train that one port sends in one call must come in one piece, and be cut where it was cut.
    #[test]
    fn a_train_arrives_whole_and_is_cut_as_it_was_sent() {
        let to = socket();
        take_trains(&to).unwrap();
        let bind = "127.0.0.1:0".parse().unwrap();
        let mut port =
            Port::open(&PortConfig { bind, backend: BackendChoice::Plain, ..PortConfig::default() }).unwrap();
        let from = port.local_address();
        let (_, outbox) = port.split();
        outbox.slot().unwrap()[..250].fill(7);
        outbox.send(to.local_addr().unwrap(), 250, 100);
        port.wait(Some(Duration::ZERO)).unwrap();
        let mut trains = Trains::default();
        assert_eq!(lengths(&mut trains, &to, 3), [[100, 100, 50]]);
        assert_eq!(trains.iter_mut().next().unwrap().from, from);
        assert!(trains.iter_mut().all(|train| train.bytes.iter().all(|byte| *byte == 7)));
        assert_eq!(trains.receive(&to).unwrap(), 0);
        assert_eq!(trains.iter_mut().count(), 0, "what was taken before is not taken twice");
    }

    /// Not every neighbour sends trains, and not every socket takes them.
    #[test]
    fn single_datagrams_are_trains_of_one() {
        let (to, from) = (socket(), socket());
        for len in [60, 61, 0, 1_200, 5] {
            from.send_to(&vec![1; len], to.local_addr().unwrap()).unwrap();
        }
        let mut trains = Trains::default();
        let lengths = lengths(&mut trains, &to, 4);
        assert_eq!(lengths.concat(), [60, 61, 1_200, 5], "an empty datagram has nothing to cut");
    }
}
