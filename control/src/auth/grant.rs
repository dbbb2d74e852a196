//! What one session may do, and until when.
//!
//! A [`Grant`] is the key to every door that opens a session, and [`Authorizer`](super::Authorizer) alone makes one out of a validator's
//! [`Claim`]: a door that forgets to ask does not compile. It travels with the session, so that a control that was started
//! anew goes on to enforce it.

use std::net::IpAddr;
use std::time::SystemTime;

use fanlight_protocol::StreamPath;
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

    pub(crate) const fn action(&self) -> Action {
        self.action
    }

    pub(crate) const fn claim(&self) -> &Claim {
        &self.claim
    }
}
