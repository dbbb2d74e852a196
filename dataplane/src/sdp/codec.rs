//! Codecs as SDP names them: which rtpmap is one of ours, in which variant, and which viewer plays it.
//!
//! Sources: Opus RFC 7587, VP8 RFC 7741, VP9 RFC 9628, H.264 RFC 6184, H.265 RFC 7798, AV1 the RTP payload format of AOM.
//! Multi-channel Opus (`multiopus`) is not one of ours: it has no RFC and no other browser plays it.

use std::fmt;

use fanlight_wire::codec::Codec;

use super::h264;
use super::parse::decimal;

/// `a=fmtp` parameters: names in lower case, values of legal characters only.
pub(super) type Parameters = Vec<(String, String)>;

/// A codec with what decides whether a decoder plays it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    Opus,
    Vp8,
    Vp9 {
        profile: u8,
    },
    H264 {
        profile: h264::Profile,
        /// Packetization-mode 1: STAP-A and FU-A may occur; 0: single NAL units only.
        fragments: bool,
    },
    H265 {
        profile: u8,
        high_tier: bool,
    },
    Av1 {
        profile: u8,
    },
}

impl Variant {
    /// The variant that a codec's parameters name, with the defaults of its RFC. None: a variant not served.
    pub(super) fn of(codec: Codec, parameters: &Parameters) -> Option<Self> {
        let number = |name, default| match find(parameters, name) {
            Some(text) => decimal::<u8>(text),
            None => Some(default),
        };
        match codec {
            Codec::Opus => Some(Self::Opus),
            Codec::Vp8 => Some(Self::Vp8),
            Codec::Vp9 => {
                Some(Self::Vp9 { profile: number("profile-id", 0).filter(|profile| *profile < 4)? })
            }
            Codec::Av1 => Some(Self::Av1 { profile: number("profile", 0).filter(|profile| *profile < 3)? }),
            Codec::H264 => {
                // RFC 6184 infers Baseline of an absent id; GStreamer leaves it out until the encoder has spoken.
                let profile = h264::Profile::parse(find(parameters, "profile-level-id").unwrap_or("42e01f"))?;
                // Mode 2 interleaves NAL units, which no browser takes.
                let fragments = match number("packetization-mode", 0)? {
                    0 => false,
                    1 => true,
                    _ => return None,
                };
                Some(Self::H264 { profile, fragments })
            }
            Codec::H265 => {
                // One RTP stream on one transport is all that is served. RFC 7798 §7.1.
                if !find(parameters, "tx-mode").unwrap_or("SRST").eq_ignore_ascii_case("SRST") {
                    return None;
                }
                let high_tier = number("tier-flag", 0)? == 1;
                Some(Self::H265 { profile: number("profile-id", 1)?, high_tier })
            }
        }
    }

    pub(super) fn codec(self) -> Codec {
        match self {
            Self::Opus => Codec::Opus,
            Self::Vp8 => Codec::Vp8,
            Self::Vp9 { .. } => Codec::Vp9,
            Self::H264 { .. } => Codec::H264,
            Self::H265 { .. } => Codec::H265,
            Self::Av1 { .. } => Codec::Av1,
        }
    }

    /// Whether a receiver of this variant plays a stream of that one.
    pub(super) fn plays(self, stream: Self) -> bool {
        match (self, stream) {
            (Self::Opus, Self::Opus) | (Self::Vp8, Self::Vp8) => true,
            // VP9's profiles are bit depths and subsamplings: none contains another.
            (Self::Vp9 { profile: own }, Self::Vp9 { profile }) => own == profile,
            // Each AV1 profile contains the ones below it (AV1 specification, annex A.2).
            (Self::Av1 { profile: own }, Self::Av1 { profile }) => own >= profile,
            (Self::H264 { profile: own, fragments: reassembles }, Self::H264 { profile, fragments }) => {
                own.plays(profile) && (reassembles || !fragments)
            }
            (Self::H265 { profile: own, high_tier: high }, Self::H265 { profile, high_tier }) => {
                // Main 10 (2) contains Main (1): H.265 annex A.3.3.
                (own == profile || (own == 2 && profile == 1)) && (high || !high_tier)
            }
            _ => false,
        }
    }

