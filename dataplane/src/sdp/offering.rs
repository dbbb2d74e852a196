//! Offers of ours, for viewers that ask for one (WHEP), and their answers.
//!
//! An offer of ours is the answer that we would give to a viewer who had offered exactly what the stream needs: that viewer
//! is made up here, and planning and writing are those of every other viewer. What really comes back may take less: a
//! section, retransmissions or header extensions may be refused, numbers may not be changed. RFC 3264 §6, RFC 8829 §5.
//!
//! ```text
//!   Published ── made-up viewer ── plan_watch ── WatchPlan ── our offer ──► peer
//!                                                    └──── ServerOffer ◄──── its answer ──► WatchSpec
//! ```

use fanlight_shard::WatchSpec;
use fanlight_wire::{ExtensionKind, ExtensionMap, PayloadType, Ssrc};

use super::answer::TransportParameters;
use super::codec::Variant;
use super::error::SdpError;
use super::extension::Extension;
use super::format::{Encoding, Feedback, Format};
use super::offer::Offer;
use super::publish::{Published, PublishedCodec};
use super::section::{Direction, Kind, SECURE_PROFILE, Section};
use super::simulcast::Simulcast;
use super::watch::{WatchPlan, plan_watch};
use super::{agreed, watch};

/// Our payload types: the first of the dynamic range (RFC 3551 §3), two for each m-section.
const PAYLOAD_TYPE_FIRST: u8 = 96;

/// An offer of ours that waits for its answer.
#[derive(Debug, Clone)]
pub struct ServerOffer {
    /// Of the made-up viewer.
    offer: Offer,
    plan: WatchPlan,
    spec: WatchSpec,
}

impl ServerOffer {
    /// Offers all tracks of a stream. `ssrcs` is asked once for each track and once more for its retransmissions.
    ///
    /// # Errors
    /// [`SdpError::NotPlayable`] if a track's parameters name no variant that can be offered.
    pub fn new(published: &Published, ssrcs: &mut dyn FnMut() -> Ssrc) -> Result<Self, SdpError> {
        let counts_packets = published.tracks.iter().any(PublishedCodec::has_choice);
        let sections: Vec<Section> = (0_u8..)
            .zip(&published.tracks)
            .filter_map(|(place, track)| section(place, track, counts_packets))
            .collect();
        let offer = Offer::made_up(sections);
        let plan = plan_watch(&offer, published)?;
        let spec = plan.spec(ssrcs);
        Ok(Self { offer, plan, spec })
    }

    /// The text for the peer.
    pub fn text(&self, ours: &TransportParameters) -> String {
        self.plan.offer(&self.offer, ours, &self.spec)
    }

    /// What is to be sent.
    pub fn spec(&self) -> &WatchSpec {
        &self.spec
    }

    /// What is to be sent once the peer has answered.
    ///
    /// # Errors
    /// [`SdpError::NotAnAnswer`] if it does not fit the offer, [`SdpError::NothingAccepted`] if it takes nothing.
    pub fn accept(&self, answer: &Offer) -> Result<WatchSpec, SdpError> {
        if answer.sections.len() != self.offer.sections.len() {
            return Err(SdpError::NotAnAnswer { why: "it has not as many m-sections as the offer" });
        }
        let mut spec = self.spec.clone();
        spec.subscriptions.clear();
        let mut refused: Vec<ExtensionKind> = Vec::new();
        let mut taken: Vec<usize> = Vec::new();
        let mut gives_feedback = false;
        let sections = self.offer.sections.iter().zip(&answer.sections);
        for (place, ((ours, theirs), subscription)) in (0_usize..).zip(sections.zip(&self.spec.subscriptions))
        {
            if theirs.mid != ours.mid || theirs.kind != ours.kind {
                return Err(SdpError::NotAnAnswer { why: "its m-sections are not those of the offer" });
            }
            if !theirs.alive || !theirs.direction.receives() {
                continue;
            }
            let takes =
                |number: PayloadType| theirs.formats.iter().any(|format| format.payload_type == number);
            if !takes(subscription.payload_type) {
                return Err(SdpError::NotAnAnswer { why: "it accepts a section without its payload type" });
            }
            let mut subscription = subscription.clone();
            subscription.rtx = subscription.rtx.filter(|(_, number)| takes(*number));
            subscription.red_payload_type = subscription.red_payload_type.filter(|number| takes(*number));
            let answered =
                theirs.formats.iter().find(|format| format.payload_type == subscription.payload_type);
            subscription.nack &= answered.is_some_and(|format| format.feedback.nack);
            gives_feedback |= answered.is_some_and(|format| format.feedback.transport_cc);
            refused.extend(refused_extensions(ours, theirs));
            taken.push(place);
            spec.subscriptions.push(subscription);
        }
        if spec.subscriptions.is_empty() {
            return Err(SdpError::NothingAccepted);
        }
        answer.check_transport(&taken)?;
        if !gives_feedback {
            refused.push(ExtensionKind::TransportSequence);
        }
        spec.extensions = without(spec.extensions, &refused);
        Ok(spec)
    }
}

