//! Fuzz targets: a function each, from any bytes to nothing, that asserts more than that nothing panics.
//!
//! ```text
//!   fuzz_targets/x.rs ── libFuzzer mutates ──┐
//!                                            ├──► fanlight_fuzz::x(bytes)
//!   seeds/x, regressions/x ── cargo test ────┘
//! ```
//!
//! A target's file says which property it holds; what it needs of a reference is written here once more, slowly and from
//! the RFC, so that two readings of a text stand against each other. `fuzz/run` runs them all; see README.md beside it.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a broken property is told by a panic: it is what the engine and the tests look for"
)]

/// Declares the targets: a module and a function of the same name each, and the list of them.
macro_rules! targets {
    ($($name:ident),* $(,)?) => {
        $(mod $name; pub use $name::$name;)*

        /// Every target by its name, which is that of its binary, its seeds and its regressions.
        pub const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name)),*];
    };
}

mod bits;
mod damage;
mod keys;
mod member;
mod units;
mod verdict;
// The worlds of the shard's own tests: virtual time, lanes and a network in memory, peers whose keys are known.
#[allow(dead_code, unused_imports, reason = "a target needs a part of them")]
#[allow(unfulfilled_lint_expectations, reason = "they expect the stricter lints of their own crate")]
#[path = "../../dataplane/shard/tests/common/mod.rs"]
mod worlds;

targets!(
    av1,
    bandwidth_feedback,
    classify,
    control_frames,
    dependency_descriptor,
    extensions,
    h264,
    h265,
    jwt,
    nack,
    outbound_url,
    red,
    remb,
    replay_window,
    reports,
    rtcp,
    rtp,
    rtp_rewrite,
    rtx,
    sdp_fragment,
    sdp_offer,
    sequence,
    shard_turns,
    srtcp,
    srtp,
    stun,
    twcc,
    twcc_write,
    ufrag,
    vp8,
    vp9,
);
