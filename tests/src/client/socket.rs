//! What carries a session's datagrams: a UDP socket, or a TCP connection that this side opens (RFC 6544, active) with a length
//! before each datagram (RFC 4571).

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::sockopt;
use str0m::net::Protocol;

/// Bytes of the socket's receive buffer: the thread that drives the clients may be away for a second.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Bytes that may wait for a server that does not read.
const WAITING_MAX: usize = 1 << 20;
const READ_BYTES: usize = 64 * 1024;

/// See the file's head.
pub(crate) enum Socket {
    Udp(UdpSocket),
    Tcp(Connection),
}

/// A connection and what is on its way in either direction.
pub(crate) struct Connection {
    stream: TcpStream,
    server: SocketAddr,
    /// Where ICE believes that this side is: the address of the first connection. A later one looks to the server like the
    /// same peer behind another port, as when a NAT has rebound.
    local: SocketAddr,
    /// Come, and not yet whole.
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// Nothing passes any more.
    is_broken: bool,
    /// Nothing has been sent yet. The first datagram is a check, as with browsers: media waits until the way is known again.
    is_fresh: bool,
}

impl Socket {
    /// On the address of this machine from which it reaches the server.
    pub(crate) fn udp(server: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind((address_towards(server)?, 0))?;
        socket.set_nonblocking(true)?;
        if sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
            // Not permitted: the kernel gives what net.core.rmem_max allows.
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)?;
        }
        Ok(Self::Udp(socket))
    }

    /// Connects to where the server waits.
    pub(crate) fn tcp(server: SocketAddr) -> io::Result<Self> {
        let stream = connect(server)?;
        let local = stream.local_addr()?;
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        Ok(Self::Tcp(Connection {
            stream,
            server,
            local,
            incoming,
            outgoing,
            is_broken: false,
            is_fresh: true,
        }))
    }

    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Self::Udp(_) => Protocol::Udp,
            Self::Tcp(_) => Protocol::Tcp,
        }
    }

    pub(crate) fn local_address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Udp(socket) => socket.local_addr(),
            Self::Tcp(connection) => Ok(connection.local),
        }
    }

    /// The next datagram that has come, and from where; None: nothing whole is there.
    pub(crate) fn receive(&mut self) -> io::Result<Option<(Vec<u8>, SocketAddr)>> {
        match self {
            Self::Udp(socket) => {
                let mut datagram = vec![0; 2000];
                match socket.recv_from(&mut datagram) {
                    Ok((len, from)) => {
                        datagram.truncate(len);
                        Ok(Some((datagram, from)))
                    }
                    // ICMP says that nobody listens: the server is gone, and ICE will find out.
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(None),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
                    Err(error) => Err(error),
                }
            }
            Self::Tcp(connection) => Ok(connection.receive()),
        }
    }

    pub(crate) fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match self {
            Self::Udp(socket) => match socket.send_to(datagram, to) {
                Err(error)
                    if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused) =>
                {
                    Err(error)
                }
                _ => Ok(()),
            },
            Self::Tcp(connection) => {
                connection.send(datagram);
                Ok(())
            }
        }
    }

    /// What to wait on; None: nothing will come.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Udp(socket) => Some(socket.as_fd()),
            Self::Tcp(connection) => (!connection.is_broken).then(|| connection.stream.as_fd()),
        }
    }

    /// Breaks a TCP connection; nothing passes until [`Self::reconnect`].
    pub(crate) fn cut(&mut self) {
        if let Self::Tcp(connection) = self {
            connection.is_broken = true;
            // Broken already is as good.
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Opens a new TCP connection for the same session.
    pub(crate) fn reconnect(&mut self) -> io::Result<()> {
        if let Self::Tcp(connection) = self {
            connection.stream = connect(connection.server)?;
            connection.incoming.clear();
            connection.outgoing.clear();
            connection.is_broken = false;
            connection.is_fresh = true;
        }
        Ok(())
    }
}

fn address_towards(server: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    // Nothing is sent by this: the kernel looks up the way.
    socket.connect(server)?;
    Ok(socket.local_addr()?.ip())
}

fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server)?;
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Connection {
    fn receive(&mut self) -> Option<(Vec<u8>, SocketAddr)> {
        self.write();
        let datagram = self.whole().or_else(|| {
            self.read();
            self.whole()
        })?;
        Some((datagram, self.server))
    }

    fn whole(&mut self) -> Option<Vec<u8>> {
        let [high, low, ..] = self.incoming[..] else { return None };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let datagram = self.incoming.get(2..2 + len)?.to_vec();
        self.incoming.drain(..2 + len);
        Some(datagram)
    }

    fn read(&mut self) {
        let mut piece = [0; READ_BYTES];
        match self.stream.read(&mut piece) {
            Ok(0) => self.is_broken = true,
            Ok(count) => self.incoming.extend(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.is_broken = true,
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        let is_stun = matches!(datagram, [0..=3, ..]); // RFC 7983
        self.is_fresh &= !is_stun;
        let len = u16::try_from(datagram.len()).unwrap_or(u16::MAX);
        if !self.is_fresh && !self.is_broken && self.outgoing.len() < WAITING_MAX {
            self.outgoing.extend(len.to_be_bytes());
            self.outgoing.extend(&datagram[..len.into()]);
        }
        self.write();
    }

    fn write(&mut self) {
        while !self.outgoing.is_empty() && !self.is_broken {
            match self.stream.write(&self.outgoing) {
                Ok(count) => _ = self.outgoing.drain(..count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => self.is_broken = true,
            }
        }
    }
}
