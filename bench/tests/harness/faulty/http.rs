//! The little of HTTP/1.1 that WHIP (RFC 9725) and WHEP take: one request a connection, read as it comes.
//!
//! Requests need a `Content-Length` if they have a body, and have at most 64 KiB.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

const REQUEST_BYTES_MAX: usize = 1 << 16;

/// What somebody wants.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: String,
}

/// What they are told.
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) location: Option<String>,
    pub(super) body: String,
}

/// A connection whose request is not whole yet.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// The listener and its connections.
pub(super) struct Door {
    listener: TcpListener,
    connections: Vec<Connection>,
}

impl Door {
    pub(super) fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, connections: Vec::new() })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next whole request, if there is one, and whom to answer.
    pub(super) fn request(&mut self) -> io::Result<Option<(Request, TcpStream)>> {
        while let Some((stream, _)) = unless_blocked(self.listener.accept())? {
            stream.set_nonblocking(true)?;
            self.connections.push(Connection { stream, received: Vec::new() });
        }
        for at in 0..self.connections.len() {
            let is_open = self.connections[at].read()?;
            if let Some(request) = parse(&self.connections[at].received) {
                return Ok(Some((request, self.connections.swap_remove(at).stream)));
            }
            if !is_open {
                self.connections.swap_remove(at);
                return Ok(None);
            }
        }
        Ok(None)
    }
}

impl Connection {
    /// Reads what is there; false if no more will come, or too much has.
    fn read(&mut self) -> io::Result<bool> {
        let mut part = [0; 4_096];
        while let Some(len) = unless_blocked(self.stream.read(&mut part))? {
            self.received.extend(&part[..len]);
            if len == 0 || self.received.len() > REQUEST_BYTES_MAX {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Answer {
    /// Without a body of the session's, and so without its URL.
    pub(super) fn plain(status: &'static str) -> Self {
        Self { status, location: None, body: String::new() }
    }

    /// It fits into the buffer of a fresh connection.
    pub(super) fn send(&self, mut stream: TcpStream) -> io::Result<()> {
        let location = self.location.iter().map(|path| format!("Location: {path}\r\n")).collect::<String>();
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: application/sdp\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.status,
            self.body.len()
        );
        stream.write_all((head + &self.body).as_bytes())
    }
}

/// None while it is not whole.
fn parse(received: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ').map(str::to_owned);
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Some(0), |(_, length)| length.trim().parse().ok())?;
    let body = body.get(..length)?.to_owned();
    Some(Request { method: words.next()?, path: words.next()?, body })
}

/// None instead of the error that there is nothing yet.
pub(super) fn unless_blocked<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
