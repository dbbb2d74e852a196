//! What a shard loses that cannot keep up: video, the oldest first, and no audio.
//!
//! ```text
//!   home ──video while a quarter of the lane is free──► lane ──video that has not waited for too long──► mirror
//!        ──audio, clocks, orders: while there is room─►      ──all of them────────────────────────────►
//! ```
//!
//! Either end leaves out whole spans, up to a key frame: what a decoder cannot use is not worth its way. The mirror's viewers
//! then go on at the key frame under numbers without a gap, and ask for nothing that is not there.

use fanlight_wire::ExtendedSequence;

use crate::lane::{LaneFull, LaneMessage, LanePacket};
use crate::limits::LANE_LAG_MAX;
use crate::notes::Notable;
use crate::session::Activity;
use crate::shard::Shard;
use crate::spec::{ShardId, TrackId};
use crate::subscription::Flow;
use crate::turn::Outputs;

/// The shards that miss video of a track since their lanes were short of room.
#[derive(Debug, Default)]
pub(crate) struct Starved(Vec<ShardId>);

/// What is done with a packet of video for one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passes,
    /// It is the first since others were left out.
    PassesAfterGap,
    Shed,
    /// There is room again: a key frame would end the gap.
    ShedForWantOfKeyFrame,
}

impl Starved {
    /// A shard has joined anew, or left.
    pub(crate) fn forget(&mut self, shard: ShardId) {
        self.0.retain(|starved| *starved != shard);
    }

    fn judge(&mut self, shard: ShardId, has_room: bool, key_frame_start: bool) -> Verdict {
        let Some(place) = self.0.iter().position(|starved| *starved == shard) else {
            if has_room {
                return Verdict::Passes;
            }
            self.0.push(shard);
            return Verdict::Shed;
        };
        match (has_room, key_frame_start) {
            (false, _) => Verdict::Shed,
            (true, false) => Verdict::ShedForWantOfKeyFrame,
            (true, true) => {
                self.0.swap_remove(place);
                Verdict::PassesAfterGap
            }
        }
    }
}

impl Shard {
    /// Puts a packet on the lanes to all shards that mirror its track.
    pub(crate) fn send_to_mirrors(&mut self, mut packet: LanePacket, outputs: &mut Outputs<'_>) {
        let (id, key_frame_start) = (packet.track, packet.facts.key_frame_start);
        let Some(track) = self.tracks.get_mut(&id) else { return };
        let mut is_wanted = false;
        for mirror in &track.mirrors {
            packet.after_gap = false;
            if track.is_video {
                let has_room = outputs.lanes.has_spare_room(*mirror);
                match track.starved.judge(*mirror, has_room, key_frame_start) {
                    Verdict::Passes => {}
                    Verdict::PassesAfterGap => packet.after_gap = true,
                    verdict => {
                        self.counters.lane_video_shed += 1;
                        is_wanted |= verdict == Verdict::ShedForWantOfKeyFrame;
                        continue;
                    }
                }
            }
            match outputs.lanes.push(*mirror, LaneMessage::Packet(packet.clone())) {
                Ok(()) => self.counters.lane_packets_out += 1,
                Err(LaneFull(_)) => self.counters.lane_full += 1,
            }
        }
        if is_wanted {
            self.wish_key_frame(id, outputs);
        }
    }

    /// A packet of a track that lives on another shard. Late ones, after the last viewer left, have no track any more.
    pub(crate) fn hear_packet(&mut self, packet: &LanePacket, outputs: &mut Outputs<'_>) {
        self.counters.lane_packets_in += 1;
        let Some(track) = self.tracks.get_mut(&packet.track) else { return };
        let is_late = self.now.saturating_duration_since(packet.sent) > LANE_LAG_MAX;
        let was_shedding = track.sheds;
        track.sheds |= is_late && track.is_video;
        if track.sheds && (is_late || !packet.facts.key_frame_start) {
            self.counters.lane_video_late += 1;
            // Once at its beginning, and when what comes is in time: the desk keeps to its interval.
            if !was_shedding || !is_late {
                self.wish_key_frame(packet.track, outputs);
            }
            return;
        }
        let after_gap = std::mem::take(&mut track.sheds) || packet.after_gap;
        let before = track.newest();
        self.ingest_from_lane(packet);
        if let (true, Some((before, _))) = (after_gap, before) {
            self.skip_gap(packet.track, before, packet.sequence, outputs);
        }
    }

    /// Those who watched go on at the key frame `first`; what lies behind `before` was left out.
    fn skip_gap(
        &mut self,
        id: TrackId,
        before: ExtendedSequence,
        first: ExtendedSequence,
        outputs: &mut Outputs<'_>,
    ) {
        let now = self.now;
        let Some(packets) = first.0.checked_sub(before.0 + 1) else { return };
        let what = Notable::VideoSkipped { packets: u32::try_from(packets).unwrap_or(u32::MAX) };
        let Self { sessions, tracks, .. } = self;
        let subscribers = tracks.get(&id).map(|track| track.subscribers.as_slice()).unwrap_or_default();
        let points = tracks.get(&id).and_then(|track| track.points());
        for subscriber in subscribers {
            let Some(session) = sessions.find(subscriber.viewer) else { continue };
            let Activity::Viewing(viewer) = &mut session.activity else { continue };
            let Some(subscription) = viewer.subscriptions.get_mut(subscriber.place) else { continue };
            let flows = matches!(subscription.flow, Flow::Live | Flow::Behind(_));
            if subscription.spec.track == id && flows {
                subscription.skip_to(now, first, points);
                subscription.due = Some(now);
                session.note(now, what, outputs.events);
            }
        }
        let viewers = subscribers.len();
        for place in 0..viewers {
            let subscriber = self.tracks.get(&id).and_then(|track| track.subscribers.get(place));
            if let Some(viewer) = subscriber.map(|subscriber| subscriber.viewer) {
                self.arm(viewer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet whose predecessors are missing is of no use, so room alone does not end a gap; and the publisher is asked for
    /// what does only when that would find room.
    #[test]
    fn a_gap_ends_with_a_key_frame_that_finds_room() {
        let (slow, other) = (ShardId(1), ShardId(2));
        let mut starved = Starved::default();
        assert_eq!(starved.judge(slow, true, false), Verdict::Passes);
        assert_eq!(starved.judge(slow, false, true), Verdict::Shed);
        assert_eq!(starved.judge(slow, false, true), Verdict::Shed);
        assert_eq!(starved.judge(other, true, false), Verdict::Passes, "another lane has room");
        assert_eq!(starved.judge(slow, true, false), Verdict::ShedForWantOfKeyFrame);
        assert_eq!(starved.judge(slow, true, true), Verdict::PassesAfterGap);
        assert_eq!(starved.judge(slow, true, false), Verdict::Passes);
    }
}
