//! Offers of ours (WHEP with a server-made offer): a session waits here, with its place, for the viewer's answer.

use std::time::Instant;

use fanlight_protocol::{
    CloseReason, LayerWish, MutedKinds, Refusal, SessionId, SessionRole, SessionState, ToControl,
};
use fanlight_shard::Role;

use super::Link;
use super::ledger::Record;
use super::open::{Asked, Draft, Opened, Seat, no_randomness, refuse, track_infos};
use crate::sdp::{Carrier, Offer, ServerOffer};
use crate::secret::Ssrcs;

/// What the answer will need.
#[derive(Debug)]
pub(super) struct PendingAnswer {
    draft: Draft,
    offer: ServerOffer,
    ssrcs: Ssrcs,
}

impl Link {
    /// Offers a stream to a viewer.
    pub(super) fn offer(&mut self, asked: Asked, publisher: SessionId) -> Result<Opened, Refusal> {
        let published = self.watchable(publisher)?;
        let mut ssrcs = Ssrcs::default();
        let mut exhausted = None;
        let offer = ServerOffer::new(&published, &mut || {
            ssrcs.next().unwrap_or_else(|fault| {
                exhausted = Some(fault);
                fanlight_wire::Ssrc(0)
            })
        });
        if let Some(fault) = exhausted {
            return Err(no_randomness(fault));
        }
        let offer = offer.map_err(refuse)?;
        let draft = self.draft(&asked)?;
        let description = offer.text(&draft.ours);
        let ice_tag = draft.ours.ice_ufrag.clone();
        let mids = offer.spec().subscriptions.iter().map(|wish| (wish.track, &wish.mid));
        let tracks = track_infos(&published, mids);
        self.ledger.insert(Record {
            session: asked.session,
            stream: asked.stream,
            role: SessionRole::Viewer { publisher },
            state: SessionState::Connecting,
            shard: self.shards[draft.place].link.id,
            key: draft.key,
            ice_tag: ice_tag.clone(),
            remote_ufrag: String::new(),
            former_ufrag: None,
            restarts: 0,
            carrier: Carrier::of(&description),
            tracks: tracks.clone(),
            wish: LayerWish::default(),
            published: None,
            replaces: None,
            terms: asked.terms,
            muted: MutedKinds::default(),
            pending: Some(Box::new(PendingAnswer { draft, offer, ssrcs })),
            accepted: Instant::now(),
        });
        Ok(Opened { description, ice_tag, tracks })
    }

    /// Takes the viewer's answer; an unfit one leaves the offer open, so that a better one may follow.
    pub(super) fn take_answer(&mut self, session: SessionId, answer: &str) -> Result<(), Refusal> {
        let record = self.ledger.find_mut(session).ok_or(Refusal::UnknownSession)?;
        let pending = record.pending.take().ok_or(Refusal::NoOfferPending)?;
        let bitrate_bps_max = record.terms.bitrate_bps_max;
        let outcome = self.accept(pending, answer, bitrate_bps_max);
        let record = self.ledger.find_mut(session).ok_or(Refusal::UnknownSession)?;
        match outcome {
            Ok((remote_ufrag, mids)) => {
                record.remote_ufrag = remote_ufrag;
                record.tracks.retain(|track| mids.contains(&track.mid));
                // It may have been told already.
                let wish = record.wish.clone();
                if wish != LayerWish::default() {
                    self.prefer(session, wish)?;
                }
                self.mute_newcomer(session)
            }
            Err((pending, refusal)) => {
                record.pending = Some(pending);
                Err(refusal)
            }
        }
    }

    /// Hands the session to its shard. Gives back the peer's username fragment and the sections that it takes.
    fn accept(
        &mut self,
        mut pending: Box<PendingAnswer>,
        answer: &str,
        bitrate_bps_max: Option<u64>,
    ) -> Result<(String, Vec<String>), (Box<PendingAnswer>, Refusal)> {
        let read = Offer::parse_answer(answer)
            .and_then(|answer| pending.offer.accept(&answer).map(|spec| (answer, spec)));
        let (answer, spec) = match read {
            Ok(read) => read,
            Err(fault) => return Err((pending, refuse(fault))),
        };
        let mids =
            spec.subscriptions.iter().map(|wish| String::from_utf8_lossy(&wish.mid).into_owned()).collect();
        let PendingAnswer { draft: Draft { place, key, ours }, ssrcs, .. } = pending.as_mut();
        let seat = Seat { place: *place, key: *key, bitrate_bps_max };
        match self.adopt(seat, &answer, ours, true, Role::Viewer(spec), ssrcs) {
            Ok(()) => Ok((answer.ice_ufrag().to_owned(), mids)),
            Err(refusal) => Err((pending, refusal)),
        }
    }

    /// Ends the sessions whose answer has not come in the time that a connection may take.
    pub(super) fn expire_offers(&mut self) {
        let timeout = self.config.limits.connect_timeout;
        let expired = self.ledger.pending(None).filter(|record| record.accepted.elapsed() > timeout);
        let expired: Vec<SessionId> = expired.map(|record| record.session).collect();
        for session in expired {
            self.drop_offer(session, CloseReason::NeverConnected);
        }
    }

    /// Ends those that wait to watch a publisher that is gone.
    pub(super) fn drop_offers_of(&mut self, publisher: SessionId) {
        let orphans: Vec<SessionId> =
            self.ledger.pending(Some(publisher)).map(|record| record.session).collect();
        for session in orphans {
            self.drop_offer(session, CloseReason::StreamEnded);
        }
    }

    /// Ends a session that waits for its answer: no shard has anything to do with it. False: it does not wait.
    pub(super) fn drop_offer(&mut self, session: SessionId, reason: CloseReason) -> bool {
        let Some(record) = self.ledger.find(session).filter(|record| record.pending.is_some()) else {
            return false;
        };
        let (shard, key) = (record.shard, record.key);
        if let Some(shard) = self.shards.get_mut(usize::from(shard.0)) {
            shard.slots.give_back(key);
        }
        self.ledger.remove_key(shard, key);
        tracing::info!(?session, reason = reason.name(), "session ended before its answer came");
        self.tell(&ToControl::Closed { session, reason, last: None });
        true
    }
}
