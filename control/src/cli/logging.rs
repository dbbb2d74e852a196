//! The log on standard error, for people or for machines.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use fanlight::config::{Log, LogFormat};
use fanlight::{LogLevel, LogTail};
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use super::Fault;

fn filter(log: &Log) -> Result<EnvFilter, Fault> {
    EnvFilter::try_new(&log.level).map_err(|error| Fault::LogLevel(error.to_string()))
}

/// Refuses a level that cannot be read.
pub(super) fn check(log: &Log) -> Result<(), Fault> {
    filter(log).map(drop)
}

/// Starts the log of this process, whose level can be changed from then on; with a tail where its latest lines may be read.
pub(super) fn init(log: &Log, keeps_tail: bool) -> Result<LogLevel, Fault> {
    let tail = keeps_tail.then(Arc::<LogTail>::default);
    let (filter, writing) = (filter(log)?, tracing_subscriber::fmt().with_writer(io::stderr));
    // The filter's layer is of the type of what it filters, so it comes last.
    let (level, started) = match log.format {
        LogFormat::Human => {
            let human = writing.with_ansi(io::stderr().is_terminal());
            let subscriber = human.with_env_filter(filter).with_filter_reloading();
            (
                changeable(log, subscriber.reload_handle()),
                subscriber.finish().with(kept(tail.as_ref())).try_init(),
            )
        }
        LogFormat::Json => {
            let subscriber = writing.json().with_env_filter(filter).with_filter_reloading();
            (
                changeable(log, subscriber.reload_handle()),
                subscriber.finish().with(kept(tail.as_ref())).try_init(),
            )
        }
    };
    started.map_err(Fault::start)?;
    Ok(match tail {
        Some(tail) => level.with_tail(tail),
        None => level,
    })
}

/// What writes the same lines into memory.
fn kept<S: Subscriber + for<'a> LookupSpan<'a>>(
    tail: Option<&Arc<LogTail>>,
) -> Option<impl Layer<S> + use<S>> {
    tail.map(|tail| fmt::layer().with_ansi(false).with_writer(Arc::clone(tail)))
}

fn changeable<S: 'static>(log: &Log, handle: Handle<EnvFilter, S>) -> LogLevel {
    LogLevel::new(log.level.clone(), move |level| {
        let filter = EnvFilter::try_new(level).map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    })
}
