//! What tests of the whole server are made of: the real `fanlight` binary, WebRTC clients on real sockets, a real browser,
//! and peers that mean harm.
//!
//! Nothing here stands in for a part of Fanlight. The clients are str0m, another implementation than our media path, over
//! UDP on loopback; the browser is headless Chromium. `tests/run` at the top of this crate runs all tests of the project.
//!
//! ```text
//!   Publisher ──UDP──► fanlight (server::Server) ──UDP──► Viewer          Page (browser::Browser)
//!       └───────────── one thread drives them all: client::Stage ───────────┘      CDP over a pipe
//! ```
//!
//! The functions here return errors instead of panicking, so that other programs (the load harness) can use the clients;
//! in tests, [`Failure`] takes any of them with the place where it came up.

pub mod browser;
pub mod client;
mod failure;
pub mod files;
pub mod fuzzer;
pub mod hostile;
pub mod http;
pub mod metrics;
pub mod netns;
pub mod processor;
mod say;
pub mod server;
pub mod snippets;
pub mod stack;
mod temporary;

pub use failure::{Failure, TestResult};
pub use say::say;
pub use temporary::TemporaryFolder;
