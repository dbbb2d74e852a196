//! Which viewers: a share of them, by their numbers, the same in each run.

use crate::float::float;

/// Of numbers from 0 up, each share of so many is chosen, evenly spread.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below 2^64"
)]
pub(super) fn is_chosen(number: usize, share: f64) -> bool {
    let below = |number: usize| (float(number as u64) * share + 1e-9) as u64;
    below(number) != below(number + 1)
}

/// As [`is_chosen`], but anywhere between two of those: who has a bad road must not be the one who is of the sample.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and far below 2^64"
)]
pub(super) fn is_drawn(number: usize, share: f64, seed: u64) -> bool {
    if share <= 0.0 {
        return false;
    }
    let block = (float(number as u64) * share + 1e-9) as usize;
    let first_of = |block: usize| (float(block as u64) / share - 1e-9).ceil() as usize;
    let (first, end) = (first_of(block), first_of(block + 1));
    let drawn = fastrand::Rng::with_seed(seed.wrapping_add(block as u64)).usize(0..(end - first).max(1));
    number == first + drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample that is bunched up would see the first who are served, or the last.
    #[test]
    fn who_is_chosen_is_spread_evenly() {
        for (share, of, count) in
            [(0.05, 100, 5), (0.2, 50, 10), (1.0, 7, 7), (0.0, 9, 0), (1.0 / 3.0, 300, 100)]
        {
            let chosen: Vec<_> = (0..of).filter(|number| is_chosen(*number, share)).collect();
            assert_eq!(chosen.len(), count, "{share} of {of}");
            let gaps: Vec<_> = chosen.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().max().unwrap_or(&0) - gaps.iter().min().unwrap_or(&0) <= 1, "{chosen:?}");
        }
    }

    /// The sample has to see bad roads as often as all viewers do, not always and not never.
    #[test]
    fn who_is_drawn_has_nothing_to_do_with_who_is_chosen() {
        for (share, of, count) in [(0.2, 1_000, 200), (0.34, 3, 1), (1.0, 7, 7), (0.0, 9, 0)] {
            assert_eq!(
                (0..of).filter(|number| is_drawn(*number, share, 1)).count(),
                count,
                "{share} of {of}"
            );
        }
        let both = (0..1_000).filter(|number| is_chosen(*number, 0.2) && is_drawn(*number, 0.2, 1)).count();
        assert!((20..60).contains(&both), "{both} of 200, by chance 40");
    }
}
