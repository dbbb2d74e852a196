//! How an entry is proved: a password's hash (argon2id, RFC 9106, in PHC form), or the digest of a stream key.
//!
//! A password is guessable, so each guess must be dear. A stream key is 192 random bits, which nobody guesses: SHA-256
//! suffices, and costs nothing.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What we hash with: OWASP's minimum (Password Storage Cheat Sheet), 19 MiB and 2 passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a file may ask for. The most is 64 MiB, RFC 9106's second choice, which argon2's own tools take: whoever writes the
/// file must not choose how much memory a guess of anybody takes. The least, in KiB and in KiB times passes, is of OWASP's
/// equivalents of the minimum, which go down to 7 MiB.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const MEMORY_KIB_MIN: u32 = 7 * 1024;
const WORK_KIB_MIN: u32 = 35 * 1024;
const PASSES_MAX: u32 = 8;
const LANES_MAX: u32 = 8;
const OUTPUT_BYTES_MIN: usize = 16;

const KEY_PREFIX: &str = "sk_";
const KEY_BYTES: usize = 24;
const DIGEST_PREFIX: &str = "sha256:";

/// The last field of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    Password(PasswordHash),
    /// SHA-256 of the key's text.
    Key([u8; 32]),
}

impl Secret {
    /// The errors never repeat the text: it may be a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(digest) = text.strip_prefix(DIGEST_PREFIX) {
            let digest = bytes_of(digest).ok_or("after sha256: come 64 hexadecimal digits")?;
            return Ok(Self::Key(digest));
        }
        if text.starts_with("$argon2") {
            return PasswordHash::parse(text).map(Self::Password);
        }
        Err(if text.starts_with(KEY_PREFIX) {
            "here stands a stream key itself, where its digest belongs, and whoever read the file has it: remove the line, and \
             make another with `fanlight user key add`"
        } else if text.starts_with('$') || text.starts_with("{SHA}") {
            "the hash is of another kind than argon2id: set the password anew with `fanlight user passwd`"
        } else {
            "here stands no hash, but perhaps a password itself, which whoever read the file has: remove the line, and set another \
             with `fanlight user add`"
        }
        .to_owned())
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password(hash) => write!(f, "{}", hash.0),
            Self::Key(digest) => {
                f.write_str(DIGEST_PREFIX)?;
                digest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// An argon2id hash whose cost is within bounds.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<phc::PasswordHash>);

impl PasswordHash {
    fn parse(text: &str) -> Result<Self, String> {
        let again = "set the password anew with `fanlight user passwd`";
        let hash =
            phc::PasswordHash::new(text).map_err(|_| format!("the hash is cut or mistyped: {again}"))?;
        if hash.algorithm.as_str() != "argon2id" {
            return Err(format!("the hash is of {}, and only argon2id is taken: {again}", hash.algorithm));
        }
        if hash.version != Some(Version::V0x13.into()) {
            return Err(format!("the hash is not of argon2's version 19: {again}"));
        }
        let known = hash.params.iter().all(|(name, _)| matches!(name.as_str(), "m" | "t" | "p"));
        let params = Params::try_from(&hash).ok().filter(|_| known);
        let params =
            params.ok_or_else(|| format!("the hash has parameters other than m, t and p: {again}"))?;
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        let whole = hash.salt.is_some() && params.output_len().is_some_and(|bytes| bytes >= OUTPUT_BYTES_MIN);
        if !whole {
            return Err(format!("the hash lacks its salt or is short: {again}"));
        }
        if memory > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
            return Err(format!(
                "the hash costs too much (at most m={MEMORY_KIB_MAX}, t={PASSES_MAX}, p={LANES_MAX}): {again}"
            ));
        }
        if memory < MEMORY_KIB_MIN || memory.saturating_mul(passes) < WORK_KIB_MIN {
            return Err(format!(
                "the hash is too cheap to guess (at least m={MEMORY_KIB_MIN}, and m times t {WORK_KIB_MIN}): {again}"
            ));
        }
        Ok(Self(Box::new(hash)))
    }

    /// Takes some 20 ms of a core, and 19 MiB.
    ///
    /// # Errors
    /// The system has no randomness, or no memory.
    pub fn of(password: &str) -> Result<Self, String> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| error.to_string())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password(password.as_bytes()).map_err(|error| error.to_string())?;
        Ok(Self(Box::new(hash)))
    }

    /// Takes as much as [`of`](Self::of), whatever the outcome, and what the hash asks for. Digests are compared in constant
    /// time.
    #[must_use]
    pub fn is_of(&self, password: &str) -> bool {
        Argon2::default().verify_password(password.as_bytes(), &*self.0).is_ok()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// A stream key: `sk_` and 192 random bits in base64url.
pub struct Key(String);

impl Key {
    /// # Errors
    /// The system has no randomness.
    pub fn make() -> Result<Self, String> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
        Ok(Self(format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// To be shown once, to whom it is given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::Key(key_digest(&self.0))
    }
}

/// Whether a token is meant to be a stream key.
pub(crate) fn is_key(token: &str) -> bool {
    token.starts_with(KEY_PREFIX)
}

pub(crate) fn key_digest(key: &str) -> [u8; 32] {
    let mut out = [0; 32];
    // SHA-256 is of 32 bytes.
    out.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    out
}

fn bytes_of(hex: &str) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    for (byte, digits) in out.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.contains('+'))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(out)
}
