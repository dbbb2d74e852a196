//! Keys that an app's file names for tokens, each with its one algorithm.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::{Deserialize, Serialize};

use super::super::secret::{self, SecretText};
use super::KEYS_MAX;

/// RFC 7518 §3.2: as many as the hash has, of the smallest.
pub(crate) const SECRET_BYTES_MIN: usize = 32;

/// 2048 bits (RFC 7518 §3.3), and what the cryptography takes at most, 8192.
const RSA_BYTES_MIN: usize = 256;
const RSA_BYTES_MAX: usize = 1024;

/// A PEM of the largest RSA key has a fifth of it.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// One of `auth.jwt.keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeySettings {
    /// What the header's `kid` says; empty = whatever it says.
    #[serde(default)]
    pub(crate) id: String,
    pub(crate) algorithm: Algorithm,
    /// For HS…: as it is written, not decoded.
    #[serde(default)]
    pub(crate) secret: SecretText,
    #[serde(default)]
    pub(crate) secret_file: PathBuf,
    /// For the others: PEM.
    #[serde(default)]
    pub(crate) public_key_file: PathBuf,
}

impl KeySettings {
    pub(super) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let files = [&self.secret_file, &self.public_key_file];
        files.into_iter().filter_map(|file| secret::path(file, folder)).collect()
    }

    /// The secret of an HMAC key.
    ///
    /// # Errors
    /// What to mend.
    pub(crate) fn hmac_secret(&self, folder: &Path) -> Result<Vec<u8>, String> {
        if !self.public_key_file.as_os_str().is_empty() {
            return Err(format!(
                "public_key_file is set, but {:?} takes a secret: a public key is known to everybody",
                self.algorithm
            ));
        }
        secret::read(&self.secret, &self.secret_file, folder, SECRET_BYTES_MIN)
    }

    fn key(&self, folder: &Path) -> Result<DecodingKey, String> {
        if self.algorithm.family() == AlgorithmFamily::Hmac {
            return self.hmac_secret(folder).map(|secret| DecodingKey::from_secret(&secret));
        }
        if self.secret != SecretText::default() || !self.secret_file.as_os_str().is_empty() {
            return Err(format!("a secret is set, but {:?} takes public_key_file", self.algorithm));
        }
        let none = || format!("it has no public_key_file, which {:?} takes", self.algorithm);
        public_key(self.algorithm, &secret::path(&self.public_key_file, folder).ok_or_else(none)?)
    }
}

/// One key, to verify with.
pub(super) struct Key {
    id: String,
    algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Key {
    /// Whether a token with this header may be signed by it.
    pub(super) fn may_be(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        self.algorithm == algorithm && (self.id.is_empty() || id.is_none_or(|id| id == self.id))
    }
}

/// # Errors
/// What to mend.
pub(super) fn read(settings: &[KeySettings], folder: &Path) -> Result<Vec<Key>, String> {
    if settings.len() > KEYS_MAX {
        return Err(format!("auth.jwt.keys has more than {KEYS_MAX} keys"));
    }
    let mut ids = HashSet::new();
    let read = |key: &KeySettings| {
        let KeySettings { id, algorithm, .. } = key;
        if !id.is_empty() && !ids.insert(id.clone()) {
            return Err(format!("two keys of auth.jwt.keys have the id {id:?}"));
        }
        let read = key.key(folder).map_err(|fault| format!("of the key {id:?} ({algorithm:?}): {fault}"))?;
        Ok(Key { id: id.clone(), algorithm: *algorithm, key: read })
    };
    settings.iter().map(read).collect()
}

fn public_key(algorithm: Algorithm, file: &Path) -> Result<DecodingKey, String> {
    let unreadable = |why: String| format!("public_key_file {file:?} cannot be read: {why}");
    let bytes = fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(unreadable(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    let pem = fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    if pem.contains("PRIVATE KEY") {
        return Err(format!(
            "public_key_file {file:?} holds a private key, which belongs to the issuer alone; write out the public one: openssl pkey \
             -in FILE -pubout"
        ));
    }
    let none = || format!("public_key_file {file:?} holds no public key for {algorithm:?} in PEM");
    if !pem.contains("PUBLIC KEY") {
        return Err(none());
    }
    let key = match algorithm.family() {
        AlgorithmFamily::Rsa => DecodingKey::from_rsa_pem(pem.as_bytes()),
        AlgorithmFamily::Ec => DecodingKey::from_ec_pem(pem.as_bytes()),
        AlgorithmFamily::Ed => DecodingKey::from_ed_pem(pem.as_bytes()),
        AlgorithmFamily::Hmac => return Err(none()),
    };
    let key = key.map_err(|_| none())?;
    if fits(algorithm, key.try_get_as_bytes().unwrap_or_default()) { Ok(key) } else { Err(none()) }
}

/// Whether the key's bytes are of the size that the algorithm takes: a token can tell only later.
fn fits(algorithm: Algorithm, key: &[u8]) -> bool {
    match algorithm {
        // Uncompressed points, of two coordinates and a byte (SEC 1 §2.3.3).
        Algorithm::ES256 => key.len() == 65,
        Algorithm::ES384 => key.len() == 97,
        Algorithm::EdDSA => key.len() == 32,
        _ => {
            let parts = (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(key);
            parts.is_ok_and(|(modulus, _)| (RSA_BYTES_MIN..=RSA_BYTES_MAX).contains(&modulus.len()))
        }
    }
}
