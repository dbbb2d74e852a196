//! Who may do what: every request to publish or to play is asked here, before its body is read.
//!
//! ```text
//!   Ask ─► the app's validators, in turn ─► Claim ─► not revoked? ─► Grant ─► Signalling::open
//!              │ none grants                         │ it is
//!              └───────────────┬─────────────────────┘
//!                              ▼ one refusal, the same whatever was wrong
//! ```
//!
//! A validator is a file here, with its section of the app's file ([`Settings`]), and a row in [`Name`], [`Validator`] and
//! [`build`]. It refuses to be made of a configuration that would let in more than meant.

mod address;
mod admission;
pub(crate) mod budget;
mod chain;
mod credentials;
mod desk;
pub(crate) mod digest;
mod grant;
mod jwks;
pub(crate) mod jwt;
pub(crate) mod revocations;
mod round_trip;
mod secret;
pub(crate) mod signed_url;
mod stream_keys;
mod users;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fanlight_protocol::StreamPath;

use budget::Refusals;
pub(crate) use chain::{Chain, Settings};
pub(crate) use credentials::Credentials;
pub(crate) use grant::{Action, Admission, Claim, Client, Grant};
use revocations::Revocations;

use crate::app::App;
use crate::fault::Fault;

/// The protocol that a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Whip,
    Whep,
}

impl Transport {
    /// Stable name for logs, metrics and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Whip => "whip",
            Self::Whep => "whep",
        }
    }
}

/// One request for a grant.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) stream: &'a StreamPath,
    pub(crate) action: Action,
    pub(crate) transport: Transport,
    pub(crate) credentials: &'a Credentials,
    pub(crate) client: &'a Client,
    pub(crate) now: SystemTime,
}

/// What one validator says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Granted(Claim),
    Refused,
    /// Nothing of its kind was brought.
    NotMine,
    /// It has too much to do just now to find out.
    Busy {
        limit: &'static str,
    },
    /// It asks another server, which does not answer: nobody is let in, and nobody is to blame.
    Away,
}

/// The one that is asked.
pub(crate) struct Authorizer {
    revocations: Arc<Revocations>,
    pub(crate) refusals: Refusals,
}

impl Authorizer {
    pub(crate) const fn new(revocations: Arc<Revocations>, refusals: Refusals) -> Self {
        Self { revocations, refusals }
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// Lets `ask` into `app`.
    ///
    /// # Errors
    /// `Fault::NotAllowed`, which does not say why: whoever guesses must learn nothing. `Fault::Full` and
    /// `Fault::AuthorityAway`: come again.
    /// `Fault::TooManyRefusals`: of this address, lately.
    pub(crate) async fn admit(&self, app: &App, ask: &Ask<'_>) -> Result<Admission, Fault> {
        self.refusals.check(ask.client)?;
        let outcome = self.claim(app, ask).await;
        if outcome == Err(Fault::NotAllowed) {
            self.refusals.note(ask.client);
        }
        let grant = Grant::new(ask.stream.clone(), ask.action, bounded(outcome?, app, ask));
        Ok(Admission { grant, client: ask.client.clone() })
    }

    async fn claim(&self, app: &App, ask: &Ask<'_>) -> Result<Claim, Fault> {
        let claim = app.chain.judge(ask).await?;
        let is_revoked = self.revocations.forbid(&ask.stream.app, &claim, ask.now);
        if is_revoked { Err(Fault::NotAllowed) } else { Ok(claim) }
    }
}

/// The app's limits are laid over what the credential allows.
fn bounded(mut claim: Claim, app: &App, ask: &Ask<'_>) -> Claim {
    let limits = &app.settings.limits;
    let bps_max = match ask.action {
        Action::Publish => limits.publisher_bps_max,
        Action::Play => limits.viewer_bps_max,
    };
    claim.bitrate_bps_max = smaller(claim.bitrate_bps_max, (bps_max > 0).then_some(bps_max));
    let longest = Duration::from_secs(limits.session_s_max.into());
    let ends = (limits.session_s_max > 0).then(|| ask.now.checked_add(longest)).flatten();
    claim.expires = smaller(claim.expires, ends);
    claim
}

fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// When a grant for so many seconds ends. None: it is over already, or at no time that there is.
fn ends(expires_in_s: Option<u64>, now: SystemTime) -> Option<Option<SystemTime>> {
    match expires_in_s {
        None => Some(None),
        Some(0) => None,
        Some(seconds) => now.checked_add(Duration::from_secs(seconds)).map(Some),
    }
}
