//! The digest token of Red5 Cloud, for those who come from there: brought as a bearer token, or as `token=` in the query.
//!
//! ```text
//!   stream:user:role:key1=value1:app:expiration:digest
//!     role        streamer = may publish, viewer = may play
//!     app         the app's path: live, or live/room1, and none below
//!     expiration  seconds since 1970; the session ends then
//!     digest      lower-case hexadecimal SHA-256 of "<the first six>:<secret>"
//! ```
//!
//! The secret stands at the end of what is hashed, so whoever finds a collision of SHA-256 has two tokens for one, and the fourth
//! field is signed but says nothing. New installations take JWT or signed URLs.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::secret::{self, SecretText};
use super::signed_url::number;
use super::{Action, Ask, Claim, Verdict};

/// Secrets in the field are shorter than those of HMAC; less than this is guessed from one token that was seen.
const SECRET_BYTES_MIN: usize = 16;
const TOKEN_BYTES_MAX: usize = 2048;
const NAME_BYTES_MAX: usize = 128;
const DIGEST_CHARACTERS: usize = 64;

/// `[auth.digest]` of an app's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) secret: SecretText,
    pub(crate) secret_file: PathBuf,
}

impl Settings {
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        secret::path(&self.secret_file, folder).into_iter().collect()
    }
}

/// See the file's head.
pub(crate) struct Digest {
    secret: Vec<u8>,
}

impl Digest {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path) -> Result<Self, String> {
        let secret = secret::read(&settings.secret, &settings.secret_file, folder, SECRET_BYTES_MIN)?;
        Ok(Self { secret })
    }

    pub(crate) fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let parted = ask.credentials.token().and_then(|token| token.rsplit_once(':'));
        let Some((fields, digest)) = parted.filter(|(_, digest)| digest.len() == DIGEST_CHARACTERS) else {
            return Verdict::NotMine;
        };
        self.claim(fields, digest, ask).map_or(Verdict::Refused, Verdict::Granted)
    }

    fn claim(&self, fields: &str, told: &str, ask: &Ask<'_>) -> Option<Claim> {
        let is_whole = fields.len() <= TOKEN_BYTES_MAX
            && verify_slices_are_equal(self.digest(fields).as_bytes(), told.as_bytes()).is_ok();
        let fields: Vec<&str> = fields.split(':').collect();
        let &[stream, user, role, _, app, expiration] = fields.as_slice() else { return None };
        let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(number(expiration)?))?;
        let may = match ask.action {
            Action::Publish => role == "streamer",
            Action::Play => role == "viewer",
        };
        let is_meant = stream == ask.stream.name && app == ask.stream.app;
        let is_name = user.len() <= NAME_BYTES_MAX && !user.contains(|c: char| c.is_control());
        (is_whole && may && is_meant && is_name && ask.now < expires).then(|| Claim {
            validator: "digest".to_owned(),
            subject: (!user.is_empty()).then(|| user.to_owned()),
            expires: Some(expires),
            ..Claim::default()
        })
    }

    fn digest(&self, fields: &str) -> String {
        let whole = [fields.as_bytes(), b":", &self.secret].concat();
        digest(&SHA256, &whole).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests;
