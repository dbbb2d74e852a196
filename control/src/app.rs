//! Apps (Red5: webapps): the first segment of a stream's path names one, and its file says who may do what there.
//!
//! ```text
//!   conf/apps/_defaults.toml ─┐
//!   conf/apps/live.toml ──────┴─► Settings ─► App (chain of validators, limits) ─► Apps ◄─ every request
//!                  ▲ a change or SIGHUP: watch                     live sessions keep the grants that they have
//! ```
//!
//! Without a folder every app exists, and all are alike: open to everybody, as the server's own file says.
//!
//! Limits: [`load::APPS_MAX`] files of at most [`load::FILE_BYTES_MAX`].

mod load;
mod settings;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

pub use load::LoadError;
pub(crate) use settings::{Limits, Settings};
pub(crate) use watch::run as watch;

use crate::auth::{Chain, Grant};
use crate::config::Config;
use crate::name;
use load::Source;

/// One app as it is in force.
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) chain: Chain,
    /// Where its file is: relative paths begin there.
    folder: PathBuf,
    /// What it was made of.
    source: Source,
}

/// What an app's file says of `auth`, and the folder that its paths begin at: for commands, before there is an app.
///
/// # Errors
/// There is no folder of apps, or the file has faults.
pub(crate) fn auth_settings(config: &Config, name: &str) -> Result<(PathBuf, crate::auth::Settings), String> {
    let none = "there is no folder of apps: name the configuration with --config, and set apps.folder in it";
    let folder = load::folder(config).ok_or(none)?;
    let settings = load::settings(&folder, name).map_err(|faults| faults.to_string())?;
    Ok((folder, settings.auth))
}

/// All apps. A request takes the one that is in force when it comes, and keeps it.
pub(crate) struct Apps {
    config: Config,
    by_name: RwLock<Arc<BTreeMap<String, Arc<App>>>>,
}

impl Apps {
    /// # Errors
    /// Every fault in every file: a server must not start with an app that is not what its file says.
    pub(crate) fn load(config: &Config) -> Result<Self, LoadError> {
        let by_name = match load::folder(config) {
            Some(folder) => load::all(&folder)?,
            None => BTreeMap::new(),
        };
        for app in by_name.values() {
            app.warn_of_closed_doors();
        }
        Ok(Self { config: config.clone(), by_name: RwLock::new(Arc::new(by_name)) })
    }

    /// The app of that name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<App>> {
        if load::folder(&self.config).is_some() {
            return self.current().get(name).cloned();
        }
        let allowed = &self.config.apps.allowed;
        (allowed.is_empty() || allowed.iter().any(|app| app == name))
            .then(|| Arc::new(App::open(name, &self.config)))
    }

    /// A session with this grant is over: whoever granted it may want to know. Does not wait.
    pub(crate) fn left(&self, grant: &Grant) {
        if grant.claim().farewell.is_some()
            && let Some(app) = self.current().get(name::first_segment(&grant.stream().app))
        {
            app.chain.left(grant);
        }
    }

    /// The apps that have a file, by name.
    pub(crate) fn current(&self) -> Arc<BTreeMap<String, Arc<App>>> {
        Arc::clone(&self.by_name.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether any file is another than the one that is in force.
    pub(crate) fn is_stale(&self) -> bool {
        load::folder(&self.config).is_some_and(|folder| load::is_stale(&folder, &self.current()))
    }

    /// Reads again what has changed. An app whose file is bad stays as it is.
    ///
    /// # Errors
    /// The faults of the bad files; the good ones are in force all the same.
    pub(crate) fn reload(&self) -> Result<(), LoadError> {
        let Some(folder) = load::folder(&self.config) else { return Ok(()) };
        let before = self.current();
        let (after, outcome) = load::again(&folder, &before);
        for (name, app) in &after {
            if before.get(name).is_none_or(|former| !Arc::ptr_eq(former, app)) {
                tracing::info!(app = name, "app read");
                app.warn_of_closed_doors();
            }
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            tracing::info!(app = name, "app gone: its live sessions go on, newcomers are refused");
        }
        *self.by_name.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        outcome
    }
}

impl App {
    /// One without a file.
    fn open(name: &str, config: &Config) -> Self {
        let mut settings = Settings::default();
        settings.publish.on_name_in_use = config.apps.on_name_in_use;
        settings.http.cors_origins.clone_from(&config.http.cors_origins);
        let (name, chain) = (name.to_owned(), Chain::open());
        Self { name, settings, chain, folder: PathBuf::new(), source: Source::default() }
    }

    /// The folder of its own pages, if it has any.
    pub(crate) fn pages(&self) -> Option<PathBuf> {
        let pages = &self.settings.http.pages;
        (!pages.as_os_str().is_empty()).then(|| self.folder.join(pages))
    }

    fn warn_of_closed_doors(&self) {
        let doors = [("publish", &self.settings.auth.publish), ("play", &self.settings.auth.play)];
        for (action, _) in doors.iter().filter(|(_, validators)| validators.is_empty()) {
            tracing::warn!(app = self.name, "nobody may {action}: auth.{action} is empty");
        }
    }
}
