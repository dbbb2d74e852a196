//! Where a value stands on an axis, and which values the axis names.

/// A scale with more decades than this between its least and greatest value is logarithmic.
const LINEAR_RATIO_MAX: f64 = 30.0;
/// What is this much smaller than the greatest value is drawn at the edge.
const LOGARITHMIC_RATIO_MAX: f64 = 1e8;
/// Steps of a linear axis, at most.
const STEPS_MAX: f64 = 5.0;
/// A step that is all but whole is whole: a window of 14.99 s is one of 15.
const ALMOST_STEP: f64 = 0.02;
/// A logarithmic axis from one end to this many times that has room for numbers within a decade.
const NARROW_RATIO: f64 = 300.0;

/// See the file's head.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    is_logarithmic: bool,
    /// Rising, all between the ends.
    pub(super) ticks: Vec<f64>,
}

impl Scale {
    /// From 0, or from below where there is something below, to a round number above all values.
    pub(super) fn linear(values: impl IntoIterator<Item = f64>) -> Self {
        let (least, most) = ends(values).map_or((0.0, 1.0), |(least, most)| (least.min(0.0), most.max(0.0)));
        let most = if most > least { most } else { least + 1.0 };
        let step = round_step((most - least) / STEPS_MAX);
        let (first, last) = ((least / step).floor(), (most / step).ceil());
        let ticks: Vec<_> = count_from(first, last).map(|index| index * step).collect();
        Self { from: first * step, to: last * step, is_logarithmic: false, ticks }
    }

    /// From the first value to the last, named where a step falls.
    pub(super) fn span(to: f64, step: f64) -> Self {
        let to = if to.is_finite() && to > 0.0 { to } else { 1.0 };
        let last = (to / step + ALMOST_STEP).floor();
        let ticks = count_from(0.0, last).map(|index| index * step).collect();
        Self { from: 0.0, to: to.max(last * step), is_logarithmic: false, ticks }
    }

    /// Linear, unless the greatest value would press the least to the ground.
    pub(super) fn fitting(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<_> = values.into_iter().collect();
        match ends(values.iter().copied().filter(|value| *value > 0.0)) {
            Some((least, most)) if most / least > LINEAR_RATIO_MAX => Self::logarithmic(least, most),
            _ => Self::linear(values),
        }
    }

    /// With ticks at places of one's own.
    pub(super) fn with_ticks(to: f64, ticks: Vec<f64>) -> Self {
        Self { from: 0.0, to, is_logarithmic: false, ticks }
    }

    fn logarithmic(least: f64, most: f64) -> Self {
        let least = least.max(most / LOGARITHMIC_RATIO_MAX);
        let [low, high] = [least.log10().floor(), most.log10().ceil()].map(exponent);
        let all = |within: &'static [f64]| {
            let decade = |decade| within.iter().map(move |factor| factor * 10_f64.powi(decade));
            (low..=high).flat_map(decade)
        };
        let finer = &[1.0, 2.0, 5.0];
        let from = all(finer).rfind(|tick| *tick <= least).unwrap_or(least);
        let to = all(finer).find(|tick| *tick >= most).unwrap_or(most);
        let ticks = all(if to / from <= NARROW_RATIO { finer } else { &[1.0] });
        let ticks = ticks.filter(|tick| (from..=to).contains(tick)).collect();
        Self { from, to, is_logarithmic: true, ticks }
    }

    /// 0 at the beginning, 1 at the end; what lies outside is drawn at the edge.
    pub(super) fn place(&self, value: f64) -> f64 {
        let at = |value: f64| if self.is_logarithmic { value.max(self.from).log10() } else { value };
        let place = (at(value) - at(self.from)) / (at(self.to) - at(self.from));
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    pub(super) fn is_logarithmic(&self) -> bool {
        self.is_logarithmic
    }
}

/// The least and greatest of those that are finite.
fn ends(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold(None, |ends: Option<(f64, f64)>, value| {
        Some(ends.map_or((value, value), |(least, most)| (least.min(value), most.max(value))))
    })
}

/// 1, 2 or 5 times a power of ten, not below `least`.
pub(super) fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    // A hair of room: 0.2 is 0.2 even where arithmetic made it a little more.
    let fits = |factor: &f64| factor * power >= least * (1.0 - 1e-9);
    [1.0, 2.0, 5.0, 10.0].into_iter().find(fits).map_or(least, |factor| factor * power)
}

fn count_from(first: f64, last: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(first), |index| Some(index + 1.0)).take_while(move |index| *index <= last)
}

#[expect(clippy::cast_possible_truncation, reason = "the logarithm of a number is below 309")]
fn exponent(logarithm: f64) -> i32 {
    logarithm as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Axes are read by their round numbers.
    #[test]
    fn a_linear_axis_counts_in_round_steps_from_zero() {
        assert_eq!(Scale::linear([3.0, 870.0]).ticks, [0.0, 200.0, 400.0, 600.0, 800.0, 1_000.0]);
        assert_eq!(Scale::linear([-3.0, 4.0]).ticks, [-4.0, -2.0, 0.0, 2.0, 4.0]);
        assert_eq!(Scale::span(14.99, 5.0).ticks, [0.0, 5.0, 10.0, 15.0]);
    }

    /// One late packet must not flatten all the others.
    #[test]
    fn an_axis_of_many_decades_is_logarithmic() {
        let scale = Scale::fitting([0.0, 0.3, 42.0, 900.0]);
        assert!(scale.is_logarithmic());
        assert_eq!(scale.ticks, [1.0, 10.0, 100.0, 1_000.0]);
        let [one, ten, hundred] = [1.0, 10.0, 100.0].map(|value| scale.place(value));
        assert!((hundred - ten - (ten - one)).abs() < 1e-9 && (0.1..0.3).contains(&one));
        assert_eq!(Scale::fitting([5.0, 170.0]).ticks, [5.0, 10.0, 20.0, 50.0, 100.0, 200.0]);
        assert!(!Scale::fitting([1.0, 20.0]).is_logarithmic());
    }

    /// Whatever a report holds, nothing is drawn outside of the plot, and no place is no number.
    #[test]
    fn every_value_has_a_place_within() {
        let values = [f64::NAN, f64::INFINITY, -1e300, -1.0, 0.0, 1e-300, 0.5, 1e300];
        let series: [&[f64]; 6] = [&[], &[0.0], &[7.0, 7.0], &[-5.0, -1.0], &[1e-3, 1e6], &[f64::NAN]];
        for series in series {
            for scale in [Scale::linear(series.iter().copied()), Scale::fitting(series.iter().copied())] {
                assert!((1..=12).contains(&scale.ticks.len()), "{scale:?}");
                for value in values.iter().chain(&scale.ticks) {
                    let place = scale.place(*value);
                    assert!((0.0..=1.0).contains(&place), "{value} at {place} on {scale:?}");
                }
                let (first, last) = (scale.ticks[0], scale.ticks[scale.ticks.len() - 1]);
                assert!(scale.place(first) < scale.place(last), "{scale:?}");
            }
        }
    }
}
