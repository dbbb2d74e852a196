//! What an operator says of a session while it runs: what is muted, and how much media it may have.
//!
//! The ledger keeps both, for the next snapshot, and for a viewer that waits for its answer: no shard knows of it yet.

use fanlight_protocol::{Refusal, SessionId, TrackKind};
use fanlight_shard::{Command, SessionKey};

use super::Link;
use super::ledger::Record;

impl Link {
    pub(super) fn mute(&mut self, session: SessionId, kind: TrackKind, muted: bool) -> Result<(), Refusal> {
        let video = kind == TrackKind::Video;
        self.tell_shard(session, |key| Command::Mute { key, video, muted })?.muted.set(kind, muted);
        Ok(())
    }

    pub(super) fn limit(&mut self, session: SessionId, bitrate_bps_max: Option<u64>) -> Result<(), Refusal> {
        let record = self.tell_shard(session, |key| Command::Limit { key, bitrate_bps_max })?;
        record.terms.bitrate_bps_max = bitrate_bps_max;
        Ok(())
    }

    /// A viewer has just been handed to its shard: what was muted meanwhile is muted there.
    pub(super) fn mute_newcomer(&mut self, session: SessionId) -> Result<(), Refusal> {
        let muted = self.ledger.find(session).map(|record| record.muted).unwrap_or_default();
        muted.iter().try_for_each(|kind| self.mute(session, kind, true))
    }

    /// Tells the session's shard, if it has one yet. Gives back what is to remember it.
    fn tell_shard(
        &mut self,
        session: SessionId,
        command: impl FnOnce(SessionKey) -> Command,
    ) -> Result<&mut Record, Refusal> {
        let record = self.ledger.find(session).ok_or(Refusal::UnknownSession)?;
        let (place, key) = (usize::from(record.shard.0), record.key);
        if record.pending.is_none() {
            self.order(place, command(key))?;
        }
        self.ledger.find_mut(session).ok_or(Refusal::UnknownSession)
    }
}
