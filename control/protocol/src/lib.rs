//! The messages between control and dataplane: the only code that both processes share.
//!
//! The dataplane owns what *is* (sessions, tracks, keys, counters); control owns what *should be* (apps, grants, rooms).
//! Control connects to the dataplane's Unix socket and says [`ToDataplane::Hello`]; the dataplane answers
//! [`ToControl::Welcome`] and serves the control with the highest epoch. Control may die at any moment: media flows on,
//! and the next control reads a [`ToControl::Snapshot`].
//!
//! ```text
//!   control ──► Hello · Publish · Watch · Offer · Answer · Trickle · Pause · Prefer · Mute · Limit · Inspect · Close · Snapshot
//!           ◄── Welcome · Accepted · Refused · Done · Restarted · Inspected · Noted · Connected · Replaced · Closed ·
//!               Snapshot · Stats ── dataplane
//! ```
//!
//! Every request carries a [`RequestId`] and gets exactly one answer. A frame is a little-endian `u32` length and a
//! postcard body; see [`frame`]. A change of any message raises [`PROTOCOL_VERSION`].
#![forbid(unsafe_code)]

pub mod frame;
mod id;
mod inspection;
mod message;
mod session;
mod stats;
mod terms;

pub use frame::{Decoder, FRAME_BYTES_MAX, FrameError, encode};
pub use id::{ParseSessionIdError, RequestId, SessionId};
pub use inspection::{DtlsInspection, IceInspection, IcePair, Inspection, LayerState, Notable, Note};
pub use message::{CloseReason, Refusal, ToControl, ToDataplane};
pub use session::{
    Codec, LayerWish, SessionInfo, SessionRole, SessionState, StreamPath, TrackInfo, TrackKind,
};
pub use stats::{
    IoBackend, LaneStats, NamedCounter, SessionStats, ShardStats, StatsReport, TcpStats, TrackStats,
};
pub use terms::{KEEPSAKE_BYTES_MAX, MutedKinds, Terms};

/// Raised with every change of a message. Both sides refuse another version by name.
pub const PROTOCOL_VERSION: u16 = 9;
