//! The command that floods a server with requests to be refused.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use fanlight_bench::refusals::{self, Row, Settings};

use super::{Fault, write_json};

#[derive(Args)]
pub(super) struct Refusals {
    /// The binary. Use a release build.
    #[arg(long, value_name = "FILE")]
    binary: PathBuf,
    /// Of each case.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Connections that flood at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=200))]
    connections: u8,
    /// Where to write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Refusals {
    pub(super) fn run(self) -> Result<(), Fault> {
        let settings = Settings { window: Duration::from_secs(self.seconds), connections: self.connections };
        writeln!(io::stdout(), "{}", Row::heading())?;
        let tell = &mut |row: &Row| {
            // A closed output is told at the end.
            let _ = writeln!(io::stdout(), "{row}");
        };
        let refusals = refusals::run(&self.binary, settings, tell)?;
        self.json.as_deref().map_or(Ok(()), |file| write_json(file, &refusals))
    }
}
