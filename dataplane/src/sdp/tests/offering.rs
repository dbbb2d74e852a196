//! Offers of ours and what viewers answer; str0m is the viewer, so that another's parser reads what we wrote.

use std::time::Instant;

use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, Ssrc};
use str0m::change::SdpOffer;
use str0m::media::Direction;
use str0m::{Candidate, Rtc, RtcConfig};

use super::fixtures::{PUBLISHERS, offer, ours, published, section, ssrcs, track_ids, values};
use crate::sdp::{Offer, Policy, Published, SdpError, ServerOffer, plan_publish};
use fanlight_shard::ShardId;

const STREAM: [(Codec, &str); 2] = [(Codec::Opus, "minptime=10;useinbandfec=1;stereo=1"), (Codec::Vp8, "")];

fn ours_for(stream: &Published) -> (ServerOffer, String) {
    let offer = ServerOffer::new(stream, &mut ssrcs()).unwrap();
    let text = offer.text(&ours());
    (offer, text)
}

/// A stock viewer's answer. str0m wants to be the passive side of DTLS, as the server does; browsers do as JSEP says (RFC
/// 8829 §5.3.1) and answer active.
fn answer(config: RtcConfig, offer: &str) -> (Rtc, String) {
    let mut rtc = config.build(Instant::now());
    rtc.add_local_candidate(Candidate::host("192.0.2.9:4000".parse().unwrap(), "udp").unwrap());
    let answer = rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(offer).unwrap()).unwrap();
    (rtc, answer.to_sdp_string().replace("a=setup:passive", "a=setup:active"))
}

/// Everything a viewer must know stands in the offer, each number as the shard will use it.
#[test]
fn an_offer_names_one_codec_a_section_with_all_that_it_needs() {
    let (server_offer, text) = ours_for(&published(&STREAM));
    let (audio, video) = (section(&text, "0"), section(&text, "1"));
    assert_eq!(audio[0], "audio 9 UDP/TLS/RTP/SAVPF 96");
    assert_eq!(video[0], "video 9 UDP/TLS/RTP/SAVPF 98 99");
    for section in [&audio, &video] {
        for line in ["sendonly", "rtcp-mux", "rtcp-rsize", "setup:actpass", "ice-ufrag:ourUfrag"] {
            assert!(section.contains(&line), "{line} in {section:?}");
        }
    }
    assert_eq!(values(&audio, "rtpmap"), ["96 opus/48000/2"]);
    assert_eq!(values(&audio, "fmtp"), ["96 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"]);
    assert_eq!(values(&video, "rtpmap"), ["98 VP8/90000", "99 rtx/90000"]);
    assert_eq!(values(&video, "ssrc-group"), ["FID 5001 5002"]);
    assert_eq!(values(&audio, "msid"), ["fanlight audio"]);
    assert!(values(&video, "rtcp-fb").contains(&"98 nack pli"));
    assert_eq!(values(&audio, "candidate").len(), 4);
    assert!(text.contains("a=group:BUNDLE 0 1\r\n") && text.contains("a=ice-options:trickle\r\n"));
    let [audio, video] = server_offer.spec().subscriptions.as_slice() else { panic!("{text}") };
    assert_eq!((audio.ssrc, video.ssrc), (Ssrc(5000), Ssrc(5001)));
    assert_eq!((audio.payload_type.value(), video.payload_type.value()), (96, 98));
}

/// str0m must expect from our offer the SSRCs that the shard will send, and its answer must be one to us.
#[test]
fn a_stock_viewer_answers_and_expects_what_will_be_sent() {
    let (server_offer, text) = ours_for(&published(&STREAM));
    let (mut rtc, answer) = answer(Rtc::builder(), &text);
    let read = Offer::parse_answer(&answer).unwrap_or_else(|error| panic!("{error}\n{answer}"));
    let spec = server_offer.accept(&read).unwrap();
    assert_eq!(spec.subscriptions.len(), 2);
    for subscription in &spec.subscriptions {
        let mid = std::str::from_utf8(&subscription.mid).unwrap().into();
        let media = rtc.media(mid).unwrap();
        assert_eq!(media.direction(), Direction::RecvOnly);
        assert_eq!(*media.remote_pts()[0], subscription.payload_type.value());
        let expected = rtc.direct_api().stream_rx_by_mid(mid, None).map(|stream| *stream.ssrc());
        assert_eq!(expected, Some(subscription.ssrc.0));
    }
    assert!(spec.subscriptions[1].rtx.is_some() && spec.subscriptions[1].nack);
    // str0m knows these, and not the one of AV1's layers.
    assert!(spec.extensions.id(ExtensionKind::Mid).is_some());
    assert_eq!(spec.extensions.id(ExtensionKind::DependencyDescriptor), None);
    assert_eq!(
        spec.extensions.id(ExtensionKind::TransportSequence),
        None,
        "nothing here counts for the viewer"
    );
}

