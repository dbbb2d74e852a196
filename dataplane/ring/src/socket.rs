//! The UDP socket: bound, dual-stack where asked, with large buffers and path-MTU probing.
//!
//! It stays in blocking mode, because io_uring answers EAGAIN instead of waiting when a descriptor is non-blocking; every
//! direct call says `MSG_DONTWAIT` instead.

#![expect(unsafe_code, reason = "std cannot set these options before bind")]

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::address::{RawAddress, Reach};
use crate::config::PortConfig;
use crate::error::OpenError;

/// Each flag a system call of ours passes: don't wait, and no SIGPIPE.
pub(crate) const SEND_FLAGS: libc::c_int = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Bytes of a socket option's value.
const INT_BYTES: libc::socklen_t = 4;
const _: () = assert!(size_of::<libc::c_int>() == INT_BYTES as usize);

#[derive(Debug)]
pub(crate) struct Socket {
    udp: UdpSocket,
    reach: Reach,
    local: SocketAddr,
}

impl Socket {
    /// Opens, sets and binds. What the system grants less than wanted goes to `notes`.
    pub(crate) fn open(config: &PortConfig, notes: &mut Vec<String>) -> Result<Self, OpenError> {
        let bind = match config.bind.ip().to_canonical() {
            // `::ffff:192.0.2.1` is an IPv4 address in disguise.
            IpAddr::V4(ip) => SocketAddr::from((ip, config.bind.port())),
            IpAddr::V6(_) => config.bind,
        };
        match Self::open_at(bind, config, notes) {
            Err(error) if is_without_ipv6(&error, bind) => {
                notes.push("this host has no IPv6: listening on IPv4 alone".to_owned());
                let bind = SocketAddr::from((Ipv4Addr::UNSPECIFIED, bind.port()));
                Self::open_at(bind, config, notes)
            }
            outcome => outcome,
        }
    }

