//! A track in layers on one shard: what its points leave out, what its layers bring, and the few points that are chosen from.

use std::time::Instant;

use arrayvec::ArrayVec;
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtendedSequence, ExtensionKind};

use super::layer::{Point, SPATIAL_LAYERS, TEMPORAL_LAYERS};
use super::points::Points;
use super::rates::Rates;
use crate::elements::stored_element;
use crate::layers::ladder::Ladder;
use crate::layers::meter::Meter;
use crate::limits::{LAYERS_MAX, MEASURE_INTERVAL};
use crate::store::PacketFacts;

/// See the file's head.
pub(crate) struct LayeredStream {
    points: Points,
    rates: Rates,
    meters: [Meter; LAYERS_MAX],
    /// The points to choose from, from the lowest on, and how each stands.
    rungs: ArrayVec<Point, LAYERS_MAX>,
    ladder: Ladder,
    measured: Option<Instant>,
}

impl LayeredStream {
    /// The first packet that is of a layer.
    pub(crate) fn begin(first: ExtendedSequence) -> Self {
        Self {
            points: Points::begin(first),
            rates: Rates::new(),
            meters: [Meter::new(); LAYERS_MAX],
            rungs: ArrayVec::new(),
            ladder: Ladder::default(),
            measured: None,
        }
    }

    /// A packet was kept.
    pub(crate) fn note(
        &mut self,
        now: Instant,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        codec: Codec,
        (extensions, payload): (&[u8], &[u8]),
    ) {
        self.points.note(sequence, facts.layer);
        let Some(layer) = facts.layer else { return };
        self.rates.note(now, layer, facts.bytes());
        if facts.key_frame_start {
            let descriptor = stored_element(extensions, ExtensionKind::DependencyDescriptor);
            self.rates.note_sizes(codec, descriptor, payload);
        }
    }

    pub(crate) fn points(&self) -> &Points {
        &self.points
    }

    /// How the points stand that one chooses from, in the order of [`Self::rung`]. Looked at once in [`MEASURE_INTERVAL`].
    pub(crate) fn ladder(&mut self, now: Instant) -> &Ladder {
        if self.measured.is_none_or(|at| now >= at + MEASURE_INTERVAL) {
            self.measured = Some(now);
            self.rungs = rungs(self.rates.points());
            let rates = &self.rates;
            let newest = self.rungs.iter().filter_map(|point| rates.heard(*point)).max();
            let looks = self.rungs.iter().zip(&mut self.meters).map(|(point, meter)| {
                meter.look(now, rates.bps(now, *point), rates.size(*point), rates.heard(*point), newest)
            });
            self.ladder = Ladder(looks.collect());
        }
        &self.ladder
    }

    /// The same as it was last looked at.
    pub(crate) fn last_ladder(&self) -> &Ladder {
        &self.ladder
    }

    /// The point in that place of the ladder.
    pub(crate) fn rung(&self, place: usize) -> Option<Point> {
        self.rungs.get(place).copied()
    }

    /// The highest spatial layer that comes.
    pub(crate) fn highest_spatial(&self) -> u8 {
        self.rungs.last().map_or(0, |point| point.spatial())
    }

    /// The place of the lowest rung that has all of a point; or of the highest there is.
    pub(crate) fn place_of(&self, point: Point) -> Option<usize> {
        let has_all = self.rungs.iter().position(|rung| rung.includes(point));
        has_all.or_else(|| self.rungs.len().checked_sub(1))
    }

    /// What all layers up to a point bring, bit/s.
    pub(crate) fn bps(&self, now: Instant, point: Point) -> u64 {
        self.rates.bps(now, point)
    }
}

/// Of the points that there are: every temporal layer, if there is but one spatial layer. Else each spatial layer with all of its
/// temporal ones, which are worth more than they cost, and for the narrowest links the lowest of all.
fn rungs(points: impl Iterator<Item = Point> + Clone) -> ArrayVec<Point, LAYERS_MAX> {
    let is_flat = points.clone().all(|point| point.spatial() == 0);
    if is_flat {
        return points.collect();
    }
    let full =
        (0..SPATIAL_LAYERS).filter_map(|spatial| points.clone().filter(|p| p.spatial() == spatial).last());
    let full: ArrayVec<Point, LAYERS_MAX> = full.collect();
    let lowest = (full.first() != Some(&Point::BASE) && !full.is_full()).then_some(Point::BASE);
    lowest.into_iter().chain(full).collect()
}

const _: () = assert!(SPATIAL_LAYERS as usize <= LAYERS_MAX && TEMPORAL_LAYERS as usize <= LAYERS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn rungs_of(spatial: u8, temporal: u8) -> Vec<Point> {
        let points = Point::all().filter(|point| point.spatial() < spatial && point.temporal() < temporal);
        rungs(points).to_vec()
    }

    /// A picture that is large and stutters is worse than one that is smaller and does not.
    #[test]
    fn one_chooses_from_sizes_before_rates() {
        let points = |points: &[(u8, u8)]| points.iter().map(|(s, t)| Point::new(*s, *t)).collect::<Vec<_>>();
        assert_eq!(rungs_of(1, 3), points(&[(0, 0), (0, 1), (0, 2)]));
        assert_eq!(rungs_of(2, 1), points(&[(0, 0), (1, 0)]));
        assert_eq!(rungs_of(3, 3), points(&[(0, 0), (0, 2), (1, 2), (2, 2)]));
        assert_eq!(rungs_of(4, 2), points(&[(0, 1), (1, 1), (2, 1), (3, 1)]));
    }
}
