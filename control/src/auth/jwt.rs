//! JSON Web Tokens (RFC 7519, RFC 7515), as RFC 8725 wants them read; brought as a bearer token, or as `token=` in the query, where
//! Red5's clients add a `username=` and a `password=` that say nothing.
//!
//! ```text
//!   header.payload.signature ─► header: strict ─► keys of that id and algorithm ─► signature ─► payload: strict ─► Claims
//! ```
//!
//! The header only chooses among keys, and each key has one algorithm for good. Nothing of the payload is looked at before the
//! signature holds. What is there and not understood refuses, and every refusal is the same.
//!
//! Limits: [`TOKEN_BYTES_MAX`], [`KEYS_MAX`], JSON no deeper than serde_json's 128.

mod claims;
pub(crate) mod json;
pub(crate) mod keys;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, crypto};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jwks::{self, JwkSet};
use super::{Ask, Claim, Verdict};
use crate::outbound::Outbound;
use claims::Claims;
use json::Object;
use keys::{Key, KeySettings};

/// Of the whole token. One that names a person, some rooms and some streams has less than a tenth of it.
pub(crate) const TOKEN_BYTES_MAX: usize = 8 * 1024;
pub(crate) const KEYS_MAX: usize = 16;
const KEY_ID_BYTES_MAX: usize = 256;

/// Header parameters that would choose how the token is verified, or that must be understood and are not.
const HEADER_REFUSED: [&str; 10] = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc", "url", "nonce"];

/// Those that say nothing to us, but are texts if they are there.
const HEADER_TEXTS: [&str; 3] = ["cty", "x5t", "x5t#S256"];

/// `[auth.jwt]` of an app's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) keys: Vec<KeySettings>,
    pub(crate) jwks: jwks::Settings,
    /// Those that keys of the set may be of.
    pub(crate) jwks_algorithms: Vec<Algorithm>,
    /// What `iss` must be; empty = anything.
    pub(crate) issuer: String,
    /// What `aud` must be or hold; empty = tokens have no `aud`.
    pub(crate) audience: String,
    /// `exp` is at most so far ahead, seconds.
    pub(crate) ttl_s_max: u32,
    /// How far the clocks may differ, seconds.
    pub(crate) leeway_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            jwks: jwks::Settings::default(),
            jwks_algorithms: vec![Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA],
            issuer: String::new(),
            audience: String::new(),
            ttl_s_max: 86_400,
            leeway_s: 5,
        }
    }
}

impl Settings {
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let of_keys = self.keys.iter().flat_map(|key| key.files(folder));
        of_keys.chain(self.jwks.files(folder)).collect()
    }
}

/// See the file's head.
pub(crate) struct Jwt {
    keys: Vec<Key>,
    set: Option<JwkSet>,
    jwks_algorithms: Vec<Algorithm>,
    issuer: String,
    audience: String,
    ttl_max: Duration,
    leeway: Duration,
}

