//! The validators of one app, as its file lists them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::admission::{self, Hook};
use super::digest::{self, Digest};
use super::jwt::{self, Jwt};
use super::round_trip::{self, RoundTrip};
use super::signed_url::{self, SignedUrls};
use super::stream_keys::{self, StreamKeys};
use super::users::{self, Users};
use super::{Action, Ask, Claim, Grant, Verdict};
use crate::fault::Fault;
use crate::outbound::Outbound;

/// What a caller is told to wait who came when a validator had too much to do, seconds.
const BUSY_RETRY_AFTER_S: u32 = 2;

const AWAY: Fault = Fault::AuthorityAway { retry_after_s: BUSY_RETRY_AFTER_S };

/// `[auth]` of an app's file. A list that is empty lets nobody in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Who may publish: any of these grants it, asked in this order.
    pub(crate) publish: Vec<Name>,
    /// Who may play.
    pub(crate) play: Vec<Name>,
    pub(crate) users: users::Settings,
    pub(crate) stream_keys: stream_keys::Settings,
    pub(crate) jwt: jwt::Settings,
    pub(crate) signed_urls: signed_url::Settings,
    pub(crate) digest: digest::Settings,
    pub(crate) round_trip: round_trip::Settings,
    /// Asked once a validator has granted.
    pub(crate) admission: admission::Settings,
}

/// A validator by its name in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Name {
    Open,
    Users,
    StreamKeys,
    Jwt,
    SignedUrls,
    Digest,
    RoundTrip,
}

impl Settings {
    /// The files that this is made of, beside the app's own.
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        [
            self.users.files(folder),
            self.stream_keys.files(folder),
            self.jwt.files(folder),
            self.signed_urls.files(folder),
            self.digest.files(folder),
            self.round_trip.files(folder),
            self.admission.files(folder),
        ]
        .concat()
    }

    /// Each validator that has a section of its own: its name, and whether the section says anything.
    fn sections(&self) -> Vec<(Name, &'static str, bool)> {
        vec![
            (Name::Users, "users", self.users != users::Settings::default()),
            (Name::StreamKeys, "stream_keys", self.stream_keys != stream_keys::Settings::default()),
            (Name::Jwt, "jwt", self.jwt != jwt::Settings::default()),
            (Name::SignedUrls, "signed_urls", self.signed_urls != signed_url::Settings::default()),
            (Name::Digest, "digest", self.digest != digest::Settings::default()),
            (Name::RoundTrip, "round_trip", self.round_trip != round_trip::Settings::default()),
        ]
    }

    /// Lists and sections that do not fit each other: by key, what to mend.
    fn faults(&self) -> Vec<(String, String)> {
        let mut faults = Vec::new();
        for (key, names) in [("auth.publish", &self.publish), ("auth.play", &self.play)] {
            if names.len() > 1 && names.contains(&Name::Open) {
                let text = "\"open\" lets everybody in, so it stands alone; name the others only, or it only";
                faults.push((key.to_owned(), text.to_owned()));
            }
        }
        for (name, section, is_set) in self.sections() {
            if is_set && !self.publish.contains(&name) && !self.play.contains(&name) {
                let text = format!("it is set, but neither auth.publish nor auth.play lists \"{section}\"");
                faults.push((format!("auth.{section}"), text));
            }
        }
        faults
    }
}

/// One way to prove oneself.
enum Validator {
    /// Everybody may.
    Open,
    Users(Users),
    StreamKeys(StreamKeys),
    Jwt(Box<Jwt>),
    SignedUrls(SignedUrls),
    Digest(Digest),
    RoundTrip(RoundTrip),
}

impl Validator {
    fn new(name: Name, settings: &Settings, folder: &Path) -> Result<Self, String> {
        match name {
            Name::Open => Ok(Self::Open),
            Name::Users => Users::new(&settings.users, folder).map(Self::Users),
            Name::StreamKeys => StreamKeys::new(&settings.stream_keys, folder).map(Self::StreamKeys),
            Name::Jwt => {
                let jwt = Jwt::new(&settings.jwt, folder, Outbound::of_the_process());
                jwt.map(|jwt| Self::Jwt(Box::new(jwt)))
            }
            Name::SignedUrls => SignedUrls::new(&settings.signed_urls, folder).map(Self::SignedUrls),
            Name::Digest => Digest::new(&settings.digest, folder).map(Self::Digest),
            Name::RoundTrip => {
                RoundTrip::new(&settings.round_trip, folder, Outbound::of_the_process()).map(Self::RoundTrip)
            }
        }
    }

