//! A set of public keys by URL (RFC 7517): fetched in the background, kept, and fetched anew when a token names a key that is not in
//! it, as happens when an issuer changes its keys.
//!
//! A key has one algorithm for good: the one it states, or the usual one of its kind. Secret keys (`oct`), keys for encryption
//! and keys of unknown kinds are left out, so no token can choose how it is verified.
//!
//! Limits: [`KEYS_MAX`] keys; one fetch at a time, and for unknown keys one in [`UNKNOWN_KEY_INTERVAL`], however many tokens
//! name any; keys are used for `stale_s` after the server was last heard of.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::outbound::{Endpoint, Manner, Message, Outbound, Purpose, TIMEOUT_MAX};

const KEYS_MAX: usize = 32;
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(10);

/// After a fetch that failed; twice as long after each further one.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// RFC 7518 §3.3.
const RSA_BITS_MIN: usize = 2048;

/// `jwks` of the validator that uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Empty = none.
    pub(crate) url: String,
    /// After so many seconds it is fetched anew.
    pub(crate) cache_s: u32,
    /// While the server is away, its keys hold for so many seconds.
    pub(crate) stale_s: u32,
    pub(crate) timeout_ms: u32,
    /// Whether the server may be on this machine or in a private network.
    pub(crate) allow_private: bool,
    /// PEM of the authorities to trust instead of the system's; empty = the system's.
    pub(crate) ca_file: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            cache_s: 300,
            stale_s: 86_400,
            timeout_ms: 3000,
            allow_private: false,
            ca_file: PathBuf::new(),
        }
    }
}

impl Settings {
    pub(crate) const fn is_set(&self) -> bool {
        !self.url.is_empty()
    }

    /// The files that this is made of, relative ones in `folder`.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.ca_file(folder).into_iter().collect()
    }

    fn ca_file(&self, folder: &Path) -> Option<PathBuf> {
        (!self.ca_file.as_os_str().is_empty()).then(|| folder.join(&self.ca_file))
    }
}

/// See the file's head. Dropping it ends the fetching.
pub(crate) struct JwkSet {
    shared: Arc<Shared>,
    fetching: Option<AbortHandle>,
}

struct Shared {
    endpoint: Endpoint,
    cache: Duration,
    stale: Duration,
    unknown_key_interval: Duration,
    held: Mutex<Held>,
    /// Asks the task for a fetch.
    wanted: Notify,
    /// How many fetches have ended.
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    keys: Vec<Key>,
    /// When the server was last heard of.
    fetched: Option<Instant>,
    is_fetching: bool,
    /// When a fetch began last.
    tried: Option<Instant>,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: Arc<DecodingKey>,
}

impl JwkSet {
    /// Begins to fetch, where there is a runtime to do it.
    ///
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path, outbound: &Outbound) -> Result<Self, String> {
        Self::with(settings, folder, outbound, UNKNOWN_KEY_INTERVAL)
    }

    fn with(
        settings: &Settings,
        folder: &Path,
        outbound: &Outbound,
        unknown_key_interval: Duration,
    ) -> Result<Self, String> {
        let ca_file = settings.ca_file(folder);
        let manner = Manner {
            purpose: Purpose::Jwks,
            url: &settings.url,
            timeout: Duration::from_millis(settings.timeout_ms.into()),
            allow_private: settings.allow_private,
            ca_file: ca_file.as_deref(),
        };
        let shared = Arc::new(Shared {
            endpoint: Endpoint::new(outbound, &manner)?,
            cache: Duration::from_secs(settings.cache_s.into()),
            stale: Duration::from_secs(settings.stale_s.into()),
            unknown_key_interval,
            held: Mutex::new(Held { is_fetching: true, ..Held::default() }),
            wanted: Notify::new(),
            ended: watch::Sender::new(0),
        });
        let fetching = Handle::try_current().ok().map(|runtime| runtime.spawn(fetch_on(Arc::clone(&shared))));
        Ok(Self { shared, fetching: fetching.map(|task| task.abort_handle()) })
    }

    /// The key of that id; of a token that names none, the only one of its algorithm. Waits for the fetch that is under way, or
    /// that a key unknown so far is worth.
    pub(crate) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Arc<DecodingKey>> {
        // Before the look, so that a fetch that ends in between is not missed.
        let mut ended = self.shared.ended.subscribe();
        let now = Instant::now();
        if let Some(key) = self.shared.held().find(id, algorithm, self.shared.stale, now) {
            return Some(key);
        }
        if !self.shared.wants_fetch(now) {
            return None;
        }
        timeout(TIMEOUT_MAX, ended.changed()).await.ok()?.ok()?;
        self.shared.held().find(id, algorithm, self.shared.stale, Instant::now())
    }
}

