//! The group of pictures under way, from a track's home to a shard that has just joined: its viewers begin as those at home
//! do, without a key frame of their own.
//!
//! It goes over the lane as fast as that takes it. Live packets may overtake it there: a store puts each in its place.

use fanlight_wire::{ExtendedSequence, Timestamp};

use crate::gop::Gop;
use crate::lane::{LaneMessage, Lanes};
use crate::limits::GOP_AGE_MAX;
use crate::shard::Shard;
use crate::spec::{ShardId, TrackId};
use crate::turn::Outputs;

/// What is still to be sent to a shard of a track.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backfill {
    to: ShardId,
    pub(crate) track: TrackId,
    next: ExtendedSequence,
    last: ExtendedSequence,
}

impl Shard {
    /// Offers the group of pictures under way to a shard that joined the track. Without one a key frame is wished for.
    pub(crate) fn offer_backfill(&mut self, to: ShardId, id: TrackId, outputs: &mut Outputs<'_>) {
        let Some(track) = self.tracks.get(&id).filter(|track| track.is_video) else { return };
        let Some((gop, (last, newest))) = track.servable_gop(GOP_AGE_MAX).zip(track.newest()) else {
            return self.wish_key_frame(id, outputs);
        };
        let message =
            LaneMessage::Backfill { track: id, first: gop.first, timestamp: gop.timestamp, last, newest };
        self.tell(to, message, outputs);
        self.backfills.push(Backfill { to, track: id, next: gop.first, last });
    }

    /// Sends of each backfill what its lane takes.
    pub(crate) fn send_backfills(&mut self, outputs: &mut Outputs<'_>) {
        let mut backfills = std::mem::take(&mut self.backfills);
        backfills.retain_mut(|backfill| self.send_backfill(backfill, outputs.lanes));
        self.backfills = backfills;
    }

    /// Returns whether something is left for later.
    fn send_backfill(&mut self, backfill: &mut Backfill, lanes: &mut dyn Lanes) -> bool {
        // A track that ended, or a shard that left, wants nothing more.
        let Some(track) = self.tracks.get(&backfill.track) else { return false };
        if !track.mirrors.contains(&backfill.to) {
            return false;
        }
        while backfill.next <= backfill.last {
            if let Some(stored) = track.store.find(backfill.next) {
                let packet = stored.for_lane(backfill.track, backfill.next, self.now);
                if !lanes.has_spare_room(backfill.to)
                    || lanes.push(backfill.to, LaneMessage::Packet(packet)).is_err()
                {
                    return true;
                }
                self.counters.lane_packets_out += 1;
            }
            backfill.next = ExtendedSequence(backfill.next.0 + 1);
        }
        false
    }

    /// A group of pictures is on its way: the track is known to be that far, and who waits for it begins.
    pub(crate) fn take_backfill(&mut self, id: TrackId, gop: Gop, last: ExtendedSequence, newest: Timestamp) {
        let Some(track) = self.tracks.get_mut(&id) else { return };
        track.gop.get_or_insert(gop);
        track.advance_to(last, newest);
        self.begin_all_that_wait(id);
    }
}
