//! One entry of the journal: its number, its time, and what happened. As JSON it is what webhooks and streams of events tell.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::explain::notes::date;
use crate::handle::SessionHandle;
use crate::registry::Session;
use crate::signalling::Role;

/// Counts entries from 1, over all lives of this control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Number(pub(crate) u64);

impl Number {
    pub(super) const FIRST: Self = Self(1);

    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub(super) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// See the file's head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(rename = "id")]
    pub(crate) number: Number,
    /// RFC 3339, UTC.
    pub(crate) time: String,
    #[serde(flatten)]
    pub(crate) event: Event,
}

impl Entry {
    pub(super) fn new(number: Number, event: Event, now: SystemTime) -> Self {
        Self { number, time: date(now), event }
    }
}

/// What happened. A session is told of when its media can flow, and when it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub(crate) enum Event {
    #[serde(rename = "stream_published")]
    Published(Party),
    #[serde(rename = "stream_unpublished")]
    Unpublished(Left),
    #[serde(rename = "stream_subscribed")]
    Subscribed(Party),
    #[serde(rename = "stream_unsubscribed")]
    Unsubscribed(Left),
}

/// Who publishes or watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Party {
    /// The session's handle, by which the API knows it.
    pub(crate) session: String,
    /// `live`, or `live/room1`.
    pub(crate) app: String,
    pub(crate) stream: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    pub(crate) address: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) agent: String,
    /// When the session was opened. RFC 3339, UTC.
    pub(crate) since: String,
}

/// Who publishes or watches no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Left {
    #[serde(flatten)]
    pub(crate) party: Party,
    /// Stable name.
    pub(crate) reason: String,
}

impl Event {
    pub(super) fn begins(handle: SessionHandle, session: &Session) -> Self {
        let admission = &session.admission;
        let party = Party {
            session: handle.to_string(),
            app: session.stream.app.clone(),
            stream: session.stream.name.clone(),
            user: admission.grant.claim().subject.clone(),
            address: admission.client.address.to_string(),
            agent: admission.client.agent.clone(),
            since: date(session.since),
        };
        match Role::from(session.role) {
            Role::Publisher => Self::Published(party),
            Role::Viewer => Self::Subscribed(party),
        }
    }

    /// The end of what this began. An end itself has none: it stays what it is.
    pub(super) fn ends(self, reason: &str) -> Self {
        let left = |party| Left { party, reason: reason.to_owned() };
        match self {
            Self::Published(party) => Self::Unpublished(left(party)),
            Self::Subscribed(party) => Self::Unsubscribed(left(party)),
            other => other,
        }
    }

    /// Stable name.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Published(_) => "stream_published",
            Self::Unpublished(_) => "stream_unpublished",
            Self::Subscribed(_) => "stream_subscribed",
            Self::Unsubscribed(_) => "stream_unsubscribed",
        }
    }

    pub(crate) const fn party(&self) -> &Party {
        match self {
            Self::Published(party) | Self::Subscribed(party) => party,
            Self::Unpublished(left) | Self::Unsubscribed(left) => &left.party,
        }
    }
}
