//! Files of those who may publish and play: users with passwords, and stream keys. To read, and to edit by program.
//!
//! One a line, as in htpasswd, but with what each may before the hash. Everything from a `#` at a line's begin is a comment.
//!
//! ```text
//! # name   may           only these streams, so fast, so long                            hash
//! alice    publish,play                                                                  $argon2id$v=19$m=19456,t=2,p=1$…$…
//! camera1  publish       streams=cam1,room1/* bitrate_bps_max=6000000                    $argon2id$…
//! obs      publish       streams=show until=2027-01-01T00:00:00Z                         sha256:9f86d0…
//! ```
//!
//! Limits: [`FILE_BYTES_MAX`], [`ENTRIES_MAX`].

mod entry;
mod secret;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::Config;
pub use crate::pattern::Pattern;
pub use entry::{Entry, Rights};
pub use secret::{Key, PasswordHash, Secret};
pub(crate) use secret::{is_key, key_digest};
pub use store::Store;

pub const FILE_BYTES_MAX: u64 = 8 << 20;
pub const ENTRIES_MAX: usize = 10_000;
/// Faults that are told at once.
const FAULTS_MAX: usize = 10;

/// The files that an app names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    pub users: Option<PathBuf>,
    pub stream_keys: Option<PathBuf>,
}

/// Those of an app, by its file alone: they need not be there yet.
///
/// # Errors
/// There is no folder of apps, or the app's file has faults.
pub fn files_of(config: &Config, app: &str) -> Result<Files, String> {
    let (folder, auth) = crate::app::auth_settings(config, app)?;
    let named = |file: &Path| (!file.as_os_str().is_empty()).then(|| folder.join(file));
    Ok(Files { users: named(&auth.users.file), stream_keys: named(&auth.stream_keys.file) })
}

/// Such a file: its lines as they are, comments included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    text: String,
    /// None: a comment, or blank.
    entry: Option<Entry>,
}

/// Why a file is none. The texts never show what may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("{0} cannot be written: {1}")]
    Unwritable(PathBuf, #[source] io::Error),
    #[error("{0} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge(PathBuf),
    #[error("{0} is not UTF-8 text")]
    NotText(PathBuf),
    #[error("{0} has faults:\n{1}")]
    Faults(PathBuf, Faults),
}

/// Each with the number of its line.
#[derive(Debug, PartialEq, Eq)]
pub struct Faults(Vec<(usize, String)>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> =
            self.0.iter().take(FAULTS_MAX).map(|(line, why)| format!("line {line}: {why}")).collect();
        f.write_str(&told.join("\n"))?;
        match self.0.len().saturating_sub(FAULTS_MAX) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl Roster {
    /// # Errors
    /// It cannot be read, or every faulty line.
    pub fn read(path: &Path) -> Result<Self, RosterError> {
        let unreadable = |error| RosterError::Unreadable(path.to_owned(), error);
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(RosterError::TooLarge(path.to_owned()));
        }
        let text = String::from_utf8(bytes).map_err(|_| RosterError::NotText(path.to_owned()))?;
        Self::parse(&text).map_err(|faults| RosterError::Faults(path.to_owned(), faults))
    }

    /// # Errors
    /// Every faulty line.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        let mut roster = Self::default();
        let mut faults = Vec::new();
        let mut first_lines = std::collections::HashMap::new();
        // Some editors begin a file with this mark.
        for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let number = index + 1;
            let entry = match line.trim() {
                "" => None,
                comment if comment.starts_with('#') => None,
                line => Some(Entry::parse(line)),
            };
            let entry = entry.transpose().unwrap_or_else(|why| {
                faults.push((number, why));
                None
            });
            if let Some(entry) = &entry
                && let Some(first) = first_lines.insert(entry.name.clone(), number)
            {
                faults
                    .push((number, format!("{} is on line {first} already: leave one of them", entry.name)));
            }
            roster.lines.push(Line { text: line.to_owned(), entry });
        }
        if first_lines.len() > ENTRIES_MAX {
            faults.push((roster.lines.len(), format!("more than {ENTRIES_MAX} entries")));
        }
        if faults.is_empty() { Ok(roster) } else { Err(Faults(faults)) }
    }

    /// In the file's order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| line.entry.as_ref())
    }

    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.name == name)
    }

    /// Puts the entry in the place of the one of its name, or at the end.
    pub fn put(&mut self, entry: Entry) {
        let line = Line { text: entry.to_string(), entry: Some(entry) };
        let name = line.entry.as_ref().map(|entry| entry.name.clone());
        let former =
            self.lines.iter_mut().find(|line| line.entry.as_ref().map(|entry| entry.name.clone()) == name);
        match former {
            Some(former) => *former = line,
            None => self.lines.push(line),
        }
    }

    /// Whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| line.entry.as_ref().is_none_or(|entry| entry.name != name));
        self.lines.len() < before
    }
}

impl fmt::Display for Roster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}
