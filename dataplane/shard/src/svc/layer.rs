//! Layers and operating points, and what a packet says of its own.

use std::fmt;

/// Spatial layers that are told apart: AV1 has no more, and nobody sends more of VP9. Those above count as the highest.
pub(crate) const SPATIAL_LAYERS: u8 = 4;
/// Temporal layers that are told apart: nobody sends more. Those above count as the highest.
pub(crate) const TEMPORAL_LAYERS: u8 = 4;
/// Operating points.
pub(crate) const POINTS: usize = SPATIAL_LAYERS as usize * TEMPORAL_LAYERS as usize;

/// A spatial and a temporal layer: that of a packet, or the highest that a viewer gets of each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Point(u8);

impl Point {
    /// All there is. Packets of streams without layers are of this point alone.
    pub(crate) const TOP: Self = Self::new(SPATIAL_LAYERS, TEMPORAL_LAYERS);
    pub(crate) const BASE: Self = Self::new(0, 0);

    pub(crate) const fn new(spatial: u8, temporal: u8) -> Self {
        let spatial = if spatial < SPATIAL_LAYERS { spatial } else { SPATIAL_LAYERS - 1 };
        let temporal = if temporal < TEMPORAL_LAYERS { temporal } else { TEMPORAL_LAYERS - 1 };
        Self(spatial * TEMPORAL_LAYERS + temporal)
    }

    /// Every point, by ascending spatial and then temporal layer.
    pub(crate) fn all() -> impl Iterator<Item = Self> + Clone {
        (0..SPATIAL_LAYERS * TEMPORAL_LAYERS).map(Self)
    }

    pub(crate) const fn spatial(self) -> u8 {
        self.0 / TEMPORAL_LAYERS
    }

    pub(crate) const fn temporal(self) -> u8 {
        self.0 % TEMPORAL_LAYERS
    }

    /// Its place in [`Self::all`].
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Whether packets of that layer belong to this operating point.
    pub(crate) const fn includes(self, layer: Self) -> bool {
        layer.spatial() <= self.spatial() && layer.temporal() <= self.temporal()
    }

    /// The lower of both layers.
    pub(crate) fn min(self, other: Self) -> Self {
        Self::new(self.spatial().min(other.spatial()), self.temporal().min(other.temporal()))
    }

    /// The higher of both layers.
    pub(crate) fn max(self, other: Self) -> Self {
        Self::new(self.spatial().max(other.spatial()), self.temporal().max(other.temporal()))
    }

    /// From a name such as `S1T2`. Codecs have at most eight of either.
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        let [b'S', spatial, b'T', temporal] = name else { return None };
        let (spatial, temporal) = (spatial.checked_sub(b'0')?, temporal.checked_sub(b'0')?);
        (spatial < 8 && temporal < 8).then(|| Self::new(spatial, temporal))
    }

    /// As in `S1T2`.
    #[must_use]
    pub fn name(self) -> [u8; 4] {
        [b'S', b'0' + self.spatial(), b'T', b'0' + self.temporal()]
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}T{}", self.spatial(), self.temporal())
    }
}

/// What a packet of a stream in layers is to it. Four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketLayer {
    pub(crate) layer: Point,
    /// Up to which layers one may go who has all of the picture's own: from this picture on they are decodable.
    pub(crate) reach: Point,
    /// The packet is the first of its picture.
    pub(crate) begins_picture: bool,
    /// The packet is the last of its layer in its picture.
    pub(crate) ends_layer: bool,
}

impl PacketLayer {
    /// Where a viewer at one point goes with this packet on its way to another. RFC 9628 §4.2 (U), AV1 RTP payload format §A.7.
    ///
    /// Down with any picture. Up as far as the picture reaches, if it is one of those that the viewer gets.
    pub(crate) fn leads(&self, from: Point, wanted: Point) -> Point {
        if !self.begins_picture {
            return from;
        }
        let reach = if from.includes(self.layer) { from.max(self.reach) } else { from };
        wanted.min(reach)
    }

    /// Whether a picture ends with this packet for who is at that point, though more of it follows for others. RFC 9628 §4.1.
    pub(crate) fn ends_picture_at(&self, point: Point) -> bool {
        self.ends_layer && self.layer.spatial() == point.spatial()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(layer: (u8, u8), reach: (u8, u8)) -> PacketLayer {
        PacketLayer {
            layer: Point::new(layer.0, layer.1),
            reach: Point::new(reach.0, reach.1),
            begins_picture: true,
            ends_layer: false,
        }
    }

    /// Names go through HTTP: what is no name must not become a layer.
    #[test]
    fn names_are_read_as_they_are_written() {
        for point in Point::all() {
            assert_eq!(Point::from_name(&point.name()), Some(point));
        }
        assert_eq!(Point::new(1, 2).name(), *b"S1T2");
        assert_eq!(Point::from_name(b"S7T4"), Some(Point::TOP), "more than we tell apart");
        for other in [b"".as_slice(), b"h", b"S8T0", b"S0T8", b"S1T22", b"T1S2", b"S/T0"] {
            assert_eq!(Point::from_name(other), None, "{other:?}");
        }
    }

    /// A decoder that is given a layer before it can decode it shows garbage or nothing.
    #[test]
    fn one_goes_up_only_as_far_as_a_picture_that_one_gets_allows() {
        let (base, top) = (Point::BASE, Point::new(2, 2));
        assert_eq!(picture((0, 0), (3, 3)).leads(base, top), top, "a key picture");
        assert_eq!(picture((0, 0), (0, 0)).leads(base, top), base, "any other");
        assert_eq!(
            picture((0, 0), (0, 3)).leads(base, top),
            Point::new(0, 2),
            "its U bit speaks of time alone"
        );
        assert_eq!(picture((0, 1), (0, 3)).leads(base, top), base, "not sent to this viewer");
        assert_eq!(picture((0, 1), (0, 3)).leads(Point::new(1, 1), top), Point::new(1, 2));
        let middle = PacketLayer { begins_picture: false, ..picture((0, 0), (3, 3)) };
        assert_eq!(middle.leads(base, top), base);
    }

    /// Congestion does not wait for a key frame.
    #[test]
    fn one_goes_down_with_any_picture() {
        let top = Point::new(2, 2);
        assert_eq!(picture((0, 2), (0, 2)).leads(top, Point::BASE), Point::BASE);
        assert_eq!(
            picture((0, 2), (0, 2)).leads(top, Point::new(0, 3)),
            Point::new(0, 2),
            "down in size, not up in time"
        );
        let middle = PacketLayer { begins_picture: false, ..picture((1, 0), (3, 3)) };
        assert_eq!(
            middle.leads(top, Point::BASE),
            top,
            "a viewer keeps the layers of a picture that it has begun"
        );
    }

    /// Without a marker a player waits for the rest of a picture that never comes.
    #[test]
    fn a_picture_ends_with_the_highest_layer_that_is_sent() {
        let end = PacketLayer { ends_layer: true, ..picture((1, 0), (0, 0)) };
        assert!(end.ends_picture_at(Point::new(1, 2)));
        assert!(!end.ends_picture_at(Point::new(0, 2)) && !end.ends_picture_at(Point::new(2, 2)));
        assert!(!picture((1, 0), (0, 0)).ends_picture_at(Point::new(1, 2)));
    }
}
