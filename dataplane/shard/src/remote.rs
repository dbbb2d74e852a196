//! Where a peer is: an address, and the protocol that it is reached by.

use std::fmt;
use std::net::SocketAddr;

/// What carries datagrams between a peer and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    Udp,
    /// Framed by RFC 4571; the peer opened the connection (RFC 6544, passive at our side).
    Tcp,
}

/// One end of a path, as we see it. The same address by another protocol is somebody else, until it proves that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Remote {
    pub protocol: Protocol,
    pub address: SocketAddr,
}

impl Remote {
    /// A peer that is reached by UDP.
    #[must_use]
    pub const fn udp(address: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, address }
    }

    /// A peer at the other end of a TCP connection.
    #[must_use]
    pub const fn tcp(address: SocketAddr) -> Self {
        Self { protocol: Protocol::Tcp, address }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Udp => write!(f, "udp {}", self.address),
            Protocol::Tcp => write!(f, "tcp {}", self.address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Remote;

    /// A reader of the log, and every table of routes, must tell the two apart.
    #[test]
    fn an_address_by_tcp_is_not_the_same_address_by_udp() {
        let address = "[2001:db8::1]:9000".parse().unwrap();
        assert_ne!(Remote::udp(address), Remote::tcp(address));
        assert_eq!(Remote::udp(address).to_string(), "udp [2001:db8::1]:9000");
        assert_eq!(Remote::tcp(address).to_string(), "tcp [2001:db8::1]:9000");
    }
}
