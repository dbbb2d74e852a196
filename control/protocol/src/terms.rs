//! On which terms a session is opened: what the dataplane enforces for control, and what it keeps for it.

use serde::{Deserialize, Serialize};

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

    /// A snapshot holds one for each session, and must fit into a frame.
    #[test]
    fn a_keepsake_is_bounded() {
        let terms = |len| Terms { bitrate_bps_max: None, keepsake: vec![7; len] };
        assert!(terms(0).are_bounded() && terms(KEEPSAKE_BYTES_MAX).are_bounded());
        assert!(!terms(KEEPSAKE_BYTES_MAX + 1).are_bounded());
    }
}
