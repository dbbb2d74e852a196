//! Why a port does not open. Each message says what to do.

use std::io;
use std::net::SocketAddr;

/// A port could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A value of the configuration is out of bounds.
    #[error("{key} is {value}: it must be {rule}")]
    Limit {
        /// The field of `PortConfig`.
        key: &'static str,
        /// What it was set to.
        value: usize,
        /// What is allowed.
        rule: &'static str,
    },
    /// Another socket holds the address.
    #[error(
        "UDP address {0} is in use: stop the process that holds it (`ss -ulpn` shows it) or choose another port"
    )]
    AddressInUse(SocketAddr),
    /// No interface has the address.
    #[error("this host has no address {0}: bind to `[::]`, `0.0.0.0` or one that `ip address` shows")]
    AddressMissing(SocketAddr),
    /// The port is reserved for privileged processes.
    #[error(
        "UDP address {0} needs a privilege: choose a port above net.ipv4.ip_unprivileged_port_start, or grant CAP_NET_BIND_SERVICE"
    )]
    AddressPrivileged(SocketAddr),
    /// The process has no file descriptor left.
    #[error("no file descriptor is left (RLIMIT_NOFILE is {0}): raise LimitNOFILE= or `ulimit -n`")]
    FilesExhausted(u64),
    /// io_uring was asked for and cannot be used.
    #[error("{0}; or choose the plain backend")]
    Ring(#[from] RingError),
    /// Any other system call that failed.
    #[error("{step} failed: {source}")]
    System {
        /// The call.
        step: &'static str,
        /// Its errno.
        source: io::Error,
    },
}

/// io_uring cannot be used here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// The kernel or a container's seccomp profile says no.
    #[error(
        "io_uring is refused (kernel.io_uring_disabled is {0}): set that to 0, and in a container allow io_uring_setup, \
         io_uring_enter and io_uring_register in the seccomp profile"
    )]
    Refused(String),
    /// The system call does not exist.
    #[error("this kernel has no io_uring: build it with CONFIG_IO_URING or use kernel 6.1 or newer")]
    Missing,
    /// A feature that this crate stands on is absent.
    #[error("this kernel's io_uring lacks {0}: use kernel 6.1 or newer")]
    Lacks(&'static str),
    /// The rings do not fit the limit on locked memory.
    #[error(
        "io_uring may not lock enough memory (RLIMIT_MEMLOCK is {0} bytes): set LimitMEMLOCK=64M or `ulimit -l 65536`"
    )]
    Memory(u64),
    /// Datagrams sent over loopback through a ring did not come back as they should.
    #[error("io_uring failed its self-check over loopback: {0}")]
    SelfCheck(String),
    /// Any other system call that failed.
    #[error("io_uring: {step} failed: {source}")]
    System {
        /// The call.
        step: &'static str,
        /// Its errno.
        source: io::Error,
    },
}

impl OpenError {
    /// Turns a failed call into an `OpenError`, naming the step.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(libc::EMFILE) => Self::FilesExhausted(crate::limits::files_max()),
            _ => Self::System { step, source },
        }
    }
}

impl RingError {
    /// Turns a failed call into a `RingError`, naming the step.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.raw_os_error() {
            Some(libc::ENOMEM) => Self::Memory(crate::limits::locked_bytes_max()),
            Some(libc::EPERM | libc::EACCES) => Self::Refused(crate::limits::io_uring_disabled()),
            Some(libc::ENOSYS) => Self::Missing,
            _ => Self::System { step, source },
        }
    }
}
