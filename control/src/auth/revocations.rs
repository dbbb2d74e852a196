//! What was granted once and is no more: users and credentials that an operator has shut out.
//!
//! Kept in a file of the state folder, so that a control that was started anew still knows. Pure but for that file.
//!
//! Limits: [`REVOCATIONS_MAX`], the one that ends first makes room.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Claim;
use crate::{name, private_folder};

/// Beyond this an operator changes the keys instead.
pub(crate) const REVOCATIONS_MAX: usize = 10_000;

/// What is shut out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Subject {
    /// Whoever a validator found to be of this name.
    User(String),
    /// A token by its `jti`, a key by its name.
    Credential(String),
}

/// Who is shut out, and where. None: of every app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Target {
    #[serde(flatten)]
    pub(crate) subject: Subject,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<String>,
}

impl Target {
    /// Whether a claim in `app`, a path, is meant.
    pub(crate) fn matches(&self, app: &str, claim: &Claim) -> bool {
        let here = self.app.as_deref().is_none_or(|wanted| wanted == name::first_segment(app));
        let named = match &self.subject {
            Subject::User(user) => claim.subject.as_ref() == Some(user),
            Subject::Credential(credential) => claim.credential.as_ref() == Some(credential),
        };
        here && named
    }
}

/// Since when, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Term {
    pub(crate) since: SystemTime,
    /// None: for good.
    pub(crate) until: Option<SystemTime>,
}

/// One entry as it stands in the file and in listings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Revocation {
    #[serde(flatten)]
    pub(crate) target: Target,
    #[serde(flatten)]
    pub(crate) term: Term,
}

/// All that are in force.
#[derive(Debug, Default)]
pub(crate) struct Revocations {
    file: Option<PathBuf>,
    entries: Mutex<BTreeMap<Target, Term>>,
}

impl Revocations {
    /// Those of `file`, where changes are written too. None: they are forgotten with the process.
    ///
    /// # Errors
    /// The file is there and cannot be read: to go on without it would let in whom somebody shut out.
    pub(crate) fn load(file: Option<PathBuf>) -> io::Result<Self> {
        let text = match file.as_ref().map(fs::read_to_string) {
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => None,
            Some(text) => Some(text?),
            None => None,
        };
        let listed: Vec<Revocation> = text.map_or(Ok(Vec::new()), |text| serde_json::from_str(&text))?;
        let entries = listed.into_iter().map(|entry| (entry.target, entry.term)).collect();
        Ok(Self { file, entries: Mutex::new(entries) })
    }

    /// Shuts `target` out from now on; until a time that is past is not at all.
    ///
    /// # Errors
    /// It is in force, but could not be written down.
    pub(crate) fn add(&self, target: Target, until: Option<SystemTime>, now: SystemTime) -> io::Result<()> {
        let mut entries = self.entries();
        entries.retain(|_, term| is_in_force(term, now));
        if entries.len() >= REVOCATIONS_MAX && !entries.contains_key(&target) {
            let first = entries.iter().min_by_key(|(_, term)| (term.until.is_none(), term.until, term.since));
            if let Some(first) = first.map(|(target, _)| target.clone()) {
                entries.remove(&first);
            }
        }
        let term = Term { since: now, until };
        if is_in_force(&term, now) {
            entries.insert(target, term);
        } else {
            entries.remove(&target);
        }
        self.write(&entries)
    }

    /// Lets `target` in again. False: it was not shut out.
    ///
    /// # Errors
    /// As [`Revocations::add`].
    pub(crate) fn remove(&self, target: &Target) -> io::Result<bool> {
        let mut entries = self.entries();
        let was_there = entries.remove(target).is_some();
        self.write(&entries)?;
        Ok(was_there)
    }

    pub(crate) fn list(&self, now: SystemTime) -> Vec<Revocation> {
        let entries = self.entries();
        let in_force = entries.iter().filter(|(_, term)| is_in_force(term, now));
        in_force.map(|(target, term)| Revocation { target: target.clone(), term: *term }).collect()
    }

    /// Whether a claim in `app` is shut out.
    pub(crate) fn forbid(&self, app: &str, claim: &Claim, now: SystemTime) -> bool {
        let named =
            [claim.subject.clone().map(Subject::User), claim.credential.clone().map(Subject::Credential)];
        let entries = self.entries();
        named.into_iter().flatten().any(|subject| {
            let places = [None, Some(name::first_segment(app).to_owned())];
            places.into_iter().any(|app| {
                let target = Target { subject: subject.clone(), app };
                entries.get(&target).is_some_and(|term| is_in_force(term, now))
            })
        })
    }

