//! All packet logic of Fanlight, pure and deterministic.
//!
//! [`Shard::turn`] is the only door: batches of datagrams, lane messages, commands and the time go in; trains, lane
//! messages and events come out. No I/O, no clock, no thread, no lock: the same list of turns gives the same outputs, so it
//! is a trace, a benchmark, a fuzz input and a bug report at once. In production the worker feeds it from the kernel; in
//! tests a virtual clock and network do.
//!
//! The path of a media packet, one stage a file:
//!
//! ```text
//!   receive ─► routes ─► publisher: open, bind, observe ─► ingest: keep ─► fan_out ─► subscription ─► train
//!   classify   address   receiver, missing, arrivals       store, lanes    viewers    admit, rewrite   seal
//!              or ufrag  elements                          key frames                                  and send
//! ```
//!
//! Feedback runs the other way ([`feedback`](self)) and meets media at two doors only: the store and the key-frame desk.
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod arrivals;
mod backfill;
pub mod bandwidth;
mod binding;
mod checks;
mod constraint;
mod counters;
mod delivery;
mod drive;
mod elements;
mod equalise;
mod fan_out;
mod feedback;
#[cfg(test)]
mod footprint;
mod gather;
mod gop;
mod handshakes;
mod hold;
mod ice;
mod ingest;
mod ingress_track;
mod inspection;
mod joining;
mod key_frame;
pub mod keyed;
mod lane;
mod lanes_in;
mod layers;
mod lifecycle;
mod limiting;
pub mod limits;
mod missing;
mod muting;
mod nonces;
mod notes;
mod numbering;
mod pace;
mod paths;
mod police;
mod probing;
mod publisher;
mod rate;
mod receive;
mod receiver;
mod reject;
mod remote;
mod report;
mod rhythm;
mod rng;
mod routes;
pub mod rtc;
mod session;
mod sessions;
mod shard;
mod shedding;
mod spec;
mod store;
mod subscription;
mod svc;
#[cfg(test)]
mod testing;
mod tick;
mod timers;
mod track;
mod train;
pub mod transport;
mod turn;
mod ufrag;
mod wishes;

pub use checks::Checked;
pub use counters::Counters;
pub use inspection::Inspection;
pub use lane::{LaneFull, LaneMessage, LanePacket, Lanes, MediaClock};
pub use layers::{FrameSize, Ladder, LayerSet, Rung};
pub use notes::{Notable, Note};
pub use reject::{REJECTS, Reject, RejectCounters};
pub use remote::{Protocol, Remote};
pub use report::{SessionReport, ShardReport, TrackReport};
pub use shard::{Shard, ShardConfig, TrainConfig};
pub use spec::{
    LayerSpec, LayerWish, Layers, Mid, PublishSpec, PublishedTrack, Rid, Role, SessionKey, SessionSpec,
    ShardId, SubscriptionSpec, TrackId, WatchSpec,
};
pub use store::PacketFacts;
pub use svc::{PacketLayer, Point};
pub use turn::{Command, Datagram, Datagrams, Egress, EndReason, Event, Inputs, Outputs};
pub use ufrag::{UFRAG_FIELD_MAX, UFRAG_LEN, UFRAG_RESTART_MAX, UfragKey};
