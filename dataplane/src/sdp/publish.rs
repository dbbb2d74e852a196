//! What a publisher's offer comes to: at most one audio and one video track, each with the codec it is published in.
//!
//! Of each kind the first m-section that sends a codec of ours is taken and the others are refused. The codec is the
//! first in the offerer's order that the policy allows; of H.264, which browsers offer in up to eight variants, the one
//! that each browser plays, so that no viewer is shut out by the order in which a publisher's browser lists profiles.

use fanlight_shard::{PublishSpec, PublishedTrack, ShardId, TrackId};
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, ExtensionMap, Ssrc};

use super::agreed::{self, Agreed, media_formats};
use super::answer::{self, Accepted, Setup, TransportParameters};
use super::codec::{self, Parameters, Variant};
use super::error::SdpError;
use super::extension::{self, Extension};
use super::format::{Encoding, Feedback, Format};
use super::offer::Offer;
use super::section::{Direction, Kind, Section};

/// Which codecs may be published. The order is the offerer's, not the policy's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub audio_codecs: Vec<Codec>,
    pub video_codecs: Vec<Codec>,
}

impl Default for Policy {
    /// All that is served.
    fn default() -> Self {
        Self {
            audio_codecs: vec![Codec::Opus],
            video_codecs: vec![Codec::Vp8, Codec::Vp9, Codec::H264, Codec::H265, Codec::Av1],
        }
    }
}

impl Policy {
    fn allows(&self, codec: Codec) -> bool {
        self.audio_codecs.contains(&codec) || self.video_codecs.contains(&codec)
    }
}

/// A published stream, as those who offer to watch it need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    pub tracks: Vec<PublishedCodec>,
}

/// One track of a published stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedCodec {
    pub track: TrackId,
    /// The shard where the publisher landed.
    pub home: ShardId,
    pub codec: Codec,
    /// RTP clock ticks a second.
    pub clock_rate_hz: u32,
    /// Of the rtpmap: 2 for Opus; None for video.
    pub channels: Option<u8>,
    /// Redundant audio may come (RFC 2198): viewers that know it get it as it is.
    pub red: bool,
    /// fmtp parameters, names in lower case: the profile, and parameter sets where the publisher states them.
    pub parameters: Vec<(String, String)>,
}

impl PublishedCodec {
    /// Whether a viewer of this track can go on with that one as it is: its decoder plays all that this one could be.
    pub fn can_go_on_as(&self, other: &Self) -> bool {
        let variants =
            Variant::of(self.codec, &self.parameters).zip(Variant::of(other.codec, &other.parameters));
        variants.is_some_and(|(own, other)| own.plays(other))
    }
}

/// An offer to publish, decided.
#[derive(Debug, Clone)]
pub struct PublishPlan {
    tracks: Vec<PlannedTrack>,
    data: Option<usize>,
    extensions: ExtensionMap,
}

/// One track to be published.
#[derive(Debug, Clone)]
struct PlannedTrack {
    agreed: Agreed,
    ssrc: Option<Ssrc>,
    rtx_ssrc: Option<Ssrc>,
    /// The stream's own parameters, beside those in the answer.
    published: Parameters,
}

/// Decides what of an offer is published.
///
/// # Errors
/// [`SdpError::NoCommonCodec`] if no m-section can be taken, or what keeps the taken ones from sharing a transport.
pub fn plan_publish(offer: &Offer, policy: &Policy) -> Result<PublishPlan, SdpError> {
    let mut extensions = ExtensionMap::new();
    let mut tracks: Vec<PlannedTrack> = Vec::new();
    for kind in [Kind::Audio, Kind::Video] {
        let chosen = senders(offer, kind).find_map(|(place, section)| {
            choose(section, policy).map(|(format, variant)| (place, section, format, variant))
        });
        // A stream without its sound is worse than a message.
        if chosen.is_none() && senders(offer, kind).any(|(_, section)| is_multi_channel(section)) {
            return Err(SdpError::MultiChannelAudio);
        }
        if let Some((place, section, format, variant)) = chosen {
            tracks.push(PlannedTrack::new(place, section, format, variant, &mut extensions));
        }
    }
    if tracks.is_empty() {
        return Err(nothing_to_take(offer, policy));
    }
    let data = offer.data_section();
    let taken: Vec<usize> = tracks.iter().map(|track| track.agreed.place).chain(data).collect();
    offer.check_transport(&taken)?;
    agreed::check_payload_types(tracks.iter().map(|track| &track.agreed))?;
    check_ssrcs(&tracks)?;
    Ok(PublishPlan { tracks, data, extensions })
}

impl PublishPlan {
    /// The plan for a shard, each track under a name of its own.
    pub fn spec(&self, mut track_ids: impl FnMut() -> TrackId) -> PublishSpec {
        let tracks = self.tracks.iter().map(|planned| planned.spec(track_ids())).collect();
        PublishSpec { tracks, extensions: self.extensions }
    }

    /// The plan for viewers: the tracks of `spec`, which [`PublishPlan::spec`] made, on the shard that took it.
    pub fn published(&self, spec: &PublishSpec, home: ShardId) -> Published {
        let tracks = self.tracks.iter().zip(&spec.tracks);
        Published { tracks: tracks.map(|(planned, track)| planned.published(track.track, home)).collect() }
    }

    /// The answer to the offer that was planned.
    pub fn answer(&self, offer: &Offer, ours: &TransportParameters) -> String {
        let accepted: Vec<Accepted<'_>> = self
            .tracks
            .iter()
            .map(|track| Accepted { agreed: &track.agreed, direction: Direction::RecvOnly, stream: None })
            .collect();
        answer::write(offer, ours, &accepted, self.data, Setup::Passive)
    }
}

