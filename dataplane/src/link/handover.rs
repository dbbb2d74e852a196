//! A publisher that takes over the name of another: viewers are carried over to it, where their codecs allow, and only then
//! the one before ends.
//!
//! ```text
//!   new one connected ─► Switch for each viewer of the old one ─► Mark on each shard ─► all marked ─► old one closed
//! ```
//!
//! A shard obeys in order, so that a mark that comes back says that no viewer there hangs on the old tracks any more: their end
//! takes nobody along. Viewers that cannot be carried over end with them, and join anew. A shard's queue has bounds and a
//! stream's viewers may be more, so orders wait here for room.

use std::collections::VecDeque;

use fanlight_protocol::{SessionId, ToControl, TrackInfo, TrackKind};
use fanlight_shard::{Command, EndReason, Layers, SessionKey, ShardId, TrackId};

use super::Link;
use crate::sdp::{Published, PublishedCodec};

/// A takeover under way.
#[derive(Debug)]
pub(super) struct Handover {
    former: SessionId,
    /// What the shards are still to be told.
    orders: VecDeque<Carry>,
    /// Marks that have not come back.
    marks: usize,
    number: u64,
}

/// One order to the shard at a place.
#[derive(Debug, Clone)]
enum Carry {
    Switch { place: usize, key: SessionKey, from: TrackId, to: Layers, home: ShardId },
    Mark { place: usize },
}

impl Link {
    /// The publisher has connected: if it was to take over from another, that begins.
    pub(super) fn begin_handover(&mut self, publisher: SessionId) {
        let Some(record) = self.ledger.find_mut(publisher) else { return };
        let Some(former) = record.replaces.take() else { return };
        let (stream, new) = (record.stream.clone(), record.published.clone());
        let video = video_of(&mut record.tracks).cloned();
        let old = self.ledger.find(former).filter(|old| old.stream == stream);
        let Some(old) = old.and_then(|old| old.published.clone()) else { return };
        let pairs = new.and_then(|new| carried_over(&old, &new));
        let viewers = if pairs.is_some() { self.ledger.watching(former) } else { Vec::new() };
        let mut orders = VecDeque::new();
        for viewer in &viewers {
            let Some(record) = self.ledger.find_mut(*viewer) else { continue };
            let (place, key) = (usize::from(record.shard.0), record.key);
            for (from, to, home) in pairs.iter().flatten() {
                let (from, to, home) = (*from, to.clone(), *home);
                orders.push_back(Carry::Switch { place, key, from, to, home });
            }
            if let Some((video, new)) = video_of(&mut record.tracks).zip(video.as_ref()) {
                (video.layers, video.scalable) = (new.layers.clone(), new.scalable);
            }
            self.ledger.move_viewer(*viewer, publisher);
        }
        orders.extend((0..self.shards.len()).map(|place| Carry::Mark { place }));
        tracing::info!(%stream, ?former, ?publisher, carried = viewers.len(), "publisher replaced");
        self.tell(&ToControl::Replaced { publisher, former, viewers });
        self.last_handover += 1;
        let (marks, number) = (self.shards.len(), self.last_handover);
        self.handovers.push(Handover { former, orders, marks, number });
        self.push_handovers();
    }

    /// Whether orders wait for room in the shards' queues.
    pub(super) fn handovers_wait(&self) -> bool {
        self.handovers.iter().any(|handover| !handover.orders.is_empty())
    }

    /// Tells the shards as much as they take now.
    pub(super) fn push_handovers(&mut self) {
        let mut handovers = std::mem::take(&mut self.handovers);
        for handover in &mut handovers {
            while let Some(carry) = handover.orders.front().cloned() {
                let (place, command) = match carry {
                    Carry::Switch { place, key, from, to, home } => {
                        (place, Command::Switch { key, from, to, home })
                    }
                    Carry::Mark { place } => (place, Command::Mark { number: handover.number }),
                };
                if self.order(place, command).is_err() {
                    break;
                }
                handover.orders.pop_front();
            }
        }
        self.handovers = handovers;
    }

    /// A shard has done all that it was told before the mark.
    pub(super) fn take_mark(&mut self, number: u64) {
        let Some(place) = self.handovers.iter().position(|handover| handover.number == number) else {
            return;
        };
        let handover = &mut self.handovers[place];
        handover.marks = handover.marks.saturating_sub(1);
        if handover.marks == 0 {
            let former = self.handovers.swap_remove(place).former;
            self.close(former, EndReason::Replaced);
        }
    }
}

fn video_of(tracks: &mut [TrackInfo]) -> Option<&mut TrackInfo> {
    tracks.iter_mut().find(|track| track.kind == TrackKind::Video)
}

/// For each track of the old stream, named by its first layer, the layers of the one that its viewers can go on with, and
/// their home. None: the streams differ in what they are made of, and viewers must ask anew. A viewer plays all that the old
/// track could be, so it plays a new one that the old one's decoder would; how many layers either has does not matter to it.
fn carried_over(old: &Published, new: &Published) -> Option<Vec<(TrackId, Layers, ShardId)>> {
    if old.tracks.len() != new.tracks.len() {
        return None;
    }
    let partner = |track: &PublishedCodec| {
        let other = new.tracks.iter().find(|other| track.can_go_on_as(other))?;
        Some((track.layers.first()?.track, other.layers(), other.home))
    };
    old.tracks.iter().map(partner).collect()
}
