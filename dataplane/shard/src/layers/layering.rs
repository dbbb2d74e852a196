//! What one subscription to a source in layers is doing: the layer it gets, the one it is going over to, what it would have.

use std::time::Instant;

use super::rise::Rise;
use super::{FrameSize, LayerSet};
use crate::limits::LAYERS_MAX;
use crate::spec::TrackId;

/// What a viewer was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ToldLayer {
    pub(crate) place: usize,
    pub(crate) sizes: [FrameSize; LAYERS_MAX],
    pub(crate) flowing: LayerSet,
}

/// See the file's head.
#[derive(Debug)]
pub(crate) struct Layering {
    /// Names the source on the shard: its first layer.
    pub(crate) source: TrackId,
    /// The place of the layer whose track the subscription is on.
    pub(crate) current: usize,
    /// Whose first packet of a key frame it waits for. Of that track it is a subscriber too.
    pub(crate) target: Option<usize>,
    /// The target is a better layer.
    pub(crate) is_rising: bool,
    /// What it has, is going over to, and would have if its publisher sent it.
    pub(crate) wants: LayerSet,
    pub(crate) rise: Rise,
    /// When to look again.
    pub(crate) due: Instant,
    pub(crate) told: Option<(ToldLayer, Instant)>,
}

impl Layering {
    pub(crate) fn new(source: TrackId, current: usize, now: Instant) -> Self {
        Self {
            source,
            current,
            target: None,
            is_rising: false,
            wants: LayerSet::default(),
            rise: Rise::default(),
            due: now,
            told: None,
        }
    }

    /// The subscription is on that layer now.
    pub(crate) fn arrive(&mut self, now: Instant, place: usize) {
        if std::mem::take(&mut self.is_rising) {
            self.rise.rose(now);
        }
        self.current = place;
        self.target = None;
        self.due = now;
    }
}
