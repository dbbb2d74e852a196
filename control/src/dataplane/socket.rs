//! Where the Unix socket is, and that nobody else has put it there.
//!
//! The default is a folder that only this user can enter. The port of the HTTP listener is in the socket's name, so that
//! two servers of one user do not meet.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::config::Config;
use crate::private_folder::{self, FolderFault};

/// Why the folder of the socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error(
        "the folder {folder} cannot be made: {source}; set control.socket to a path that this user may write to"
    )]
    Make { folder: PathBuf, source: io::Error },
    #[error(
        "the folder {folder} is not private to this user; remove it, or set control.socket to a path in a folder of your own"
    )]
    NotPrivate { folder: PathBuf },
}

/// The socket's path: `control.socket`, or one in a private folder, which this makes and checks.
///
/// # Errors
/// The default folder cannot be made, or is open to others.
pub fn path(config: &Config) -> Result<PathBuf, SocketError> {
    if !config.control.socket.as_os_str().is_empty() {
        return Ok(config.control.socket.clone());
    }
    let folder = default_folder();
    make_private(&folder)?;
    Ok(folder.join(format!("dataplane-{}.sock", config.http.port)))
}

fn default_folder() -> PathBuf {
    let uid = rustix::process::geteuid();
    if let Some(runtime) = env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute()) {
        return PathBuf::from(runtime).join("fanlight");
    }
    // systemd's RuntimeDirectory=fanlight, or root.
    let system = PathBuf::from("/run/fanlight");
    if uid.is_root() || fs::metadata(&system).is_ok_and(|folder| folder.uid() == uid.as_raw()) {
        return system;
    }
    env::temp_dir().join(format!("fanlight-{}", uid.as_raw()))
}

fn make_private(folder: &Path) -> Result<(), SocketError> {
    let folder_of = || folder.to_owned();
    private_folder::make(folder).map_err(|fault| match fault {
        FolderFault::Make(source) => SocketError::Make { folder: folder_of(), source },
        FolderFault::NotPrivate => SocketError::NotPrivate { folder: folder_of() },
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder for one test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = env::temp_dir().join(format!("fanlight-socket-{name}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    /// Whoever can enter the folder could be our dataplane.
    #[test]
    fn a_folder_open_to_others_is_refused() {
        let scratch = Scratch::new("open");
        let folder = scratch.0.join("fanlight");
        make_private(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        make_private(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(make_private(&folder), Err(SocketError::NotPrivate { .. })));
    }

    /// In a folder for temporary files anyone may leave a link that leads elsewhere.
    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let scratch = Scratch::new("link");
        let (real, link) = (scratch.0.join("real"), scratch.0.join("fanlight"));
        make_private(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(make_private(&link), Err(SocketError::NotPrivate { .. })));
    }

    #[test]
    fn a_configured_path_is_taken_as_it_is() {
        let mut config = Config::default();
        config.control.socket = "/somewhere/fanlight.sock".into();
        assert_eq!(path(&config).unwrap(), PathBuf::from("/somewhere/fanlight.sock"));
    }
}
