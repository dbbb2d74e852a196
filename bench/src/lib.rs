//! The load harness: what a server delivers under load, and what that costs it.
//!
//! ```text
//!   Publisher ──UDP──► any WHIP/WHEP server ──UDP──► Viewer × N     counts every packet by its header
//!       └── stamps each payload                        └── sample   opens every packet: intact? in order? how old?
//!        one thread, one busy core (load)             /proc of the server's processes (usage) ──► Report
//! ```
//!
//! `fanlight-bench load` runs one load against a running server; `fanlight-bench ab` starts a Fanlight binary with io_uring
//! and with plain system calls in turn and compares the two.
//!
//! # How far to trust it
//! Generator and server share a machine, so that loopback's delivery, which a network card would do, is charged to the
//! server that sends. Latency ends when the generator comes round to the packet: with N viewers it contains up to the time
//! that a round over N sockets takes, which the report shows. Compare numbers taken minutes apart on a quiet machine, and
//! see them repeat, before believing a difference of less than 15 %.
//!
//! # Limits
//! One stream a run; VP8 and Opus; `http://` without tokens; no retransmission, transport-wide feedback or REMB from viewers.

pub mod ab;
mod clock;
pub mod content;
pub mod floor;
pub mod http;
pub mod instructions;
pub mod load;
mod opening;
mod peer;
mod publisher;
pub mod quantiles;
pub mod report;
pub mod server;
pub mod signalling;
pub mod tally;
mod tap;
pub mod usage;
mod viewer;

pub use peer::PeerError;
