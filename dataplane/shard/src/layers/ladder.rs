//! The layers of a source as they stand: how much each brings, how large it is, whether it flows.

use arrayvec::ArrayVec;

use super::{FrameSize, LayerSet};
use crate::limits::LAYERS_MAX;

/// One layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rung {
    /// What it brings, or brought when it last flowed, bit/s on the road. 0: it never has.
    pub bps: u64,
    pub size: FrameSize,
    /// Its publisher sends it.
    pub flows: bool,
}

/// All layers of a source, in the publisher's order. None: nothing is known of them yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ladder(pub(crate) ArrayVec<Rung, LAYERS_MAX>);

impl Ladder {
    pub(crate) fn rung(&self, place: usize) -> Option<&Rung> {
        self.0.get(place)
    }

    /// The layers from the worst to the best: by size where all sizes are known, else by what they bring. A publisher may list
    /// them either way.
    pub(crate) fn ascending(&self) -> ArrayVec<usize, LAYERS_MAX> {
        let by_size = self.0.iter().all(|rung| rung.size.is_known());
        let mut places: ArrayVec<usize, LAYERS_MAX> = (0..self.0.len()).collect();
        places.sort_unstable_by_key(|place| {
            let rung = self.0.get(*place).copied().unwrap_or_default();
            (if by_size { rung.size.pixels() } else { 0 }, rung.bps, *place)
        });
        places
    }

    /// As it would stand if the publisher sent all of it.
    pub(crate) fn whole(&self) -> Self {
        Self(self.0.iter().map(|rung| Rung { flows: true, ..*rung }).collect())
    }

    pub(crate) fn flowing(&self) -> LayerSet {
        self.0.iter().enumerate().filter(|(_, rung)| rung.flows).map(|(place, _)| place).collect()
    }

    pub(crate) fn sizes(&self) -> [FrameSize; LAYERS_MAX] {
        let mut sizes = [FrameSize::default(); LAYERS_MAX];
        for (size, rung) in sizes.iter_mut().zip(&self.0) {
            *size = rung.size;
        }
        sizes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(bps: u64, width: u16) -> Rung {
        Rung { bps, size: FrameSize { width, height: width / 2 }, flows: true }
    }

    /// A still picture in the top layer may cost less than a busy thumbnail costs: size says more, where it is known of all.
    #[test]
    fn layers_rank_by_size_or_by_what_they_bring() {
        let ladder = |rungs: &[Rung]| Ladder(rungs.iter().copied().collect()).ascending().to_vec();
        assert_eq!(ladder(&[rung(900, 1280), rung(300, 640), rung(1000, 320)]), [2, 1, 0]);
        assert_eq!(ladder(&[rung(900, 1280), rung(300, 0), rung(1000, 320)]), [1, 0, 2]);
        assert_eq!(
            ladder(&[rung(0, 0), rung(0, 0)]),
            [0, 1],
            "as the publisher lists them, if nothing is known"
        );
    }
}
