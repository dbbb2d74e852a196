//! What is published and who watches: sessions by id, streams by path. Pure: time and ids are passed in, nothing waits.
//!
//! ```text
//!   reserve ──► Reserved ──accept──► Connecting ──connected──► Connected
//!                  │ release (refused)    │ doom (DELETE) or closed (event)
//!                  ▼                      ▼
//!                 gone: the name is free at once; viewers stay until their own Closed arrives
//! ```
//!
//! A name is in use from its reservation on, so two publishers cannot race for it; where the policy allows it, a newer one
//! takes over: see [`replace`]. A session that is given up is *doomed*
//! until the dataplane says that it is closed: should the connection fail in between, the next [`Registry::reconcile`]
//! closes it again instead of adopting it.
//!
//! Limits: `limits.sessions_max`, `limits.streams_max`, `limits.viewers_per_stream_max`, and those of each app. The doomed are sessions that the
//! dataplane has or is opening, so its limits and `limits.requests_in_flight_max` hold them.

mod census;
mod listing;
mod reconcile;
mod replace;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use fanlight_protocol::{
    LayerWish, MutedKinds, SessionId, SessionInfo, SessionRole, SessionState, StreamPath, TrackInfo,
    TrackKind,
};

use crate::app;
use crate::auth::Admission;
use crate::config::{Limits, OnNameInUse};
use crate::fault::Fault;
use crate::tally::Tallies;
use census::Census;

/// How far a session is, as control sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The offer is with the dataplane.
    Reserved,
    /// Answered; ICE or DTLS is not yet up.
    Connecting,
    Connected,
}

impl From<SessionState> for Phase {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::Connecting => Self::Connecting,
            SessionState::Connected => Self::Connected,
        }
    }
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) stream: StreamPath,
    /// By what right, and whose.
    pub(crate) admission: Arc<Admission>,
    pub(crate) role: SessionRole,
    pub(crate) phase: Phase,
    /// Names the ICE session in an entity tag; empty while reserved.
    pub(crate) ice_tag: String,
    pub(crate) tracks: Vec<TrackInfo>,
    /// Of a viewer: which layers it wants.
    pub(crate) wish: LayerWish,
    /// By an operator: of a publisher for everybody, of a viewer for it.
    pub(crate) muted: MutedKinds,
    /// Most media bits a second, to or from it. None: as many as come.
    pub(crate) bitrate_bps_max: Option<u64>,
    pub(crate) since: SystemTime,
    /// Of a publisher: sessions that watch it, reserved ones included.
    pub(crate) viewers: u32,
}

impl Session {
    pub(crate) fn video(&self) -> Option<&TrackInfo> {
        self.tracks.iter().find(|track| track.kind == TrackKind::Video)
    }
}

/// What an app's file says of the sessions in it. 0: only the server's limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) may_replace: bool,
    pub(crate) streams_max: u32,
    pub(crate) viewers_max: u32,
    pub(crate) viewers_per_stream_max: u32,
}

impl Rules {
    pub(crate) fn of(app: &app::Settings) -> Self {
        let app::Limits { streams_max, viewers_max, viewers_per_stream_max, .. } = app.limits;
        let may_replace = app.publish.on_name_in_use == OnNameInUse::Replace;
        Self { may_replace, streams_max, viewers_max, viewers_per_stream_max }
    }
}

/// All sessions and streams of this server.
#[derive(Debug)]
pub(crate) struct Registry {
    limits: Limits,
    sessions: HashMap<SessionId, Session>,
    /// The publisher of each name in use.
    publishers: HashMap<StreamPath, SessionId>,
    /// Publishers that will replace those when they connect.
    challengers: HashMap<StreamPath, SessionId>,
    doomed: HashSet<SessionId>,
    census: Census,
    pub(crate) tallies: Tallies,
    /// When grants end that do.
    ends: BTreeSet<(SystemTime, SessionId)>,
}

impl Registry {
    pub(crate) fn new(limits: Limits, now: SystemTime) -> Self {
        Self {
            limits,
            sessions: HashMap::new(),
            publishers: HashMap::new(),
            challengers: HashMap::new(),
            doomed: HashSet::new(),
            census: Census::default(),
            tallies: Tallies::new(now),
            ends: BTreeSet::new(),
        }
    }

