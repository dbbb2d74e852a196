//! What a port is opened with.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Which path to the kernel a port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// io_uring: multishot receive into provided buffers, batched sends.
    IoUring,
    /// `recvmmsg`, `sendmmsg` and `ppoll`: level at sending, about 20 % dearer at receiving.
    Plain,
}

/// Which path to the kernel is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BackendChoice {
    /// io_uring if the kernel allows it and it passes a self-check, else plain.
    #[default]
    Auto,
    /// io_uring, or an error.
    IoUring,
    /// Plain system calls.
    Plain,
}

/// The shape of one [`Port`](crate::Port). Each value is checked when the port opens; `limits.rs` has the bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortConfig {
    /// `[::]:p` listens on IPv6 and IPv4, `0.0.0.0:p` on IPv4 alone; port 0 takes any free one.
    pub bind: SocketAddr,
    /// The path to the kernel.
    pub backend: BackendChoice,
    /// How many datagrams may wait in user space. A power of two. Few and small stay in the L2 cache: 64–512 buffers
    /// cost 335–350 ns a datagram, 4096 cost 470.
    pub receive_buffers: u16,
    /// Bytes of one receive buffer. The largest datagram that arrives whole is
    /// [`RECEIVE_OVERHEAD_BYTES`](crate::RECEIVE_OVERHEAD_BYTES) less; a longer one is dropped and counted.
    pub receive_buffer_bytes: usize,
    /// How many messages may be queued before they are submitted; 8–32 a submit is the best batch.
    pub send_slots: u16,
    /// Bytes of one send slot: the longest train. All slots together stay within
    /// [`SLOTS_BYTES_MAX`](crate::SLOTS_BYTES_MAX).
    pub slot_bytes: usize,
    /// Wanted receive buffer of the socket, in bytes: what waits while the worker is busy.
    pub socket_receive_bytes: usize,
    /// Wanted send buffer of the socket, in bytes. The kernel's default holds about 16 trains of ten packets.
    pub socket_send_bytes: usize,
    /// How long a wait looks for work before it sleeps, while traffic flows. To be woken costs the waker 12–17 µs.
    pub spin: Duration,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
            backend: BackendChoice::Auto,
            receive_buffers: 512,
            receive_buffer_bytes: 2048,
            send_slots: 32,
            slot_bytes: 16 * 1024,
            socket_receive_bytes: 4 * 1024 * 1024,
            socket_send_bytes: 4 * 1024 * 1024,
            spin: Duration::from_micros(30),
        }
    }
}
