//! Socket addresses in the kernel's byte layout, `sockaddr_in` and `sockaddr_in6`, without a cast.
//!
//! A dual-stack socket speaks only `sockaddr_in6`: IPv4 peers appear as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2) and are turned
//! back here, so that nobody above ever sees a mapped address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// Bytes of a `sockaddr_in6`, the longest that a UDP socket uses.
pub(crate) const ADDRESS_BYTES: usize = size_of::<libc::sockaddr_in6>();
/// The same, in the type that the system calls take.
pub(crate) const ADDRESS_LENGTH: libc::socklen_t = 28;
const ADDRESS_V4_LENGTH: libc::socklen_t = 16;

const _: () = assert!(ADDRESS_BYTES == ADDRESS_LENGTH as usize);
const _: () = assert!(size_of::<libc::sockaddr_in>() == ADDRESS_V4_LENGTH as usize);

/// Which peers a socket can speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    V4,
    V6,
    Dual,
}

impl Reach {
    /// What a socket bound to this address reaches.
    pub(crate) fn of(bind: SocketAddr) -> Self {
        match bind.ip() {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(ip) if ip.is_unspecified() => Self::Dual,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(crate) fn family(self) -> libc::c_int {
        match self {
            Self::V4 => libc::AF_INET,
            Self::V6 | Self::Dual => libc::AF_INET6,
        }
    }
}

/// An address as the kernel reads it: the first `len` bytes, in the alignment of a `sockaddr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(8))]
pub(crate) struct RawAddress {
    bytes: [u8; ADDRESS_BYTES],
    len: libc::socklen_t,
}

impl RawAddress {
    pub(crate) const UNSPECIFIED: Self = Self { bytes: [0; ADDRESS_BYTES], len: 0 };

    /// The address as a socket of this reach names it, or `None` if it cannot speak to it.
    pub(crate) fn encode(address: SocketAddr, reach: Reach) -> Option<Self> {
        match (address, reach) {
            (SocketAddr::V4(v4), Reach::V4) => Some(Self::v4(*v4.ip(), v4.port())),
            (SocketAddr::V4(v4), Reach::Dual) => {
                Some(Self::v6(&SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0)))
            }
            (SocketAddr::V6(v6), Reach::V6 | Reach::Dual) => Some(Self::v6(&v6)),
            (SocketAddr::V4(_), Reach::V6) | (SocketAddr::V6(_), Reach::V4) => None,
        }
    }

    fn v4(ip: Ipv4Addr, port: u16) -> Self {
        let mut raw = Self { bytes: [0; ADDRESS_BYTES], len: ADDRESS_V4_LENGTH };
        raw.bytes[..2].copy_from_slice(&family_bytes(libc::AF_INET));
        raw.bytes[2..4].copy_from_slice(&port.to_be_bytes());
        raw.bytes[4..8].copy_from_slice(&ip.octets());
        raw
    }

    fn v6(address: &SocketAddrV6) -> Self {
        let mut raw = Self { bytes: [0; ADDRESS_BYTES], len: ADDRESS_LENGTH };
        raw.bytes[..2].copy_from_slice(&family_bytes(libc::AF_INET6));
        raw.bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        raw.bytes[4..8].copy_from_slice(&address.flowinfo().to_ne_bytes());
        raw.bytes[8..24].copy_from_slice(&address.ip().octets());
        raw.bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
        raw
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        self.bytes.as_ptr().cast()
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        self.len
    }

    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len as usize]
    }
}

/// Reads the address that the kernel wrote; `None` if it is none of ours. A mapped IPv4 address comes back as IPv4.
pub(crate) fn decode(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(field(bytes, 0)?);
    let port = u16::from_be_bytes(field(bytes, 2)?);
    match libc::c_int::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = field(bytes, 4)?;
            Some(SocketAddr::from((octets, port)))
        }
        libc::AF_INET6 => {
            let ip = Ipv6Addr::from(field::<16>(bytes, 8)?);
            if let Some(v4) = ip.to_ipv4_mapped() {
                return Some(SocketAddr::from((v4, port)));
            }
            // The flow label says nothing of who the peer is and would split one peer into many.
            let scope = u32::from_ne_bytes(field(bytes, 24)?);
            Some(SocketAddrV6::new(ip, port, 0, scope).into())
        }
        _ => None,
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn family_bytes(family: libc::c_int) -> [u8; 2] {
    // Families are small positive numbers; `sa_family_t` has 16 bits.
    let bytes = family.to_le_bytes();
    u16::from_le_bytes([bytes[0], bytes[1]]).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::{RawAddress, Reach, decode};

    fn there_and_back(text: &str, reach: Reach) -> Option<SocketAddr> {
        RawAddress::encode(text.parse().unwrap(), reach).and_then(|raw| decode(raw.bytes()))
    }

    /// Paths are keyed by address: what goes out must be recognised when it comes back, on every kind of socket.
    #[test]
    fn an_address_survives_the_kernels_layout() {
        for (text, reach) in [
            ("192.0.2.7:50000", Reach::V4),
            ("192.0.2.7:50000", Reach::Dual),
            ("[2001:db8::7]:443", Reach::V6),
            ("[2001:db8::7]:443", Reach::Dual),
            ("[fe80::1%3]:9", Reach::Dual),
        ] {
            assert_eq!(there_and_back(text, reach), Some(text.parse().unwrap()), "{text} over {reach:?}");
        }
    }

    /// The kernel would answer such a send with an error; not asking keeps the cause clear.
    #[test]
    fn a_peer_of_the_other_family_is_out_of_reach() {
        assert_eq!(there_and_back("192.0.2.7:1", Reach::V6), None);
        assert_eq!(there_and_back("[2001:db8::7]:1", Reach::V4), None);
    }

    /// Bytes from the kernel are still parsed, not trusted: short or foreign ones must not become an address.
    #[test]
    fn short_and_foreign_addresses_are_none() {
        let raw = RawAddress::encode("[2001:db8::7]:443".parse().unwrap(), Reach::V6).unwrap();
        for len in 0..raw.bytes().len() {
            assert_eq!(decode(&raw.bytes()[..len]), None, "{len} bytes");
        }
        let mut unix = raw.bytes().to_vec();
        unix[..2].copy_from_slice(&1u16.to_ne_bytes());
        assert_eq!(decode(&unix), None);
    }
}
