//! The machine room: one UDP socket a worker with its queues, wake-ups between threads, lanes, cores.
//!
//! ```text
//!                    ┌──────────────────────── Port (one thread) ────────────────────────┐
//!   datagrams in ──► │ Kernel: io_uring | recvmmsg/sendmmsg ──► Inbox ──► the worker's   │
//!  datagrams out ◄── │          ▲                              Outbox ◄── turn           │
//!                    └──────────┼────────────────────────────────────────────────────────┘
//!                     Waker (eventfd, written only while the owner sleeps) ◄── other threads' lanes
//! ```
//!
//! The worker's loop is `port.wait(…)`, then one turn over `port.split()`. Everything that decides (which slot is free,
//! when to re-arm, what an error means, when to sleep) is safe code in `queues`, `inbox` and `outbox`, written against the
//! small trait in `kernel`; the tests run it on a fake kernel that delays, refuses and fails. The two real kernels, `uring` and
//! `plain`, only translate.
//!
//! # Limits
//! Linux only. io_uring needs kernel 6.1 (`DEFER_TASKRUN`); without it, or where it is forbidden, a port falls back to plain
//! system calls and says why. A port bound to a wildcard address lets the routing table choose the source address of what
//! it sends: on a host with several addresses in one network, bind to the one that clients are told.
//!
//! # Where unsafe is, and why
//! Nearly all unsafe code of the project is in this crate, one operation a block:
//!
//! | file | what for |
//! |---|---|
//! | `memory.rs` | page-aligned memory shared with the kernel, and slices of it |
//! | `message.rs` | zeroed `msghdr`s, which the C library does not let one construct |
//! | `socket.rs` | `socket`, `setsockopt`, `getsockopt`, `bind`, `sendto` |
//! | `wake.rs` | `eventfd` |
//! | `inbox.rs`, `outbox.rs` | the slice of a buffer or slot that the accounting says is ours |
//! | `uring/mod.rs`, `uring/buffers.rs` | pushing entries, `io_uring_enter`, the provided-buffer ring |
//! | `plain/mod.rs`, `plain/receive.rs`, `plain/transmit.rs` | `ppoll`, `recvmmsg`, `sendmmsg` |
//! | `trial/tracked.rs`, `trial/threads.rs` (feature `trial`) | pushing entries, `io_uring_enter`, fixed buffers, another thread's clock |
//! | `trains.rs` | `setsockopt`, `recvmmsg` of sockets that are none of a port's |
//! | `limits.rs`, `affinity.rs` | `getrlimit`, `prctl`, `sched_getaffinity`, `sched_setaffinity` |

mod address;
mod affinity;
mod config;
mod counters;
mod datagram;
mod error;
mod inbox;
mod kernel;
mod lane;
mod limits;
mod memory;
mod message;
mod outbox;
mod plain;
mod port;
mod queues;
mod socket;
mod trains;
#[cfg(feature = "trial")]
pub mod trial;
mod uring;
mod wake;

#[cfg(test)]
mod fake;

pub use affinity::{cores, pin_to_core};
pub use config::{Backend, BackendChoice, PortConfig};
pub use counters::{PortCounters, SendErrors};
pub use error::{OpenError, RingError};
pub use inbox::{Inbox, Received};
pub use lane::{LaneFull, LaneReceiver, LaneSender, Wake, lane};
pub use limits::{
    DATAGRAM_BYTES_MAX, RECEIVE_OVERHEAD_BYTES, RECEIVED_PER_WAIT_MAX, SEGMENTS_MAX, SLOTS_BYTES_MAX,
};
pub use outbox::Outbox;
pub use port::Port;
pub use trains::{Train, Trains, take_trains};
pub use wake::Waker;