    /// Takes the name for `session`, which the dataplane is about to open; where it is in use, as the challenger of its holder
    /// if it may replace that. A challenger that is there already has to be given up before.
    pub(crate) fn reserve_publisher(
        &mut self,
        session: SessionId,
        admission: Arc<Admission>,
        rules: &Rules,
        now: SystemTime,
    ) -> Result<(), Fault> {
        let entry = reserved(admission, SessionRole::Publisher, now);
        let stream = entry.stream.clone();
        if let Some(holder) = self.publishers.get(&stream) {
            // One that has no tracks yet has nothing that could be taken over.
            let is_open = self.sessions.get(holder).is_some_and(|holder| holder.phase != Phase::Reserved);
            if !rules.may_replace || !is_open || self.challengers.contains_key(&stream) {
                return Err(Fault::NameInUse(stream));
            }
            self.check_room()?;
            self.challengers.insert(stream, session);
            self.insert(session, entry);
            return Ok(());
        }
        if self.publishers.len() >= self.limits.streams_max as usize {
            return Err(self.full("limits.streams_max"));
        }
        if is_full(self.census.of(&stream.app).streams, rules.streams_max) {
            return Err(self.full("the app's limits.streams_max"));
        }
        self.check_room()?;
        self.publishers.insert(stream, session);
        self.insert(session, entry);
        Ok(())
    }

    /// Takes a viewer's place at its stream and tells whom it will watch.
    pub(crate) fn reserve_viewer(
        &mut self,
        session: SessionId,
        admission: Arc<Admission>,
        rules: &Rules,
        now: SystemTime,
    ) -> Result<SessionId, Fault> {
        let stream = admission.grant.stream();
        let live = self.publishers.get(stream).copied();
        let publisher = live.and_then(|id| self.sessions.get(&id).map(|publisher| (id, publisher)));
        // A reserved publisher has no tracks yet: there is nothing to answer a viewer with.
        let Some((id, publisher)) = publisher.filter(|(_, publisher)| publisher.phase != Phase::Reserved)
        else {
            return Err(Fault::NotLive(stream.clone()));
        };
        if publisher.viewers >= self.limits.viewers_per_stream_max {
            return Err(self.full("limits.viewers_per_stream_max"));
        }
        if is_full(publisher.viewers, rules.viewers_per_stream_max) {
            return Err(self.full("the app's limits.viewers_per_stream_max"));
        }
        if is_full(self.census.of(&stream.app).viewers, rules.viewers_max) {
            return Err(self.full("the app's limits.viewers_max"));
        }
        self.check_room()?;
        self.insert_viewer(session, id, reserved(admission, SessionRole::Viewer { publisher: id }, now));
        Ok(id)
    }

    /// The dataplane has opened `session`. False: it was given up meanwhile, and is to be closed.
    pub(crate) fn accept(&mut self, session: SessionId, ice_tag: String, tracks: Vec<TrackInfo>) -> bool {
        let Some(entry) = self.sessions.get_mut(&session) else {
            self.doomed.insert(session);
            return false;
        };
        entry.phase = Phase::Connecting;
        entry.ice_tag = ice_tag;
        entry.tracks = tracks;
        self.tallies.opens(session, &entry.stream, entry.role, entry.since);
        true
    }

