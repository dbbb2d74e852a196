//! Who is there, by the journal's own account: every beginning that has no end yet.

use std::collections::{BTreeMap, HashSet};

use super::{Entry, Event};
use crate::handle::SessionHandle;

/// See the file's head. As many as there are sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger(BTreeMap<SessionHandle, Event>);

impl Ledger {
    /// Keeps the account.
    pub(super) fn take(&mut self, entry: &Entry) {
        self.account(&entry.event);
    }

    pub(super) fn account(&mut self, event: &Event) {
        let Ok(handle) = event.party().session.parse() else { return };
        match event {
            Event::Published(_) | Event::Subscribed(_) => {
                self.0.insert(handle, event.clone());
            }
            Event::Unpublished(_) | Event::Unsubscribed(_) => {
                self.0.remove(&handle);
            }
        }
    }

    pub(super) fn knows(&self, handle: SessionHandle) -> bool {
        self.0.contains_key(&handle)
    }

    /// How the session began.
    pub(super) fn find(&self, handle: SessionHandle) -> Option<&Event> {
        self.0.get(&handle)
    }

    /// How those began that are not among `there`: publishers last, since their viewers leave before them.
    pub(super) fn all_but(&self, there: impl Iterator<Item = SessionHandle>) -> Vec<Event> {
        let there: HashSet<SessionHandle> = there.collect();
        let mut gone: Vec<Event> = self
            .0
            .iter()
            .filter(|(handle, _)| !there.contains(handle))
            .map(|(_, event)| event.clone())
            .collect();
        gone.sort_by_key(|event| matches!(event, Event::Published(_)));
        gone
    }

    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.0.values()
    }
}
