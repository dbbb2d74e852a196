//! The load harness: what a server delivers under load, and what that costs it.
//!
//! ```text
//!   Publisher × P ──UDP──► any WHIP/WHEP server ──UDP──► Viewer × P·V   counts every packet by its header
//!       └── stamps each payload                              └── sample  opens every packet: intact? in order? how old?
//!        threads that never sleep (worker)        /proc of the server's processes (usage) ──► Report: table, JSON, HTML
//! ```
//!
//! A [`Plan`](plan::Plan) says what is loaded, a [`Target`](target::Target) where; [`load::run`] gives back a
//! [`Report`](report::Report).
//!
//! # How far to trust it
//! Generator and server share a machine, so that loopback's delivery, which a network card would do, is charged to the
//! server that sends. Viewers that take trains whole (`viewers.trains`, the default) spare the server the cutting, as a card
//! with segmentation offload would; `trains = false` does not. Latency ends when the generator comes round to the packet: it
//! contains up to the time of a round, which the report shows. Compare numbers taken minutes apart on a quiet machine, and
//! see them repeat, before believing a difference of less than 15 %.

pub mod ab;
mod books;
pub mod capacity;
mod clock;
pub mod compare;
pub mod content;
mod feedback;
mod files;
mod float;
pub mod floor;
pub mod http;
pub mod instructions;
mod joining;
pub mod latency;
pub mod listener;
pub mod load;
mod media;
pub mod namespace;
mod opening;
pub mod page;
mod peer;
pub mod plan;
pub mod promises;
mod publisher;
pub mod refusals;
pub mod report;
mod road;
pub mod server;
pub mod show;
pub mod tally;
mod tap;
pub mod target;
pub mod usage;
mod viewer;
mod worker;

pub use files::FilesError;
pub use joining::JoinError;
pub use peer::PeerError;
pub use road::RoadBooks;
