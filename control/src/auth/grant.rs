//! What one session may do, and until when.
//!
//! A [`Grant`] is the key to every door that opens a session, and [`Authorizer`](super::Authorizer) alone makes one out of a validator's
//! [`Claim`]: a door that forgets to ask does not compile. It travels with the session, so that a control that was started
//! anew goes on to enforce it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use fanlight_protocol::{KEEPSAKE_BYTES_MAX, StreamPath, Terms};
use serde::{Deserialize, Serialize};

/// What a session does with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Publish,
    Play,
}

impl Action {
    /// Stable name for logs, metrics and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Play => "play",
        }
    }
}

/// Who is at the other end, as far as a request tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    /// `User-Agent`, printable and cut. Empty: none.
    pub(crate) agent: String,
}

/// What a validator found a credential to allow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Claim {
    /// Which validator, by its name in the app's file.
    pub(crate) validator: String,
    /// Whom it names: for operators to read, and for a revocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<String>,
    /// The credential by what a revocation can name: a token's `jti`, a key's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
    /// The session ends then. None: it does not by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<SystemTime>,
    /// Most media bits a second, to or from the session. None: as many as come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bitrate_bps_max: Option<u64>,
    /// Somebody is to be told when the session is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) farewell: Option<Farewell>,
}

/// What the round trip's server is told at the end of a session: the credentials that it began with, since that is how Red5's
/// servers know it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Farewell {
    pub(crate) username: String,
    pub(crate) password: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
}

impl Farewell {
    /// Half of the keepsake that carries it.
    const BYTES_MAX: usize = KEEPSAKE_BYTES_MAX / 2;

    /// Whether it fits.
    pub(crate) fn is_bounded(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|bytes| bytes.len() <= Self::BYTES_MAX)
    }
}

/// Logs and panics print values by Debug.
impl fmt::Debug for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Farewell").finish_non_exhaustive()
    }
}

/// The right to open one session on one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    stream: StreamPath,
    action: Action,
    claim: Claim,
}

impl Grant {
    pub(super) const fn new(stream: StreamPath, action: Action, claim: Claim) -> Self {
        Self { stream, action, claim }
    }

    pub(crate) const fn stream(&self) -> &StreamPath {
        &self.stream
    }

    pub(crate) const fn claim(&self) -> &Claim {
        &self.claim
    }
}

/// A session's grant and whom it was given to. The registry keeps it as long as the session lives, and the dataplane carries it
/// along as a keepsake, for a control that is started anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Admission {
    pub(crate) grant: Grant,
    pub(crate) client: Client,
}

impl Admission {
    /// Of a session that another version of control let in, and whose keepsake says nothing to this one.
    pub(crate) fn unknown(stream: StreamPath, action: Action) -> Self {
        let claim = Claim { validator: "unknown".to_owned(), ..Claim::default() };
        let client = Client { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), agent: String::new() };
        Self { grant: Grant::new(stream, action, claim), client }
    }

    /// What the dataplane is told of it.
    pub(crate) fn terms(&self) -> Terms {
        // Texts, numbers and dates: nothing in it can fail to be JSON.
        let keepsake = serde_json::to_vec(self).unwrap_or_default();
        Terms { bitrate_bps_max: self.grant.claim.bitrate_bps_max, keepsake }
    }

    /// Out of what the dataplane has kept of a session on `stream`.
    pub(crate) fn of_keepsake(keepsake: &[u8], stream: &StreamPath, action: Action) -> Self {
        let kept: Option<Self> = serde_json::from_slice(keepsake).ok();
        kept.filter(|kept| kept.grant.stream == *stream && kept.grant.action == action)
            .unwrap_or_else(|| Self::unknown(stream.clone(), action))
    }

    /// The same with another end.
    pub(crate) fn until(&self, expires: Option<SystemTime>) -> Self {
        let mut changed = self.clone();
        changed.grant.claim.expires = expires;
        changed
    }
}
