//! The command line of the load harness.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use fanlight_bench::ab::{self, AbError};
use fanlight_bench::http::Url;
use fanlight_bench::load::{self, LoadError, Options, Target};
use serde::Serialize;

/// Loads WHIP/WHEP servers and measures what they deliver and what that costs them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One load against a running server.
    Load {
        /// Where to publish: http://host:port/path
        #[arg(long, value_name = "URL")]
        whip: Url,
        /// Where to watch.
        #[arg(long, value_name = "URL")]
        whep: Url,
        /// The server's process on this machine; it and its descendants are charged.
        #[arg(long, value_name = "PID")]
        server_pid: Option<u32>,
        #[command(flatten)]
        common: Common,
    },
    /// Starts a Fanlight binary with io_uring and with plain system calls in turn, and compares.
    Ab {
        /// The binary. Use a release build.
        #[arg(long, value_name = "FILE")]
        binary: PathBuf,
        /// Loads of each side.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
        rounds: u16,
        #[command(flatten)]
        common: Common,
    },
}

#[derive(Args)]
struct Common {
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    viewers: u16,
    /// Viewers that open and check every packet.
    #[arg(long, default_value_t = 5)]
    sample: u16,
    /// Length of the measuring window.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// From the last viewer's first picture to the window.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    settle: u64,
    /// Between two viewers' wishes to join.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10)]
    join_interval: u64,
    /// Bit rate of the pictures, key frames not counted.
    #[arg(long, value_name = "KBIT/S", default_value_t = 2_500, value_parser = clap::value_parser!(u32).range(50..=50_000))]
    video_rate: u32,
    /// Longest time from key frame to key frame.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    key_interval: u64,
    /// The core to keep busy, counted from 0. The last one unless told.
    #[arg(long, conflicts_with = "no_pin")]
    core: Option<usize>,
    /// Keep to no core.
    #[arg(long)]
    no_pin: bool,
    /// Where to write the report as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Ab(#[from] AbError),
    #[error("{0}: {1}")]
    Json(PathBuf, #[source] io::Error),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            // If standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "fanlight-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Fault> {
    match command {
        Command::Load { whip, whep, server_pid, common } => {
            let target = Target { whip, whep, process: server_pid };
            let report = load::run(&target, &common.options())?;
            publish(&report, common.json.as_deref())
        }
        Command::Ab { binary, rounds, common } => {
            let tell = &mut |side: &str, round: usize, report: &_| {
                // The comparison at the end is what counts.
                let _ = writeln!(io::stdout(), "round {}, {side}\n{report}", round + 1);
            };
            let comparison = ab::run(&binary, rounds.into(), &common.options(), tell)?;
            publish(&comparison, common.json.as_deref())
        }
    }
}

impl Common {
    fn options(&self) -> Options {
        let last = fanlight_ring::cores().saturating_sub(1);
        Options {
            viewers: self.viewers.into(),
            sampled: self.sample.min(self.viewers).into(),
            join_interval: Duration::from_millis(self.join_interval),
            settle: Duration::from_secs(self.settle),
            window: Duration::from_secs(self.seconds),
            key_interval: Duration::from_secs(self.key_interval),
            video_bits_per_second: self.video_rate * 1_000,
            core: (!self.no_pin).then(|| self.core.unwrap_or(last)),
        }
    }
}

/// Prints a result, and writes it to a file if one is named.
fn publish<T: Display + Serialize>(result: &T, file: Option<&Path>) -> Result<(), Fault> {
    write!(io::stdout(), "{result}")?;
    let Some(file) = file else { return Ok(()) };
    let failed = |cause| Fault::Json(file.to_owned(), cause);
    let mut out = BufWriter::new(File::create(file).map_err(failed)?);
    serde_json::to_writer_pretty(&mut out, result).map_err(|cause| failed(cause.into()))?;
    out.flush().map_err(failed)
}
