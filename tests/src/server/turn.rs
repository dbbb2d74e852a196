//! Tests of the whole take turns: those that need the machine for themselves one by one, others together.

use std::fs::{self, File};

use super::{ServerError, target_folder};

/// The right to use the machine, alone or with others, until it is dropped. Test programs of one target folder share it, whatever runs them.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

impl Turn {
    /// Waits until nobody else has it.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn take() -> Result<Self, ServerError> {
        let file = Self::file()?;
        file.lock()?;
        Ok(Self(file))
    }

    /// Waits until nobody has it for himself.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn share() -> Result<Self, ServerError> {
        let file = Self::file()?;
        file.lock_shared()?;
        Ok(Self(file))
    }

    fn file() -> Result<File, ServerError> {
        let folder = target_folder()?;
        fs::create_dir_all(&folder)?;
        Ok(File::create(folder.join("end-to-end.lock"))?)
    }
}
