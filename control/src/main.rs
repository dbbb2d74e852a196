//! The `fanlight` binary: everything in one with no arguments, or one of the two processes as systemd units run them.
#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

/// Sessions are many small long-lived values, which it keeps cheaper than malloc does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
