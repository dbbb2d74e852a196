//! Simulcast: a source in several layers, each of them a track of its own, of which a viewer gets one at a time.
//!
//! ```text
//!   publisher ─► meter ─► ladder ──┬─(home)───► selection ─► switching ─► a key frame of the target: go over
//!                 a layer  rungs   └─ Standing ─► (mirror)       │              numbers, time and descriptor
//!                                                                │              go on without a seam
//!   publisher ◄─ layers wanted ◄── source ◄─ Wanted ◄────────────┘ wants
//! ```
//!
//! [`meter`] and [`ladder`] say what there is, [`selection`] is a function of that and of what the viewer's network and wish
//! allow, [`rise`] makes it patient upwards, [`switching`] carries it out, and [`source`] tells other shards what there is and
//! the publisher what nobody watches. Selection runs every [`SELECT_INTERVAL`] a viewer, never a packet.
//!
//! [`SELECT_INTERVAL`]: crate::limits::SELECT_INTERVAL

pub(crate) mod descriptor;
pub(crate) mod ladder;
pub(crate) mod layering;
pub(crate) mod meter;
pub(crate) mod rise;
pub(crate) mod selection;
pub(crate) mod source;
pub(crate) mod switching;
pub(crate) mod view;

pub use ladder::{Ladder, Rung};

/// Width and height of a picture, pixels. 0 × 0: not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameSize {
    pub width: u16,
    pub height: u16,
}

impl FrameSize {
    #[must_use]
    pub const fn is_known(self) -> bool {
        self.width > 0 && self.height > 0
    }

    pub(crate) fn pixels(self) -> u32 {
        u32::from(self.width) * u32::from(self.height)
    }
}

/// Some of a source's layers, by their places in the publisher's order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerSet(u8);

impl LayerSet {
    #[must_use]
    pub fn contains(self, place: usize) -> bool {
        self.0 & Self::bit(place) != 0
    }

    #[must_use]
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn bit(place: usize) -> u8 {
        u32::try_from(place).ok().and_then(|place| 1_u8.checked_shl(place)).unwrap_or_default()
    }
}

impl FromIterator<usize> for LayerSet {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        Self(places.into_iter().fold(0, |set, place| set | Self::bit(place)))
    }
}
