//! A certificate of the server's own, for machines without a name.
//!
//! It is kept over restarts, so that a browser that was told to accept it need not be told again, and made anew
//! [`RENEW_BEFORE`] its end. Where it cannot be kept it lives in memory. It names what this machine was called when it was made.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use tokio::sync::watch;
use tokio::time::sleep;

use super::current::Current;
use super::identity::{CertificateFault, Identity, date};
use crate::private_folder;

const DAY: Duration = Duration::from_hours(24);

/// Some systems refuse a server's certificate that is valid for more than 398 days, whoever made it.
const LIFETIME: Duration = Duration::from_hours(24 * 397);
const RENEW_BEFORE: Duration = Duration::from_hours(24 * 30);

/// Clocks of other machines may be behind ours.
const BEGINS_BEFORE: Duration = DAY;

/// How often a running server looks at the age of its certificate.
const LOOK_INTERVAL: Duration = Duration::from_hours(1);

const CERTIFICATE: &str = "development-certificate.pem";
const KEY: &str = "development-key.pem";

/// No certificate could be made: a fault of ours, or of the system's randomness.
#[derive(Debug, thiserror::Error)]
pub enum DevelopmentFault {
    #[error("no development certificate can be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error("the development certificate that was made {0}")]
    Made(#[from] CertificateFault),
}

/// Where it is kept; None: in memory alone.
pub(super) type Folder = Option<PathBuf>;

/// The kept certificate if it is good for a while, else a new one.
pub(super) fn open(folder: &Folder, names: impl Fn() -> Vec<String>) -> Result<Identity, DevelopmentFault> {
    let now = SystemTime::now();
    let kept = folder.as_ref().and_then(|folder| kept(folder, now)).filter(|kept| !is_due(kept, now));
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let (chain, key) = make(names(), now)?;
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes(), now)?;
    if let Some(folder) = folder {
        let store = |name: &str, text: &str| private_folder::write(&folder.join(name), text.as_bytes());
        if let Err(error) = store(KEY, &key).and_then(|()| store(CERTIFICATE, &chain)) {
            tracing::warn!(%error, ?folder, "the development certificate cannot be kept: browsers will ask again after a restart");
        }
    }
    tracing::info!(names = ?identity.names, expires = date(identity.expires), "a development certificate was made");
    Ok(identity)
}

/// Makes another one in time, until `stop`'s sender is gone.
pub(super) async fn keep(
    folder: Folder,
    mut identity: Identity,
    names: impl Fn() -> Vec<String>,
    current: Arc<Current>,
    mut stop: watch::Receiver<()>,
) {
    loop {
        tokio::select! {
            () = sleep(LOOK_INTERVAL) => {}
            _ = stop.changed() => return,
        }
        if is_due(&identity, SystemTime::now()) {
            match open(&folder, &names) {
                Ok(made) => {
                    current.replace(&made);
                    identity = made;
                }
                Err(error) => tracing::error!(%error, "no new development certificate could be made"),
            }
        }
    }
}

fn is_due(identity: &Identity, now: SystemTime) -> bool {
    identity.expires.duration_since(now).is_ok_and(|left| left < RENEW_BEFORE) || identity.expires < now
}

fn kept(folder: &Path, now: SystemTime) -> Option<Identity> {
    let chain = fs::read(folder.join(CERTIFICATE)).ok()?;
    let key = fs::read(folder.join(KEY)).ok()?;
    Identity::from_pem(&chain, &key, now).ok()
}

/// Certificate and key, PEM.
fn make(names: Vec<String>, now: SystemTime) -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "Fanlight development certificate");
    params.not_before = (now - BEGINS_BEFORE).into();
    params.not_after = (now - BEGINS_BEFORE + LIFETIME).into();
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

/// What this machine may be called by: itself, its host name (also as multicast DNS has it), its addresses, and `more`.
pub(super) fn own_names(more: &[std::net::IpAddr]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let mut others = BTreeSet::new();
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy().to_ascii_lowercase();
    let is_name =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if !host.is_empty() && is_name(&host) {
        if !host.contains('.') {
            others.insert(format!("{host}.local"));
        }
        others.insert(host);
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.iter().map(if_addrs::Interface::ip).filter(|address| !address.is_loopback());
    others.extend(addresses.chain(more.iter().copied()).map(|address| address.to_string()));
    others.retain(|name| !names.contains(name));
    names.extend(others);
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder for one test, gone with the value.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("fanlight-development-{name}-{}", std::process::id()));
            private_folder::make(&path).unwrap();
            Self(path)
        }

        fn open(&self) -> Identity {
            open(&Some(self.0.clone()), || own_names(&[])).unwrap()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn shown(identity: &Identity) -> Vec<u8> {
        identity.key.end_entity_cert().unwrap().to_vec()
    }

    /// A browser's exception is for one certificate: a restart must not ask for another.
    #[test]
    fn it_is_kept_over_restarts_and_its_key_is_private() {
        let scratch = Scratch::new("kept");
        let first = scratch.open();
        assert_eq!(shown(&scratch.open()), shown(&first));
        assert_eq!(fs::metadata(scratch.0.join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(scratch.0.join(CERTIFICATE)).unwrap();
        assert_ne!(shown(&scratch.open()), shown(&first), "who removes it gets another");
    }

    /// A page on the machine itself, and one on a telephone beside it, come by such names.
    #[test]
    fn it_names_the_machine_in_every_way_it_is_reached_by() {
        let public = "192.0.2.7".parse().unwrap();
        let identity = open(&None, || own_names(&[public])).unwrap();
        for name in ["localhost", "127.0.0.1", "::1", "192.0.2.7"] {
            assert_eq!(
                identity.names.iter().filter(|found| *found == name).count(),
                1,
                "{name}: {:?}",
                identity.names
            );
        }
        let valid = identity.expires.duration_since(SystemTime::now()).unwrap();
        assert!((DAY * 390..DAY * 398).contains(&valid), "{valid:?}");
    }

    /// An old one, half a one and another's key all lead to a new one: a development server starts whatever was left behind.
    #[test]
    fn what_is_kept_and_of_no_use_is_replaced() {
        let scratch = Scratch::new("replaced");
        let first = scratch.open();
        let now = SystemTime::now();
        let (old, old_key) = make(own_names(&[]), now - (LIFETIME - RENEW_BEFORE) - DAY).unwrap();
        let (_, other_key) = make(own_names(&[]), now).unwrap();
        let sound = fs::read_to_string(scratch.0.join(CERTIFICATE)).unwrap();
        for (what, chain, key) in [
            ("near its end", &old, &old_key),
            ("half", &sound[..99].to_owned(), &other_key),
            ("another's", &sound, &other_key),
        ] {
            fs::write(scratch.0.join(CERTIFICATE), chain).unwrap();
            fs::write(scratch.0.join(KEY), key).unwrap();
            let made = scratch.open();
            assert_ne!(shown(&made), shown(&first), "{what}");
            assert!(!is_due(&made, now), "{what}");
            assert_eq!(shown(&scratch.open()), shown(&made), "{what}: the new one is kept");
        }
    }
}
