//! When a viewer is told that each frame was captured: one line of time, whose beginning a late joiner is shown faster.

use std::collections::BTreeMap;

/// Frames of one track by their number, with the RTP timestamps that came for them.
///
/// A viewer that begins in the past is sent it faster than it was, and its timestamps are drawn together by as much, until it is
/// live. From there on they differ from the publisher's by a constant.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timeline {
    seen: BTreeMap<u32, u32>,
    /// From this frame on, what is added to the publisher's timestamps.
    live: Option<(u32, u32)>,
}

impl Timeline {
    /// Takes a packet of a frame that the publisher stamped `captured`. False: `told` cannot be true.
    pub(crate) fn take(&mut self, frame: u32, captured: u32, told: u32) -> bool {
        if let Some(before) = self.seen.get(&frame) {
            return *before == told;
        }
        let added = told.wrapping_sub(captured);
        let is_later = |from: u32, to: u32| (1..1 << 31).contains(&to.wrapping_sub(from));
        let before = self.seen.range(..frame).next_back().map(|(frame, told)| (*frame, *told));
        let after = self.seen.range(frame..).next().map(|(_, told)| *told);
        let in_order = before.is_none_or(|(_, before)| is_later(before, told))
            && after.is_none_or(|after| is_later(told, after));
        let on_the_line = self.live.is_none_or(|(from, offset)| frame < from || added == offset);
        self.seen.insert(frame, told);
        in_order && on_the_line
    }

    /// Once two frames in a row are as far apart as they were captured, the viewer is live, and stays so.
    pub(crate) fn notice_live(&mut self, frame: u32, captured: impl Fn(u32) -> u32) {
        let Some(before) = frame.checked_sub(1).filter(|_| self.live.is_none()) else { return };
        let added = |frame: u32| self.seen.get(&frame).map(|told| told.wrapping_sub(captured(frame)));
        if let Some(offset) = added(frame).filter(|offset| added(before) == Some(*offset)) {
            self.live = Some((before, offset));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(told: &[u32]) -> usize {
        let mut timeline = Timeline::default();
        let taken = (0..).zip(told).filter(|(frame, told)| {
            let good = timeline.take(*frame, frame * 3_000, **told);
            timeline.notice_live(*frame, |frame| frame * 3_000);
            !good
        });
        taken.count()
    }

    /// The check must let a catch-up pass, and nothing else.
    #[test]
    fn only_a_catch_up_may_bend_the_line() {
        assert_eq!(faults(&[7, 3_007, 6_007, 9_007]), 0, "live from the first frame");
        assert_eq!(faults(&[7, 757, 1_507, 4_507, 7_507]), 0, "caught up");
        assert_eq!(faults(&[7, 3_007, 3_757, 4_507]), 2, "behind after it was live");
        assert_eq!(faults(&[7, 7, 757]), 1, "time stands");
        assert_eq!(faults(&[7, 757, 700]), 1, "time goes back");
    }
}
