//! Fanlight's control plane: signalling (WHIP, WHEP), listings, metrics and pages over HTTP, beside a dataplane process that
//! moves the media and that this library reaches over a Unix socket.
//!
//! ```text
//!   http ─► signalling ─► registry                what should be
//!              │   └────► dataplane::Line ─► link ─► Unix socket ─► the media process: what is
//!              ├────────► stats, metrics
//!              └────────► endings, events ◄─ explain   why, in plain words
//! ```
//!
//! The library knows nothing of the dataplane but `fanlight-protocol`. Control may die at any moment: media flows on, and
//! the next control adopts the sessions that are.
#![forbid(unsafe_code)]

mod api;
mod app;
mod auth;
pub mod config;
mod dataplane;
mod drain;
mod endings;
mod events;
mod explain;
mod fault;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod http;
mod journal;
mod log_budget;
mod log_level;
mod log_tail;
mod metrics;
pub mod mint;
mod name;
mod outbound;
mod pattern;
mod private_folder;
mod registry;
pub mod roster;
mod server;
mod signalling;
mod state_folder;
mod stats;
mod tally;
pub mod tls;

pub use app::LoadError;
pub use config::{Config, ConfigFault, ConfigFaults};
pub use dataplane::socket;
pub use log_level::LogLevel;
pub use log_tail::LogTail;
pub use server::{Server, StartError};
