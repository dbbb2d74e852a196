//! What the benchmarks of the stages work on, made once and outside of what is measured.
//!
//! The peers are those of the shard's own tests: their keys are known, so no handshake comes before the media.

pub(crate) mod hall;
pub(crate) mod keys;
pub(crate) mod packets;
pub(crate) mod reading;
// Only the peers of it: its world keeps all that ever went through, which a benchmark would pay for.
#[allow(dead_code, unused_imports, reason = "a benchmark needs a part of it")]
#[allow(clippy::panic, clippy::expect_used, reason = "it is test code: what must not be is told by a panic")]
#[allow(unfulfilled_lint_expectations, reason = "it expects the stricter lints of its own crate")]
#[path = "../../../dataplane/shard/tests/common/mod.rs"]
mod worlds;