    /// What each WebRTC browser must decode (RFC 7742 §5 and §6.2), so that nobody is shut out of the stream.
    pub(super) fn plays_everywhere(self) -> bool {
        self == Self::H264 { profile: h264::Profile::Baseline, fragments: true }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(name(self.codec()))?;
        match self {
            Self::Opus | Self::Vp8 => Ok(()),
            Self::Vp9 { profile } | Self::Av1 { profile } => write!(formatter, " profile {profile}"),
            Self::H264 { profile, fragments } => {
                write!(formatter, " {profile} packetization-mode {}", u8::from(*fragments))
            }
            Self::H265 { profile, high_tier } => {
                write!(formatter, " profile {profile}{}", if *high_tier { " high tier" } else { "" })
            }
        }
    }
}

/// The encoding name of the codec's rtpmap.
pub(super) fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Opus => "opus",
        Codec::Vp8 => "VP8",
        Codec::Vp9 => "VP9",
        Codec::H264 => "H264",
        Codec::H265 => "H265",
        Codec::Av1 => "AV1",
    }
}

/// RTP clock ticks a second: fixed for each codec by its RFC.
pub(super) fn clock_rate_hz(codec: Codec) -> u32 {
    if codec.is_video() { 90_000 } else { 48_000 }
}

/// Channels in the rtpmap: Opus always says two (RFC 7587 §7), video none.
pub(super) fn channels(codec: Codec) -> Option<u8> {
    (!codec.is_video()).then_some(2)
}

/// The codec of an rtpmap's `<name>/<clock>[/<channels>]`, if it is one of ours.
pub(super) fn from_rtpmap(encoding: &str) -> Option<Codec> {
    const ALL: [Codec; 6] = [Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1];
    let mut parts = encoding.split('/');
    let (encoding_name, clock, channel_count) = (parts.next()?, parts.next()?, parts.next());
    ALL.into_iter().find(|codec| {
        encoding_name.eq_ignore_ascii_case(name(*codec))
            && decimal(clock) == Some(clock_rate_hz(*codec))
            && channel_count.map(decimal) == channels(*codec).map(Some)
            && parts.clone().next().is_none()
    })
}

/// The parameters that a receiver states and an answer repeats, by codec. Others are left out of an answer, which makes
/// them their default.
pub(super) fn receiver_parameters(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Opus => {
            &["minptime", "useinbandfec", "stereo", "usedtx", "cbr", "maxaveragebitrate", "maxplaybackrate"]
        }
        Codec::Vp8 => &[],
        Codec::Vp9 => &["profile-id"],
        Codec::H264 => &["level-asymmetry-allowed", "packetization-mode", "profile-level-id"],
        Codec::H265 => &["level-id", "profile-id", "tier-flag", "tx-mode"],
        Codec::Av1 => &["level-idx", "profile", "tier"],
    }
}

/// The parameters that describe the stream itself, by codec: they go from the publisher to each viewer. A publisher
/// that states its parameter sets here may leave them out of the stream.
pub(super) fn stream_parameters(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::Opus => &["sprop-stereo"],
        Codec::H264 => &["sprop-parameter-sets"],
        Codec::H265 => &["sprop-vps", "sprop-sps", "sprop-pps"],
        Codec::Vp8 | Codec::Vp9 | Codec::Av1 => &[],
    }
}

/// Reads the value of an `a=fmtp` after its payload type. What is no `name=value` of harmless characters is left out.
pub(super) fn parse_parameters(text: &str) -> Parameters {
    text.split(';')
        .filter_map(|part| part.trim().split_once('='))
        .filter(|(key, value)| key.len() <= 32 && is_plain(key) && value.len() <= 1024 && is_plain(value))
        .map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
        .take(PARAMETERS_MAX)
        .collect()
}

/// The value of a parameter.
pub(super) fn find<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// The named parameters of a list, in the order of the names.
pub(super) fn keep(parameters: &Parameters, names: &[&str]) -> Parameters {
    let named = |name: &&str| find(parameters, name).map(|value| ((*name).to_owned(), value.to_owned()));
    names.iter().filter_map(named).collect()
}

/// Of one fmtp line; the longest known has 12.
const PARAMETERS_MAX: usize = 32;

/// Names, numbers, base64 and lists of them.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+/=,".contains(&byte))
}
