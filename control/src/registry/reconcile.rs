//! Making the registry agree with the dataplane after a connection was lost or control was started anew.
//!
//! The dataplane is right about what is. Control is right about what it gave up: the doomed, and a second publisher of a
//! name. Order matters: what is gone first, so that its names are free; then publishers; then viewers, who need them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Admission, Phase, Registry, Session, SessionId, SessionInfo, SessionRole, SessionState};
use crate::auth::Action;

/// What a reconciliation came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reconciled {
    /// Sessions that the dataplane must close.
    pub(crate) close: Vec<SessionId>,
    /// Sessions that were unknown and are now ours.
    pub(crate) adopted: usize,
    /// Sessions that the dataplane does not have any more, as they were.
    pub(crate) gone: Vec<(SessionId, Session)>,
}

impl Registry {
    /// Takes over what `snapshot` says.
    pub(crate) fn reconcile(&mut self, mut snapshot: Vec<SessionInfo>, now: SystemTime) -> Reconciled {
        let present: HashSet<SessionId> = snapshot.iter().map(|info| info.session).collect();
        let mut outcome = Reconciled { gone: self.forget_all_but(&present), ..Reconciled::default() };
        // Of two publishers of a name the connected one stays, then the older one.
        snapshot.sort_by_key(|info| {
            let viewer = !matches!(info.role, SessionRole::Publisher);
            (viewer, info.state != SessionState::Connected, std::cmp::Reverse(info.age_ms))
        });
        let mut moved = Vec::new();
        for info in snapshot {
            let session = info.session;
            if self.doomed.contains(&session) {
                outcome.close.push(session);
            } else if let Some(known) = self.sessions.get_mut(&session) {
                known.phase = Phase::from(info.state);
                self.tallies.opens(session, &known.stream, known.role, known.since);
                known.ice_tag = info.ice_tag;
                known.tracks = info.tracks;
                known.wish = info.wish;
                known.muted = info.muted;
                known.bitrate_bps_max = info.terms.bitrate_bps_max;
                // While nobody listened it may have been carried over to another publisher.
                if let SessionRole::Viewer { publisher } = info.role {
                    moved.push((session, publisher));
                }
            } else if self.adopt(info, now) {
                outcome.adopted += 1;
            } else {
                self.doomed.insert(session);
                outcome.close.push(session);
            }
        }
        for (viewer, publisher) in moved {
            self.move_viewer(viewer, publisher);
        }
        outcome
    }

    fn forget_all_but(&mut self, present: &HashSet<SessionId>) -> Vec<(SessionId, Session)> {
        self.doomed.retain(|session| present.contains(session));
        let gone: Vec<SessionId> = self.sessions.keys().filter(|id| !present.contains(id)).copied().collect();
        gone.into_iter().filter_map(|session| Some((session, self.remove(session)?))).collect()
    }

    /// False: the session has no place here.
    fn adopt(&mut self, info: SessionInfo, now: SystemTime) -> bool {
        let since = now.checked_sub(Duration::from_millis(info.age_ms)).unwrap_or(now);
        let action = match info.role {
            SessionRole::Publisher => Action::Publish,
            SessionRole::Viewer { .. } => Action::Play,
        };
        let entry = Session {
            stream: info.stream.clone(),
            admission: Arc::new(Admission::of_keepsake(&info.terms.keepsake, &info.stream, action)),
            role: info.role,
            phase: Phase::from(info.state),
            ice_tag: info.ice_tag,
            tracks: info.tracks,
            wish: info.wish,
            muted: info.muted,
            bitrate_bps_max: info.terms.bitrate_bps_max,
            since,
            viewers: 0,
        };
        match info.role {
            SessionRole::Publisher if self.publishers.contains_key(&info.stream) => {
                let is_challenger = self.publishers.get(&info.stream) == info.replaces.as_ref();
                if !is_challenger || self.challengers.contains_key(&info.stream) {
                    return false;
                }
                self.challengers.insert(info.stream, info.session);
                self.insert(info.session, entry);
            }
            SessionRole::Publisher => {
                self.publishers.insert(info.stream, info.session);
                self.insert(info.session, entry);
            }
            SessionRole::Viewer { publisher } => {
                if self.sessions.get(&publisher).is_none_or(|other| other.role != SessionRole::Publisher) {
                    return false;
                }
                self.insert_viewer(info.session, publisher, entry);
            }
        }
        true
    }
}
