//! How long each stage of a packet's way takes, one file a stage.
//!
//! ```text
//!   cargo bench -p fanlight-bench --bench stages            all of them
//!   cargo bench -p fanlight-bench --bench stages -- turn    one
//! ```
//!
//! Throughput is in packets: those that come where they are parsed and opened, those that are delivered everywhere else.
//! Times are of a machine at one moment; `--bench instructions` counts what does not change with either.

#![allow(
    clippy::unwrap_used,
    reason = "what a benchmark is set up with is known to be right, or it must not run"
)]

mod estimate;
mod lane;
mod open;
mod parse;
mod rewrite;
#[path = "../scene/mod.rs"]
mod scene;
mod seal;
mod turn;

use criterion::{criterion_group, criterion_main};

criterion_group!(
    stages,
    parse::bench,
    open::bench,
    rewrite::bench,
    seal::bench,
    estimate::bench,
    turn::bench,
    lane::bench
);
criterion_main!(stages);
