//! What the sessions of a run negotiate: one codec of each kind and the header extensions that browsers offer.

use std::time::Instant;

use str0m::format::{Codec as EngineCodec, CodecConfig};
use str0m::media::MediaKind;
use str0m::rtp::Extension;
use str0m::{Rtc, RtcConfig};

use crate::plan::{Codec, Publishers};

/// H.264 constrained baseline, level 3.1: what each browser has.
const H264_PROFILE: u32 = 0x42_e01f;
const H264_PAYLOAD_TYPES: [u8; 2] = [108, 109];

/// Payload types of the one codec of each kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PayloadTypes {
    pub(crate) sound: u8,
    pub(crate) picture: u8,
    pub(crate) resent: u8,
}

/// Transport-wide feedback's header extension of viewers.
pub(crate) const TRANSPORT_WIDE_ID: u8 = 3;

/// The codecs of a plan. `estimation`: with transport-wide feedback. A viewer that does not give it must not offer it: a
/// server that waited for it would throttle.
pub(crate) fn codecs(publishers: &Publishers, estimation: bool) -> CodecConfig {
    let mut config = CodecConfig::empty();
    config.enable_opus(true, false);
    match publishers.codec {
        Codec::Vp8 => config.enable_vp8(true),
        Codec::Vp9 => config.enable_vp9(true),
        Codec::Av1 => config.enable_av1(true),
        Codec::H264 => {
            let [payload_type, resent] = H264_PAYLOAD_TYPES.map(Into::into);
            config.add_h264(payload_type, Some(resent), true, H264_PROFILE);
        }
    }
    let mut chosen: Vec<_> = Vec::new();
    for params in config.params() {
        let mut params = *params;
        params.set_fb_transport_cc(estimation);
        params.set_fb_remb(false);
        // VP9 has two profiles: the first is the one that all have.
        if chosen.iter().all(|one: &str0m::format::PayloadParams| one.spec().codec != params.spec().codec) {
            chosen.push(params);
        }
    }
    CodecConfig::new_from_payload_params(chosen)
}

/// As the codecs have them.
pub(crate) fn payload_types(codecs: &CodecConfig) -> PayloadTypes {
    let find = |is_sound: bool| {
        codecs.params().iter().find(|one| (one.spec().codec == EngineCodec::Opus) == is_sound)
    };
    let of = |is_sound| find(is_sound).map_or(0, |one| *one.pt());
    let resent = find(false).and_then(|one| one.resend()).map_or(0, |payload_type| *payload_type);
    PayloadTypes { sound: of(true), picture: of(false), resent }
}

/// A session that publishes: stock str0m, with what it has.
pub(crate) fn publisher(publishers: &Publishers) -> Rtc {
    let mut config = Rtc::builder().set_rtp_mode(true);
    *config.codec_config() = codecs(publishers, true);
    config.build(Instant::now())
}

/// A session that watches: what browsers offer and a server would have to write.
pub(crate) fn viewer(codecs: CodecConfig, estimation: bool) -> RtcConfig {
    let mut config = Rtc::builder()
        .clear_extension_map()
        .set_extension(1, Extension::AudioLevel)
        .set_extension(2, Extension::AbsoluteSendTime)
        .set_extension(4, Extension::RtpMid)
        .set_rtp_mode(true);
    if estimation {
        config = config.set_extension(TRANSPORT_WIDE_ID, Extension::TransportSequenceNumber);
    }
    *config.codec_config() = codecs;
    config
}

/// The kinds of tracks that a plan has.
pub(crate) fn kinds(publishers: &Publishers) -> Vec<MediaKind> {
    let rates = [
        (MediaKind::Audio, publishers.sound_kbit_per_second),
        (MediaKind::Video, publishers.video_kbit_per_second),
    ];
    rates.into_iter().filter(|(_, rate)| *rate > 0).map(|(kind, _)| kind).collect()
}
