//! Which layer a viewer should get: a function of what there is, what its network takes, what it wishes and what it has.
//!
//! Down at once, up with a margin, so that a rate and an estimate close to each other do not make it go to and fro. Never over
//! the estimate, but for the lowest layer: a picture is better than none.

use super::ladder::Ladder;
use crate::limits::RISE_MARGIN_PERCENT;
use crate::spec::LayerWish;

/// How things stand with a viewer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// What its network takes, less what else goes over it, bit/s. None: nothing says that it takes less than all.
    pub(crate) estimate_bps: Option<u64>,
    /// The layer it gets.
    pub(crate) current: usize,
    /// Whether it may go up now.
    pub(crate) may_rise: bool,
}

/// The place of the layer to go to, or to stay at. `wished`: the place of the layer that the wish names.
pub(crate) fn select(
    ladder: &Ladder,
    wish: &LayerWish,
    wished: Option<usize>,
    situation: &Situation,
) -> usize {
    let ascending = ladder.ascending();
    let rank = |place: usize| ascending.iter().position(|known| *known == place);
    let flows = |place: usize| ladder.rung(place).is_some_and(|rung| rung.flows);
    let flowing = ascending.iter().copied().filter(|place| flows(*place));
    let highest = wished.and_then(rank).unwrap_or(usize::MAX);
    let is_allowed = |place: &usize| {
        rank(*place).is_some_and(|rank| rank <= highest) && is_small_enough(ladder, *place, wish)
    };
    let lowest = flowing.clone().find(is_allowed).or_else(|| flowing.clone().next());
    let Some(lowest) = lowest else { return situation.current };
    let stays = flows(situation.current) && is_allowed(&situation.current);
    let current = if stays { rank(situation.current) } else { None };
    let fits = |place: &usize| {
        let rung = ladder.rung(*place).copied().unwrap_or_default();
        let rises = current.is_none_or(|current| rank(*place).is_some_and(|rank| rank > current));
        let needed_bps = if rises && *place != situation.current { with_margin(rung.bps) } else { rung.bps };
        let is_free = !rises || current.is_none() || situation.may_rise;
        is_free && situation.estimate_bps.is_none_or(|estimate_bps| needed_bps <= estimate_bps)
    };
    flowing.filter(is_allowed).rfind(fits).unwrap_or(lowest)
}

/// What an estimate has to be before a viewer goes up to a layer of that rate.
pub(crate) fn with_margin(bps: u64) -> u64 {
    bps.saturating_add(bps.saturating_mul(RISE_MARGIN_PERCENT) / 100)
}

fn is_small_enough(ladder: &Ladder, place: usize, wish: &LayerWish) -> bool {
    let size = ladder.rung(place).map(|rung| rung.size).unwrap_or_default();
    wish.max_width.is_none_or(|width| size.width <= width)
        && wish.max_height.is_none_or(|height| size.height <= height)
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
