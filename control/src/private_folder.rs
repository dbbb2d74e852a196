//! Folders that only this user can enter, and files in them that only this user can read.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderFault {
    #[error("it cannot be made: {0}")]
    Make(io::Error),
    #[error("it is not private to this user (mode 0700)")]
    NotPrivate,
}

/// Makes the folder with all above it, if it is not there, and checks that nobody else can enter it.
pub(crate) fn make(folder: &Path) -> Result<(), FolderFault> {
    DirBuilder::new().mode(0o700).recursive(true).create(folder).map_err(FolderFault::Make)?;
    check(folder)
}

/// Another user may have made the folder first, or a link in its place (symlink_metadata does not follow it).
pub(crate) fn check(folder: &Path) -> Result<(), FolderFault> {
    let own = rustix::process::geteuid().as_raw();
    match fs::symlink_metadata(folder) {
        Ok(found) if found.is_dir() && found.uid() == own && found.mode() & 0o077 == 0 => Ok(()),
        _ => Err(FolderFault::NotPrivate),
    }
}

/// Writes a file that its owner alone may read, in one step: a reader, or a crash, meets the old one or the new one.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = file.as_os_str().to_owned();
    // Two servers of one user may share the folder.
    unfinished.push(format!(".{}", std::process::id()));
    let mut open = OpenOptions::new();
    let mut out = open.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    out.write_all(bytes)?;
    out.sync_all()?;
    fs::rename(&unfinished, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A key must not be readable by others for a moment, nor half of it by anybody.
    #[test]
    fn a_file_is_its_owners_alone_and_replaces_the_old_one_whole() {
        let folder = std::env::temp_dir().join(format!("fanlight-private-{}/a/b", std::process::id()));
        make(&folder).unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        let file = folder.join("key.pem");
        for text in ["the first, longer one", "the second"] {
            write(&file, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing unfinished is left");
        fs::remove_dir_all(folder.parent().unwrap().parent().unwrap()).unwrap();
    }
}
