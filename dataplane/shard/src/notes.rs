//! What happened to a session that its owner may want to know: the last [`NOTES_MAX`] events, with their times.
//!
//! Notes are rare by nature or made rare: a repeated one within [`NOTE_MERGE`] adds to the one before it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::layers::{FrameSize, LayerSet};
use crate::limits::{LAYERS_MAX, NOTE_MERGE, NOTES_MAX};
use crate::spec::Rid;
use crate::svc::Point;

/// Something notable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// Since the shard took the session.
    pub after: Duration,
    pub what: Notable,
}

/// What happened. `video` tells which of the session's tracks, where it could be either. The protocol with control has the
/// same words, and says what each means to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notable {
    Connected,
    PathChanged,
    TrackStarted {
        video: bool,
    },
    SourceChanged {
        video: bool,
    },
    SourceSilent {
        video: bool,
    },
    SourceBack {
        video: bool,
        silent_ms: u32,
    },
    Nacked {
        video: bool,
        packets: u32,
    },
    Lost {
        video: bool,
        packets: u32,
    },
    KeyFrameAsked,
    KeyFrameCame {
        waited_ms: u32,
    },
    FirstFrame {
        waited_ms: u32,
        from_store: bool,
    },
    CaughtUp {
        took_ms: u32,
    },
    Constrained {
        estimate_bps: u64,
        stream_bps: u64,
    },
    Unconstrained {
        estimate_bps: u64,
    },
    VideoSkipped {
        packets: u32,
    },
    Paused {
        video: bool,
    },
    Resumed {
        video: bool,
    },
    /// By an operator: of a publisher for `everybody`, or of one viewer for it.
    Muted {
        video: bool,
        everybody: bool,
    },
    Unmuted {
        video: bool,
        everybody: bool,
    },
    Switched {
        video: bool,
    },
    IceRestarted,
    /// A viewer gets this layer now. `sizes` and `flowing`: of all layers of its source, by their places.
    LayerChanged {
        layer: Rid,
        size: FrameSize,
        sizes: [FrameSize; LAYERS_MAX],
        flowing: LayerSet,
    },
    /// A viewer of a stream in layers is at this operating point now. `points`, `sizes` and `flowing`: of those that are chosen
    /// from, from the lowest on.
    PointChanged {
        point: Point,
        size: FrameSize,
        points: [Option<Point>; LAYERS_MAX],
        sizes: [FrameSize; LAYERS_MAX],
        flowing: LayerSet,
    },
    /// Of a publisher's layers somebody watches these.
    LayersWanted {
        layers: LayerSet,
    },
}

impl Notable {
    /// Whether the session's user is told at once, rather than when somebody asks.
    #[must_use]
    pub(crate) const fn is_urgent(&self) -> bool {
        matches!(
            self,
            Self::SourceSilent { .. }
                | Self::SourceBack { .. }
                | Self::FirstFrame { .. }
                | Self::Constrained { .. }
                | Self::Unconstrained { .. }
                | Self::VideoSkipped { .. }
                | Self::Paused { .. }
                | Self::Resumed { .. }
                | Self::Muted { .. }
                | Self::Unmuted { .. }
                | Self::Switched { .. }
                | Self::LayerChanged { .. }
                | Self::PointChanged { .. }
                | Self::LayersWanted { .. }
        )
    }

    /// This note with a later one of the same kind added to it, or None if they are two things.
    fn merged(self, later: Self) -> Option<Self> {
        match (self, later) {
            (Self::Nacked { video, packets }, Self::Nacked { video: same, packets: more })
                if video == same =>
            {
                Some(Self::Nacked { video, packets: packets.saturating_add(more) })
            }
            (Self::Lost { video, packets }, Self::Lost { video: same, packets: more }) if video == same => {
                Some(Self::Lost { video, packets: packets.saturating_add(more) })
            }
            (Self::VideoSkipped { packets }, Self::VideoSkipped { packets: more }) => {
                Some(Self::VideoSkipped { packets: packets.saturating_add(more) })
            }
            (Self::KeyFrameAsked, Self::KeyFrameAsked) => Some(self),
            _ => None,
        }
    }
}

/// See the file's head.
#[derive(Debug, Default)]
pub(crate) struct Notes(VecDeque<Note>);

impl Notes {
    /// Writes it down. True: it is new and urgent, and the session's user is to be told.
    pub(crate) fn add(&mut self, after: Duration, what: Notable) -> bool {
        let recent = self.0.iter_mut().rev().take_while(|note| after < note.after + NOTE_MERGE);
        for note in recent {
            if let Some(merged) = note.what.merged(what) {
                note.what = merged;
                return false;
            }
        }
        if self.0.len() == NOTES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Note { after, what });
        what.is_urgent()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Note> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(notes: &Notes) -> Vec<Notable> {
        notes.iter().map(|note| note.what).collect()
    }

    /// A lossy minute must not push out how the session began.
    #[test]
    fn bursts_of_one_kind_are_one_note() {
        let mut notes = Notes::default();
        notes.add(Duration::ZERO, Notable::Connected);
        for packet in 0..50 {
            let now = NOTE_MERGE / 100 * packet;
            notes.add(now, Notable::Nacked { video: true, packets: 1 });
            notes.add(now, Notable::Nacked { video: false, packets: 2 });
        }
        let video = Notable::Nacked { video: true, packets: 50 };
        let audio = Notable::Nacked { video: false, packets: 100 };
        assert_eq!(list(&notes), [Notable::Connected, video, audio]);
        notes.add(2 * NOTE_MERGE, Notable::Nacked { video: true, packets: 7 });
        assert_eq!(notes.iter().count(), 4, "the next burst is another note");
    }

    /// Memory a session is bounded, whatever its peer does; what is kept is the latest.
    #[test]
    fn the_oldest_note_makes_room() {
        let mut notes = Notes::default();
        for number in 0..3 * NOTES_MAX {
            let waited_ms = u32::try_from(number).unwrap();
            notes.add(Duration::from_secs(number as u64), Notable::KeyFrameCame { waited_ms });
        }
        let last = u32::try_from(3 * NOTES_MAX - 1).unwrap();
        assert_eq!(notes.iter().count(), NOTES_MAX);
        assert_eq!(list(&notes).last(), Some(&Notable::KeyFrameCame { waited_ms: last }));
    }
}
