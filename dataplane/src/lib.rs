//! The media process: workers that drive the shards, and the link to control.
//!
//! ```text
//!   control ◄──Unix socket──► link thread ──commands──► worker 0: port ⇄ shard ─┐ lanes
//!                             SDP, ledger ◄──events──── worker 1: port ⇄ shard ◄┘
//!        peers without UDP ◄──TCP──► tcp thread ◄──lanes──► each worker
//! ```
//!
//! [`run`] starts one worker a shard, each on its own thread with its own UDP port, one thread for all of ICE-TCP, and serves
//! control from the calling thread until SIGTERM or SIGINT. Control may come and go; media does not depend on it.
#![forbid(unsafe_code)]

mod address;
mod boot;
mod config;
mod error;
mod link;
pub mod sdp;
mod secret;
mod tcp;
mod ways_out;
mod worker;

pub use boot::run;
pub use config::{Backend, Config, Limits, Tcp};
pub use error::StartError;
pub use fanlight_shard::TrainConfig;
pub use secret::NoRandomness;
