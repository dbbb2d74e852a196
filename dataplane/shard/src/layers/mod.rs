//! Simulcast: the layers of a source, and which of them a viewer gets.

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
}

/// Some of a source's layers, by their places in the publisher's order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LayerSet(u8);

impl LayerSet {
    #[must_use]
    pub fn contains(self, place: usize) -> bool {
        self.0 & Self::bit(place) != 0
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
