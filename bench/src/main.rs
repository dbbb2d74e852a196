//! The command line of the load harness.

mod commands;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use self::commands::Arguments;

fn main() -> ExitCode {
    match commands::run(Arguments::parse()) {
        Ok(code) => code,
        Err(fault) => {
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "fanlight-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}