/// A viewer that plays the sound alone is one as well; one that plays nothing is told so.
#[test]
fn a_refused_section_is_not_sent_and_an_answer_of_none_is_refused() {
    let (server_offer, text) = ours_for(&published(&STREAM));
    let audio_only = RtcConfig::new().clear_codecs().enable_opus(true, false);
    let (_, audio_alone) = answer(audio_only, &text);
    let spec = server_offer.accept(&Offer::parse_answer(&audio_alone).unwrap()).unwrap();
    let mids: Vec<&[u8]> = spec.subscriptions.iter().map(|wish| &wish.mid[..]).collect();
    assert_eq!(mids, [b"0"], "{audio_alone}");

    let (_, whole) = answer(Rtc::builder(), &text);
    for (refused, left) in [("a=recvonly", "a=inactive"), ("a=recvonly", "a=sendonly"), (" 9 UDP", " 0 UDP")]
    {
        let none = whole.replace(refused, left);
        let error = Offer::parse_answer(&none).and_then(|read| server_offer.accept(&read)).unwrap_err();
        assert_eq!(error, SdpError::NothingAccepted, "{none}");
    }
}

/// An answer may take less than was offered: what it leaves out must not be sent.
#[test]
fn retransmission_and_extensions_are_sent_only_as_answered() {
    let (server_offer, text) = ours_for(&published(&STREAM));
    let (_, whole) = answer(Rtc::builder(), &text);
    let accept = |text: &str| server_offer.accept(&Offer::parse_answer(text).unwrap()).unwrap();
    let without_rtx = accept(&whole.replace("SAVPF 98 99", "SAVPF 98"));
    assert_eq!(without_rtx.subscriptions[1].rtx, None);
    assert!(without_rtx.subscriptions[1].nack);
    let without_nack: String =
        whole.split_inclusive("\r\n").filter(|line| !line.contains(" nack\r\n")).collect();
    assert!(!accept(&without_nack).subscriptions[1].nack);
    let id = accept(&whole).extensions.id(ExtensionKind::AbsSendTime).unwrap();
    let uri = ExtensionKind::AbsSendTime.uri();
    let moved = whole.replace(&format!("a=extmap:{id} {uri}"), &format!("a=extmap:14 {uri}"));
    assert_ne!(moved, whole);
    assert_eq!(accept(&moved).extensions.id(ExtensionKind::AbsSendTime), None);
}

/// Each wrong answer is told apart in words, and none makes a session.
#[test]
fn what_is_no_answer_to_our_offer_is_refused() {
    let (server_offer, text) = ours_for(&published(&STREAM));
    let (_, whole) = answer(Rtc::builder(), &text);
    let fault = |text: &str| {
        Offer::parse_answer(text).and_then(|read| server_offer.accept(&read).map(drop)).unwrap_err()
    };
    let is_no_answer = |text: &str, word: &str| match fault(text) {
        SdpError::NotAnAnswer { why } => assert!(why.contains(word), "{why}"),
        other => panic!("{other}\n{text}"),
    };
    for setup in ["passive", "actpass", "holdconn"] {
        let wrong = whole.replace("a=setup:active", &format!("a=setup:{setup}"));
        assert_eq!(fault(&wrong), SdpError::WrongSetup { setup: setup.to_owned() });
    }
    is_no_answer(&whole.replace("a=mid:0", "a=mid:zero").replace("BUNDLE 0", "BUNDLE zero"), "m-sections");
    let first = whole.split("m=video").next().unwrap();
    is_no_answer(first, "as many");
    is_no_answer(&format!("{whole}m=audio 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n"), "as many");
    is_no_answer(
        &whole.replace("SAVPF 96", "SAVPF 97").replace("a=rtpmap:96", "a=rtpmap:97"),
        "payload type",
    );
    assert!(matches!(fault(&whole.replace("a=rtcp-mux\r\n", "")), SdpError::NoRtcpMux { .. }));
    assert!(matches!(fault(&whole.replace("a=group:BUNDLE 0 1\r\n", "")), SdpError::NotBundled { .. }));
    assert_eq!(fault(""), SdpError::NoVersion);
    assert_eq!(fault("v=0\r\n"), SdpError::NothingAccepted);
}

/// Whatever is published can be offered: no codec needs a viewer's word first.
#[test]
fn each_known_publication_can_be_offered() {
    for (name, _) in PUBLISHERS {
        let plan = plan_publish(&offer(name), &Policy::default()).unwrap();
        let published = plan.published(&plan.spec(track_ids()), ShardId(0));
        let (server_offer, text) = ours_for(&published);
        assert_eq!(server_offer.spec().subscriptions.len(), published.tracks.len(), "{name}");
        let sections = text.matches("a=sendonly").count();
        assert_eq!(sections, published.tracks.len(), "{name}");
        // Its own parser of offers, which wants what every offer wants, takes it.
        Offer::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    }
}
