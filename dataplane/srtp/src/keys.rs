//! Master keys and the derivation of session keys from them. RFC 3711 §4.3, RFC 6188 §3 (AES-256), RFC 7714
//! §11, and RFC 5764 §4.2 for how DTLS hands them over.
//!
//! The key derivation rate is 0, as DTLS-SRTP has it: session keys are derived once. Nothing here can be
//! copied, compared or printed, and everything is wiped on drop.

use std::fmt;

use crate::aead::{AesKey, BLOCK_LEN, Plaintext, wipe};
use crate::{KeyError, Profile};

/// Bytes of the longest master key.
const KEY_LEN_MAX: usize = 32;
/// Bytes of the salt the derivation works on. RFC 7714 §11: a salt of 12 is padded with zeros on the right.
const SALT_LEN: usize = 14;

/// What a derived key is for. RFC 3711 §4.3.1 and §4.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// Secret bytes: no `Debug`, no `Clone`, wiped on drop.
pub(crate) struct Secret<const LEN: usize>([u8; LEN]);

impl<const LEN: usize> Secret<LEN> {
    /// `bytes` with zeros behind it; `bytes` is no longer than `LEN`.
    fn padded(bytes: &[u8]) -> Self {
        let mut secret = Self([0; LEN]);
        secret.0[..bytes.len()].copy_from_slice(bytes);
        secret
    }

    pub(crate) const fn bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl<const LEN: usize> Drop for Secret<LEN> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

/// The master key and salt of one direction.
pub struct MasterKey {
    profile: Profile,
    key: Secret<KEY_LEN_MAX>,
    salt: Secret<SALT_LEN>,
}

impl MasterKey {
    /// Takes a master key and salt of [`Profile::key_len`] and [`Profile::salt_len`] bytes.
    ///
    /// # Errors
    /// [`KeyError::KeyLength`] or [`KeyError::SaltLength`] if either has another length.
    pub fn new(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, KeyError> {
        if key.len() != profile.key_len() {
            return Err(KeyError::KeyLength { expected: profile.key_len(), actual: key.len() });
        }
        if salt.len() != profile.salt_len() {
            return Err(KeyError::SaltLength { expected: profile.salt_len(), actual: salt.len() });
        }
        Ok(Self { profile, key: Secret::padded(key), salt: Secret::padded(salt) })
    }

    /// The profile the key was negotiated for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// The first `LEN` bytes of the key stream that `label` selects: AES in counter mode over zeros. RFC 3711
    /// §4.3.3.
    pub(crate) fn derive<const LEN: usize>(&self, label: Label) -> Secret<LEN> {
        let key = AesKey::new(&self.key.bytes()[..self.profile.key_len()]);
        derive(&key, self.salt.bytes(), label)
    }
}

/// The label lies before the last 6 bytes of the salt, where the packet index would be if keys were derived
/// anew at a rate.
fn derive<const LEN: usize>(key: &AesKey, salt: &[u8; SALT_LEN], label: Label) -> Secret<LEN> {
    let mut counter = [0; BLOCK_LEN];
    counter[..SALT_LEN].copy_from_slice(salt);
    counter[SALT_LEN - 7] ^= label as u8;
    let mut secret = Secret([0; LEN]);
    key.add_key_stream(counter, Plaintext::InPlace, &mut secret.0);
    secret
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MasterKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// The master keys of both directions of a session.
pub struct SessionKeys {
    /// What we seal with.
    pub local: MasterKey,
    /// What the peer seals with.
    pub remote: MasterKey,
}

impl SessionKeys {
    /// Cuts the DTLS exporter's output, label `EXTRACTOR-dtls_srtp`, into its four parts: client key, server
    /// key, client salt, server salt. RFC 5764 §4.2. We are the client if our DTLS side was active.
    ///
    /// # Errors
    /// [`KeyError::ExporterLength`] unless there are exactly [`Profile::exporter_len`] bytes.
    pub fn from_dtls(profile: Profile, exporter: &[u8], we_are_client: bool) -> Result<Self, KeyError> {
        if exporter.len() != profile.exporter_len() {
            return Err(KeyError::ExporterLength {
                expected: profile.exporter_len(),
                actual: exporter.len(),
            });
        }
        let (client_key, rest) = exporter.split_at(profile.key_len());
        let (server_key, rest) = rest.split_at(profile.key_len());
        let (client_salt, server_salt) = rest.split_at(profile.salt_len());
        let client = MasterKey::new(profile, client_key, client_salt)?;
        let server = MasterKey::new(profile, server_key, server_salt)?;
        let (local, remote) = if we_are_client { (client, server) } else { (server, client) };
        Ok(Self { local, remote })
    }

    /// The profile of both directions.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.local.profile()
    }
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SessionKeys").field("profile", &self.profile()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
