//! Tests of the whole take turns.

use std::fs::{self, File};

use super::{ServerError, target_folder};

/// The right to use the machine, until it is dropped. Test programs of one target folder share it, whatever runs them.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "the lock is held as long as the file is open")] File);

impl Turn {
    /// Waits until nobody else has it.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn take() -> Result<Self, ServerError> {
        let folder = target_folder()?;
        fs::create_dir_all(&folder)?;
        let file = File::create(folder.join("end-to-end.lock"))?;
        file.lock()?;
        Ok(Self(file))
    }
}
