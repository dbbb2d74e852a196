//! Folders that go when their owner goes.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, io, process};

/// A new folder in the system's place for temporary files, removed with all it holds on drop.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes the folder; `purpose` is a part of its name.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn new(purpose: &str) -> io::Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fanlight-{purpose}-{}-{number}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A process that still writes there may win the race; then the folder stays for the system to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}
