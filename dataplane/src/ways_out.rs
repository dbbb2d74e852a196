//! The lanes that lead away from one shard: which were used in a turn, so that each other shard is woken once at its end, and
//! what may still be put on them.

use fanlight_ring::{LaneSender, Wake, Waker};
use fanlight_shard::{LaneFull, LaneMessage, Lanes, ShardId};

/// This part of a lane is kept free of what can be left out: a quarter.
const SPARE_SHARE: usize = 4;

/// A lane to one shard.
pub(crate) struct WayOut<W = Waker> {
    lane: LaneSender<LaneMessage, W>,
    is_used: bool,
    counters: LaneCounters,
}

/// Of one lane, at its sender. The first two are gauges, the others cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LaneCounters {
    /// Messages that waited at the end of the last turn that used it, and most of them at the end of any turn.
    pub(crate) waiting: u64,
    pub(crate) waiting_max: u64,
    pub(crate) messages: u64,
    /// Turns that woke the other shard, or found it awake.
    pub(crate) wakes: u64,
    /// Times that video found no spare room: live it is left out, of a backfill it waits.
    pub(crate) spared: u64,
    /// Messages that found no room at all.
    pub(crate) full: u64,
}

impl<W: Wake> WayOut<W> {
    pub(crate) fn new(lane: LaneSender<LaneMessage, W>) -> Self {
        Self { lane, is_used: false, counters: LaneCounters::default() }
    }

    pub(crate) fn counters(&self) -> LaneCounters {
        self.counters
    }

    /// Wakes the other shard if the turn had something for it.
    fn end_turn(&mut self) {
        if std::mem::take(&mut self.is_used) {
            self.lane.wake();
            self.counters.wakes += 1;
            self.counters.waiting = (self.lane.depth() - self.lane.free()) as u64;
            self.counters.waiting_max = self.counters.waiting_max.max(self.counters.waiting);
        }
    }
}

/// All of a shard, by the other shards' numbers; None: itself.
pub(crate) struct WaysOut<'a, W = Waker>(pub(crate) &'a mut [Option<WayOut<W>>]);

impl<W: Wake> WaysOut<'_, W> {
    pub(crate) fn end_turn(&mut self) {
        self.0.iter_mut().flatten().for_each(WayOut::end_turn);
    }

    fn to(&mut self, shard: ShardId) -> Option<&mut WayOut<W>> {
        self.0.get_mut(usize::from(shard.0))?.as_mut()
    }
}

impl<W: Wake> Lanes for WaysOut<'_, W> {
    fn has_spare_room(&mut self, shard: ShardId) -> bool {
        let Some(way) = self.to(shard) else { return false };
        let has_room = way.lane.has_more_than(way.lane.depth() / SPARE_SHARE);
        way.counters.spared += u64::from(!has_room);
        has_room
    }

    fn push(&mut self, shard: ShardId, message: LaneMessage) -> Result<(), LaneFull> {
        let Some(way) = self.to(shard) else { return Err(LaneFull(message)) };
        way.is_used = true;
        let pushed = way.lane.push(message).map_err(|full| LaneFull(full.0));
        way.counters.messages += u64::from(pushed.is_ok());
        way.counters.full += u64::from(pushed.is_err());
        pushed
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use fanlight_ring::lane;
    use fanlight_shard::TrackId;

    use super::*;

    struct Bell(Rc<Cell<u32>>);

    impl Wake for Bell {
        fn wake(&self) {
            self.0.set(self.0.get() + 1);
        }
    }

    const ORDER: LaneMessage = LaneMessage::KeyFrameWish { track: TrackId(1) };

    /// A wake costs as much as 40 packets: one a turn, after the last push, and none for a shard that got nothing.
    #[test]
    fn each_shard_that_was_sent_something_is_woken_once_a_turn() {
        let bells = [Rc::new(Cell::new(0)), Rc::new(Cell::new(0))];
        let lanes = bells.clone().map(|bell| lane(8, Bell(bell)));
        let [(first, mut received), (second, _idle)] = lanes;
        let mut ways = [Some(WayOut::new(first)), None, Some(WayOut::new(second))];
        for turn in 1..=3 {
            let mut out = WaysOut(&mut ways);
            for _ in 0..2 {
                out.push(ShardId(0), ORDER).unwrap();
            }
            assert_eq!(bells[0].get(), turn - 1, "not before the end of the turn");
            out.end_turn();
            assert_eq!((bells[0].get(), bells[1].get()), (turn, 0));
        }
        WaysOut(&mut ways).end_turn();
        assert_eq!(bells[0].get(), 3, "a turn without a message wakes nobody");
        while received.pop().is_some() {}
        WaysOut(&mut ways).push(ShardId(0), ORDER).unwrap();
        WaysOut(&mut ways).end_turn();
        let expected = LaneCounters { waiting: 1, waiting_max: 6, messages: 7, wakes: 4, spared: 0, full: 0 };
        assert_eq!(ways[0].as_ref().unwrap().counters(), expected);
    }

    /// Audio and orders find room when video does not any more.
    #[test]
    fn the_last_quarter_of_a_lane_is_kept_for_what_cannot_be_left_out() {
        let (sender, mut receiver) = lane(8, Bell(Rc::default()));
        let mut ways = [Some(WayOut::new(sender))];
        let mut out = WaysOut(&mut ways);
        let mut video = 0;
        while out.has_spare_room(ShardId(0)) {
            out.push(ShardId(0), ORDER).unwrap();
            video += 1;
        }
        assert_eq!(video, 6);
        assert!(out.push(ShardId(0), ORDER).is_ok() && out.push(ShardId(0), ORDER).is_ok());
        assert!(out.push(ShardId(0), ORDER).is_err());
        assert_eq!((0..3).filter(|_| receiver.pop().is_some()).count(), 3);
        assert!(out.has_spare_room(ShardId(0)), "room that the other side has made is seen");
        let counters = ways[0].as_ref().unwrap().counters();
        assert_eq!((counters.messages, counters.spared, counters.full), (8, 1, 1));
    }
}
