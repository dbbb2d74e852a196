//! Users with passwords, of a file like htpasswd's ([`crate::roster`]): by HTTP's Basic, or `username=` and `password=` in the query.
//!
//! ```text
//!   name, password ─► proved lately? ──────────────────────────────────► what he may
//!                        │ no                                             ▲
//!                        ├─► one like it under way? ─► its outcome ───────┤
//!                        └─► line (bounded) ─► argon2id on another thread ┘
//! ```
//!
//! A guess costs some 20 ms of a core and 19 MiB, so that a stolen file is of little use; what comes over the network is
//! therefore bounded: so many at a time, so many in line, and few of one address ([`Desk`]). Whoever finds the line full is told
//! to come again. A login that was proved counts for [`LATELY`], and equal ones that come at once are proved once: a thousand
//! viewers with one login cost one hash.
//!
//! An unknown name is tried against the hash of another, chosen by the name, and refused whatever comes of it: to tell
//! names apart by time is to learn half of a login.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::desk::{Busy, Desk};
use super::{Action, Ask, Claim, Verdict};
use crate::roster::{Entry, PasswordHash, Roster, Secret};

/// How long a login counts as proved.
const LATELY: Duration = Duration::from_secs(60);

/// `[auth.users]` of an app's file, and `[auth.stream_keys]`, whose file is of the same form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Made by `fanlight user`, or `fanlight user key`; a relative path is taken from the app's file.
    pub(crate) file: PathBuf,
}

impl Settings {
    pub(crate) fn files(&self, folder: &Path) -> Vec<PathBuf> {
        if self.file.as_os_str().is_empty() { Vec::new() } else { vec![folder.join(&self.file)] }
    }
}

/// See the file's head.
pub(crate) struct Users {
    /// At least one.
    users: Vec<User>,
    by_name: HashMap<String, usize>,
    /// Of this process and this reading of the file: what was proved before may be so no more.
    key: Box<hmac::Key>,
    under_way: Arc<Mutex<UnderWay>>,
    desk: Arc<Desk>,
}

struct User {
    entry: Entry,
    hash: Arc<PasswordHash>,
    /// The login that was proved last, and when.
    lately: Arc<Mutex<Option<(Tag, SystemTime)>>>,
}

/// Stands for a name and a password in memory.
type Tag = [u8; 32];

/// Whether the login is right; none yet. As many as the desk's line takes.
type UnderWay = HashMap<Tag, watch::Receiver<Option<bool>>>;

impl Users {
    /// # Errors
    /// What to mend.
    pub(crate) fn new(settings: &Settings, folder: &Path) -> Result<Self, String> {
        let roster = read(&settings.file, folder, "`fanlight user add NAME --file FILE`")?;
        Self::of(&roster, Desk::of_the_process())
    }