    fn open_at(bind: SocketAddr, config: &PortConfig, notes: &mut Vec<String>) -> Result<Self, OpenError> {
        let reach = Reach::of(bind);
        let descriptor = open_socket(reach.family()).map_err(OpenError::at("opening a UDP socket"))?;
        let socket = descriptor.as_raw_fd();
        set_reach(socket, reach).map_err(OpenError::at("setting the socket's options"))?;
        for buffer in [Buffer::RECEIVE, Buffer::SEND] {
            let wanted = buffer.wanted(config);
            notes.extend(buffer.size(socket, wanted).map_err(OpenError::at("sizing the socket's buffers"))?);
        }
        let raw = RawAddress::encode(bind, reach).ok_or(OpenError::AddressMissing(bind))?;
        bind_socket(socket, &raw).map_err(bind_error(bind))?;
        let udp = UdpSocket::from(descriptor);
        let local = udp.local_addr().map_err(OpenError::at("asking for the bound address"))?;
        Ok(Self { udp, reach, local })
    }

    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.udp.as_raw_fd()
    }

    /// One datagram, without waiting.
    pub(crate) fn send_now(&self, to: &RawAddress, datagram: &[u8]) -> io::Result<()> {
        // SAFETY: both pointers are valid for the lengths that go with them, and only read.
        let sent = unsafe {
            libc::sendto(
                self.descriptor(),
                datagram.as_ptr().cast(),
                datagram.len(),
                SEND_FLAGS,
                to.as_ptr(),
                to.len(),
            )
        };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

fn open_socket(family: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: socket takes three numbers and returns a descriptor or -1.
    let descriptor = unsafe { libc::socket(family, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and ours alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// Who can reach the socket, and no fragmentation: with PROBE the DF bit is set, datagrams longer than the interface's MTU
/// are refused, and what routers say of the path's MTU is ignored (RFC 8899 §1.1: forgeable). It also saves the IP id: 40–65 ns.
fn set_reach(socket: RawFd, reach: Reach) -> io::Result<()> {
    if reach != Reach::V4 {
        let only_v6 = libc::c_int::from(reach == Reach::V6);
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, only_v6)?;
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)?;
    }
    if reach != Reach::V6 {
        set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)?;
    }
    Ok(())
}

/// One of the socket's two buffers: how to size it and what to say if it stays small.
#[derive(Clone, Copy)]
struct Buffer {
    name: &'static str,
    option: libc::c_int,
    forced: libc::c_int,
    sysctl: &'static str,
}

impl Buffer {
    const RECEIVE: Self = Self {
        name: "SO_RCVBUF",
        option: libc::SO_RCVBUF,
        forced: libc::SO_RCVBUFFORCE,
        sysctl: "net.core.rmem_max",
    };
    const SEND: Self = Self {
        name: "SO_SNDBUF",
        option: libc::SO_SNDBUF,
        forced: libc::SO_SNDBUFFORCE,
        sysctl: "net.core.wmem_max",
    };

    fn wanted(self, config: &PortConfig) -> usize {
        if self.option == libc::SO_RCVBUF { config.socket_receive_bytes } else { config.socket_send_bytes }
    }

    /// Sizes the buffer, past the sysctl's limit where the process may (CAP_NET_ADMIN); returns a note if it is too small.
    fn size(self, socket: RawFd, wanted: usize) -> io::Result<Option<String>> {
        let wanted = libc::c_int::try_from(wanted).map_err(|_| io::ErrorKind::InvalidInput)?;
        if set_option(socket, libc::SOL_SOCKET, self.forced, wanted).is_err() {
            set_option(socket, libc::SOL_SOCKET, self.option, wanted)?;
        }
        // The kernel doubles what it was asked for, to have room for its own bookkeeping. socket(7).
        let granted = option(socket, libc::SOL_SOCKET, self.option)? / 2;
        let Self { name, sysctl, .. } = self;
        Ok((granted < wanted).then(|| {
            format!(
                "{name} is {granted} bytes, {wanted} wanted: set {sysctl}={wanted} or grant CAP_NET_ADMIN"
            )
        }))
    }
}

pub(crate) fn set_option(
    socket: RawFd,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let bytes = INT_BYTES;
    // SAFETY: the value is an int, valid for its size, and only read.
    let outcome = unsafe { libc::setsockopt(socket, level, name, (&raw const value).cast(), bytes) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn option(socket: RawFd, level: libc::c_int, name: libc::c_int) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut bytes = INT_BYTES;
    // SAFETY: the value is an int that the call may write, and `bytes` says its size.
    let outcome = unsafe { libc::getsockopt(socket, level, name, (&raw mut value).cast(), &raw mut bytes) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

fn bind_socket(socket: RawFd, address: &RawAddress) -> io::Result<()> {
    // SAFETY: the address is valid for its length and only read.
    let outcome = unsafe { libc::bind(socket, address.as_ptr(), address.len()) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn bind_error(bind: SocketAddr) -> impl FnOnce(io::Error) -> OpenError {
    move |source| match source.raw_os_error() {
        Some(libc::EADDRINUSE) => OpenError::AddressInUse(bind),
        Some(libc::EADDRNOTAVAIL) => OpenError::AddressMissing(bind),
        Some(libc::EACCES | libc::EPERM) => OpenError::AddressPrivileged(bind),
        _ => OpenError::System { step: "binding the UDP socket", source },
    }
}

/// Containers often have IPv6 switched off; "everywhere" then means IPv4.
fn is_without_ipv6(error: &OpenError, bind: SocketAddr) -> bool {
    let refused = match error {
        OpenError::System { source, .. } => source.raw_os_error() == Some(libc::EAFNOSUPPORT),
        OpenError::AddressMissing(_) => true,
        _ => false,
    };
    refused && Reach::of(bind) == Reach::Dual
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::{SocketAddr, UdpSocket};

    use super::{Buffer, Socket, option, set_option};
    use crate::address::Reach;
    use crate::config::PortConfig;
    use crate::error::OpenError;

    fn config(bind: &str) -> PortConfig {
        PortConfig { bind: bind.parse().unwrap(), ..PortConfig::default() }
    }

    /// Makes the kernel refuse to cut trains for this socket.
    pub(crate) fn switch_checksums_off(socket: &Socket) {
        set_option(socket.descriptor(), libc::SOL_SOCKET, libc::SO_NO_CHECK, 1).unwrap();
    }

    /// Two servers on one port would each get a random half of the packets: the operator must hear of it, by address.
    #[test]
    fn a_taken_port_is_named() {
        let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
        let taken: SocketAddr = holder.local_addr().unwrap();
        let error = Socket::open(&config(&taken.to_string()), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, OpenError::AddressInUse(address) if address == taken), "{error}");
    }

    /// An address of another machine is a common slip in a configuration.
    #[test]
    fn a_foreign_address_is_named() {
        let error = Socket::open(&config("192.0.2.1:0"), &mut Vec::new()).unwrap_err();
        assert!(matches!(error, OpenError::AddressMissing(_)), "{error}");
    }

    /// `::ffff:127.0.0.1` in a configuration means 127.0.0.1; as an IPv6 socket it could send nothing.
    #[test]
    fn a_mapped_address_binds_as_ipv4() {
        let socket = Socket::open(&config("[::ffff:127.0.0.1]:0"), &mut Vec::new()).unwrap();
        assert_eq!((socket.reach(), socket.local().is_ipv4()), (Reach::V4, true));
    }

    /// Fragments are lost more often than whole packets, and an ICMP message must not change what we send.
    #[test]
    fn datagrams_are_never_fragmented() {
        let socket = Socket::open(&config("[::]:0"), &mut Vec::new()).unwrap();
        let set = |level, name| option(socket.descriptor(), level, name).unwrap();
        assert_eq!(set(libc::IPPROTO_IP, libc::IP_MTU_DISCOVER), libc::IP_PMTUDISC_PROBE);
        assert_eq!(set(libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER), libc::IPV6_PMTUDISC_PROBE);
        assert_eq!(set(libc::IPPROTO_IPV6, libc::IPV6_V6ONLY), 0);
    }

    /// A buffer that stays small loses packets long after the start: say so at the start, with the figures and the sysctl.
    #[test]
    fn a_small_socket_buffer_is_noted_with_its_sysctl() {
        let socket = Socket::open(&config("127.0.0.1:0"), &mut Vec::new()).unwrap();
        // An option that exists but does not enlarge stands for "not allowed to force": any process may run this test.
        let unforced = Buffer { forced: -1, ..Buffer::RECEIVE };
        let most: i32 =
            std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap().trim().parse().unwrap();
        let wanted = most + 1;
        let note = unforced.size(socket.descriptor(), usize::try_from(wanted).unwrap()).unwrap().unwrap();
        assert_eq!(
            note,
            format!(
                "SO_RCVBUF is {most} bytes, {wanted} wanted: set net.core.rmem_max={wanted} or grant CAP_NET_ADMIN"
            )
        );
        assert_eq!(unforced.size(socket.descriptor(), 4096).unwrap(), None);
    }
}