/// Which key a token says it is of.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Jwt {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path, outbound: &Outbound) -> Result<Self, String> {
        let keys = keys::read(&settings.keys, folder)?;
        let has_set = settings.jwks.is_set();
        if keys.is_empty() && !has_set {
            return Err("it has no key; add one to auth.jwt.keys, or set auth.jwt.jwks.url".to_owned());
        }
        let algorithms = &settings.jwks_algorithms;
        if has_set && algorithms.is_empty() {
            return Err("jwks_algorithms is empty, so no key of the set could be used; name RS256 or others"
                .to_owned());
        }
        if algorithms.iter().any(|algorithm| algorithm.family() == AlgorithmFamily::Hmac) {
            return Err("jwks_algorithms has one of HS256, HS384, HS512, whose keys are secret; a public set has none".to_owned());
        }
        let set = if has_set { Some(JwkSet::new(&settings.jwks, folder, outbound)?) } else { None };
        Ok(Self {
            keys,
            set,
            jwks_algorithms: settings.jwks_algorithms.clone(),
            issuer: settings.issuer.clone(),
            audience: settings.audience.clone(),
            ttl_max: Duration::from_secs(settings.ttl_s_max.into()),
            leeway: Duration::from_secs(settings.leeway_s.into()),
        })
    }

    pub(crate) async fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let Some(token) = ask.credentials.token().filter(|token| is_meant(token)) else {
            return Verdict::NotMine;
        };
        let claim = self.payload(token).await.and_then(|payload| self.claim(&payload, ask));
        claim.map_or(Verdict::Refused, Verdict::Granted)
    }

    /// What an authentic token says.
    async fn payload(&self, token: &str) -> Option<Object> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let header = Header::read(header)?;
        self.is_signed(&header, signed, signature).await.then(|| Object::of_base64(payload))?
    }

    async fn is_signed(&self, header: &Header, signed: &str, signature: &str) -> bool {
        let (algorithm, id) = (header.algorithm, header.key_id.as_deref());
        let holds =
            |key: &DecodingKey| crypto::verify(signature, signed.as_bytes(), key, algorithm).unwrap_or(false);
        if self.keys.iter().filter(|key| key.may_be(id, algorithm)).any(|key| holds(&key.key)) {
            return true;
        }
        match &self.set {
            Some(set) if self.jwks_algorithms.contains(&algorithm) => {
                set.find(id, algorithm).await.is_some_and(|key| holds(&key))
            }
            _ => false,
        }
    }

    fn claim(&self, payload: &Object, ask: &Ask<'_>) -> Option<Claim> {
        let expires = self.expiry(payload, ask.now)?;
        if !self.is_ours(payload)? {
            return None;
        }
        let claims = Claims::read(payload)?;
        claims.allow(ask).then(|| Claim {
            validator: "jwt".to_owned(),
            subject: claims.subject,
            credential: claims.credential,
            expires: Some(expires),
            bitrate_bps_max: claims.bitrate_bps_max,
            ..Claim::default()
        })
    }

    /// When the session must end, if the token counts now.
    fn expiry(&self, payload: &Object, now: SystemTime) -> Option<SystemTime> {
        let told = payload.date("exp")??;
        let (expires, soon) = (told.checked_add(self.leeway)?, now.checked_add(self.leeway)?);
        let is_in_time = now < expires && told <= soon.checked_add(self.ttl_max)?;
        let has_begun = |begins: Option<SystemTime>| begins.is_none_or(|begins| begins <= soon);
        (is_in_time && has_begun(payload.date("nbf")?) && has_begun(payload.date("iat")?)).then_some(expires)
    }

    /// Whether it is of our issuer and for us. None: it cannot be said.
    fn is_ours(&self, payload: &Object) -> Option<bool> {
        let issuer = payload.text("iss")?;
        let is_of_issuer = self.issuer.is_empty() || issuer == Some(self.issuer.as_str());
        let is_for_us = match payload.texts("aud")? {
            Some(audiences) => audiences.contains(&self.audience.as_str()) && !self.audience.is_empty(),
            None => self.audience.is_empty(),
        };
        Some(is_of_issuer && is_for_us)
    }
}

/// Whether a token is one of these at all; other validators have other kinds.
fn is_meant(token: &str) -> bool {
    token.bytes().filter(|byte| *byte == b'.').count() == 2
}

impl Header {
    fn read(text: &str) -> Option<Self> {
        let header = Object::of_base64(text)?;
        let is_text = |name: &&str| header.text(name).is_some();
        if HEADER_REFUSED.iter().any(|name| header.has(name)) || !HEADER_TEXTS.iter().all(is_text) {
            return None;
        }
        // A token of another kind, signed by the same key, is not for us (RFC 8725 §3.11).
        let kind = header.text("typ")?;
        if !kind.is_none_or(|kind| kind.eq_ignore_ascii_case("JWT") || kind.eq_ignore_ascii_case("at+jwt")) {
            return None;
        }
        let algorithm = header.text("alg")??.parse().ok()?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(id)) if id.len() <= KEY_ID_BYTES_MAX => Some(id.clone()),
            Some(_) => return None,
        };
        Some(Self { algorithm, key_id })
    }
}
