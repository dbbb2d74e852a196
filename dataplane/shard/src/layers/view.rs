//! A source as one viewer may have it: the ladder, the viewer's wish, and what its link takes; and the questions that are asked of
//! the three together.

use std::time::Instant;

use super::ladder::Ladder;
use super::layering::Layering;
use super::selection::{Situation, select, with_margin};
use crate::spec::LayerWish;

/// See the file's head.
pub(crate) struct View<'a> {
    pub(crate) ladder: &'a Ladder,
    pub(crate) wish: &'a LayerWish,
    /// The place of the layer that the wish names.
    pub(crate) wished: Option<usize>,
    /// What the link takes of the source, bit/s. None: all of it, as far as is known.
    pub(crate) estimate_bps: Option<u64>,
}

impl View<'_> {
    /// The layer to have now. Takes note of what that says of the link: room for a better layer, or too little for this one.
    pub(crate) fn choose(&self, now: Instant, layering: &mut Layering, is_unsure: bool) -> usize {
        let current = layering.current;
        let may_rise = Situation { estimate_bps: self.estimate_bps, current, may_rise: true };
        let has_room = self.rank(self.select(self.ladder, &may_rise)) > self.rank(current);
        let situation = Situation { may_rise: layering.rise.may(now, has_room && !is_unsure), ..may_rise };
        let next = self.select(self.ladder, &situation);
        let with_any_link = self.select(self.ladder, &Situation { estimate_bps: None, ..situation });
        let is_for_the_link = self.rank(with_any_link) >= self.rank(current);
        if self.rank(next) < self.rank(current) && is_for_the_link && layering.target != Some(next) {
            layering.rise.fell(now);
        }
        next
    }

    /// The layer to have if the publisher sent all of them.
    pub(crate) fn ideal(&self, current: usize) -> usize {
        let situation = Situation { estimate_bps: self.estimate_bps, current, may_rise: true };
        self.select(&self.ladder.whole(), &situation)
    }

    /// What estimate would be of use, bit/s: one that takes the next better layer. None: there is none that is wished for.
    pub(crate) fn of_use_bps(&self, current: usize) -> Option<u64> {
        let any_link = Situation { estimate_bps: None, current, may_rise: true };
        let best = self.rank(self.select(&self.ladder.whole(), &any_link));
        let ascending = self.ladder.ascending();
        let next = ascending.iter().find(|place| self.rank(**place) > self.rank(current));
        let next = next.filter(|place| self.rank(**place) <= best);
        let rung = next.and_then(|place| self.ladder.rung(*place)).filter(|rung| rung.bps > 0)?;
        Some(with_margin(rung.bps))
    }

    /// Whether the link takes so little of the layer that hardly a frame of it would come through whole.
    pub(crate) fn is_too_much(&self, place: usize) -> bool {
        let bps = self.ladder.rung(place).map(|rung| rung.bps).unwrap_or_default();
        self.estimate_bps.is_some_and(|estimate_bps| estimate_bps < bps - bps / 4)
    }

    pub(crate) fn flows(&self, place: usize) -> bool {
        self.ladder.rung(place).is_some_and(|rung| rung.flows)
    }

    /// From the worst to the best. None: nothing is known of it.
    pub(crate) fn rank(&self, place: usize) -> Option<usize> {
        self.ladder.ascending().iter().position(|known| *known == place)
    }

    fn select(&self, ladder: &Ladder, situation: &Situation) -> usize {
        select(ladder, self.wish, self.wished, situation)
    }
}
