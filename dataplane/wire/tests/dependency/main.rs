//! Dependency descriptors: by hand, and as a writer of our own makes them, bit by bit.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]
#![allow(clippy::disallowed_types, reason = "proptest's macros share strategies by Arc")]

mod model;
mod random;
mod reading;
