//! str0m as the other side: it offers, we answer, and it must take the answer and mean by it what we meant.

use std::time::Instant;

use fanlight_wire::ExtensionKind;
use fanlight_wire::codec::Codec;
use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind, Mid};
use str0m::{Candidate, Rtc};

use super::fixtures::{ours, published, ssrcs, track_ids};
use super::rules::assert_answers;
use crate::sdp::{Offer, Policy, plan_publish, plan_watch};

/// A peer that has made an offer of audio and video in this direction.
struct Peer {
    rtc: Rtc,
    audio: Mid,
    video: Mid,
    offer: String,
    pending: SdpPendingOffer,
}

fn peer(direction: Direction, with_data: bool) -> Peer {
    let mut rtc = Rtc::builder().build(Instant::now());
    rtc.add_local_candidate(Candidate::host("192.0.2.9:4000".parse().unwrap(), "udp").unwrap());
    let mut changes = rtc.sdp_api();
    let audio = changes.add_media(MediaKind::Audio, direction, None, None, None);
    let video = changes.add_media(MediaKind::Video, direction, None, None, None);
    if with_data {
        changes.add_channel("red5pro".to_owned());
    }
    let (offer, pending) = changes.apply().unwrap();
    Peer { rtc, audio, video, offer: offer.to_sdp_string(), pending }
}

impl Peer {
    fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        let pending = std::mem::replace(&mut self.pending, peer(Direction::SendOnly, false).pending);
        self.rtc.sdp_api().accept_answer(pending, answer).unwrap();
    }
}

/// str0m's answer parser and its reading of directions, payload types and header extensions are another's work: where
/// both agree the text says what was meant.
#[test]
fn str0m_takes_the_answer_to_its_publication() {
    for with_data in [false, true] {
        let mut peer = peer(Direction::SendOnly, with_data);
        let offer = Offer::parse(&peer.offer).unwrap();
        assert_eq!(offer.wants_data_channel(), with_data);
        let plan = plan_publish(&offer, &Policy::default()).unwrap();
        let (spec, answer) = (plan.spec(track_ids()), plan.answer(&offer, &ours()));
        assert_answers("str0m publishes", &offer, &answer);
        peer.accept(&answer);
        for (mid, track) in [peer.audio, peer.video].into_iter().zip(&spec.tracks) {
            let media = peer.rtc.media(mid).unwrap();
            assert_eq!(media.direction(), Direction::SendOnly);
            assert_eq!(*media.remote_pts()[0], track.payload_type.value());
            let ours: Vec<u8> = spec.extensions.iter().map(|(id, _)| id).collect();
            assert!(media.remote_extmap().iter().all(|(id, _)| ours.contains(&id)), "{answer}");
            let stream = peer.rtc.direct_api().stream_tx_by_mid(mid, None).map(|stream| *stream.ssrc());
            assert_eq!(track.ssrc.map(|ssrc| ssrc.0), stream);
        }
        assert!(spec.extensions.id(ExtensionKind::Mid).is_some());
    }
}

/// The viewer's side: str0m must expect the SSRCs that the answer announces.
#[test]
fn str0m_takes_the_answer_to_its_wish_to_watch() {
    let stream = published(&[(Codec::Opus, "stereo=1"), (Codec::Vp8, "")]);
    for with_data in [false, true] {
        let mut peer = peer(Direction::RecvOnly, with_data);
        let offer = Offer::parse(&peer.offer).unwrap();
        let plan = plan_watch(&offer, &stream).unwrap();
        let spec = plan.spec(&mut ssrcs());
        let answer = plan.answer(&offer, &ours(), &spec);
        assert_answers("str0m watches", &offer, &answer);
        peer.accept(&answer);
        for (mid, subscription) in [peer.audio, peer.video].into_iter().zip(&spec.subscriptions) {
            assert_eq!(peer.rtc.media(mid).unwrap().direction(), Direction::RecvOnly);
            let expected = peer.rtc.direct_api().stream_rx_by_mid(mid, None).map(|stream| *stream.ssrc());
            assert_eq!(expected, Some(subscription.ssrc.0));
        }
    }
}

/// A refused m-section must be dead on both sides while the other lives.
#[test]
fn str0m_sees_the_refused_section_as_refused() {
    let mut peer = peer(Direction::RecvOnly, true);
    let offer = Offer::parse(&peer.offer).unwrap();
    let plan = plan_watch(&offer, &published(&[(Codec::Opus, "")])).unwrap();
    let spec = plan.spec(&mut ssrcs());
    peer.accept(&plan.answer(&offer, &ours(), &spec));
    assert_eq!(peer.rtc.media(peer.audio).unwrap().direction(), Direction::RecvOnly);
    assert!(peer.rtc.media(peer.video).is_none_or(|media| media.direction() == Direction::Inactive));
}
