//! What a publisher's offer comes to: at most one audio and one video track, each with the codec it is published in.
//!
//! Of each kind the first m-section that sends a codec of ours is taken and the others are refused. The codec is the
//! first in the offerer's order that the policy allows; of H.264, which browsers offer in up to eight variants, the one
//! that each browser plays, so that no viewer is shut out by the order in which a publisher's browser lists profiles.

use fanlight_shard::limits::LAYERS_MAX;
use fanlight_shard::{LayerSpec, Layers, PublishSpec, PublishedTrack, Rid, ShardId, TrackId};
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
use super::simulcast;

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
    /// The encodings to choose from, in the publisher's order: one or more.
    pub layers: Vec<PublishedLayer>,
    /// One encoding may hold layers of its own (SVC), so that there is something to choose even if it is the only one.
    pub scalable: bool,
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

/// One encoding of a published source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedLayer {
    pub track: TrackId,
    /// The publisher's name for it; empty where there is but one that has none.
    pub rid: String,
}

impl PublishedCodec {
    /// Whether a viewer's choice depends on its bandwidth.
    pub fn has_choice(&self) -> bool {
        self.scalable || self.layers.len() > 1
    }

    /// The layers for a shard, in the publisher's order.
    pub fn layers(&self) -> Layers {
        let spec =
            |layer: &PublishedLayer| LayerSpec { track: layer.track, rid: Rid::new(layer.rid.as_bytes()) };
        self.layers.iter().take(LAYERS_MAX).map(spec).collect()
    }

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
    /// One or more.
    encodings: Vec<PlannedEncoding>,
    /// The stream's own parameters, beside those in the answer.
    published: Parameters,
}

/// One encoding of a track.
#[derive(Debug, Clone, Default)]
struct PlannedEncoding {
    /// Its name; empty if it has none.
    rid: String,
    ssrc: Option<Ssrc>,
    rtx_ssrc: Option<Ssrc>,
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
    /// The plan for a shard, each encoding under a name of its own.
    pub fn spec(&self, mut track_ids: impl FnMut() -> TrackId) -> PublishSpec {
        let encodings = self
            .tracks
            .iter()
            .flat_map(|planned| planned.encodings.iter().map(move |encoding| (planned, encoding)));
        let tracks = encodings.map(|(planned, encoding)| planned.spec(encoding, track_ids())).collect();
        PublishSpec { tracks, extensions: self.extensions }
    }

    /// The plan for viewers: the tracks of `spec`, which [`PublishPlan::spec`] made, on the shard that took it.
    pub fn published(&self, spec: &PublishSpec, home: ShardId) -> Published {
        let mut ids = spec.tracks.iter().map(|track| track.track);
        let tracks = self.tracks.iter().map(|planned| planned.published(&mut ids, home)).collect();
        Published { tracks }
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
        let may_be_sent = |extension: &Extension| extension.direction.is_none_or(Direction::sends);
        let is_of_media = |extension: &Extension| {
            may_be_sent(extension) && extension.kind != ExtensionKind::VideoLayersAllocation
        };
        agreed.extensions = extension::agree(&section.extensions, extensions, is_of_media);
        let encodings = encodings(section, &mut agreed);
        if encodings.len() > 1 || is_scalable(&agreed) {
            let of_layers = |extension: &Extension| may_be_sent(extension) && !is_of_media(extension);
            agreed.extensions.extend(extension::agree(&section.extensions, extensions, of_layers));
        }
        let counts_packets = agreed.carries(ExtensionKind::TransportSequence);
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
        let published = codec::keep(&format.parameters, codec::stream_parameters(variant.codec()));
        Self { agreed, encodings, published }
    }

    fn spec(&self, encoding: &PlannedEncoding, track: TrackId) -> PublishedTrack {
        PublishedTrack {
            track,
            mid: self.agreed.mid(),
            rid: Rid::new(encoding.rid.as_bytes()),
            codec: self.agreed.codec(),
            clock_rate_hz: codec::clock_rate_hz(self.agreed.codec()),
            payload_type: self.agreed.payload_type,
            rtx_payload_type: self.agreed.rtx_payload_type,
            red_payload_type: self.agreed.red_payload_type,
            ssrc: encoding.ssrc,
            rtx_ssrc: encoding.rtx_ssrc,
            nack: self.agreed.feedback.nack,
            pli: self.agreed.feedback.pli,
            transport_cc: self.agreed.feedback.transport_cc,
        }
    }

    /// Takes as many of the ids as there are encodings.
    fn published(&self, ids: &mut dyn Iterator<Item = TrackId>, home: ShardId) -> PublishedCodec {
        let codec = self.agreed.codec();
        let layers = self.encodings.iter().zip(ids);
        let layers = layers.map(|(encoding, track)| PublishedLayer { track, rid: encoding.rid.clone() });
        PublishedCodec {
            layers: layers.collect(),
            scalable: is_scalable(&self.agreed),
            home,
            codec,
            clock_rate_hz: codec::clock_rate_hz(codec),
            channels: codec::channels(codec),
            red: self.agreed.red_payload_type.is_some(),
            parameters: self.agreed.parameters.iter().chain(&self.published).cloned().collect(),
        }
    }
}

/// The encodings of a section, and in `agreed` the names of those that are to be asked for. Packets tell theirs by header
/// extensions, retransmissions by one of their own (RFC 8852), or by SSRCs that were announced.
fn encodings(section: &Section, agreed: &mut Agreed) -> Vec<PlannedEncoding> {
    let has_rtx = agreed.rtx_payload_type.is_some();
    let are_named = agreed.carries(ExtensionKind::Mid)
        && agreed.carries(ExtensionKind::Rid)
        && (!has_rtx || agreed.carries(ExtensionKind::RepairedRid));
    let rids = if are_named { section.simulcast.encodings(agreed.payload_type) } else { Vec::new() };
    if !rids.is_empty() {
        agreed.rids = rids;
        let named = |rid: &simulcast::Rid| PlannedEncoding { rid: rid.name.clone(), ..Default::default() };
        return agreed.rids.iter().map(named).collect();
    }
    if !section.simulcast.by_ssrc.is_empty() {
        let numbered = (0_usize..).zip(&section.simulcast.by_ssrc).map(|(number, (ssrc, rtx_ssrc))| {
            let (rid, rtx_ssrc) = (number.to_string(), rtx_ssrc.filter(|_| has_rtx));
            PlannedEncoding { rid, ssrc: Some(*ssrc), rtx_ssrc }
        });
        return numbered.collect();
    }
    let rtx_ssrc = section.rtx_ssrc.filter(|_| has_rtx);
    vec![PlannedEncoding { rid: String::new(), ssrc: section.ssrc, rtx_ssrc }]
}

/// SDP does not say whether a stream has layers of its own. Those who send some offer the descriptor of their dependencies,
/// which browsers otherwise leave out; other codecs than these have none that a forwarder may take away.
fn is_scalable(agreed: &Agreed) -> bool {
    matches!(agreed.codec(), Codec::Vp9 | Codec::Av1) && agreed.carries(ExtensionKind::DependencyDescriptor)
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
    let encodings = tracks.iter().flat_map(|track| &track.encodings);
    for ssrc in encodings.flat_map(|encoding| [encoding.ssrc, encoding.rtx_ssrc]).flatten() {
        if seen.contains(&ssrc) {
            return Err(SdpError::DuplicateSsrc { ssrc: ssrc.0 });
        }
        seen.push(ssrc);
    }
    Ok(())
}
