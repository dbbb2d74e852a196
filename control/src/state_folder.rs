//! Where control keeps what must outlive a restart.

use std::env;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::private_folder;

/// `control.state_folder`, else systemd's, else the user's. None: this user has no place for it.
pub(crate) fn path(config: &Config) -> Option<PathBuf> {
    let configured = &config.control.state_folder;
    if !configured.as_os_str().is_empty() {
        return Some(configured.clone());
    }
    choose(|name| env::var_os(name).map(PathBuf::from))
}

/// What one server of several of a user remembers over its lives: a folder of its own, by its port. None: there is no place for
/// it, or none that is private.
pub(crate) fn of_server(config: &Config) -> Option<PathBuf> {
    let folder = path(config)?.join(format!("server-{}", config.http.port));
    match private_folder::make(&folder) {
        Ok(()) => Some(folder),
        Err(fault) => {
            tracing::warn!(?folder, %fault, "revocations are forgotten with this process; set control.state_folder");
            None
        }
    }
}

fn choose(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // systemd names several folders with colons between them; one is asked for in our unit.
    let folder = |name: &str| variable(name).filter(|path| Path::new(path).is_absolute());
    folder("STATE_DIRECTORY")
        .or_else(|| folder("XDG_STATE_HOME").map(|folder| folder.join("fanlight")))
        .or_else(|| folder("HOME").map(|folder| folder.join(".local/state/fanlight")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service has no home, a user no systemd; a relative path would lead wherever the server was started.
    #[test]
    fn the_folder_is_the_nearest_one_that_is_named() {
        let all = [("STATE_DIRECTORY", "/var/lib/fanlight"), ("XDG_STATE_HOME", "/s"), ("HOME", "/home/a")];
        let chosen = |known: &[(&str, &str)]| {
            choose(|name| known.iter().find(|(key, _)| *key == name).map(|(_, path)| PathBuf::from(path)))
        };
        assert_eq!(chosen(&all), Some("/var/lib/fanlight".into()));
        assert_eq!(chosen(&all[1..]), Some("/s/fanlight".into()));
        assert_eq!(chosen(&all[2..]), Some("/home/a/.local/state/fanlight".into()));
        assert_eq!(
            chosen(&[("XDG_STATE_HOME", "s"), ("HOME", "/home/a")]),
            Some("/home/a/.local/state/fanlight".into())
        );
        assert_eq!(chosen(&[]), None);
    }
}
