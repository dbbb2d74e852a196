//! A world for shards: virtual time, lanes and a network in memory, and peers whose SRTP keys the test holds.
//!
//! ```text
//!   Publisher ──hand──►┌─ World ───────────────────────┐──mail──► Publisher: reports, NACKs, key-frame requests
//!   Viewer ────hand──► │ inbox ► Shard ► egress, events │──mail──► Viewer: media, sender reports
//!                      │   ▲       └─ lanes ─┐          │
//!                      │   └─────────────────┘  trace   │
//!                      └───────────────────────────────┘
//! ```
//!
//! Everything that goes into a turn is kept in a [`trace`], which replays without the peers. Nothing here knows a test
//! framework, so a benchmark or a fuzz target can use it by path.

pub(crate) mod client;
pub(crate) mod digest;
pub(crate) mod keys;
pub(crate) mod link;
pub(crate) mod network;
pub(crate) mod packet;
pub(crate) mod player;
pub(crate) mod publisher;
pub(crate) mod rtcp;
pub(crate) mod script;
pub(crate) mod simulcast;
pub(crate) mod stage;
pub(crate) mod svc;
pub(crate) mod trace;
pub(crate) mod viewer;
pub(crate) mod world;

pub(crate) use packet::Packet;
pub(crate) use publisher::Publisher;
pub(crate) use rtcp::Told;
pub(crate) use stage::Stage;
pub(crate) use viewer::{Heard, Viewer};
pub(crate) use world::World;
