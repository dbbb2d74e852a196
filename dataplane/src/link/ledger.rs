//! What sessions there are, by control's names for them and by the shards'.

use std::collections::HashMap;
use std::time::Instant;

use fanlight_protocol::{
    LayerWish, MutedKinds, SessionId, SessionInfo, SessionRole, SessionState, StreamPath, Terms, TrackInfo,
};
use fanlight_shard::{SessionKey, ShardId};

use super::offer::PendingAnswer;
use crate::sdp::{Carrier, Published};

/// One session.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) session: SessionId,
    pub(super) stream: StreamPath,
    pub(super) role: SessionRole,
    pub(super) state: SessionState,
    pub(super) shard: ShardId,
    pub(super) key: SessionKey,
    pub(super) ice_tag: String,
    /// The peer's, to know its trickle fragments by.
    pub(super) remote_ufrag: String,
    /// What it was before the last ICE restart.
    pub(super) former_ufrag: Option<String>,
    /// ICE restarts so far, in the numbering of our username fragments.
    pub(super) restarts: u16,
    /// Where our candidates stand in what we sent.
    pub(super) carrier: Carrier,
    pub(super) tracks: Vec<TrackInfo>,
    /// A viewer's.
    pub(super) wish: LayerWish,
    /// A publisher's: what its viewers need to know.
    pub(super) published: Option<Published>,
    /// A publisher's: whose place it takes once it is connected.
    pub(super) replaces: Option<SessionId>,
    pub(super) terms: Terms,
    /// By an operator.
    pub(super) muted: MutedKinds,
    /// A viewer's whose answer to our offer is not there yet: no shard knows of it.
    pub(super) pending: Option<Box<PendingAnswer>>,
    pub(super) accepted: Instant,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    records: HashMap<SessionId, Record>,
    by_key: HashMap<(ShardId, SessionKey), SessionId>,
    viewers: HashMap<SessionId, u32>,
}

impl Ledger {
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn insert(&mut self, record: Record) {
        if let SessionRole::Viewer { publisher } = record.role {
            *self.viewers.entry(publisher).or_default() += 1;
        }
        self.by_key.insert((record.shard, record.key), record.session);
        self.records.insert(record.session, record);
    }

    pub(super) fn find(&self, session: SessionId) -> Option<&Record> {
        self.records.get(&session)
    }

    pub(super) fn at(&self, shard: ShardId, key: SessionKey) -> Option<&Record> {
        self.records.get(self.by_key.get(&(shard, key))?)
    }

    pub(super) fn find_mut(&mut self, session: SessionId) -> Option<&mut Record> {
        self.records.get_mut(&session)
    }

    pub(super) fn find_key(&mut self, shard: ShardId, key: SessionKey) -> Option<&mut Record> {
        self.records.get_mut(self.by_key.get(&(shard, key))?)
    }

    pub(super) fn remove_key(&mut self, shard: ShardId, key: SessionKey) -> Option<Record> {
        let session = self.by_key.remove(&(shard, key))?;
        let record = self.records.remove(&session)?;
        self.viewers.remove(&session);
        if let SessionRole::Viewer { publisher } = record.role
            && let Some(viewers) = self.viewers.get_mut(&publisher)
        {
            *viewers -= 1;
        }
        Some(record)
    }

    pub(super) fn viewers_of(&self, publisher: SessionId) -> u32 {
        self.viewers.get(&publisher).copied().unwrap_or_default()
    }

    /// Sessions that wait for a viewer's answer, and since when; of that publisher, or all.
    pub(super) fn pending(&self, publisher: Option<SessionId>) -> impl Iterator<Item = &Record> {
        self.records.values().filter(move |record| {
            record.pending.is_some()
                && publisher.is_none_or(|publisher| record.role == SessionRole::Viewer { publisher })
        })
    }

    /// The sessions that watch that publisher and are with a shard.
    pub(super) fn watching(&self, publisher: SessionId) -> Vec<SessionId> {
        let role = SessionRole::Viewer { publisher };
        let watching = self.records.values().filter(|record| record.role == role && record.pending.is_none());
        watching.map(|record| record.session).collect()
    }

    /// The viewer watches that publisher from now on.
    pub(super) fn move_viewer(&mut self, viewer: SessionId, publisher: SessionId) {
        let Some(record) = self.records.get_mut(&viewer) else { return };
        let role = std::mem::replace(&mut record.role, SessionRole::Viewer { publisher });
        if let SessionRole::Viewer { publisher: former } = role
            && let Some(viewers) = self.viewers.get_mut(&former)
        {
            *viewers -= 1;
        }
        *self.viewers.entry(publisher).or_default() += 1;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }
}

impl Record {
    pub(super) fn info(&self, now: Instant) -> SessionInfo {
        SessionInfo {
            session: self.session,
            stream: self.stream.clone(),
            role: self.role,
            state: self.state,
            ice_tag: self.ice_tag.clone(),
            tracks: self.tracks.clone(),
            wish: self.wish.clone(),
            replaces: self.replaces,
            terms: self.terms.clone(),
            muted: self.muted,
            age_ms: u64::try_from(now.saturating_duration_since(self.accepted).as_millis())
                .unwrap_or(u64::MAX),
        }
    }
}
