//! The counts of apps and rooms: a session in `live/room1` is in `live` too.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use super::{EMPTY_SCOPES_MAX, Flow, Gauge, Role, Tally};

#[derive(Debug)]
struct Scope {
    tally: Tally,
    /// Its place in the line of those that are to be forgotten; None: somebody is there.
    empty: Option<u64>,
}

/// Every scope that anybody is in, and the latest of the empty ones.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    by_path: HashMap<String, Scope>,
    /// Who was left first stands first.
    empty: BTreeMap<u64, String>,
    places: u64,
}

impl Scopes {
    /// `apps` counts the scopes at the top.
    pub(super) fn enters(&mut self, path: &str, role: Role, now: SystemTime, apps: &mut Gauge) {
        for scope in chain(path) {
            let entry = self
                .by_path
                .entry(scope.to_owned())
                .or_insert_with(|| Scope { tally: Tally::new(now), empty: None });
            let awakes = entry.tally.sessions.now == 0;
            entry.tally.enters(role);
            if let Some(place) = entry.empty.take() {
                self.empty.remove(&place);
            }
            if awakes {
                self.above(scope, apps).rises();
            }
        }
    }

    pub(super) fn leaves(&mut self, path: &str, role: Role, apps: &mut Gauge) {
        for scope in chain(path) {
            let Some(entry) = self.by_path.get_mut(scope) else { continue };
            entry.tally.leaves(role);
            if entry.tally.sessions.now == 0 {
                entry.empty = Some(self.places);
                self.empty.insert(self.places, scope.to_owned());
                self.places += 1;
                self.above(scope, apps).falls();
            }
        }
        while self.empty.len() > EMPTY_SCOPES_MAX {
            if let Some((_, oldest)) = self.empty.pop_first() {
                self.by_path.remove(&oldest);
            }
        }
    }

    pub(super) fn carry(&mut self, path: &str, growth: Flow) {
        for scope in chain(path) {
            if let Some(entry) = self.by_path.get_mut(scope) {
                entry.tally.flow += growth;
            }
        }
    }

    pub(super) fn find(&self, path: &str) -> Option<&Tally> {
        self.by_path.get(path).map(|scope| &scope.tally)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    /// Where a scope counts that wakes or empties: in the one that it is directly in.
    fn above<'a>(&'a mut self, scope: &str, apps: &'a mut Gauge) -> &'a mut Gauge {
        let parent = scope.rsplit_once('/').map(|(parent, _)| parent);
        match parent.and_then(|parent| self.by_path.get_mut(parent)) {
            Some(parent) => &mut parent.tally.scopes,
            None => apps,
        }
    }
}

/// A path and all that it is in, the app first.
fn chain(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end))
}
