//! How much this process logs, which an operator may change while it runs, and for a while only: a level that was turned up for one
//! question must not fill a disk a month later.
//!
//! Of this process: the dataplane's log has the level that it was started with.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::AbortHandle;
use tracing::level_filters::LevelFilter;

use crate::fault::Fault;
use crate::log_tail::LogTail;

/// Characters of directives that are looked at.
const LEVEL_BYTES_MAX: usize = 512;

/// Puts directives in force, or says what is wrong with them.
type Apply = Box<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// The log's level, and the way to change it. A program that embeds the server makes one of its own subscriber, or lets
/// [`Server::start`](crate::Server::start) do without.
pub struct LogLevel {
    apply: Apply,
    /// What it falls back to.
    configured: String,
    tail: Option<Arc<LogTail>>,
    now: Mutex<Now>,
}

struct Now {
    level: String,
    until: Option<SystemTime>,
    fall_back: Option<AbortHandle>,
}

/// The level as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) level: String,
    pub(crate) configured: String,
    pub(crate) until: Option<SystemTime>,
}

impl LogLevel {
    /// `configured` is in force now; `apply` puts others in its place: `debug`, or `info,fanlight::http=debug`.
    pub fn new(
        configured: impl Into<String>,
        apply: impl Fn(&str) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        let configured = configured.into();
        let now = Now { level: configured.clone(), until: None, fall_back: None };
        Self { apply: Box::new(apply), configured, tail: None, now: Mutex::new(now) }
    }

    /// The same log, whose latest lines go there as well.
    #[must_use]
    pub fn with_tail(self, tail: Arc<LogTail>) -> Self {
        Self { tail: Some(tail), ..self }
    }

    pub(crate) fn tail(&self) -> Option<&LogTail> {
        self.tail.as_deref()
    }

    /// One that cannot be changed.
    pub(crate) fn fixed(configured: impl Into<String>) -> Self {
        Self::new(configured, |_| {
            Err("the program that runs this server has the log in its own hands".to_owned())
        })
    }

    pub(crate) fn show(&self) -> Shown {
        let now = self.now();
        Shown { level: now.level.clone(), configured: self.configured.clone(), until: now.until }
    }

    /// Puts `level` in force, for good or for that long. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What is wrong with it; the former one stays.
    pub(crate) fn change(self: &Arc<Self>, level: &str, lasts: Option<Duration>) -> Result<(), Fault> {
        check(level).and_then(|()| (self.apply)(level)).map_err(Fault::BadLogLevel)?;
        let fall_back = lasts.map(|lasts| {
            let log = Arc::clone(self);
            let after = async move {
                tokio::time::sleep(lasts).await;
                log.fall_back();
            };
            tokio::spawn(after).abort_handle()
        });
        let until = lasts.and_then(|lasts| SystemTime::now().checked_add(lasts));
        let mut now = self.now();
        let former = std::mem::replace(&mut *now, Now { level: level.to_owned(), until, fall_back });
        drop(now);
        if let Some(former) = former.fall_back {
            former.abort();
        }
        Ok(())
    }

    fn fall_back(&self) {
        match (self.apply)(&self.configured) {
            Ok(()) => {
                *self.now() = Now { level: self.configured.clone(), until: None, fall_back: None };
                tracing::info!(level = self.configured, "the log's level is the configured one again");
            }
            Err(error) => tracing::error!(error, "the log's level could not be set back"),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        // Whole values are put in its place: nothing is left half done.
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.show().fmt(f)
    }
}

/// A level, or `target=level`, and more of them behind commas. A misspelt level would be a target, and silence the rest.
fn check(text: &str) -> Result<(), String> {
    if text.len() > LEVEL_BYTES_MAX {
        return Err(format!("it is longer than {LEVEL_BYTES_MAX} bytes"));
    }
    for part in text.split(',') {
        let (target, level) = part.trim().rsplit_once('=').unwrap_or(("fanlight", part.trim()));
        let is_path = !target.is_empty()
            && target.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.'));
        let is_level = !level.is_empty()
            && level.parse::<LevelFilter>().is_ok()
            && level.chars().all(|c| c.is_ascii_alphabetic());
        if !is_path || !is_level {
            let part = part.split_at(part.floor_char_boundary(40)).0;
            return Err(format!("{part:?} is neither a level nor a target=level"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the log was told, in order.
    fn recording() -> (Arc<LogLevel>, Arc<Mutex<Vec<String>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&told);
        let apply = move |level: &str| {
            log.lock().unwrap().push(level.to_owned());
            Ok(())
        };
        (Arc::new(LogLevel::new("info", apply)), told)
    }

    /// A level for a while falls back by itself; one that is set meanwhile stays.
    #[tokio::test]
    async fn a_level_for_a_while_falls_back_unless_another_came() {
        let (log, told) = recording();
        let while_short = Some(Duration::from_millis(30));
        log.change("debug", while_short).unwrap();
        assert!(log.show().level == "debug" && log.show().until.is_some());
        while log.show().level != "info" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(log.show().until, None);
        log.change("trace", while_short).unwrap();
        log.change("warn", None).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(log.show().level, "warn");
        assert_eq!(*told.lock().unwrap(), ["debug", "info", "trace", "warn"]);
    }

    /// `dbug` is a target to the filter, and everything else would fall silent.
    #[test]
    fn a_misspelt_level_is_no_target() {
        for level in ["info", "off", "DEBUG", "info,fanlight::http=debug", "warn, hyper=error"] {
            assert_eq!(check(level), Ok(()), "{level}");
        }
        let long = "x".repeat(600);
        for level in
            ["", "dbug", "info,", "info,=debug", "a=b", "info,[span]=debug", "3", "info;debug", &long]
        {
            assert!(check(level).is_err(), "{level}");
        }
    }

    #[tokio::test]
    async fn a_log_in_other_hands_says_so() {
        let log = Arc::new(LogLevel::fixed("info"));
        let fault = log.change("debug", None).unwrap_err().to_string();
        assert!(fault.contains("in its own hands"), "{fault}");
        assert_eq!(log.show().level, "info");
    }
}
