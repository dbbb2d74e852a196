//! Session descriptions: from a peer's offer to plain values for a shard, and to our answer.
//!
//! Pure functions of text; they run on the link thread, never on a shard. The server answers (WHIP and WHEP), or offers to a
//! viewer that asks for it: it is the passive, BUNDLE-only, rtcp-mux-only end, controlled unless it has offered; it names
//! one codec a section and never uses a peer's candidates.
//! Limits are refusals, not truncations: 64 KiB of text, 64 m-sections, 8 KiB a line. Work and memory are O(bytes).
//!
//! ```text
//!            lines      typed m-sections         one codec a section
//!  text ── Description ───── Offer ──┬── plan_publish ── PublishPlan ─┬─ PublishSpec ── shard
//!                                    └── plan_watch ──── WatchPlan ───┤  WatchSpec
//!                                          ▲                          └─ answer ─────── peer
//!                                      Published ─── ServerOffer ──── our offer ─────── peer
//! ```
//!
//! RFC 8829 (JSEP) over RFC 8866 (SDP), RFC 9143 (BUNDLE), RFC 8839 (ICE), RFC 8842 (DTLS), RFC 8841
//! (SCTP), RFC 8851 and RFC 8853 (simulcast).

mod agreed;
mod answer;
mod codec;
mod error;
mod extension;
mod format;
mod fragment;
mod h264;
mod offer;
mod offering;
mod parse;
mod peer;
mod publish;
mod section;
mod simulcast;
#[cfg(test)]
mod tests;
mod watch;

pub use answer::{CNAME, MESSAGE_BYTES_MAX, TransportParameters};
pub use error::SdpError;
pub use fragment::{Carrier, Fragment, write_fragment};
pub use offer::Offer;
pub use offering::ServerOffer;
pub use peer::Fingerprint;
pub use publish::{Policy, PublishPlan, Published, PublishedCodec, PublishedLayer, plan_publish};
pub use watch::{WatchPlan, plan_watch};
