use super::*;
use crate::layers::{FrameSize, Rung};
use proptest::prelude::*;

/// q, h and f, as a browser sends them.
fn ladder() -> Ladder {
    let rung = |bps, width, height| Rung { bps, size: FrameSize { width, height }, flows: true };
    [rung(150_000, 320, 180), rung(500_000, 640, 360), rung(2_500_000, 1280, 720)].into_iter().collect()
}

impl FromIterator<Rung> for Ladder {
    fn from_iter<I: IntoIterator<Item = Rung>>(rungs: I) -> Self {
        Self(rungs.into_iter().collect())
    }
}

fn situation(current: usize, estimate_bps: impl Into<Option<u64>>) -> Situation {
    Situation { estimate_bps: estimate_bps.into(), current, may_rise: true }
}

fn selected(current: usize, estimate_bps: impl Into<Option<u64>>) -> usize {
    select(&ladder(), &LayerWish::default(), None, &situation(current, estimate_bps))
}

/// The network got worse: the viewer goes down as far as it must at once, and up again only when there is room to spare.
#[test]
fn it_goes_down_at_once_and_up_with_a_margin() {
    assert_eq!(selected(2, 2_400_000), 1);
    assert_eq!(selected(2, 400_000), 0);
    assert_eq!(selected(2, 10_000), 0, "the lowest is better than none");
    assert_eq!(selected(2, 2_500_000), 2, "what it has it keeps while it fits");
    assert_eq!(selected(1, 2_600_000), 1, "no margin");
    assert_eq!(selected(1, 3_000_000), 2);
    assert_eq!(selected(0, 3_000_000), 2, "there is no need to stop half way");
    assert_eq!(selected(0, None), 2, "nothing says that it cannot take all");
}

/// Patience holds it where it is, not where it cannot stay.
#[test]
fn who_may_not_rise_stays_or_goes_down() {
    let wish = LayerWish::default();
    let patient = |current, estimate| Situation { may_rise: false, ..situation(current, estimate) };
    assert_eq!(select(&ladder(), &wish, None, &patient(1, 9_000_000)), 1);
    assert_eq!(select(&ladder(), &wish, None, &patient(1, 300_000)), 0);
    let mut without = ladder();
    without.0[1].flows = false;
    assert_eq!(select(&without, &wish, None, &patient(1, 9_000_000)), 2, "its layer is gone");
    assert_eq!(select(&without, &wish, None, &patient(1, 900_000)), 0);
}

/// A page that shows a thumbnail asks for a small picture; a menu asks for a layer; the network has the last word.
#[test]
fn a_wish_is_an_upper_bound() {
    let select =
        |wish: LayerWish, wished, estimate| select(&ladder(), &wish, wished, &situation(2, estimate));
    let small = LayerWish { max_width: Some(640), max_height: Some(400), ..LayerWish::default() };
    assert_eq!(select(small, None, None), 1);
    assert_eq!(select(LayerWish { max_height: Some(200), ..small }, None, None), 0);
    let tiny = LayerWish { max_width: Some(16), ..LayerWish::default() };
    assert_eq!(select(tiny, None, None), 0, "there is none so small: the smallest");
    assert_eq!(select(LayerWish::default(), Some(1), None), 1);
    assert_eq!(select(LayerWish::default(), Some(2), Some(600_000)), 1);
    assert_eq!(select(LayerWish::default(), Some(1), Some(200_000)), 0);
}

/// A browser whose uplink is short stops its top layer first.
#[test]
fn a_layer_that_does_not_flow_is_not_chosen() {
    let mut ladder = ladder();
    ladder.0[2].flows = false;
    let wish = LayerWish::default();
    assert_eq!(select(&ladder, &wish, None, &situation(2, None)), 1);
    assert_eq!(select(&ladder, &wish, Some(2), &situation(0, None)), 1);
    ladder.0[0].flows = false;
    assert_eq!(select(&ladder, &wish, Some(0), &situation(0, None)), 1, "the wish is below all that flows");
    ladder.0[1].flows = false;
    assert_eq!(select(&ladder, &wish, None, &situation(0, None)), 0, "nothing flows: it stays");
    assert_eq!(select(&Ladder::default(), &wish, None, &situation(0, None)), 0, "nothing is known");
}

fn any_rung() -> impl Strategy<Value = Rung> {
    (0_u64..4_000_000, 0_u16..1_920, any::<bool>()).prop_map(|(bps, width, flows)| Rung {
        bps,
        size: FrameSize { width, height: width / 2 },
        flows,
    })
}

proptest! {
    /// Whatever there is, and whatever is wished: what is chosen flows, is not over the estimate unless nothing lower is to be
    /// had, and more network never gives less picture.
    #[test]
    fn never_over_the_estimate_and_monotone_in_it(
        rungs in prop::collection::vec(any_rung(), 1..=4),
        current in 0_usize..4,
        may_rise: bool,
        wished in prop::option::of(0_usize..4),
        max_width in prop::option::of(0_u16..1_920),
        low in 0_u64..5_000_000,
        more in 0_u64..5_000_000,
    ) {
        let current = current % rungs.len();
        let ladder: Ladder = rungs.iter().copied().collect();
        let wish = LayerWish { max_width, ..LayerWish::default() };
        let choose = |estimate_bps| {
            select(&ladder, &wish, wished, &Situation { estimate_bps, current, may_rise })
        };
        let ascending = ladder.ascending();
        let rank = |place| ascending.iter().position(|known| *known == place).unwrap();
        let (with_low, with_more) = (choose(Some(low)), choose(Some(low + more)));
        prop_assert!(rank(with_more) >= rank(with_low));
        prop_assert!(rank(choose(None)) >= rank(with_more));
        if rungs.iter().any(|rung| rung.flows) {
            prop_assert!(rungs[with_low].flows);
            let is_over = rungs[with_low].bps > low;
            let highest = wished.and_then(|wished| ascending.iter().position(|place| *place == wished));
            let has_lower = ascending.iter().take(rank(with_low)).any(|place| {
                let rung = rungs[*place];
                let is_wished = highest.is_none_or(|highest| rank(*place) <= highest)
                    && max_width.is_none_or(|max_width| rung.size.width <= max_width);
                rung.flows && is_wished
            });
            prop_assert!(!is_over || !has_lower, "{with_low} of {rungs:?} at {low}");
        } else {
            prop_assert_eq!(with_low, current);
        }
    }
}
