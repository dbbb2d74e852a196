//! A certificate and a key in files, which may be renewed by another program at any time.
//!
//! The files are looked at each [`LOOK_INTERVAL`]; what has changed and then stayed the same for one interval is read, so that
//! a pair is not read while half of it is new. A pair that cannot be used leaves the old one in use.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::sleep;

use super::current::Current;
use super::identity::{CertificateFault, Identity, date};

const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// Larger files are no certificates.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    #[error("{key} {file:?} cannot be read: {source}")]
    Unreadable { key: &'static str, file: PathBuf, source: io::Error },
    #[error("{key} {file:?} {fault}")]
    Unusable { key: &'static str, file: PathBuf, fault: CertificateFault },
}

/// The two files.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// By what a file is known to have changed: identity, size and time. None: it is not there.
type Stamp = Option<(u64, u64, Option<SystemTime>)>;

impl Pair {
    pub(super) fn load(&self) -> Result<Identity, FileFault> {
        let chain = read("https.certificate_file", &self.certificate)?;
        let key = read("https.key_file", &self.key)?;
        Identity::from_pem(&chain, &key, SystemTime::now()).map_err(|fault| {
            let (key, file) = if fault.is_of_key() {
                ("https.key_file", &self.key)
            } else {
                ("https.certificate_file", &self.certificate)
            };
            FileFault::Unusable { key, file: file.clone(), fault }
        })
    }

    fn stamps(&self) -> [Stamp; 2] {
        [&self.certificate, &self.key].map(|file| {
            let found = fs::metadata(file).ok()?;
            Some((found.ino(), found.len(), found.modified().ok()))
        })
    }
}

fn read(key: &'static str, file: &Path) -> Result<Vec<u8>, FileFault> {
    let unreadable = |source| FileFault::Unreadable { key, file: file.to_owned(), source };
    if fs::metadata(file).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other("it is too large to be a certificate or a key")));
    }
    fs::read(file).map_err(unreadable)
}

/// Follows the files until `stop`'s sender is gone.
pub(super) async fn keep(pair: Pair, current: Arc<Current>, mut stop: watch::Receiver<()>) {
    let mut read = pair.stamps();
    let mut seen = read;
    loop {
        tokio::select! {
            () = sleep(LOOK_INTERVAL) => {}
            _ = stop.changed() => return,
        }
        let now = pair.stamps();
        let settled = now == seen;
        seen = now;
        if now == read || !settled {
            continue;
        }
        read = now;
        match pair.load() {
            Ok(identity) => {
                current.replace(&identity);
                tracing::info!(names = ?identity.names, expires = date(identity.expires), "another certificate is in use");
            }
            Err(fault) => tracing::error!(%fault, "the new certificate is of no use; the old one stays"),
        }
    }
}