    /// In the place of the former file, so that a crash leaves one of the two.
    fn write(&self, entries: &BTreeMap<Target, Term>) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let listed: Vec<Revocation> =
            entries.iter().map(|(target, term)| Revocation { target: target.clone(), term: *term }).collect();
        private_folder::write(file, &serde_json::to_vec_pretty(&listed)?)
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<Target, Term>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_in_force(term: &Term, now: SystemTime) -> bool {
    term.until.is_none_or(|until| now < until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn user(name: &str, app: Option<&str>) -> Target {
        Target { subject: Subject::User(name.to_owned()), app: app.map(str::to_owned) }
    }

    fn claim(subject: &str, credential: &str) -> Claim {
        Claim {
            subject: Some(subject.to_owned()),
            credential: Some(credential.to_owned()),
            ..Claim::default()
        }
    }

    /// An operator who shuts out one user must not shut out another, nor the same name of another app.
    #[test]
    fn a_revocation_reaches_those_it_names_where_it_says_until_it_ends() {
        let (revocations, now) = (Revocations::default(), SystemTime::now());
        let later = now + Duration::from_secs(60);
        revocations.add(user("ann", Some("live")), Some(later), now).unwrap();
        let jti = Target { subject: Subject::Credential("t1".to_owned()), app: None };
        revocations.add(jti.clone(), None, now).unwrap();
        for (app, claim, at, forbidden) in [
            ("live", claim("ann", "t0"), now, true),
            ("live/room1", claim("ann", "t0"), now, true),
            ("other", claim("ann", "t0"), now, false),
            ("live", claim("bob", "t0"), now, false),
            ("live", claim("t1", "ann"), now, false),
            ("live", claim("ann", "t0"), later, false),
            ("other", claim("bob", "t1"), later, true),
            ("live", Claim::default(), now, false),
        ] {
            assert_eq!(revocations.forbid(app, &claim, at), forbidden, "{app} {claim:?}");
        }
        assert_eq!(revocations.list(later).len(), 1);
        assert!(revocations.remove(&jti).unwrap() && !revocations.remove(&jti).unwrap());
        assert!(!revocations.forbid("other", &claim("bob", "t1"), now));
    }

    /// What is written down must be a date that can be, and an end that is past ends what was there.
    #[test]
    fn a_revocation_until_the_past_is_none() {
        let file =
            std::env::temp_dir().join(format!("fanlight-revocations-past-{}.json", std::process::id()));
        let now = SystemTime::now();
        let revocations = Revocations::load(Some(file.clone())).unwrap();
        revocations.add(user("ann", None), None, now).unwrap();
        let long_ago = SystemTime::UNIX_EPOCH - Duration::from_secs(9_000_000_000);
        revocations.add(user("ann", None), Some(long_ago), now).unwrap();
        assert!(!revocations.forbid("live", &claim("ann", "x"), now));
        assert_eq!(Revocations::load(Some(file.clone())).unwrap().list(now), []);
        fs::remove_file(&file).unwrap();
    }

    /// Control may die at any moment: whoever was shut out stays out.
    #[test]
    fn revocations_outlive_the_process_and_a_broken_file_is_not_ignored() {
        let file = std::env::temp_dir().join(format!("fanlight-revocations-{}.json", std::process::id()));
        let now = SystemTime::now();
        let revocations = Revocations::load(Some(file.clone())).unwrap();
        revocations.add(user("ann", None), None, now).unwrap();
        let again = Revocations::load(Some(file.clone())).unwrap();
        assert_eq!(again.list(now), revocations.list(now));
        assert!(again.forbid("live", &claim("ann", "x"), now));
        fs::write(&file, "[{").unwrap();
        assert!(Revocations::load(Some(file.clone())).is_err());
        fs::remove_file(&file).unwrap();
    }

    /// Each costs memory, and a script may add them without end.
    #[test]
    fn the_one_that_ends_first_makes_room() {
        let (revocations, now) = (Revocations::default(), SystemTime::now());
        let ends = |second| Some(now + Duration::from_secs(second));
        revocations.add(user("soon", None), ends(1), now).unwrap();
        for number in 1..REVOCATIONS_MAX {
            revocations.add(user(&number.to_string(), None), None, now).unwrap();
        }
        revocations.add(user("one more", None), ends(9), now).unwrap();
        assert_eq!(revocations.list(now).len(), REVOCATIONS_MAX);
        assert!(!revocations.forbid("live", &claim("soon", ""), now));
        assert!(revocations.forbid("live", &claim("one more", ""), now));
    }
}