    fn of(roster: &Roster, desk: Arc<Desk>) -> Result<Self, String> {
        let mut users = Vec::new();
        for entry in roster.entries() {
            let Secret::Password(hash) = &entry.secret else {
                let name = &entry.name;
                return Err(format!(
                    "{name} is a stream key, and here are users only: move the line to their file"
                ));
            };
            users.push(User { hash: Arc::new(hash.clone()), entry: entry.clone(), lately: Arc::default() });
        }
        let by_name = users.iter().enumerate().map(|(at, user)| (user.entry.name.clone(), at)).collect();
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| format!("the system has no randomness: {error}"))?;
        let key = Box::new(hmac::Key::new(HMAC_SHA256, &key));
        Ok(Self { users, by_name, key, under_way: Arc::default(), desk })
    }

    pub(crate) async fn judge(&self, ask: &Ask<'_>) -> Verdict {
        let Some((name, password)) = ask.credentials.login() else { return Verdict::NotMine };
        let tag = self.tag(name, password);
        let known = self.by_name.get(name).and_then(|at| self.users.get(*at));
        let is_right = match known {
            Some(user) if user.was_proved_lately(&tag, ask.now) => true,
            _ => match self.prove(tag, known, password, ask).await {
                Ok(is_right) => is_right,
                Err(Busy { limit }) => return Verdict::Busy { limit },
            },
        };
        let Some(user) = known.filter(|_| is_right) else { return Verdict::Refused };
        let claim = claim_of(&user.entry, ask);
        claim.map_or(Verdict::Refused, |claim| {
            let subject = Some(user.entry.name.clone());
            Verdict::Granted(Claim { validator: "users".to_owned(), subject, ..claim })
        })
    }

    /// Takes as long for nobody (`known` is none) as for a wrong password.
    async fn prove(
        &self,
        tag: Tag,
        known: Option<&User>,
        password: &str,
        ask: &Ask<'_>,
    ) -> Result<bool, Busy> {
        let Some(user) = known.or_else(|| self.decoy(&tag)) else { return Ok(false) };
        let mut outcome = match lock(&self.under_way).entry(tag) {
            Place::Occupied(under_way) => under_way.get().clone(),
            Place::Vacant(vacant) => {
                let place = self.desk.line_up(ask.client.address)?;
                let (tell, outcome) = watch::channel(None);
                vacant.insert(outcome.clone());
                let (hash, password) = (Arc::clone(&user.hash), password.to_owned());
                let (under_way, now) = (Arc::clone(&self.under_way), ask.now);
                let lately = known.map(|user| Arc::clone(&user.lately));
                // A caller who leaves must not take the outcome from the others.
                tokio::spawn(async move {
                    let is_right = place.work(move || hash.is_of(&password)).await & lately.is_some();
                    // First: whoever comes between the two would prove it again.
                    if let Some(lately) = lately.filter(|_| is_right) {
                        *lock(&lately) = Some((tag, now));
                    }
                    lock(&under_way).remove(&tag);
                    // Those who waited may be gone.
                    let _ = tell.send(Some(is_right));
                });
                outcome
            }
        };
        // Its sender never goes without a word, unless the task died with the process.
        let told = outcome.wait_for(Option::is_some).await.map(|told| *told);
        Ok(told.ok().flatten().unwrap_or(false))
    }

    /// The same one for the same login, so that to repeat it tells nothing.
    fn decoy(&self, tag: &Tag) -> Option<&User> {
        let number = tag.iter().take(4).fold(0, |number, byte| number << 8 | usize::from(*byte));
        self.users.get(number.checked_rem(self.users.len())?)
    }

    fn tag(&self, name: &str, password: &str) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        // The length keeps `a` and `bc` from being `ab` and `c`.
        context.update(&name.len().to_le_bytes());
        context.update(name.as_bytes());
        context.update(password.as_bytes());
        let mut tag = [0; 32];
        // HMAC-SHA256 is of 32 bytes.
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }
}

impl User {
    fn was_proved_lately(&self, tag: &Tag, now: SystemTime) -> bool {
        let Some((proved, when)) = *lock(&self.lately) else { return false };
        let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(&proved, tag).is_ok();
        // A clock that was set back proves nothing.
        is_same && now.duration_since(when).is_ok_and(|since| since < LATELY)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file of a validator that was asked for, which has somebody in it.
pub(super) fn read(file: &Path, folder: &Path, add: &str) -> Result<Roster, String> {
    if file.as_os_str().is_empty() {
        return Err(format!("no file is named; set `file`, and make it with {add}"));
    }
    let path = folder.join(file);
    let roster = Roster::read(&path).map_err(|error| error.to_string())?;
    if roster.entries().next().is_none() {
        return Err(format!(
            "{} has nobody in it, so nobody could come in; begin with {add}",
            path.display()
        ));
    }
    Ok(roster)
}

/// What an entry that was proved may do of what is asked.
pub(super) fn claim_of(entry: &Entry, ask: &Ask<'_>) -> Option<Claim> {
    let has_right = match ask.action {
        Action::Publish => entry.rights.publish(),
        Action::Play => entry.rights.play(),
    };
    let is_in_time = entry.until.is_none_or(|until| ask.now < until);
    let streams = &entry.streams;
    let is_its_stream = streams.is_empty() || streams.iter().any(|pattern| pattern.matches(ask.stream));
    (has_right && is_in_time && is_its_stream).then(|| Claim {
        expires: entry.until,
        bitrate_bps_max: entry.bitrate_bps_max,
        ..Claim::default()
    })
}

#[cfg(test)]
mod tests;
