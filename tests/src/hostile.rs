//! Datagrams of peers that mean harm: each kind looks right to the first byte (RFC 7983) and is rubbish behind it.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType};

use crate::client::mix;

/// Longest datagram made, bytes.
const LENGTH_MAX: u64 = 1400;
/// Datagrams sent between two pauses: the flood is bounded in rate, so that it is the server that is tested and not the
/// socket buffer of loopback.
const BURST: usize = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// What a datagram pretends to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Binding requests with usernames that the server never made.
    ForgedUsername,
    /// STUN whose attributes are noise.
    BrokenStun,
    /// DTLS records with noise in them.
    Dtls,
    /// RTP with a plausible header.
    Rtp,
    /// RTCP with a plausible header.
    Rtcp,
    /// No protocol at all.
    Noise,
}

impl Kind {
    pub const ALL: [Self; 6] =
        [Self::ForgedUsername, Self::BrokenStun, Self::Dtls, Self::Rtp, Self::Rtcp, Self::Noise];

    /// A datagram of this kind; the same seed makes the same one.
    #[must_use]
    pub fn datagram(self, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = mix(state);
            state
        };
        let len = usize::try_from(next() % LENGTH_MAX).unwrap_or_default() + 24;
        let mut bytes: Vec<u8> = std::iter::repeat_with(|| next().to_be_bytes()[0]).take(len).collect();
        match self {
            Self::ForgedUsername => return forged_request(&bytes),
            Self::BrokenStun => bytes[..8].copy_from_slice(&[0, 1, 0, 16, 0x21, 0x12, 0xa4, 0x42]),
            Self::Dtls => bytes[..3].copy_from_slice(&[22, 0xfe, 0xfd]),
            Self::Rtp => (bytes[0], bytes[1]) = (0x90, 0x60 | (bytes[1] & 0x0f)),
            Self::Rtcp => (bytes[0], bytes[1]) = (0x81, 200 + bytes[1] % 7),
            Self::Noise => bytes[0] |= 0xc0,
        }
        bytes
    }
}

/// A binding request (RFC 8489 §5) that is well formed and names a username of two random ufrags.
fn forged_request(noise: &[u8]) -> Vec<u8> {
    const USERNAME: [u8; 2] = [0, 6];
    const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut username: Vec<u8> = noise[..24].iter().map(|byte| ICE_CHARS[usize::from(byte % 64)]).collect();
    username[16] = b':';
    let mut request = vec![0, 1, 0, 28, 0x21, 0x12, 0xa4, 0x42];
    request.extend(&noise[..12]);
    request.extend(USERNAME);
    request.extend([0, 24]);
    request.extend(username);
    request
}

/// Sends `count` datagrams of all kinds in turn to a port of this machine, from one socket.
///
/// # Errors
/// What the socket says.
pub fn flood(port: u16, count: usize, seed: u64) -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for (number, kind) in (0..count).zip(Kind::ALL.into_iter().cycle()) {
        let seed = seed.wrapping_add(number.try_into().unwrap_or_default());
        socket.send_to(&kind.datagram(seed), server)?;
        if number % BURST == BURST - 1 {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(())
}

/// What a TCP connection to the media port says that is none of a peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stray {
    /// Nothing, for ever.
    Silent,
    /// The length of a frame, and half of it.
    HalfAFrame,
    /// A well-formed check whose username the server never made.
    Forged,
    /// Another protocol, which looks like the length of a frame that no datagram fills.
    Http,
}

impl Stray {
    pub const ALL: [Self; 4] = [Self::Silent, Self::HalfAFrame, Self::Forged, Self::Http];

    fn words(self) -> Vec<u8> {
        let check = Kind::ForgedUsername.datagram(7);
        let length = u16::try_from(check.len()).unwrap_or_default().to_be_bytes();
        match self {
            Self::Silent => Vec::new(),
            Self::HalfAFrame => [&length, &check[..check.len() / 2]].concat(),
            Self::Forged => [&length[..], &check].concat(),
            Self::Http => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        }
    }
}

/// Opens `count` connections of this kind from a loopback address to a port of this machine. They stay open as long as they
/// live, if the server lets them.
///
/// # Errors
/// What the sockets say while they connect.
pub fn stray_connections(port: u16, from: Ipv4Addr, kind: Stray, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut strays = Vec::new();
    for _ in 0..count {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddr::from((from, 0)))?;
        rustix::net::connect(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let mut stream = TcpStream::from(socket);
        // The server may have closed it already: that is its right.
        let _ = stream.write_all(&kind.words());
        strays.push(stream);
    }
    Ok(strays)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A flood that the classifier throws away as a whole would test the classifier only.
    #[test]
    fn each_kind_begins_as_what_it_pretends_to_be() {
        for seed in 0..200 {
            let first = |kind: Kind| kind.datagram(seed)[0];
            assert_eq!(first(Kind::ForgedUsername), 0);
            assert_eq!(first(Kind::BrokenStun), 0);
            assert_eq!(first(Kind::Dtls), 22);
            assert!((128..=191).contains(&first(Kind::Rtp)));
            assert!((192..=223).contains(&Kind::Rtcp.datagram(seed)[1]));
            assert!(first(Kind::Noise) >= 192);
        }
        assert_eq!(Kind::Rtp.datagram(5), Kind::Rtp.datagram(5));
        assert_eq!(Kind::ForgedUsername.datagram(5).len(), 48);
    }
}
