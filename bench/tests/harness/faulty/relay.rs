//! The server's thread: requests, datagrams, timers and what has waited, turn by turn.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Instant;

use rustix::net::sockopt;
use str0m::media::MediaKind;
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Input, RtcError};

use super::book::Books;
use super::faults::Faults;
use super::http::{Answer, Door, Request, unless_blocked};
use super::publisher::Publisher;
use super::session::{Heard, Session};
use super::viewer::Viewer;

/// Datagrams of a turn.
const BATCH: usize = 64;
const DATAGRAM_BYTES_MAX: usize = 2_048;
/// Bytes of the socket's receive buffer: a thread that is held up for seconds loses nothing that it was not told to.
const RECEIVE_BUFFER: usize = 4 << 20;
const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The server broke.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error("a socket: {0}")]
    Io(#[from] io::Error),
    #[error("the WebRTC engine: {0}")]
    Rtc(#[from] RtcError),
}

/// See the file's head.
pub(super) struct Relay {
    faults: Faults,
    books: Books,
    door: Door,
    socket: UdpSocket,
    address: SocketAddr,
    publishers: Vec<Publisher>,
    viewers: Vec<Viewer>,
    sessions: u64,
    viewers_asked: u64,
    buffer: Vec<u8>,
}

impl Relay {
    pub(super) fn bind(faults: Faults, books: Books) -> io::Result<Self> {
        let socket = UdpSocket::bind(ANYWHERE)?;
        socket.set_nonblocking(true)?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            // Not permitted: the kernel gives what net.core.rmem_max allows.
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        }
        Ok(Self {
            faults,
            books,
            door: Door::bind(ANYWHERE)?,
            address: socket.local_addr()?,
            socket,
            publishers: Vec::new(),
            viewers: Vec::new(),
            sessions: 0,
            viewers_asked: 0,
            buffer: vec![0; DATAGRAM_BYTES_MAX],
        })
    }

    pub(super) fn http_address(&self) -> io::Result<SocketAddr> {
        self.door.address()
    }

    /// Does all that there is to do; whether there was anything.
    pub(super) fn turn(&mut self) -> Result<bool, RelayError> {
        let mut is_busy = false;
        while let Some((request, from)) = self.door.request()? {
            is_busy = true;
            self.answer(&request).send(from)?;
        }
        for _ in 0..BATCH {
            let Some((len, source)) = unless_blocked(self.socket.recv_from(&mut self.buffer))? else { break };
            is_busy = true;
            self.take(len, source)?;
        }
        self.advance()?;
        for viewer in &mut self.viewers {
            is_busy |= viewer.send_due(Instant::now(), &self.socket)?;
        }
        Ok(is_busy)
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let mut parts = request.path.splitn(3, '/').skip(1);
        match (request.method.as_str(), parts.next(), parts.next()) {
            ("POST", Some("whip"), Some(stream)) => self.publish(stream, &request.body),
            ("POST", Some("whep"), Some(stream)) => self.watch(stream, &request.body),
            ("DELETE", Some("session"), Some(number)) => self.end(number),
            _ => Answer::plain("404 Not Found"),
        }
    }

    fn publish(&mut self, stream: &str, offer: &str) -> Answer {
        if self.publishers.iter().any(|publisher| publisher.stream == stream) {
            return Answer::plain("409 Conflict");
        }
        let Ok((session, answer)) = Session::answer(offer, self.address, Instant::now()) else {
            return Answer::plain("400 Bad Request");
        };
        let (number, location) = self.next_session();
        self.publishers.push(Publisher::new(number, stream.to_owned(), session));
        Answer { status: "201 Created", location, body: answer }
    }

    fn watch(&mut self, stream: &str, offer: &str) -> Answer {
        if !self.publishers.iter().any(|publisher| publisher.stream == stream) {
            return Answer::plain("404 Not Found");
        }
        self.viewers_asked += 1;
        if self.faults.refuses(self.viewers_asked) {
            self.books.note_refusal();
            return Answer::plain("503 Service Unavailable");
        }
        let Ok((session, answer)) = Session::answer(offer, self.address, Instant::now()) else {
            return Answer::plain("400 Bad Request");
        };
        let (number, location) = self.next_session();
        let books = self.books.clone();
        self.viewers.push(Viewer::new(number, stream.to_owned(), session, self.faults, books));
        Answer { status: "201 Created", location, body: answer }
    }

    fn end(&mut self, number: &str) -> Answer {
        let before = self.publishers.len() + self.viewers.len();
        self.publishers.retain(|publisher| publisher.number.to_string() != number);
        self.viewers.retain(|viewer| viewer.number.to_string() != number);
        let has_ended = self.publishers.len() + self.viewers.len() < before;
        Answer::plain(if has_ended { "200 OK" } else { "404 Not Found" })
    }

    fn next_session(&mut self) -> (u64, Option<String>) {
        self.sessions += 1;
        (self.sessions, Some(format!("/session/{}", self.sessions)))
    }

    /// Hands a datagram to the session that knows it. The time is read after it came, so that no wait is cut short.
    fn take(&mut self, len: usize, source: SocketAddr) -> Result<(), RelayError> {
        let now = Instant::now();
        let Ok(contents) = self.buffer[..len].try_into() else { return Ok(()) };
        let (proto, destination) = (Protocol::Udp, self.address);
        let input = Input::Receive(now, Receive { proto, source, destination, contents });
        if let Some(at) = self.publishers.iter().position(|one| one.session.rtc.accepts(&input)) {
            let heard = self.publishers[at].session.take(input)?;
            return self.digest_publisher(at, heard);
        }
        if let Some(at) = self.viewers.iter().position(|one| one.session.rtc.accepts(&input)) {
            let heard = self.viewers[at].session.take(input)?;
            return self.digest_viewer(at, heard);
        }
        Ok(())
    }

    /// Tells the time to whoever asked for it, and leaves those behind that are gone.
    fn advance(&mut self) -> Result<(), RelayError> {
        let now = Instant::now();
        for at in 0..self.publishers.len() {
            let heard = self.publishers[at].session.advance(now)?;
            self.digest_publisher(at, heard)?;
        }
        for at in 0..self.viewers.len() {
            let heard = self.viewers[at].session.advance(now)?;
            self.digest_viewer(at, heard)?;
        }
        self.publishers.retain(|publisher| publisher.session.rtc.is_alive());
        self.viewers.retain(|viewer| viewer.session.rtc.is_alive());
        Ok(())
    }

    fn digest_publisher(&mut self, at: usize, heard: Vec<Heard>) -> Result<(), RelayError> {
        for one in heard {
            match one {
                Heard::Datagram(to, datagram) => drop(self.socket.send_to(&datagram, to)?),
                Heard::Packet(packet) => self.forward(at, &packet)?,
                Heard::Wish(_) | Heard::Connected => {}
            }
        }
        Ok(())
    }

    /// Passes a packet of a publisher on to all its viewers.
    fn forward(&mut self, at: usize, packet: &RtpPacket) -> Result<(), RelayError> {
        let publisher = &mut self.publishers[at];
        let Some((kind, codec)) = publisher.place(packet) else { return Ok(()) };
        for viewer in &mut self.viewers {
            if viewer.stream != publisher.stream {
                continue;
            }
            let heard = viewer.forward(kind, codec, packet)?;
            for wish in viewer.digest(heard, Instant::now(), &self.socket)? {
                publisher.wish(wish, Instant::now());
            }
        }
        Ok(())
    }

    fn digest_viewer(&mut self, at: usize, heard: Vec<Heard>) -> Result<(), RelayError> {
        let viewer = &mut self.viewers[at];
        let wishes: Vec<MediaKind> = viewer.digest(heard, Instant::now(), &self.socket)?;
        let publisher = self.publishers.iter_mut().find(|publisher| publisher.stream == viewer.stream);
        if let Some(publisher) = publisher {
            wishes.into_iter().for_each(|wish| publisher.wish(wish, Instant::now()));
        }
        Ok(())
    }
}
