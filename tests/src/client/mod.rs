//! WebRTC clients: a publisher and a viewer on str0m in RTP mode, each on a UDP socket or a TCP connection of its own,
//! signalled by WHIP and WHEP.
//!
//! They are sans-IO inside; [`Stage`] drives any number of them from one thread. What is published is deterministic
//! ([`Script`]), so that a viewer can tell every byte of every packet that it should have got.

mod answer;
mod layered;
mod loss;
mod publisher;
mod resource;
mod script;
mod seen;
mod session;
mod socket;
mod stage;

mod timeline;
mod viewer;

pub use answer::{Answer, AnsweredTrack};
pub use layered::Layered;
pub use loss::Loss;
pub use publisher::{Publisher, PublisherOptions};
pub use resource::{Endpoint, Resource, SignallingError};
pub(crate) use script::mix;
pub use script::{Content, Place, Script};
pub use seen::{Faults, Seen, SenderClock};
pub use session::{End, Milestones, SessionError};
pub use stage::{Stage, StageError};
pub use str0m::net::Protocol;
pub use viewer::{Viewer, ViewerOptions};
