//! A number that stands for all outputs of a list of turns: equal outputs give equal numbers, from run to run.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use fanlight_shard::{Event, LaneMessage, LanePacket, ShardId};

use super::network::Message;

/// Everything that one turn put out. Times are since the world began, so that two worlds can be compared.
pub(crate) struct TurnOutputs<'a> {
    pub(crate) messages: &'a [Message],
    pub(crate) lanes: &'a [(ShardId, LaneMessage)],
    pub(crate) events: &'a [Event],
    pub(crate) deadline: Option<Instant>,
}

/// See the file's head.
#[derive(Default)]
pub(crate) struct Digest(DefaultHasher);

impl Digest {
    pub(crate) fn take(&mut self, started: Instant, outputs: &TurnOutputs<'_>) {
        for Message { to, bytes, segment } in outputs.messages {
            (to, bytes, segment).hash(&mut self.0);
        }
        for (to, message) in outputs.lanes {
            to.hash(&mut self.0);
            self.take_lane_message(started, message);
        }
        for event in outputs.events {
            format!("{event:?}").hash(&mut self.0);
        }
        outputs.deadline.map(|at| since(started, at)).hash(&mut self.0);
    }

    fn take_lane_message(&mut self, started: Instant, message: &LaneMessage) {
        match message {
            LaneMessage::Packet(LanePacket { track, sequence, facts, bytes, .. }) => {
                (track, sequence.0, bytes.as_slice(), format!("{facts:?}")).hash(&mut self.0);
            }
            LaneMessage::Clock { track, clock } => {
                (track, clock.ntp, clock.timestamp.0, since(started, clock.learned)).hash(&mut self.0);
            }
            other => format!("{other:?}").hash(&mut self.0),
        }
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.finish()
    }
}

fn since(started: Instant, at: Instant) -> Duration {
    at.saturating_duration_since(started)
}
