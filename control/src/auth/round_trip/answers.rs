//! What the server said: asked once for all who bring the same at the same time, and kept for a while if the operator says so.
//!
//! Credentials are not kept: what stands for them is a keyed hash, and the key dies with the process.
//!
//! Limits: [`KEPT_MAX`] answers, the oldest forgotten first; requests under way are bounded by `outbound`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use tokio::sync::watch;

const KEPT_MAX: usize = 4096;

/// A no is kept just long enough to blunt a repetition: a password may have been changed.
const REFUSAL_KEPT_MAX: Duration = Duration::from_secs(2);

/// Stands for credentials, stream and type.
pub(super) type Tag = [u8; 32];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Yes(Allowance),
    No,
    /// It had too much to do.
    Busy,
    /// The server is away.
    None,
}

/// What a yes allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) expires: Option<SystemTime>,
    pub(super) bitrate_bps_max: Option<u64>,
    pub(super) subject: Option<String>,
}

/// See the file's head.
pub(super) struct Answers {
    key: Box<hmac::Key>,
    keep: Duration,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    under_way: HashMap<Tag, watch::Receiver<Option<Answer>>>,
    kept: Kept,
}

impl Answers {
    /// A yes is kept for `keep`; zero: nothing is.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn new(keep: Duration) -> Result<Self, String> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| format!("the system has no randomness: {error}"))?;
        Ok(Self { key: Box::new(hmac::Key::new(HMAC_SHA256, &key)), keep, held: Mutex::default() })
    }

    /// Of all parts in this order.
    pub(super) fn tag(&self, parts: &[&str]) -> Tag {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            // The length keeps `a` and `bc` from being `ab` and `c`.
            context.update(&part.len().to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut tag = [0; 32];
        // HMAC-SHA256 is of 32 bytes.
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    /// The answer that is kept, or that is under way; else that of `asked`.
    pub(super) async fn find(
        self: &Arc<Self>,
        tag: Tag,
        asked: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let mut coming = {
            let mut held = self.held();
            if let Some(answer) = held.kept.find(&tag, Instant::now()) {
                return answer;
            }
            match held.under_way.entry(tag) {
                Entry::Occupied(coming) => coming.get().clone(),
                Entry::Vacant(vacant) => {
                    let (tell, coming) = watch::channel(None);
                    vacant.insert(coming.clone());
                    // A task, since a caller who leaves must not take the answer from the others.
                    tokio::spawn(Arc::clone(self).fetch(tag, asked, tell));
                    coming
                }
            }
        };
        let told = coming.wait_for(Option::is_some).await.map(|told| told.clone());
        told.ok().flatten().unwrap_or(Answer::None)
    }

    /// What was said of it counts no more.
    pub(super) fn forget(&self, tag: &Tag) {
        self.held().kept.forget(tag);
    }

    async fn fetch(
        self: Arc<Self>,
        tag: Tag,
        asked: impl Future<Output = Answer> + Send + 'static,
        tell: watch::Sender<Option<Answer>>,
    ) {
        let answer = asked.await;
        let keep = match &answer {
            Answer::Yes(_) => self.keep,
            Answer::No => self.keep.min(REFUSAL_KEPT_MAX),
            Answer::Busy | Answer::None => Duration::ZERO,
        };
        let mut held = self.held();
        held.under_way.remove(&tag);
        if !keep.is_zero() {
            held.kept.add(tag, answer.clone(), Instant::now() + keep);
        }
        drop(held);
        // Those who waited may be gone.
        let _ = tell.send(Some(answer));
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers and until when they count. Pure: time is passed in.
#[derive(Default)]
struct Kept {
    by_tag: HashMap<Tag, (Answer, Instant)>,
    /// In the order of coming, each with the end that it had.
    order: VecDeque<(Tag, Instant)>,
}

impl Kept {
    fn find(&self, tag: &Tag, now: Instant) -> Option<Answer> {
        self.by_tag.get(tag).filter(|(_, until)| now < *until).map(|(answer, _)| answer.clone())
    }

    fn add(&mut self, tag: Tag, answer: Answer, until: Instant) {
        while self.order.len() >= KEPT_MAX {
            let Some((oldest, its_end)) = self.order.pop_front() else { break };
            // A newer answer of the same may have taken its place.
            if self.by_tag.get(&oldest).is_some_and(|(_, until)| *until == its_end) {
                self.by_tag.remove(&oldest);
            }
        }
        self.order.push_back((tag, until));
        self.by_tag.insert(tag, (answer, until));
    }

    fn forget(&mut self, tag: &Tag) {
        self.by_tag.remove(tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u32) -> Tag {
        let mut tag = [0; 32];
        tag[..4].copy_from_slice(&number.to_le_bytes());
        tag
    }

    /// Memory must not grow with the credentials that come, however they repeat.
    #[test]
    fn answers_are_kept_for_their_time_and_in_a_bounded_number() {
        let now = Instant::now();
        let later = now + Duration::from_secs(10);
        let mut kept = Kept::default();
        kept.add(tag(0), Answer::No, now + Duration::from_secs(2));
        assert_eq!(kept.find(&tag(0), now + Duration::from_millis(1999)), Some(Answer::No));
        assert_eq!(kept.find(&tag(0), now + Duration::from_secs(2)), None);
        kept.add(tag(0), Answer::Yes(Allowance::default()), later);
        for number in 0..20_000 {
            kept.add(tag(number % 5000), Answer::No, later + Duration::from_nanos(number.into()));
        }
        assert!(kept.by_tag.len() <= KEPT_MAX && kept.order.len() <= KEPT_MAX);
        assert_eq!(kept.find(&tag(4999), now), Some(Answer::No), "the newest");
        assert_eq!(kept.find(&tag(0), now), None, "the oldest");
        kept.forget(&tag(4999));
        assert_eq!(kept.find(&tag(4999), now), None);
    }

    /// Credentials that differ anywhere are others.
    #[test]
    fn a_tag_tells_apart_what_was_brought_where() {
        let answers = Answers::new(Duration::ZERO).unwrap();
        let parts = ["a", "b", "", "publisher", "camera"];
        assert_eq!(answers.tag(&parts), answers.tag(&parts));
        for other in [
            ["ab", "", "", "publisher", "camera"],
            ["a", "", "b", "publisher", "camera"],
            ["a", "b", "", "subscriber", "camera"],
            ["a", "b", "", "publisher", "camera2"],
        ] {
            assert_ne!(answers.tag(&parts), answers.tag(&other));
        }
        assert_ne!(
            answers.tag(&parts),
            Answers::new(Duration::ZERO).unwrap().tag(&parts),
            "each has its key"
        );
    }
}
