//! The certificate in use, which may change while connections come in.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::Identity;

/// When the certificate in use ends: one value, written here and shown in the metrics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expiry(Arc<AtomicU64>);

impl Expiry {
    pub(super) fn set(&self, expires: SystemTime) {
        let since = expires.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self.0.store(since.as_secs(), Ordering::Relaxed);
    }

    /// Seconds since 1970; None without a certificate.
    pub(crate) fn seconds(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0)
    }
}

/// See the file's head.
#[derive(Debug)]
pub(super) struct Current {
    /// None: an authority has not given one yet.
    key: RwLock<Option<Arc<CertifiedKey>>>,
    expiry: Expiry,
}

impl Current {
    pub(super) fn new(identity: Option<&Identity>, expiry: Expiry) -> Arc<Self> {
        let current = Self { key: RwLock::new(None), expiry };
        if let Some(identity) = identity {
            current.replace(identity);
        }
        Arc::new(current)
    }

    /// Takes effect for the next handshake.
    pub(super) fn replace(&self, identity: &Identity) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&identity.key));
        self.expiry.set(identity.expires);
    }
}

impl ResolvesServerCert for Current {
    /// The same for every name: who comes by a name that it does not hold is told so by his own client.
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.key.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