    async fn judge(&self, ask: &Ask<'_>) -> Verdict {
        match self {
            Self::Open => Verdict::Granted(Claim { validator: "open".to_owned(), ..Claim::default() }),
            Self::Users(users) => users.judge(ask).await,
            Self::StreamKeys(keys) => keys.judge(ask),
            Self::Jwt(jwt) => jwt.judge(ask).await,
            Self::SignedUrls(urls) => urls.judge(ask),
            Self::Digest(digest) => digest.judge(ask),
            Self::RoundTrip(round_trip) => round_trip.judge(ask).await,
        }
    }
}

/// Validators in the order in which they are asked.
pub(crate) struct Chain {
    publish: Vec<Arc<Validator>>,
    play: Vec<Arc<Validator>>,
    hook: Option<Hook>,
}

impl Chain {
    /// # Errors
    /// By key, whatever would let in more than meant, or nobody by mistake.
    pub(crate) fn new(settings: &Settings, folder: &Path) -> Result<Self, Vec<(String, String)>> {
        let mut faults = settings.faults();
        let mut made: Vec<(Name, Arc<Validator>)> = Vec::new();
        for name in settings.publish.iter().chain(&settings.play) {
            if made.iter().any(|(other, _)| other == name) {
                continue;
            }
            match Validator::new(*name, settings, folder) {
                Ok(validator) => made.push((*name, Arc::new(validator))),
                Err(text) => faults.push((format!("auth ({name:?})"), text)),
            }
        }
        let hook =
            Hook::new(&settings.admission, folder, Outbound::of_the_process()).unwrap_or_else(|text| {
                faults.push(("auth.admission".to_owned(), text));
                None
            });
        if !faults.is_empty() {
            return Err(faults);
        }
        let listed = |names: &[Name]| {
            let of =
                |name: &Name| made.iter().find(|(other, _)| other == name).map(|(_, made)| Arc::clone(made));
            names.iter().filter_map(of).collect()
        };
        Ok(Self { publish: listed(&settings.publish), play: listed(&settings.play), hook })
    }

    /// Lets everybody do everything.
    pub(crate) fn open() -> Self {
        let open = vec![Arc::new(Validator::Open)];
        Self { publish: open.clone(), play: open, hook: None }
    }

    /// What the first validator that grants it found.
    ///
    /// # Errors
    /// None does; or one that might could not find out.
    pub(super) async fn judge(&self, ask: &Ask<'_>) -> Result<Claim, Fault> {
        let validators = match ask.action {
            Action::Publish => &self.publish,
            Action::Play => &self.play,
        };
        let mut refusal = Fault::NotAllowed;
        for validator in validators {
            match validator.judge(ask).await {
                Verdict::Granted(claim) => return self.confirm(ask, claim).await,
                Verdict::Busy { limit } => refusal = busy(limit),
                Verdict::Away => refusal = AWAY,
                Verdict::Refused | Verdict::NotMine => {}
            }
        }
        Err(refusal)
    }

    /// What the admission server leaves of `claim`, if there is one.
    async fn confirm(&self, ask: &Ask<'_>, claim: Claim) -> Result<Claim, Fault> {
        let Some(hook) = &self.hook else { return Ok(claim) };
        match hook.judge(ask, claim).await {
            Verdict::Granted(claim) => Ok(claim),
            Verdict::Busy { limit } => Err(busy(limit)),
            Verdict::Away => Err(AWAY),
            Verdict::Refused | Verdict::NotMine => Err(Fault::NotAllowed),
        }
    }

    /// The session of `grant` is over.
    pub(crate) fn left(&self, grant: &Grant) {
        for validator in self.publish.iter().chain(&self.play) {
            if let Validator::RoundTrip(round_trip) = validator.as_ref() {
                return round_trip.left(grant);
            }
        }
    }
}

const fn busy(limit: &'static str) -> Fault {
    Fault::Full { limit, retry_after_s: BUSY_RETRY_AFTER_S }
}
