//! Who comes and goes: wishes to join and to leave, and what becomes of them.

use std::time::Instant;

use super::choice::{is_chosen, is_drawn};
use super::{Session, share};
use crate::clock::seconds;
use crate::float::float;
use crate::joining::{Joined, Wish, does};
use crate::viewer::Duties;
use crate::worker::Order;

impl Session<'_> {
    pub(super) fn let_one_join(&mut self) {
        let (number, streams) = (self.next_viewer, self.plan.publishers.count);
        self.next_viewer += 1;
        self.asked += 1;
        let is_sampled = self.is_sampled(number);
        let feedback = &self.plan.feedback;
        let duties = Duties {
            is_sampled,
            reports: does(feedback.reports, is_sampled),
            nack: does(feedback.nack, is_sampled),
            twcc: does(feedback.twcc, is_sampled),
            video: self.plan.publishers.video_kbit_per_second > 0,
        };
        let has_road = is_drawn(number, self.plan.road.share_percent / 100.0, self.plan.seed);
        self.viewers.insert(number, None);
        self.joiners.wish(Wish::Watch { viewer: number, stream: number % streams, duties, has_road });
    }

    pub(super) fn let_one_leave(&mut self) {
        let joined: Vec<_> =
            self.viewers.iter().filter(|(_, at)| at.is_some()).map(|(number, _)| *number).collect();
        let Some(number) =
            self.chance.choice(joined.iter()).copied().or_else(|| self.viewers.keys().next().copied())
        else {
            return;
        };
        self.remove(number);
    }

    fn remove(&mut self, number: usize) {
        if let Some(Some(session)) = self.viewers.remove(&number) {
            self.joiners.wish(Wish::Leave { session });
        }
        self.tell(|| Order::Leave(number));
    }

    /// Goes on without the viewers that see nothing.
    pub(super) fn leave_behind(&mut self) {
        let books = self.close();
        let watching: Vec<_> =
            books.present.iter().filter(|one| one.is_watching).map(|one| one.number).collect();
        let blind: Vec<_> =
            self.viewers.keys().copied().filter(|number| !watching.contains(number)).collect();
        for number in blind {
            let was_connected = self.viewers.get(&number).is_some_and(Option::is_some);
            let reason =
                if was_connected { "connected, but saw no whole frame in time" } else { "no answer in time" };
            *self.failures.entry(reason.to_owned()).or_default() += 1;
            self.remove(number);
        }
    }

    pub(super) fn take_joined(&mut self) {
        while let Some(Joined { outcome, viewer, session }) = self.joiners.joined() {
            let Some(number) = viewer else {
                self.publications.extend(session);
                match outcome {
                    Ok(()) => self.published += 1,
                    Err(error) => *self.failures.entry(error.to_string()).or_default() += 1,
                }
                continue;
            };
            match outcome {
                Ok(()) if self.viewers.contains_key(&number) => {
                    self.viewers.insert(number, Some(session.unwrap_or_default()));
                }
                // It has left before it was there.
                Ok(()) => {
                    session.into_iter().for_each(|session| self.joiners.wish(Wish::Leave { session }));
                    self.tell(|| Order::Leave(number));
                }
                Err(error) => {
                    self.progress.failed += 1;
                    *self.failures.entry(reason(&error.to_string())).or_default() += 1;
                    self.viewers.remove(&number);
                    session.into_iter().for_each(|session| self.joiners.wish(Wish::Leave { session }));
                }
            }
        }
    }

    /// The sample is spread over the viewers: who joined first may be served first.
    fn is_sampled(&self, number: usize) -> bool {
        is_chosen(number, share(self.plan.viewers.sampled, self.plan.viewers()))
    }

    pub(super) fn is_due(&self, begin: Instant, count: usize, now: Instant) -> bool {
        let rate = self.plan.viewers.joins_per_second;
        rate <= 0.0 || begin + seconds(float(count as u64) / rate) <= now
    }
}

/// Of refusals the reason, without what differs from viewer to viewer.
fn reason(error: &str) -> String {
    error.replace(|letter: char| letter.is_ascii_digit(), "#").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred viewers refused with a hundred ids are one reason.
    #[test]
    fn reasons_are_the_same_where_only_numbers_differ() {
        assert_eq!(reason("http://h:80/v/17: 503 full"), reason("http://h:80/v/99: 503 full"));
    }
}
