//! Such a file on disk, edited by one at a time: read, change, write beside it, and put in its place in one step, so that
//! a server that reads meanwhile finds the old one or the new one, whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Roster, RosterError};

/// A file whose folder is locked against other editors for as long as this lives.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    folder: PathBuf,
    _lock: File,
}

impl Store {
    /// Waits for whoever edits in the same folder. The folder is made if it is not there; the file need not be.
    ///
    /// # Errors
    /// The folder cannot be made or locked.
    pub fn lock(path: &Path) -> Result<Self, RosterError> {
        // A link goes on to lead to the file.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let lock = || {
            DirBuilder::new().recursive(true).mode(0o750).create(&folder)?;
            let lock = File::open(&folder)?;
            // The folder is what stays: the file is another after each edit.
            flock(&lock, FlockOperation::LockExclusive)?;
            io::Result::Ok(lock)
        };
        match lock() {
            Ok(lock) => Ok(Self { path, folder, _lock: lock }),
            Err(error) => Err(RosterError::Unwritable(path, error)),
        }
    }

    /// What the file has; nothing, if there is none.
    ///
    /// # Errors
    /// As [`Roster::read`].
    pub fn read(&self) -> Result<Roster, RosterError> {
        match Roster::read(&self.path) {
            Err(RosterError::Unreadable(_, error)) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Roster::default())
            }
            outcome => outcome,
        }
    }

    /// # Errors
    /// The system's.
    pub fn write(&self, roster: &Roster) -> Result<(), RosterError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let beside = self.folder.join(format!(".{name}.new"));
        let write = || {
            // What an edit left that was cut off: under the lock it is nobody's.
            let _ = fs::remove_file(&beside);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
            self.keep_owner(&file)?;
            file.write_all(roster.to_string().as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        };
        write().map_err(|error| {
            // It may not have come to be.
            let _ = fs::remove_file(&beside);
            RosterError::Unwritable(self.path.clone(), error)
        })
    }

    /// An edit by root must not take the file away from the server, which may run as another user.
    fn keep_owner(&self, file: &File) -> io::Result<()> {
        let Ok(former) = fs::metadata(&self.path) else { return Ok(()) };
        let new = file.metadata()?;
        if (former.uid(), former.gid()) != (new.uid(), new.gid()) {
            std::os::unix::fs::fchown(file, Some(former.uid()), Some(former.gid()))?;
        }
        file.set_permissions(fs::Permissions::from_mode(former.mode() & 0o660))
    }
}
