//! Who may do what: every request to publish or to play is asked here, before its body is read.
//!
//! ```text
//!   Ask ─► the app's validators, in turn ─► Claim ─► Grant ─► Signalling::open
//!              │ none grants
//!              └────────► one refusal, the same whatever was wrong
//! ```

#![allow(dead_code, reason = "the validators that read these come next")]

mod credentials;
mod grant;

use std::time::SystemTime;

use fanlight_protocol::StreamPath;

pub(crate) use credentials::Credentials;
pub(crate) use grant::{Action, Claim, Client, Grant};

use crate::fault::Fault;

/// The protocol that a request came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Whip,
    Whep,
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
}

/// One way to prove oneself.
enum Validator {
    /// Everybody may.
    Open,
}

impl Validator {
    async fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let _ = ask;
        match self {
            Self::Open => Verdict::Granted(Claim { validator: "open".to_owned(), ..Claim::default() }),
        }
    }
}

/// The one that is asked.
pub(crate) struct Authorizer {
    validators: Vec<Validator>,
}

impl Authorizer {
    pub(crate) fn open() -> Self {
        Self { validators: vec![Validator::Open] }
    }

    /// The grant that `ask` is worth.
    ///
    /// # Errors
    /// `Fault::NotAllowed`, which does not say why: whoever guesses must learn nothing.
    pub(crate) async fn admit(&self, ask: &Ask<'_>) -> Result<Grant, Fault> {
        for validator in &self.validators {
            if let Verdict::Granted(claim) = validator.judge(ask).await {
                return Ok(Grant::new(ask.stream.clone(), ask.action, claim));
            }
        }
        Err(Fault::NotAllowed)
    }
}
