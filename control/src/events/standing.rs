//! What lasts of a session's notes: a source that is silent, a kind that is paused or
//! muted, a connection that is too slow, the layer
//! that a viewer gets, the layers that a publisher's viewers get.

use std::collections::BTreeMap;

use fanlight_protocol::{LayerState, Notable, Note};

/// Something that begins with one note and ends with another. `bool`: video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lasting {
    Silent(bool),
    Paused(bool),
    Muted(bool),
    Constrained,
    Layer,
    LayersWanted,
}

impl Lasting {
    /// What `what` begins (true) or ends.
    const fn of(what: &Notable) -> Option<(Self, bool)> {
        match *what {
            Notable::SourceSilent { video } => Some((Self::Silent(video), true)),
            Notable::SourceBack { video, .. } => Some((Self::Silent(video), false)),
            Notable::Paused { video } => Some((Self::Paused(video), true)),
            Notable::Resumed { video } => Some((Self::Paused(video), false)),
            Notable::Muted { video, .. } => Some((Self::Muted(video), true)),
            Notable::Unmuted { video, .. } => Some((Self::Muted(video), false)),
            Notable::Constrained { .. } => Some((Self::Constrained, true)),
            Notable::Unconstrained { .. } => Some((Self::Constrained, false)),
            Notable::Layer { .. } => Some((Self::Layer, true)),
            // Another publisher's layers are others.
            Notable::Switched { video: true } => Some((Self::Layer, false)),
            Notable::LayersWanted { .. } => Some((Self::LayersWanted, true)),
            _ => None,
        }
    }
}

/// Notes of what lasts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standing(BTreeMap<Lasting, Note>);

impl Standing {
    pub(crate) fn apply(&mut self, note: Note) {
        match Lasting::of(&note.what) {
            Some((lasting, true)) => drop(self.0.insert(lasting, note)),
            Some((lasting, false)) => drop(self.0.remove(&lasting)),
            None => {}
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn notes(&self) -> impl Iterator<Item = &Note> {
        self.0.values()
    }

    /// The layer that a viewer gets, and all that there are.
    pub(crate) fn layer(&self) -> Option<(&str, &[LayerState])> {
        match &self.0.get(&Lasting::Layer)?.what {
            Notable::Layer { layer, layers, .. } => Some((layer, layers)),
            _ => None,
        }
    }

    /// Which of a publisher's layers somebody watches.
    pub(crate) fn layers_wanted(&self) -> Option<&[String]> {
        match &self.0.get(&Lasting::LayersWanted)?.what {
            Notable::LayersWanted { layers } => Some(layers),
            _ => None,
        }
    }

    /// Whether a viewer wants no media of a kind for now.
    pub(crate) fn is_paused(&self, video: bool) -> bool {
        self.0.contains_key(&Lasting::Paused(video))
    }
}

impl FromIterator<Note> for Standing {
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        let mut standing = Self::default();
        notes.into_iter().for_each(|note| standing.apply(note));
        standing
    }
}

/// Whether a publisher's note is news for its viewers.
pub(crate) const fn concerns_viewers(what: &Notable) -> bool {
    matches!(
        what,
        Notable::SourceSilent { .. }
            | Notable::SourceBack { .. }
            | Notable::Muted { .. }
            | Notable::Unmuted { .. }
    )
}
