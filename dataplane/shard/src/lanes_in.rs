//! What other shards say, and what is said to them.

use crate::gop::Gop;
use crate::lane::{LaneFull, LaneMessage};
use crate::limits::LANE_BACKLOG_MAX;
use crate::shard::Shard;
use crate::spec::ShardId;
use crate::turn::Outputs;

impl Shard {
    pub(crate) fn hear_message(&mut self, from: ShardId, message: LaneMessage, outputs: &mut Outputs<'_>) {
        match message {
            LaneMessage::Packet(packet) => self.hear_packet(&packet, outputs),
            LaneMessage::Join { track: id } => match self.tracks.get_mut(&id) {
                Some(track) => {
                    track.starved.forget(from);
                    if !track.mirrors.contains(&from) {
                        track.mirrors.push(from);
                    }
                    if let Some(clock) = track.clock {
                        self.tell(from, LaneMessage::Clock { track: id, clock }, outputs);
                    }
                    self.tell_newcomer_standing(id, from, outputs);
                    self.offer_backfill(from, id, outputs);
                }
                None => self.tell(from, LaneMessage::Ended { track: id }, outputs),
            },
            LaneMessage::Leave { track } => {
                if let Some(track) = self.tracks.get_mut(&track) {
                    track.mirrors.retain(|mirror| *mirror != from);
                    track.starved.forget(from);
                }
            }
            LaneMessage::KeyFrameWish { track } => self.wish_key_frame(track, outputs),
            LaneMessage::Backfill { track, first, timestamp, last, newest } => {
                self.take_backfill(track, Gop { first, timestamp }, last, newest);
            }
            LaneMessage::Clock { track, clock } => {
                if let Some(track) = self.tracks.get_mut(&track) {
                    track.clock = Some(clock);
                }
            }
            LaneMessage::Standing { source, ladder } => self.hear_standing(source, ladder),
            LaneMessage::Wanted { source, layers } => self.hear_wants(from, source, layers, outputs),
            LaneMessage::Cut { track } => self.cut(track, outputs),
            LaneMessage::Ended { track } => self.end_track(track, outputs),
        }
    }

    /// Sends a message that must arrive: behind what waits already, or at once.
    pub(crate) fn tell(&mut self, shard: ShardId, message: LaneMessage, outputs: &mut Outputs<'_>) {
        if self.backlog.is_empty() {
            match outputs.lanes.push(shard, message) {
                Ok(()) => {}
                Err(LaneFull(message)) => self.backlog.push_back((shard, message)),
            }
        } else {
            self.backlog.push_back((shard, message));
        }
        assert!(
            self.backlog.len() <= LANE_BACKLOG_MAX,
            "a shard has stopped: its lane took nothing for thousands of messages"
        );
    }

    pub(crate) fn clear_backlog(&mut self, outputs: &mut Outputs<'_>) {
        while let Some((shard, message)) = self.backlog.pop_front() {
            if let Err(LaneFull(message)) = outputs.lanes.push(shard, message) {
                self.backlog.push_front((shard, message));
                break;
            }
        }
    }
}
