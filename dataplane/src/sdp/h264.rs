//! H.264 profiles as SDP names them, and which decoder plays which stream. RFC 6184 §8.1, H.264 annex A.2.
//!
//! Levels are not compared: peers state the level they were tested at, not the one they reach (browsers offer 3.1 and
//! decode 1080p), so a comparison would refuse what plays.

use std::fmt;

/// A profile of `profile-level-id`, as far as real-time encoders use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// Constrained Baseline, which each WebRTC endpoint must decode (RFC 7742 §6.2). Baseline counts as it: what Baseline
    /// has beyond it (FMO, ASO, redundant slices) no real-time encoder writes, and browsers mean the one by the other.
    Baseline,
    Main,
    ConstrainedHigh,
    High,
    High444,
}

impl Profile {
    /// Reads `profile_idc`, the constraint flags and the level as six hexadecimal digits. None: no such number, or a
    /// profile no browser plays. RFC 6184 §8.1, table 5.
    pub(super) fn parse(profile_level_id: &str) -> Option<Self> {
        if profile_level_id.len() != 6 || !profile_level_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, idc, flags, _level] = u32::from_str_radix(profile_level_id, 16).ok()?.to_be_bytes();
        match idc {
            0x42 => Some(Self::Baseline),
            // A Main or Extended stream that keeps the rules of Baseline and Main as well: constraint_set0 and 1.
            0x4D if flags & 0x80 != 0 => Some(Self::Baseline),
            0x58 if flags & 0xC0 == 0xC0 => Some(Self::Baseline),
            0x4D => Some(Self::Main),
            // constraint_set4 and 5: no interlace, no B slices.
            0x64 if flags & 0x0C == 0x0C => Some(Self::ConstrainedHigh),
            0x64 => Some(Self::High),
            0xF4 => Some(Self::High444),
            _ => None,
        }
    }

    /// Whether a decoder of this profile plays a stream of that one. H.264 annex A.2, "decoders conforming to".
    pub(super) fn plays(self, stream: Self) -> bool {
        match stream {
            Self::Baseline => true,
            Self::Main => matches!(self, Self::Main | Self::High | Self::High444),
            Self::ConstrainedHigh => matches!(self, Self::ConstrainedHigh | Self::High | Self::High444),
            Self::High => matches!(self, Self::High | Self::High444),
            Self::High444 => self == Self::High444,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Baseline => "baseline",
            Self::Main => "main",
            Self::ConstrainedHigh => "constrained high",
            Self::High => "high",
            Self::High444 => "high 4:4:4 predictive",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;

    /// The ids that browsers, OBS and GStreamer write, so that a table slip shows as the peer it would lock out.
    #[test]
    fn the_ids_of_known_peers_name_their_profiles() {
        let known = [
            ("42e01f", Profile::Baseline),
            ("42001f", Profile::Baseline),
            ("42C015", Profile::Baseline),
            ("4d001f", Profile::Main),
            ("4de01f", Profile::Baseline),
            ("640c1f", Profile::ConstrainedHigh),
            ("64001f", Profile::High),
            ("f4001f", Profile::High444),
        ];
        for (id, profile) in known {
            assert_eq!(Profile::parse(id), Some(profile), "{id}");
        }
        for id in ["", "42e0", "42e01f0", "+2e01f", "6e001f", "zz001f"] {
            assert_eq!(Profile::parse(id), None, "{id}");
        }
    }

    /// A viewer must never be sent a stream that its decoder may not know, and each decoder plays its own profile.
    #[test]
    fn a_decoder_plays_its_own_profile_and_those_it_contains() {
        let all =
            [Profile::Baseline, Profile::Main, Profile::ConstrainedHigh, Profile::High, Profile::High444];
        for profile in all {
            assert!(profile.plays(profile), "{profile}");
            assert!(profile.plays(Profile::Baseline), "{profile}");
            assert!(Profile::High444.plays(profile), "{profile}");
            assert!(!Profile::Baseline.plays(profile) || profile == Profile::Baseline, "{profile}");
        }
        assert!(!Profile::ConstrainedHigh.plays(Profile::Main));
        assert!(!Profile::Main.plays(Profile::ConstrainedHigh));
        assert!(Profile::High.plays(Profile::Main));
    }
}
