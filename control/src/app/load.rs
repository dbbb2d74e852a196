//! Reading the apps' files, and telling whether they are still what was read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{App, Settings};
use crate::auth::Chain;
use crate::config::check::{ConfigFault, ConfigFaults};
use crate::config::tree::{self, Setting};
use crate::config::{Config, Limits};
use crate::name;

/// Files of apps. Each has validators, and is looked at every second.
pub(super) const APPS_MAX: usize = 256;

pub(super) const FILE_BYTES_MAX: u64 = 256 * 1024;

/// What each app begins with.
const DEFAULTS: &str = "_defaults.toml";

/// Why apps were not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("apps.folder {folder:?} cannot be read: {error}")]
    Folder { folder: PathBuf, error: String },
    #[error("more than {APPS_MAX} apps in {folder:?}")]
    TooMany { folder: PathBuf },
    #[error("an app's file has faults:\n{0}")]
    Files(ConfigFaults),
}

/// What an app was made of: every file, and how it looked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source(Vec<(PathBuf, Look)>);

/// Enough to tell that a file is another. None: it is not there.
type Look = Option<(SystemTime, u64)>;

impl Source {
    fn of(files: Vec<PathBuf>) -> Self {
        Self(files.into_iter().map(|path| (path.clone(), look(&path))).collect())
    }

    fn is_stale(&self) -> bool {
        self.0.iter().any(|(path, before)| look(path) != *before)
    }
}

fn look(path: &Path) -> Look {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

pub(super) fn folder(config: &Config) -> Option<PathBuf> {
    let folder = &config.apps.folder;
    (!folder.as_os_str().is_empty()).then(|| folder.clone())
}

/// All apps of `folder`.
pub(super) fn all(folder: &Path) -> Result<BTreeMap<String, Arc<App>>, LoadError> {
    let (apps, outcome) = again(folder, &BTreeMap::new());
    outcome.map(|()| apps)
}

/// The apps of `folder`: those of `before` whose files are as they were, and those that could not be read, are kept.
pub(super) fn again(
    folder: &Path,
    before: &BTreeMap<String, Arc<App>>,
) -> (BTreeMap<String, Arc<App>>, Result<(), LoadError>) {
    let names = match names(folder) {
        Ok(names) => names,
        Err(error) => return (before.clone(), Err(error)),
    };
    let mut apps = BTreeMap::new();
    let mut faults = Vec::new();
    for name in names {
        let former = before.get(&name);
        let app = match former.filter(|former| !former.source.is_stale()) {
            Some(unchanged) => Ok(Arc::clone(unchanged)),
            None => read(folder, &name).map(Arc::new),
        };
        match (app, former) {
            (Ok(app), _) => {
                apps.insert(name, app);
            }
            (Err(found), former) => {
                faults.extend(found.0);
                apps.extend(former.map(|former| (name, Arc::clone(former))));
            }
        }
    }
    let outcome = if faults.is_empty() { Ok(()) } else { Err(LoadError::Files(ConfigFaults(faults))) };
    (apps, outcome)
}

/// Whether `folder` would be read as other apps than `current`.
pub(super) fn is_stale(folder: &Path, current: &BTreeMap<String, Arc<App>>) -> bool {
    names(folder).is_ok_and(|names| !names.iter().eq(current.keys()))
        || current.values().any(|app| app.source.is_stale())
}

/// The names of the apps that have a file, in their order.
fn names(folder: &Path) -> Result<Vec<String>, LoadError> {
    let unreadable =
        |error: io::Error| LoadError::Folder { folder: folder.to_owned(), error: error.to_string() };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let file_name = entry.map_err(unreadable)?.file_name();
        let name = file_name.to_str().and_then(|name| name.strip_suffix(".toml"));
        // Editors' leftovers begin with a dot, ours with an underscore.
        names.extend(name.filter(|name| !name.starts_with(['.', '_'])).map(str::to_owned));
    }
    if names.len() > APPS_MAX {
        return Err(LoadError::TooMany { folder: folder.to_owned() });
    }
    names.sort_unstable();
    Ok(names)
}

/// One app, out of its file laid over the defaults' one.
fn read(folder: &Path, name: &str) -> Result<App, ConfigFaults> {
    let (defaults, own) = (folder.join(DEFAULTS), folder.join(format!("{name}.toml")));
    let mut files = vec![defaults.clone(), own.clone()];
    // How the files look is taken before they are read: one that is written meanwhile is stale then, and read again.
    let early = Source::of(files.clone());
    let settings = settings(folder, name)?;
    files.clear();
    files.extend(settings.auth.files(folder));
    let Source(mut looks) = early;
    looks.extend(Source::of(files).0);
    let source = own.display().to_string();
    let chain = Chain::new(&settings.auth, folder).map_err(|faults| told(faults, &source))?;
    let pages = &settings.http.pages;
    if !pages.as_os_str().is_empty() && !folder.join(pages).is_dir() {
        let text = format!("{pages:?} is no folder");
        return Err(told(vec![("http.pages".to_owned(), text)], &source));
    }
    Ok(App { name: name.to_owned(), settings, chain, folder: folder.to_owned(), source: Source(looks) })
}

/// What stands in an app's file and in the defaults' one.
pub(super) fn settings(folder: &Path, name: &str) -> Result<Settings, ConfigFaults> {
    let (defaults, own) = (folder.join(DEFAULTS), folder.join(format!("{name}.toml")));
    check_name(name, &own)?;
    let mut settings = Vec::new();
    if defaults.exists() {
        settings.extend(settings_of(&defaults)?);
    }
    settings.extend(settings_of(&own)?);
    tree::assemble(settings)
}

fn check_name(name: &str, file: &Path) -> Result<(), ConfigFaults> {
    let sound = name::check_app(name, &Limits::default());
    sound.map_err(|why| told(vec![("the file's name".to_owned(), why)], &file.display().to_string()))
}

/// Faults that have a key and a text, as those of a file.
fn told(faults: Vec<(String, String)>, source: &str) -> ConfigFaults {
    let fault = |(key, allowed)| ConfigFault {
        key,
        value: "(as it is)".to_owned(),
        allowed,
        source: source.to_owned(),
    };
    ConfigFaults(faults.into_iter().map(fault).collect())
}

fn settings_of(file: &Path) -> Result<Vec<Setting>, ConfigFaults> {
    let source = file.display().to_string();
    let fault = |why: String| told(vec![("the file".to_owned(), why)], &source);
    let bytes = fs::metadata(file).map_err(|error| fault(format!("it cannot be read: {error}")))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(fault(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(file).map_err(|error| fault(format!("it cannot be read: {error}")))?;
    tree::read(&text, &source).map_err(fault)
}
