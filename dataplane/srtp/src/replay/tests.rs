use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// The obvious window: all indices ever accepted.
#[derive(Default)]
struct Model {
    seen: HashSet<u64>,
    highest: Option<u64>,
}

impl Model {
    fn check(&self, index: u64, width: u64) -> Result<(), Replay> {
        match self.highest {
            Some(highest) if index + width <= highest => Err(Replay::TooOld),
            _ if self.seen.contains(&index) => Err(Replay::AlreadySeen),
            _ => Ok(()),
        }
    }

    fn accept(&mut self, index: u64) {
        self.seen.insert(index);
        self.highest = self.highest.max(Some(index));
    }
}

/// Offers every index in turn to a window and to the model, as a receiver does: check, then accept.
fn compare<const WORDS: usize>(indices: impl IntoIterator<Item = u64>) {
    let mut window = Window::<WORDS>::new();
    let mut model = Model::default();
    for index in indices {
        let verdict = window.check(index);
        assert_eq!(verdict, model.check(index, Window::<WORDS>::WIDTH), "index {index}");
        if verdict.is_ok() {
            window.accept(index);
            model.accept(index);
        }
        assert_eq!(window.highest(), model.highest);
    }
}

// Both edges of the window, by one, for both widths in use.
#[test]
fn the_window_is_as_wide_as_it_says() {
    let mut window = Window::<16>::new();
    window.accept(5000);
    assert_eq!(window.check(5000), Err(Replay::AlreadySeen));
    assert_eq!(window.check(5001), Ok(()));
    assert_eq!(window.check(5000 - 1023), Ok(()));
    assert_eq!(window.check(5000 - 1024), Err(Replay::TooOld));
    let mut window = Window::<1>::new();
    window.accept(100);
    assert_eq!(window.check(37), Ok(()));
    assert_eq!(window.check(36), Err(Replay::TooOld));
}

// The ring is reused; a bit of 1024 packets ago must not make a new packet look seen, and no old one new.
#[test]
fn a_slot_that_comes_round_again_is_clean() {
    let mut window = Window::<16>::new();
    (0..1024).for_each(|index| window.accept(index));
    for index in 1024..4096 {
        assert_eq!(window.check(index), Ok(()), "new");
        assert_eq!(window.check(index - 1024), Err(Replay::AlreadySeen), "still in the window");
        window.accept(index);
        assert_eq!(window.check(index - 1024), Err(Replay::TooOld), "now behind it");
    }
}

// A jump clears exactly what it passes: one less than the width, the width, and more.
#[test]
fn a_jump_forgets_what_it_passes_and_no_more() {
    for jump in [1, 2, 63, 64, 65, 1022, 1023, 1024, 1025, 2048, 1 << 40] {
        let indices = (0..1024).chain([1023 + jump]).chain(0..1024).chain(1023..1023 + jump.min(3000));
        compare::<16>(indices);
    }
}

// The index is data of the peer; what lies behind the window must not set the bit of another.
#[test]
fn accepting_what_is_too_old_changes_nothing() {
    let mut window = Window::<1>::new();
    window.accept(1000);
    window.accept(1000 - 64 + 5 - 64);
    assert_eq!(window.check(1000 - 64 + 5), Ok(()));
    assert_eq!(window.highest(), Some(1000));
}

// Threats, A16: around each wrap of the sequence number, twice and backwards.
#[test]
fn wraps_of_the_sequence_number_mean_nothing_to_the_window() {
    let around_wrap = 0xfc00_u64..0x1_0400;
    compare::<16>(around_wrap.clone().chain(around_wrap.clone()).chain(around_wrap.rev()));
    let end = 1_u64 << 48;
    compare::<16>((end - 2000..end).chain(end - 2000..end));
}

proptest! {
    // Against the set of all indices, close together so that edges and collisions are hit.
    #[test]
    fn the_window_agrees_with_a_set(start in 0_u64..1 << 47, steps in prop::collection::vec(-1100_i64..1100, 1..400)) {
        let walk = steps.iter().scan(start, |at, step| { *at = at.saturating_add_signed(*step); Some(*at) });
        let indices: Vec<u64> = walk.collect();
        compare::<16>(indices.iter().copied());
        compare::<1>(indices.iter().map(|index| index / 16));
    }

    // Every packet five times, in any order: accepted once, or not at all.
    #[test]
    fn nothing_is_accepted_twice(indices in prop::collection::vec(0_u64..3000, 1..600)) {
        let mut window = Window::<16>::new();
        let mut accepted = HashSet::new();
        for index in indices.iter().flat_map(|index| std::iter::repeat_n(*index, 5)) {
            if window.check(index).is_ok() {
                window.accept(index);
                prop_assert!(accepted.insert(index), "{} twice", index);
            }
        }
    }
}
