//! The real server with WebRTC clients of another make on real sockets: what must hold from end to end.
//!
//! Time-outs here say how long something may take before it counts as not happening; none of them judges speed.

mod api;
mod apps;
mod delivery;
mod gates;
mod hostility;
mod key_frames;
mod layers;
mod lifecycle;
mod load;
mod recovery;
mod refusals;
mod scene;
mod snippets;
mod survival;
mod takeover;
mod tcp;
