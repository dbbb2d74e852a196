//! On which terms a session is opened: what the dataplane enforces for control, and what it keeps for it.

use serde::{Deserialize, Serialize};

use crate::TrackKind;

/// Longest keepsake, bytes: some dozens of claims of a token. A session with a longer one is refused.
pub const KEEPSAKE_BYTES_MAX: usize = 2_048;

/// What control has a session opened with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Most media of a publisher, or to a viewer, bit/s. None: as much as the way takes.
    pub bitrate_bps_max: Option<u64>,
    /// What control wants to find again in a snapshot. The dataplane does not look into it.
    pub keepsake: Vec<u8>,
}

/// What an operator has muted of a session: of a publisher for everybody, of a viewer for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MutedKinds {
    pub audio: bool,
    pub video: bool,
}

impl MutedKinds {
    pub const fn set(&mut self, kind: TrackKind, muted: bool) {
        match kind {
            TrackKind::Audio => self.audio = muted,
            TrackKind::Video => self.video = muted,
        }
    }

    /// The kinds that are muted.
    pub fn iter(self) -> impl Iterator<Item = TrackKind> {
        let audio = self.audio.then_some(TrackKind::Audio);
        audio.into_iter().chain(self.video.then_some(TrackKind::Video))
    }
}

impl Terms {
    /// Whether the keepsake is one that is kept.
    #[must_use]
    pub const fn are_bounded(&self) -> bool {
        self.keepsake.len() <= KEEPSAKE_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A new control tells from this what a session's user sees and hears.
    #[test]
    fn kinds_are_muted_apart() {
        let mut muted = MutedKinds::default();
        assert_eq!(muted.iter().count(), 0);
        muted.set(TrackKind::Video, true);
        assert_eq!(muted.iter().collect::<Vec<_>>(), [TrackKind::Video]);
        muted.set(TrackKind::Audio, true);
        muted.set(TrackKind::Video, false);
        assert_eq!(muted, MutedKinds { audio: true, video: false });
    }

    /// A snapshot holds one for each session, and must fit into a frame.
    #[test]
    fn a_keepsake_is_bounded() {
        let terms = |len| Terms { bitrate_bps_max: None, keepsake: vec![7; len] };
        assert!(terms(0).are_bounded() && terms(KEEPSAKE_BYTES_MAX).are_bounded());
        assert!(!terms(KEEPSAKE_BYTES_MAX + 1).are_bounded());
    }
}