impl PlannedTrack {
    fn new(
        place: usize,
        section: &Section,
        format: &Format,
        variant: Variant,
        extensions: &mut ExtensionMap,
    ) -> Self {
        let mut agreed = Agreed::new(place, section, format, variant);
        let is_sent = |extension: &Extension| extension.direction.is_none_or(Direction::sends);
        agreed.extensions = extension::agree(&section.extensions, extensions, is_sent);
        let counts_packets =
            agreed.extensions.iter().any(|extension| extension.kind == ExtensionKind::TransportSequence);
        agreed.feedback = Feedback {
            // The publisher's bandwidth is estimated by the publisher, from transport-wide feedback.
            remb: false,
            transport_cc: format.feedback.transport_cc && counts_packets,
            ..format.feedback
        };
        agreed.parameters = receiver_parameters(variant.codec(), &format.parameters);
        // Redundancy doubles the bitrate: only a publisher that lists it first is asked for it.
        agreed.red_payload_type = agreed::red(section, format.payload_type)
            .filter(|(_, is_preferred)| *is_preferred)
            .map(|(payload_type, _)| payload_type);
        let ssrc = section.ssrc;
        let rtx_ssrc = section.rtx_ssrc.filter(|_| agreed.rtx_payload_type.is_some());
        let published = codec::keep(&format.parameters, codec::stream_parameters(variant.codec()));
        Self { agreed, ssrc, rtx_ssrc, published }
    }

    fn spec(&self, track: TrackId) -> PublishedTrack {
        PublishedTrack {
            track,
            mid: self.agreed.mid(),
            rid: None,
            codec: self.agreed.codec(),
            clock_rate_hz: codec::clock_rate_hz(self.agreed.codec()),
            payload_type: self.agreed.payload_type,
            rtx_payload_type: self.agreed.rtx_payload_type,
            red_payload_type: self.agreed.red_payload_type,
            ssrc: self.ssrc,
            rtx_ssrc: self.rtx_ssrc,
            nack: self.agreed.feedback.nack,
            pli: self.agreed.feedback.pli,
            transport_cc: self.agreed.feedback.transport_cc,
        }
    }

    fn published(&self, track: TrackId, home: ShardId) -> PublishedCodec {
        let codec = self.agreed.codec();
        PublishedCodec {
            track,
            home,
            codec,
            clock_rate_hz: codec::clock_rate_hz(codec),
            channels: codec::channels(codec),
            red: self.agreed.red_payload_type.is_some(),
            parameters: self.agreed.parameters.iter().chain(&self.published).cloned().collect(),
        }
    }
}

/// What we say as the receiver: what the publisher said. A publisher that announces stereo is asked for it, since without
/// being asked a sender may mix down (RFC 7587 §7.1).
fn receiver_parameters(codec: Codec, offered: &Parameters) -> Parameters {
    let mut parameters = codec::keep(offered, codec::receiver_parameters(codec));
    let asks = codec::find(&parameters, "stereo").is_some();
    if codec == Codec::Opus && !asks && codec::find(offered, "sprop-stereo") == Some("1") {
        parameters.push(("stereo".to_owned(), "1".to_owned()));
    }
    parameters
}

fn senders(offer: &Offer, kind: Kind) -> impl Iterator<Item = (usize, &Section)> {
    offer.open_sections(kind).filter(|(_, section)| section.direction.sends())
}

fn choose<'a>(section: &'a Section, policy: &Policy) -> Option<(&'a Format, Variant)> {
    let is_ours = |(_, variant): &(&Format, Variant)| {
        agreed::kind(variant.codec()) == section.kind && policy.allows(variant.codec())
    };
    let first = media_formats(section).find(is_ours)?;
    let plays_everywhere =
        |(_, variant): &(&Format, Variant)| variant.codec() == first.1.codec() && variant.plays_everywhere();
    Some(media_formats(section).find(plays_everywhere).unwrap_or(first))
}

fn is_multi_channel(section: &Section) -> bool {
    let is_multi_opus = |format: &Format| matches!(&format.encoding, Encoding::Other(name) if name.eq_ignore_ascii_case("multiopus"));
    section.formats.iter().any(is_multi_opus)
}

fn nothing_to_take(offer: &Offer, policy: &Policy) -> SdpError {
    let senders: Vec<&Section> = [Kind::Audio, Kind::Video]
        .iter()
        .flat_map(|kind| senders(offer, *kind))
        .map(|(_, section)| section)
        .collect();
    if senders.is_empty() {
        return SdpError::NoMedia { wish: "send" };
    }
    let names: Vec<&str> =
        policy.audio_codecs.iter().chain(&policy.video_codecs).map(|codec| codec::name(*codec)).collect();
    SdpError::NoCommonCodec { offered: agreed::describe(senders.into_iter()), taken: names.join(", ") }
}

/// Packets are bound to tracks by SSRC: one that two tracks announce would bind to either.
fn check_ssrcs(tracks: &[PlannedTrack]) -> Result<(), SdpError> {
    let mut seen: Vec<Ssrc> = Vec::new();
    for ssrc in tracks.iter().flat_map(|track| [track.ssrc, track.rtx_ssrc]).flatten() {
        if seen.contains(&ssrc) {
            return Err(SdpError::DuplicateSsrc { ssrc: ssrc.0 });
        }
        seen.push(ssrc);
    }
    Ok(())
}
