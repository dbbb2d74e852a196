//! Signed URLs: a page's back end puts a few parameters and a signature into the query, and with them the URL opens one stream for one
//! thing, for a while. Nothing has to be asked of anybody.
//!
//! ```text
//!   ?expires=1767225600&key=web&signature=…                     and, if wanted, &user=anna&ip=192.0.2.7&bps=2500000
//!
//!   signature = base64url without padding, of HMAC-SHA256 with the key's secret over eight lines and "fanlight-url-1" before:
//!     action    publish or play
//!     app       live, or live/room1
//!     stream    the name, not percent-encoded, as are all of them
//!     expires   seconds since 1970
//!     key       the key's id
//!     user      each of these three as it stands in the query; empty if it does not
//!     ip
//!     bps
//!   with a line feed between them and none at the end
//! ```
//!
//! Whatever changes what the URL opens is signed, its absence too. Nothing that is signed can hold a line feed: names are
//! without control characters (`name`), and so is all else that is read here. The session ends when the URL expires.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fanlight_protocol::StreamPath;
use serde::{Deserialize, Serialize};

use super::jwt::keys::SECRET_BYTES_MIN;
use super::secret::{self, SecretText};
use super::{Action, Ask, Claim, Verdict};
use crate::config::AddressRange;

/// The first line: a signature over another text than this one must not pass for one over this.
const VERSION: &str = "fanlight-url-1";

pub(crate) const KEYS_MAX: usize = 16;
/// Of each parameter.
const PARAMETER_BYTES_MAX: usize = 128;

/// `[auth.signed_urls]` of an app's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) keys: Vec<KeySettings>,
    /// `expires` is at most so far ahead, seconds.
    pub(crate) ttl_s_max: u32,
}

/// One of `auth.signed_urls.keys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeySettings {
    /// What `key=` says.
    pub(crate) id: String,
    /// As it is written, not decoded.
    #[serde(default)]
    pub(crate) secret: SecretText,
    #[serde(default)]
    pub(crate) secret_file: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self { keys: Vec::new(), ttl_s_max: 604_800 }
    }
}

impl Settings {
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        self.keys.iter().filter_map(|key| secret::path(&key.secret_file, folder)).collect()
    }
}

impl KeySettings {
    /// # Errors
    /// What to mend.
    pub(crate) fn key(&self, folder: &Path) -> Result<UrlKey, String> {
        let told = |fault: String| format!("of the key {:?}: {fault}", self.id);
        let secret = secret::read(&self.secret, &self.secret_file, folder, SECRET_BYTES_MIN).map_err(told)?;
        UrlKey::new(&self.id, &secret).map_err(told)
    }
}

/// A key to sign with, and to verify with.
pub(crate) struct UrlKey {
    id: String,
    secret: hmac::Key,
}

/// What is signed. The texts are as they stand in the query; empty: not there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) action: Action,
    pub(crate) stream: &'a StreamPath,
    pub(crate) expires: &'a str,
    pub(crate) user: &'a str,
    pub(crate) ip: &'a str,
    pub(crate) bps: &'a str,
}

impl UrlKey {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(id: &str, secret: &[u8]) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if id.is_empty() || id.len() > PARAMETER_BYTES_MAX || !id.chars().all(is_plain) {
            return Err(
                "its id is 1 to 128 letters, digits, -, _ and .: it stands in the URL as key=".to_owned()
            );
        }
        Ok(Self { id: id.to_owned(), secret: hmac::Key::new(HMAC_SHA256, secret) })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn sign(&self, terms: &Terms<'_>) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.secret, self.text(terms).as_bytes()))
    }

    /// In constant time.
    fn has_signed(&self, terms: &Terms<'_>, signature: &str) -> bool {
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        hmac::verify(&self.secret, self.text(terms).as_bytes(), &bytes).is_ok()
    }

    fn text(&self, terms: &Terms<'_>) -> String {
        let Terms { action, stream, expires, user, ip, bps } = terms;
        [VERSION, action.name(), &stream.app, &stream.name, expires, &self.id, user, ip, bps].join("\n")
    }
}

/// See the file's head.
pub(crate) struct SignedUrls {
    keys: Vec<UrlKey>,
    ttl_max: Duration,
}

impl SignedUrls {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path) -> Result<Self, String> {
        if settings.keys.is_empty() {
            return Err("it has no key; add one to auth.signed_urls.keys".to_owned());
        }
        if settings.keys.len() > KEYS_MAX {
            return Err(format!("auth.signed_urls.keys has more than {KEYS_MAX} keys"));
        }
        let mut keys: Vec<UrlKey> = Vec::new();
        for key in &settings.keys {
            if keys.iter().any(|other| other.id == key.id) {
                return Err(format!("two keys of auth.signed_urls.keys have the id {:?}", key.id));
            }
            keys.push(key.key(folder)?);
        }
        Ok(Self { keys, ttl_max: Duration::from_secs(settings.ttl_s_max.into()) })
    }

    pub(crate) fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let Some(signature) = ask.credentials.query("signature") else { return Verdict::NotMine };
        self.claim(signature, ask).map_or(Verdict::Refused, Verdict::Granted)
    }

    fn claim(&self, signature: &str, ask: &Ask<'_>) -> Option<Claim> {
        let parameter = |name: &str| ask.credentials.query(name).unwrap_or_default();
        let (user, ip, bps) = (parameter("user"), parameter("ip"), parameter("bps"));
        let terms =
            Terms { action: ask.action, stream: ask.stream, expires: parameter("expires"), user, ip, bps };
        if [terms.expires, user, ip, bps].iter().any(|text| !is_sound(text)) {
            return None;
        }
        let id = parameter("key");
        let key = self.keys.iter().find(|key| key.id == id)?;
        if !key.has_signed(&terms, signature) {
            return None;
        }
        let expires = self.expiry(terms.expires, ask.now)?;
        if !ip.is_empty() && !AddressRange::try_from(ip.to_owned()).ok()?.contains(ask.client.address) {
            return None;
        }
        Some(Claim {
            validator: "signed_urls".to_owned(),
            subject: (!user.is_empty()).then(|| user.to_owned()),
            credential: Some(name_of(signature)),
            expires: Some(expires),
            bitrate_bps_max: bitrate(bps)?,
            ..Claim::default()
        })
    }

    fn expiry(&self, text: &str, now: SystemTime) -> Option<SystemTime> {
        let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(number(text)?))?;
        (now < expires && expires <= now.checked_add(self.ttl_max)?).then_some(expires)
    }
}

fn is_sound(text: &str) -> bool {
    text.len() <= PARAMETER_BYTES_MAX && !text.contains(|c: char| c.is_control())
}

/// `parse` would take a sign.
pub(super) fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// None: it is none.
fn bitrate(text: &str) -> Option<Option<u64>> {
    if text.is_empty() { Some(None) } else { number(text).filter(|bps| *bps > 0).map(Some) }
}

/// By this a revocation names the URL: what is listed must not be what opens.
fn name_of(signature: &str) -> String {
    let digest = digest(&SHA256, signature.as_bytes());
    let digits: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("url_{digits}")
}

#[cfg(test)]
mod tests;
