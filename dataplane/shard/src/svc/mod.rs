//! Layers within one stream (SVC): VP9 tells them in its payload descriptor, AV1 in the dependency descriptor.
//!
//! ```text
//!   home     reading: each packet's layer ──► PacketFacts, with the packet to every shard
//!   a shard  points: what each operating point leaves out ──► numbers without a gap
//!            rates: what each layer brings ──► rungs to choose from
//!   a viewer gate: its point; packets above it are left out, and it changes where a picture allows
//! ```
//!
//! An operating point is a highest spatial and a highest temporal layer. Whoever is at one gets all layers up to both, also the
//! spatial layers that need not be there (in the KEY modes an upper layer is predicted from the lower in key pictures alone): so a
//! viewer can go down at any picture, without a key frame.

mod gate;
mod layer;
mod points;
mod rates;
mod reading;
mod selecting;
mod stream;

pub(crate) use gate::Gate;
pub use layer::{PacketLayer, Point};
pub(crate) use points::Points;
pub(crate) use reading::LayerReader;
pub(crate) use stream::LayeredStream;
