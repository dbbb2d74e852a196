//! Words that are shown even when a test passes.

use std::io::{self, Write};

/// Writes a line to standard error, past the harness that keeps what tests print.
pub fn say(words: &str) {
    // Without a terminal there is nobody to tell.
    let _ = writeln!(io::stderr(), "note: {words}");
}
