//! A server of the operator's that has the last word: asked once a validator has granted, it may refuse, or allow less.
//!
//! ```text
//!   POST url        {"app":"live","stream":"camera","action":"publish","transport":"whip","address":"192.0.2.7",
//!                    "user_agent":"OBS/30.2","subject":"anna","validator":"users"}
//!   Fanlight-Signature: t=1700000000,v1=<hex of HMAC-SHA256 over "1700000000." and the body>
//!   2xx             {"allow":true,"expires_in_s":3600,"bitrate_bps_max":4000000}     the last two may be left out
//! ```
//!
//! Whatever else comes refuses, and while there is no answer nobody is let in.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use axum::http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};

use super::secret::{self, SecretText};
use super::{Action, Ask, Claim, Verdict, smaller};
use crate::outbound::{Endpoint, Fault, Manner, Message, Outbound, Purpose};

/// 128 bits, if it is random.
const SECRET_BYTES_MIN: usize = 16;

const SIGNATURE: &str = "fanlight-signature";

/// `[auth.admission]` of an app's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Empty = nobody is asked.
    pub(crate) url: String,
    pub(crate) secret: SecretText,
    pub(crate) secret_file: PathBuf,
    pub(crate) timeout_ms: u32,
    /// Whether the server may be on this machine or in a private network.
    pub(crate) allow_private: bool,
    /// PEM of the authorities to trust instead of the system's; empty = the system's.
    pub(crate) ca_file: PathBuf,
    /// What it is asked about.
    pub(crate) on: Vec<Action>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: String::new(),
            secret: SecretText::default(),
            secret_file: PathBuf::new(),
            timeout_ms: 3000,
            allow_private: false,
            ca_file: PathBuf::new(),
            on: vec![Action::Publish, Action::Play],
        }
    }
}

impl Settings {
    /// The files that this is made of, beside the app's own.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        [&self.secret_file, &self.ca_file].into_iter().filter_map(|file| secret::path(file, folder)).collect()
    }
}

/// See the file's head.
pub(crate) struct Hook {
    endpoint: Endpoint,
    secret: Box<hmac::Key>,
    on: Vec<Action>,
}

/// What it is told.
#[derive(Serialize)]
struct Question<'a> {
    app: &'a str,
    stream: &'a str,
    action: &'static str,
    transport: &'static str,
    address: String,
    user_agent: &'a str,
    subject: Option<&'a str>,
    validator: &'a str,
}

#[derive(Deserialize)]
struct Reply {
    allow: bool,
    #[serde(default)]
    expires_in_s: Option<u64>,
    #[serde(default)]
    bitrate_bps_max: Option<u64>,
}

impl Hook {
    /// None: it is not set.
    ///
    /// # Errors
    /// What to mend.
    pub(crate) fn new(
        settings: &Settings,
        folder: &Path,
        outbound: &Outbound,
    ) -> Result<Option<Self>, String> {
        if *settings == Settings::default() {
            return Ok(None);
        }
        if settings.url.is_empty() {
            return Err("it has no url; set it, or leave the whole section out".to_owned());
        }
        if settings.on.is_empty() {
            return Err("its list `on` is empty, so it would never be asked".to_owned());
        }
        let secret = secret::read(&settings.secret, &settings.secret_file, folder, SECRET_BYTES_MIN)?;
        let ca_file = secret::path(&settings.ca_file, folder);
        let manner = Manner {
            purpose: Purpose::Admission,
            url: &settings.url,
            timeout: Duration::from_millis(settings.timeout_ms.into()),
            allow_private: settings.allow_private,
            ca_file: ca_file.as_deref(),
        };
        Ok(Some(Self {
            endpoint: Endpoint::new(outbound, &manner)?,
            secret: Box::new(hmac::Key::new(HMAC_SHA256, &secret)),
            on: settings.on.clone(),
        }))
    }

    /// What is left of `claim`.
    pub(crate) async fn judge(&self, ask: &Ask<'_>, claim: Claim) -> Verdict {
        if !self.on.contains(&ask.action) {
            return Verdict::Granted(claim);
        }
        let Some(message) = self.message(ask, &claim) else { return Verdict::Refused };
        match self.endpoint.ask::<Reply>(message, 200..=299).await {
            Ok(reply) if reply.allow => narrowed(claim, &reply, ask.now),
            Err(Fault::Busy) => Verdict::Busy { limit: "the number of questions to the admission server" },
            Err(fault) if fault.is_outage() => Verdict::Away,
            Ok(_) | Err(_) => Verdict::Refused,
        }
    }

    fn message(&self, ask: &Ask<'_>, claim: &Claim) -> Option<Message> {
        let question = Question {
            app: &ask.stream.app,
            stream: &ask.stream.name,
            action: ask.action.name(),
            transport: ask.transport.name(),
            address: ask.client.address.to_string(),
            user_agent: &ask.client.agent,
            subject: claim.subject.as_deref(),
            validator: &claim.validator,
        };
        let body = serde_json::to_vec(&question).ok()?;
        let signature = HeaderValue::from_str(&signature(&self.secret, ask.now, &body)).ok()?;
        let headers = HeaderMap::from_iter([(SIGNATURE.parse().ok()?, signature)]);
        Some(Message::Post { body, headers })
    }
}

/// By the time in it a captured request cannot be used for long.
fn signature(secret: &hmac::Key, now: SystemTime, body: &[u8]) -> String {
    let unix_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut context = hmac::Context::with_key(secret);
    context.update(format!("{unix_s}.").as_bytes());
    context.update(body);
    let digits: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={unix_s},v1={digits}")
}

fn narrowed(mut claim: Claim, reply: &Reply, now: SystemTime) -> Verdict {
    let Some(expires) = super::ends(reply.expires_in_s, now) else { return Verdict::Refused };
    if reply.bitrate_bps_max == Some(0) {
        return Verdict::Refused;
    }
    claim.expires = smaller(claim.expires, expires);
    claim.bitrate_bps_max = smaller(claim.bitrate_bps_max, reply.bitrate_bps_max);
    Verdict::Granted(claim)
}

#[cfg(test)]
mod tests;
