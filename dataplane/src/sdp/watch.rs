//! What a viewer's offer comes to: for each published track the m-section that will receive it.
//!
//! A track goes to the first m-section of its kind with a codec that plays it; m-sections left over are refused. A viewer
//! that offers no m-section of a kind does not want that kind; one that offers it but cannot play the video is turned away,
//! since a page that shows nothing is worse than a message.
//!
//! Packets are counted for transport-wide feedback only where a viewer's bandwidth decides what it is sent, since that is
//! twenty packets a second from each viewer; elsewhere its own estimate (REMB) is enough.

use arrayvec::ArrayVec;
use fanlight_shard::{Layers, ShardId, SubscriptionSpec, TrackId, WatchSpec};
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, ExtensionMap, Ssrc};

use super::agreed::{self, Agreed, media_formats};
use super::answer::{self, Accepted, Setup, Stream, TransportParameters};
use super::codec::{self, Parameters, Variant};
use super::error::SdpError;
use super::extension::{self, Extension};
use super::format::{Feedback, Format};
use super::offer::Offer;
use super::publish::{Published, PublishedCodec};
use super::section::{Direction, Kind, Section};

/// An offer to watch, decided.
#[derive(Debug, Clone)]
pub struct WatchPlan {
    subscriptions: Vec<PlannedSubscription>,
    data: Option<usize>,
    extensions: ExtensionMap,
}

/// One track to be sent.
#[derive(Debug, Clone)]
struct PlannedSubscription {
    agreed: Agreed,
    layers: Layers,
    home: ShardId,
}

/// A track, and the m-section that will receive it.
struct Match<'a> {
    track: &'a PublishedCodec,
    place: usize,
    section: &'a Section,
    format: &'a Format,
    variant: Variant,
}

/// Decides which m-section of a viewer's offer receives which track.
///
/// # Errors
/// [`SdpError::NotPlayable`] if the viewer cannot take the video (or the audio where that is all), or what keeps the
/// m-sections from sharing a transport.
pub fn plan_watch(offer: &Offer, published: &Published) -> Result<WatchPlan, SdpError> {
    let matches = matches(offer, published)?;
    let counts_packets =
        matches.iter().any(|found| found.track.has_choice()) && matches.iter().all(can_count);
    let mut extensions = ExtensionMap::new();
    let subscriptions: Vec<PlannedSubscription> =
        matches.iter().map(|found| found.plan(counts_packets, &mut extensions)).collect();
    let data = offer.data_section();
    let taken: Vec<usize> = subscriptions.iter().map(|planned| planned.agreed.place).chain(data).collect();
    offer.check_transport(&taken)?;
    agreed::check_payload_types(subscriptions.iter().map(|planned| &planned.agreed))?;
    Ok(WatchPlan { subscriptions, data, extensions })
}

/// For each track the m-section that receives it.
fn matches<'a>(offer: &'a Offer, published: &'a Published) -> Result<Vec<Match<'a>>, SdpError> {
    let mut matches: Vec<Match<'_>> = Vec::new();
    for track in &published.tracks {
        let is_free = |place: usize| matches.iter().all(|found| found.place != place);
        let mut sections =
            receivers(offer, agreed::kind(track.codec)).filter(|(place, _)| is_free(*place)).peekable();
        let is_wanted = sections.peek().is_some();
        let found = sections.find_map(|(place, section)| {
            choose(section, track).map(|(format, variant)| Match { track, place, section, format, variant })
        });
        match found {
            Some(found) => matches.push(found),
            None if is_wanted && track.codec.is_video() => return Err(not_playable(offer, published)),
            None => {}
        }
    }
    if matches.is_empty() { Err(not_playable(offer, published)) } else { Ok(matches) }
}

/// Whether the viewer can give transport-wide feedback on this section: one count goes through all of them. What it says of
/// feedback for sound does not matter, since one message is about all packets.
fn can_count(found: &Match<'_>) -> bool {
    let takes_count = |extension: &Extension| {
        extension.kind == ExtensionKind::TransportSequence
            && extension.direction.is_none_or(Direction::receives)
    };
    found.section.extensions.iter().any(takes_count)
        && (found.format.feedback.transport_cc || !found.variant.codec().is_video())
}

impl WatchPlan {
    /// The plan for a shard. `ssrcs` is asked once for each track and once more for its retransmissions.
    pub fn spec(&self, ssrcs: &mut dyn FnMut() -> Ssrc) -> WatchSpec {
        let mut spec = WatchSpec { subscriptions: ArrayVec::new(), extensions: self.extensions };
        let room = spec.subscriptions.capacity();
        spec.subscriptions.extend(self.subscriptions.iter().take(room).map(|planned| planned.spec(ssrcs)));
        spec
    }

    /// The answer to the offer that was planned, announcing the SSRCs of `spec`, which [`WatchPlan::spec`] made.
    pub fn answer(&self, offer: &Offer, ours: &TransportParameters, spec: &WatchSpec) -> String {
        self.write(offer, ours, spec, Setup::Passive)
    }

    /// The same as an offer of ours.
    pub(super) fn offer(&self, offer: &Offer, ours: &TransportParameters, spec: &WatchSpec) -> String {
        self.write(offer, ours, spec, Setup::ActPass)
    }