    /// ICE has been restarted: the session has another entity tag.
    pub(crate) fn restarted(&mut self, session: SessionId, ice_tag: String) {
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.ice_tag = ice_tag;
        }
    }

    /// The dataplane knows which layers a viewer wants.
    pub(crate) fn wished(&mut self, session: SessionId, wish: LayerWish) {
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.wish = wish;
        }
    }

    /// An operator has muted a kind of a session's media, or unmuted it.
    pub(crate) fn muted(&mut self, session: SessionId, kind: TrackKind, muted: bool) {
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.muted.set(kind, muted);
        }
    }

    /// A session has another limit, bit/s, or none.
    pub(crate) fn limited(&mut self, session: SessionId, bitrate_bps_max: Option<u64>) {
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.bitrate_bps_max = bitrate_bps_max;
        }
    }

    /// ICE and DTLS are up.
    pub(crate) fn connected(&mut self, session: SessionId) {
        if let Some(entry) = self.sessions.get_mut(&session) {
            entry.phase = Phase::Connected;
        }
    }

    /// The dataplane has closed `session`.
    pub(crate) fn closed(&mut self, session: SessionId) -> Option<Session> {
        self.doomed.remove(&session);
        self.remove(session)
    }

    /// Forgets `session`; its name is free at once.
    pub(crate) fn remove(&mut self, session: SessionId) -> Option<Session> {
        let entry = self.sessions.remove(&session)?;
        self.census.leaves(&entry);
        self.tallies.closes(session);
        if let Some(end) = entry.admission.grant.claim().expires {
            self.ends.remove(&(end, session));
        }
        match entry.role {
            SessionRole::Publisher if self.challengers.get(&entry.stream) == Some(&session) => {
                self.challengers.remove(&entry.stream);
            }
            SessionRole::Publisher => {
                self.publishers.remove(&entry.stream);
                if let Some(challenger) = self.challengers.remove(&entry.stream) {
                    self.publishers.insert(entry.stream.clone(), challenger);
                }
            }
            SessionRole::Viewer { publisher } => {
                if let Some(publisher) = self.sessions.get_mut(&publisher) {
                    publisher.viewers -= 1;
                }
            }
        }
        Some(entry)
    }

    /// Forgets `session`, which the dataplane has or may have, and remembers that it must go.
    pub(crate) fn doom(&mut self, session: SessionId) -> Option<Session> {
        self.doomed.insert(session);
        self.remove(session)
    }

    /// Gives back the place of a session whose client left before it had its answer. True: the dataplane has opened the
    /// session meanwhile, and is to close it.
    pub(crate) fn release(&mut self, session: SessionId) -> bool {
        let opened = self.sessions.get(&session).is_some_and(|entry| entry.phase != Phase::Reserved);
        if opened {
            self.doom(session);
        } else {
            self.remove(session);
        }
        opened
    }

    /// Sessions whose grant is over.
    pub(crate) fn expired(&self, now: SystemTime) -> Vec<SessionId> {
        self.ends.iter().take_while(|(end, _)| *end <= now).map(|(_, session)| *session).collect()
    }

    /// The session's grant ends then. False: there is no such session.
    pub(crate) fn expire_at(&mut self, session: SessionId, end: Option<SystemTime>) -> bool {
        let Some(entry) = self.sessions.get_mut(&session) else { return false };
        if let Some(former) = entry.admission.grant.claim().expires {
            self.ends.remove(&(former, session));
        }
        entry.admission = Arc::new(entry.admission.until(end));
        self.ends.extend(end.map(|end| (end, session)));
        true
    }

    /// All sessions, in no order.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.sessions.iter().map(|(id, session)| (*id, session))
    }

    pub(crate) fn session(&self, session: SessionId) -> Option<&Session> {
        self.sessions.get(&session)
    }

    /// Streams whose media can flow, in no order.
    pub(crate) fn live(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        self.publishers
            .values()
            .filter_map(|id| self.sessions.get(id).map(|session| (*id, session)))
            .filter(|(_, session)| session.phase == Phase::Connected)
    }

    /// Publishers and viewers, reserved ones included.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let publishers = self.publishers.len() + self.challengers.len();
        (publishers, self.sessions.len() - publishers)
    }

    fn insert_viewer(&mut self, session: SessionId, publisher: SessionId, entry: Session) {
        self.insert(session, entry);
        if let Some(publisher) = self.sessions.get_mut(&publisher) {
            publisher.viewers += 1;
        }
    }

    fn insert(&mut self, session: SessionId, entry: Session) {
        self.census.joins(&entry);
        // Adopted: it is open already.
        if entry.phase != Phase::Reserved {
            self.tallies.opens(session, &entry.stream, entry.role, entry.since);
        }
        self.ends.extend(entry.admission.grant.claim().expires.map(|end| (end, session)));
        self.sessions.insert(session, entry);
    }

    fn check_room(&self) -> Result<(), Fault> {
        if self.sessions.len() >= self.limits.sessions_max as usize {
            return Err(self.full("limits.sessions_max"));
        }
        Ok(())
    }

    fn full(&self, limit: &'static str) -> Fault {
        Fault::Full { limit, retry_after_s: self.limits.retry_after_s }
    }
}

fn is_full(count: u32, most: u32) -> bool {
    most > 0 && count >= most
}

fn reserved(admission: Arc<Admission>, role: SessionRole, now: SystemTime) -> Session {
    Session {
        bitrate_bps_max: admission.grant.claim().bitrate_bps_max,
        stream: admission.grant.stream().clone(),
        admission,
        role,
        phase: Phase::Reserved,
        ice_tag: String::new(),
        tracks: Vec::new(),
        wish: LayerWish::default(),
        muted: MutedKinds::default(),
        since: now,
        viewers: 0,
    }
}
