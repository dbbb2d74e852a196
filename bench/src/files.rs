//! Open files: a socket for each viewer, and some more.

use std::io;

use rustix::process::{Resource, getrlimit, setrlimit};

/// Not enough files may be open.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("{needed} files are needed and {allowed} allowed: raise `ulimit -Hn`")]
    TooFew { needed: u64, allowed: u64 },
    #[error("raising the limit on files: {0}")]
    System(#[source] io::Error),
}

/// Raises this process's limit on open files as far as it takes.
pub(crate) fn allow(needed: u64) -> Result<(), FilesError> {
    let mut limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(allowed) = limits.maximum.filter(|maximum| *maximum < needed) {
        return Err(FilesError::TooFew { needed, allowed });
    }
    limits.current = Some(needed);
    setrlimit(Resource::Nofile, limits).map_err(|errno| FilesError::System(errno.into()))
}
