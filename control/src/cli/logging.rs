//! The log on standard error, for people or for machines.

use std::io::{self, IsTerminal};

use fanlight::LogLevel;
use fanlight::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::reload::Handle;

use super::Fault;

fn filter(log: &Log) -> Result<EnvFilter, Fault> {
    EnvFilter::try_new(&log.level).map_err(|error| Fault::LogLevel(error.to_string()))
}

/// Refuses a level that cannot be read.
pub(super) fn check(log: &Log) -> Result<(), Fault> {
    filter(log).map(drop)
}

/// Starts the log of this process, whose level can be changed from then on.
pub(super) fn init(log: &Log) -> Result<LogLevel, Fault> {
    let (filter, writing) = (filter(log)?, tracing_subscriber::fmt().with_writer(io::stderr));
    // The filter's layer is of the type of what it filters, so it comes last.
    let (level, started) = match log.format {
        LogFormat::Human => {
            let human = writing.with_ansi(io::stderr().is_terminal());
            let subscriber = human.with_env_filter(filter).with_filter_reloading();
            (changeable(log, subscriber.reload_handle()), subscriber.try_init())
        }
        LogFormat::Json => {
            let subscriber = writing.json().with_env_filter(filter).with_filter_reloading();
            (changeable(log, subscriber.reload_handle()), subscriber.try_init())
        }
    };
    started.map(|()| level).map_err(Fault::start)
}

fn changeable<S: 'static>(log: &Log, handle: Handle<EnvFilter, S>) -> LogLevel {
    LogLevel::new(log.level.clone(), move |level| {
        let filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    })
}