    fn write(&self, offer: &Offer, ours: &TransportParameters, spec: &WatchSpec, setup: Setup) -> String {
        let accepted: Vec<Accepted<'_>> = self
            .subscriptions
            .iter()
            .zip(&spec.subscriptions)
            .map(|(planned, subscription)| Accepted {
                agreed: &planned.agreed,
                direction: Direction::SendOnly,
                stream: Some(Stream {
                    ssrc: subscription.ssrc,
                    rtx_ssrc: subscription.rtx.map(|(ssrc, _)| ssrc),
                }),
            })
            .collect();
        answer::write(offer, ours, &accepted, self.data, setup)
    }
}

impl PlannedSubscription {
    fn spec(&self, ssrcs: &mut dyn FnMut() -> Ssrc) -> SubscriptionSpec {
        let codec = self.agreed.codec();
        SubscriptionSpec {
            track: self.layers.first().map_or_else(TrackId::default, |layer| layer.track),
            home: self.home,
            layers: self.layers.clone(),
            mid: self.agreed.mid(),
            codec,
            clock_rate_hz: codec::clock_rate_hz(codec),
            payload_type: self.agreed.payload_type,
            red_payload_type: self.agreed.red_payload_type,
            ssrc: ssrcs(),
            rtx: self.agreed.rtx_payload_type.map(|payload_type| (ssrcs(), payload_type)),
            nack: self.agreed.feedback.nack,
        }
    }
}

impl Match<'_> {
    fn plan(&self, counts_packets: bool, extensions: &mut ExtensionMap) -> PlannedSubscription {
        let Self { track, place, section, format, variant } = *self;
        let mut agreed = Agreed::new(place, section, format, variant);
        let passes = |extension: &Extension| {
            extension.direction.is_none_or(Direction::receives)
                && is_forwarded(extension.kind, track, counts_packets)
        };
        agreed.extensions = extension::agree(&section.extensions, extensions, passes);
        // One way of estimating is enough, and browsers use one alone.
        let is_counted = counts_packets && agreed.carries(ExtensionKind::TransportSequence);
        agreed.feedback = Feedback {
            transport_cc: is_counted && format.feedback.transport_cc,
            remb: !is_counted && format.feedback.remb,
            ..format.feedback
        };
        agreed.parameters = sender_parameters(variant.codec(), &format.parameters, &track.parameters);
        let red = agreed::red(section, format.payload_type).filter(|_| track.red);
        agreed.red_payload_type = red.map(|(payload_type, _)| payload_type);
        PlannedSubscription { agreed, layers: track.layers(), home: track.home }
    }
}

/// What a viewer of a track may be sent: all that describes the media. Not what is between the publisher and the server: the
/// layers' names and sizes; and the transport-wide count only where there is one.
pub(super) fn is_forwarded(kind: ExtensionKind, track: &PublishedCodec, counts_packets: bool) -> bool {
    match kind {
        ExtensionKind::Rid | ExtensionKind::RepairedRid | ExtensionKind::VideoLayersAllocation => false,
        ExtensionKind::TransportSequence => counts_packets,
        // It numbers frames by encoding: numbers of several would contradict each other after a switch.
        ExtensionKind::DependencyDescriptor => track.layers.len() == 1,
        _ => true,
    }
}

/// What we say as the sender: the viewer's own terms for its payload type, and what the publisher says of the stream.
fn sender_parameters(codec: Codec, offered: &Parameters, published: &Parameters) -> Parameters {
    if codec != Codec::Opus {
        let mut parameters = codec::keep(offered, codec::receiver_parameters(codec));
        parameters.extend(codec::keep(published, codec::stream_parameters(codec)));
        return parameters;
    }
    let mut parameters = codec::keep(offered, &["minptime", "useinbandfec"]);
    if ["stereo", "sprop-stereo"].iter().any(|name| codec::find(published, name) == Some("1")) {
        parameters.extend(["stereo", "sprop-stereo"].map(|name| (name.to_owned(), "1".to_owned())));
    }
    parameters
}

fn receivers(offer: &Offer, kind: Kind) -> impl Iterator<Item = (usize, &Section)> {
    offer.open_sections(kind).filter(|(_, section)| section.direction.receives())
}

/// The format that names the track's own variant, else the first that plays it.
fn choose<'a>(section: &'a Section, track: &PublishedCodec) -> Option<(&'a Format, Variant)> {
    let stream = Variant::of(track.codec, &track.parameters)?;
    media_formats(section)
        .find(|(_, variant)| *variant == stream)
        .or_else(|| media_formats(section).find(|(_, variant)| variant.plays(stream)))
}

fn not_playable(offer: &Offer, published: &Published) -> SdpError {
    let sections: Vec<&Section> = [Kind::Audio, Kind::Video]
        .iter()
        .flat_map(|kind| receivers(offer, *kind))
        .map(|(_, section)| section)
        .collect();
    if sections.is_empty() {
        return SdpError::NoMedia { wish: "receive" };
    }
    let name = |track: &PublishedCodec| match Variant::of(track.codec, &track.parameters) {
        Some(variant) => variant.to_string(),
        None => codec::name(track.codec).to_owned(),
    };
    let names: Vec<String> = published.tracks.iter().map(name).collect();
    SdpError::NotPlayable { published: names.join(" and "), offered: agreed::describe(sections.into_iter()) }
}