impl Drop for JwkSet {
    fn drop(&mut self) {
        if let Some(task) = &self.fetching {
            task.abort();
        }
    }
}

impl Shared {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the end of a fetch is worth waiting for: one is under way, or one may begin.
    fn wants_fetch(&self, now: Instant) -> bool {
        let mut held = self.held();
        let is_due =
            held.tried.is_none_or(|at| now.saturating_duration_since(at) >= self.unknown_key_interval);
        if is_due && !held.is_fetching {
            held.is_fetching = true;
            self.wanted.notify_one();
        }
        held.is_fetching
    }

    async fn fetch(&self) -> bool {
        self.held().begin(Instant::now());
        let fetched = self.endpoint.ask::<Document>(Message::Get, 200..=200).await;
        let mut held = self.held();
        held.is_fetching = false;
        if let Ok(document) = &fetched {
            held.keys = document.keys();
            held.fetched = Some(Instant::now());
        }
        drop(held);
        self.ended.send_modify(|count| *count += 1);
        fetched.is_ok()
    }
}

/// Fetches for as long as the set lives.
async fn fetch_on(shared: Arc<Shared>) {
    let mut retry = RETRY_MIN;
    loop {
        let pause = if shared.fetch().await {
            retry = RETRY_MIN;
            shared.cache.max(RETRY_MIN)
        } else {
            let pause = retry;
            retry = (2 * retry).min(RETRY_MAX);
            pause
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.wanted.notified() => {}
        }
    }
}

impl Held {
    const fn begin(&mut self, now: Instant) {
        self.is_fetching = true;
        self.tried = Some(now);
    }

    fn find(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        stale: Duration,
        now: Instant,
    ) -> Option<Arc<DecodingKey>> {
        let fetched = self.fetched?;
        if now.saturating_duration_since(fetched) > stale {
            return None;
        }
        let is_meant = |key: &&Key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id);
        let mut found = self.keys.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(key), None) => Some(Arc::clone(&key.key)),
            // None, or it is not known which is meant.
            _ => None,
        }
    }
}

/// What the server sends. Each key is read by itself: one of a kind that is unknown must not cost the others.
#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

impl Document {
    fn keys(&self) -> Vec<Key> {
        let read = |value: &serde_json::Value| Key::read(&Jwk::deserialize(value).ok()?);
        let keys: Vec<Key> = self.keys.iter().take(KEYS_MAX).filter_map(read).collect();
        if keys.len() < self.keys.len() {
            let (taken, all) = (keys.len(), self.keys.len());
            tracing::debug!(taken, all, "some keys of a JWK set are not for signatures, or not known");
        }
        keys
    }
}

impl Key {
    fn read(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|used| *used == PublicKeyUse::Signature);
        let verifies =
            common.key_operations.as_ref().is_none_or(|listed| listed.contains(&KeyOperations::Verify));
        if !is_for_signatures || !verifies {
            return None;
        }
        let usual = usual_algorithm(&jwk.algorithm)?;
        let algorithm = match common.key_algorithm {
            Some(stated) => Algorithm::try_from(stated).ok()?,
            None => usual,
        };
        // RSA serves six algorithms, a curve its own one.
        let fits = algorithm == usual || is_rsa(algorithm) && is_rsa(usual);
        let key = Arc::new(DecodingKey::from_jwk(jwk).ok().filter(|_| fits)?);
        Some(Self { id: common.key_id.clone(), algorithm, key })
    }
}

/// The algorithm of a key that states none. None: not one to verify with.
fn usual_algorithm(parameters: &AlgorithmParameters) -> Option<Algorithm> {
    match parameters {
        AlgorithmParameters::RSA(rsa) => {
            // Base64 has six bits a letter.
            (rsa.n.len() * 6 >= RSA_BITS_MIN).then_some(Algorithm::RS256)
        }
        AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
            EllipticCurve::P256 => Some(Algorithm::ES256),
            EllipticCurve::P384 => Some(Algorithm::ES384),
            _ => None,
        },
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
            Some(Algorithm::EdDSA)
        }
        _ => None,
    }
}

const fn is_rsa(algorithm: Algorithm) -> bool {
    matches!(
        algorithm,
        Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512
    )
}

#[cfg(test)]
mod tests;
