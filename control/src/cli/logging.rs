//! The log on standard error, for people or for machines.

use std::io::{self, IsTerminal};

use fanlight::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

use super::Fault;

fn filter(log: &Log) -> Result<EnvFilter, Fault> {
    EnvFilter::try_new(&log.level).map_err(|error| Fault::LogLevel(error.to_string()))
}

/// Refuses a level that cannot be read.
pub(super) fn check(log: &Log) -> Result<(), Fault> {
    filter(log).map(drop)
}

/// Starts the log of this process.
pub(super) fn init(log: &Log) -> Result<(), Fault> {
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter(log)?).with_writer(io::stderr);
    let started = match log.format {
        LogFormat::Human => subscriber.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    started.map_err(Fault::start)
}
