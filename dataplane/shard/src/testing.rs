//! What unit tests of this crate share.

use std::time::Instant;

/// A time to begin at. Tests count from here and never look at a clock again.
#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
pub(crate) fn start() -> Instant {
    Instant::now()
}