/// Extensions of a section that the answer leaves out or gives another number. Sections share the ids (RFC 9143 §10), so
/// that one which any of them refuses is not sent at all.
fn refused_extensions(ours: &Section, theirs: &Section) -> Vec<ExtensionKind> {
    let is_taken =
        |own: &&Extension| theirs.extensions.iter().any(|other| (other.id, other.kind) == (own.id, own.kind));
    ours.extensions.iter().filter(|own| !is_taken(own)).map(|own| own.kind).collect()
}

fn without(extensions: ExtensionMap, refused: &[ExtensionKind]) -> ExtensionMap {
    let mut kept = ExtensionMap::new();
    for (id, kind) in extensions.iter().filter(|(_, kind)| !refused.contains(kind)) {
        kept.insert(id, kind);
    }
    kept
}

/// The m-section of a viewer that wants this track and nothing else. None: the track's parameters name no variant.
fn section(place: u8, track: &PublishedCodec, counts_packets: bool) -> Option<Section> {
    let variant = Variant::of(track.codec, &track.parameters)?;
    let is_video = track.codec.is_video();
    let first = PAYLOAD_TYPE_FIRST + 2 * place;
    // The second one is for retransmissions of video, or for redundant audio.
    let (payload_type, second) = (PayloadType::new(first)?, PayloadType::new(first + 1)?);
    let feedback = Feedback {
        nack: is_video,
        pli: is_video,
        fir: is_video,
        remb: is_video,
        transport_cc: is_video && counts_packets,
    };
    let mut formats = vec![Format {
        payload_type,
        encoding: Encoding::Media(variant),
        parameters: track.parameters.clone(),
        feedback,
    }];
    if is_video {
        let encoding = Encoding::Rtx { of: payload_type };
        formats.push(Format {
            payload_type: second,
            encoding,
            parameters: Vec::new(),
            feedback: Feedback::default(),
        });
    }
    if track.red {
        let encoding = Encoding::Red { of: payload_type };
        formats.push(Format {
            payload_type: second,
            encoding,
            parameters: Vec::new(),
            feedback: Feedback::default(),
        });
    }
    let kind = agreed::kind(track.codec);
    Some(Section {
        kind,
        media: if kind == Kind::Video { "video" } else { "audio" }.to_owned(),
        protocol: SECURE_PROFILE.to_owned(),
        first_format: first.to_string(),
        first_format_lines: Vec::new(),
        alive: true,
        mid: place.to_string(),
        direction: Direction::RecvOnly,
        formats,
        extensions: extensions(track, counts_packets),
        extmap_allow_mixed: false,
        rtcp_mux: true,
        rtcp_rsize: true,
        ssrc: None,
        rtx_ssrc: None,
        simulcast: Simulcast::default(),
        ice_ufrag: None,
    })
}

/// All that is forwarded, each under its place in the list of all kinds, so that sections agree on the ids.
fn extensions(track: &PublishedCodec, counts_packets: bool) -> Vec<Extension> {
    let is_video = track.codec.is_video();
    let named =
        |(id, kind): (u8, ExtensionKind)| Extension { id, kind, uri: kind.uri().to_owned(), direction: None };
    let belongs = |kind: ExtensionKind| match kind {
        ExtensionKind::AudioLevel => !is_video,
        ExtensionKind::Mid
        | ExtensionKind::AbsSendTime
        | ExtensionKind::AbsCaptureTime
        | ExtensionKind::TransportSequence => true,
        _ => is_video,
    };
    let kinds = (1..).zip(ExtensionKind::ALL);
    let passes = |kind: ExtensionKind| watch::is_forwarded(kind, track, counts_packets) && belongs(kind);
    kinds.map(named).filter(|extension| passes(extension.kind)).collect()
}
