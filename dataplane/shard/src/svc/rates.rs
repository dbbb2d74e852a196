//! What each layer of a stream brings, and how large its pictures are: of these the rungs of its ladder are made.

use std::time::Instant;

use fanlight_wire::codec::{Codec, Vp9Structure};
use fanlight_wire::{DependencyDescriptor, Resolution};

use super::layer::{POINTS, PacketLayer, Point, SPATIAL_LAYERS};
use crate::layers::FrameSize;
use crate::rate::RateMeter;

/// One layer by itself, without those below it.
#[derive(Debug, Clone, Copy)]
struct Layer {
    rate: RateMeter,
    heard: Instant,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Rates {
    layers: [Option<Layer>; POINTS],
    sizes: [FrameSize; SPATIAL_LAYERS as usize],
}

impl Rates {
    pub(crate) fn new() -> Self {
        Self { layers: [None; POINTS], sizes: [FrameSize::default(); SPATIAL_LAYERS as usize] }
    }

    /// A packet of that layer came.
    pub(crate) fn note(&mut self, now: Instant, layer: PacketLayer, bytes: usize) {
        if let Some(of) = self.layers.get_mut(layer.layer.index()) {
            let layer = of.get_or_insert_with(|| Layer { rate: RateMeter::new(now), heard: now });
            layer.rate.add(now, bytes);
            layer.heard = now;
        }
    }

    /// The first packet of a key picture, which may tell the sizes. `descriptor`: its dependency descriptor's data.
    pub(crate) fn note_sizes(&mut self, codec: Codec, descriptor: Option<&[u8]>, payload: &[u8]) {
        let described = descriptor.and_then(|data| DependencyDescriptor::parse(data, None).ok()?.structure);
        let announced = (codec == Codec::Vp9).then(|| Vp9Structure::parse(payload).ok().flatten()).flatten();
        for (spatial, size) in (0..).zip(&mut self.sizes) {
            let announced = announced.as_ref().and_then(|structure| structure.resolution(spatial));
            let described = described.as_ref().and_then(|structure| structure.resolution(spatial));
            if let Some(known) = announced.or(described) {
                *size = frame_size(known);
            }
        }
    }

    /// The points that there are, from the lowest to the highest: those of the layers that have come.
    pub(crate) fn points(&self) -> impl Iterator<Item = Point> + Clone + '_ {
        Point::all().filter(|point| self.layers.get(point.index()).is_some_and(Option::is_some))
    }

    /// What all layers up to that point bring, bit/s.
    pub(crate) fn bps(&self, now: Instant, point: Point) -> u64 {
        let own = Point::all().zip(&self.layers).filter(|(layer, _)| point.includes(*layer));
        own.filter_map(|(_, layer)| layer.as_ref()).map(|layer| layer.rate.bps(now)).sum()
    }

    /// When a point's own layer was last heard.
    pub(crate) fn heard(&self, point: Point) -> Option<Instant> {
        self.layers.get(point.index()).copied().flatten().map(|layer| layer.heard)
    }

    /// The size of a point's pictures.
    pub(crate) fn size(&self, point: Point) -> FrameSize {
        self.sizes.get(usize::from(point.spatial())).copied().unwrap_or_default()
    }
}

/// A side of more than 65,535 pixels is not known.
fn frame_size(resolution: Resolution) -> FrameSize {
    let side = |side: u32| u16::try_from(side).unwrap_or_default();
    FrameSize { width: side(resolution.width), height: side(resolution.height) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(spatial: u8, temporal: u8) -> PacketLayer {
        PacketLayer {
            layer: Point::new(spatial, temporal),
            reach: Point::BASE,
            begins_picture: false,
            ends_layer: false,
        }
    }

    /// A viewer at a point gets all layers below it too: its link must carry them together.
    #[test]
    fn a_point_brings_what_its_layers_bring_together() {
        let start = crate::testing::start();
        let mut rates = Rates::new();
        for millisecond in 0..4_000_u64 {
            let now = start + Duration::from_millis(millisecond);
            let (spatial, bytes) = if millisecond % 2 == 0 { (0, 100) } else { (1, 300) };
            rates.note(now, packet(spatial, u8::from(millisecond % 4 > 1)), bytes);
        }
        let now = start + Duration::from_secs(4);
        let kbps = |spatial, temporal| (rates.bps(now, Point::new(spatial, temporal)) + 5_000) / 10_000 * 10;
        assert_eq!([(0, 0), (0, 1), (1, 0), (1, 1)].map(|(s, t)| kbps(s, t)), [200, 400, 800, 1_600]);
        let points: Vec<_> = rates.points().collect();
        assert_eq!(points, [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(s, t)| Point::new(s, t)));
        assert_eq!(rates.heard(Point::new(2, 0)), None);
    }

    /// Viewers are shown sizes, and wish for them.
    #[test]
    fn sizes_are_those_of_the_key_picture() {
        let mut rates = Rates::new();
        let payload = [0x2a, 0x00, 0x00, 0x30, 0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68];
        rates.note_sizes(Codec::Vp9, None, &payload);
        assert_eq!(rates.size(Point::new(0, 2)), FrameSize { width: 320, height: 180 });
        assert_eq!(rates.size(Point::new(1, 0)), FrameSize { width: 640, height: 360 });
        assert!(!rates.size(Point::new(2, 0)).is_known());
        rates.note_sizes(Codec::Av1, None, &payload);
        assert_eq!(rates.size(Point::new(1, 0)).width, 640, "no descriptor, nothing new");
    }
}
