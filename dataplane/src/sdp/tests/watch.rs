//! What viewers' offers come to.

use fanlight_shard::{ShardId, TrackId, WatchSpec};
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, Ssrc};

use super::fixtures::{
    DATA_ONLY, PUBLISHERS, VIEWERS, offer, ours, published, section, ssrcs, text, track_ids, values,
};
use super::rules::assert_answers;
use crate::sdp::{Offer, Policy, Published, SdpError, plan_publish, plan_watch};

const VP8_AND_OPUS: [(Codec, &str); 2] = [(Codec::Opus, "minptime=10;useinbandfec=1"), (Codec::Vp8, "")];

fn watch(offer: &Offer, published: &Published) -> Result<(WatchSpec, String), SdpError> {
    let plan = plan_watch(offer, published)?;
    let spec = plan.spec(&mut ssrcs());
    let answer = plan.answer(offer, &ours(), &spec);
    Ok((spec, answer))
}

/// Each known publisher against each known viewer: an answer by the rules, or a refusal that is about the codec. Whom a
/// codec shuts out is fixed, so that a change of the matching shows who loses.
#[test]
fn each_known_viewer_watches_each_known_publisher_or_is_told_the_codec() {
    let mut refused = Vec::new();
    for (publisher, _) in PUBLISHERS {
        let offer_to_publish = offer(publisher);
        let plan = plan_publish(&offer_to_publish, &Policy::default()).unwrap();
        let published = plan.published(&plan.spec(track_ids()), ShardId(0));
        for (viewer, _) in VIEWERS {
            let name = format!("{viewer} of {publisher}");
            let offer = offer(viewer);
            match watch(&offer, &published) {
                Ok((spec, answer)) => {
                    assert_answers(&name, &offer, &answer);
                    assert_eq!(spec.subscriptions.len(), published.tracks.len(), "{name}");
                }
                Err(error) => {
                    assert!(error.is_codec_mismatch(), "{name}: {error}");
                    refused.push(name);
                }
            }
        }
    }
    assert_eq!(
        refused,
        [
            // This Firefox has no H.264 decoder, this Safari no AV1.
            "firefox_watch of chromium_publish_h264",
            "firefox_watch_data of chromium_publish_h264",
            "safari_watch of chromium_publish_av1",
            "firefox_watch of safari_publish",
            "firefox_watch_data of safari_publish",
            "firefox_watch of obs_publish",
            "firefox_watch_data of obs_publish",
            // A High stream: Chromium's High 4:4:4 decoder plays it, Safari's Constrained High does not claim to.
            "firefox_watch of gstreamer_publish",
            "firefox_watch_data of gstreamer_publish",
            "safari_watch of gstreamer_publish",
            "firefox_watch of obs_publish_simulcast",
            "firefox_watch_data of obs_publish_simulcast",
        ]
    );
}

/// The shard sends by these numbers; each is read off the offer by hand.
#[test]
fn a_viewers_numbers_reach_the_shard() {
    let (spec, _) = watch(&offer("chromium_watch_data"), &published(&VP8_AND_OPUS)).unwrap();
    let [audio, video] = spec.subscriptions.as_slice() else { panic!("{spec:?}") };
    assert_eq!((audio.track, video.track), (TrackId(1), TrackId(2)));
    assert_eq!((audio.home, video.home), (ShardId(3), ShardId(3)));
    assert_eq!((&audio.mid[..], &video.mid[..]), (&b"1"[..], &b"0"[..]));
    assert_eq!((audio.payload_type.value(), video.payload_type.value()), (111, 96));
    assert_eq!((audio.ssrc, audio.rtx), (Ssrc(5000), None));
    assert_eq!(video.ssrc, Ssrc(5001));
    assert_eq!(video.rtx.map(|(ssrc, number)| (ssrc, number.value())), Some((Ssrc(5002), 97)));
    assert!(!audio.nack && video.nack);
    assert_eq!((audio.clock_rate_hz, video.clock_rate_hz), (48_000, 90_000));
    let ids = [ExtensionKind::Mid, ExtensionKind::AbsSendTime, ExtensionKind::AudioLevel]
        .map(|kind| spec.extensions.id(kind));
    assert_eq!(ids, [Some(9), Some(2), Some(14)]);
    for kind in [ExtensionKind::TransportSequence, ExtensionKind::Rid, ExtensionKind::RepairedRid] {
        assert_eq!(spec.extensions.id(kind), None, "{kind:?} is not sent to viewers");
    }
}

/// A viewer binds streams by these lines; without them it would show two streams, or none until the first report.
#[test]
fn an_answer_announces_one_stream_of_audio_and_video() {
    let (_, answer) = watch(&offer("chromium_watch"), &published(&VP8_AND_OPUS)).unwrap();
    let video = section(&answer, "0");
    assert_eq!(video[0], "video 9 UDP/TLS/RTP/SAVPF 96 97");
    assert!(video.contains(&"sendonly"));
    assert_eq!(values(&video, "msid"), ["fanlight video"]);
    assert_eq!(values(&video, "ssrc-group"), ["FID 5001 5002"]);
    assert_eq!(
        values(&video, "ssrc"),
        [
            "5001 cname:fanlight",
            "5001 msid:fanlight video",
            "5002 cname:fanlight",
            "5002 msid:fanlight video"
        ]
    );
    assert_eq!(values(&video, "rtcp-fb"), ["96 goog-remb", "96 ccm fir", "96 nack", "96 nack pli"]);
    assert_eq!(values(&video, "rtpmap"), ["96 VP8/90000", "97 rtx/90000"]);
    let audio = section(&answer, "1");
    assert_eq!(values(&audio, "msid"), ["fanlight audio"]);
    assert_eq!(values(&audio, "ssrc"), ["5000 cname:fanlight", "5000 msid:fanlight audio"]);
    assert_eq!(values(&audio, "fmtp"), ["111 minptime=10;useinbandfec=1"]);
    assert_eq!(values(&audio, "rtcp-fb"), [""; 0]);
}

/// Stereo is said by the publisher and heard by the viewer only if the answer repeats it.
#[test]
fn a_viewer_of_a_stereo_stream_is_told_so() {
    let stereo = published(&[(Codec::Opus, "stereo=1")]);
    let (_, answer) = watch(&offer("chromium_watch"), &stereo).unwrap();
    assert_eq!(
        values(&section(&answer, "1"), "fmtp"),
        ["111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1"]
    );
    let mono = published(&[(Codec::Opus, "stereo=0")]);
    assert!(!watch(&offer("chromium_watch"), &mono).unwrap().1.contains("stereo"));
}

/// H.264 is matched by profile and packetization: the exact payload type first, then one whose decoder contains it.
#[test]
fn h264_goes_to_the_payload_type_that_plays_it() {
    let payload_type = |viewer: &str, fmtp: &str| {
        let stream = published(&[(Codec::H264, fmtp)]);
        watch(&offer(viewer), &stream).map(|(spec, _)| spec.subscriptions[0].payload_type.value())
    };
    assert_eq!(payload_type("safari_watch", "packetization-mode=1;profile-level-id=640c34"), Ok(96));
    assert_eq!(payload_type("safari_watch", "packetization-mode=1;profile-level-id=42e01f"), Ok(98));
    assert_eq!(payload_type("safari_watch", "profile-level-id=42e01f"), Ok(102));
    assert_eq!(payload_type("chromium_watch", "packetization-mode=1;profile-level-id=4d001f"), Ok(116));
    // No High among Chromium's: its High 4:4:4 decoder plays High.
    assert_eq!(payload_type("chromium_watch", "packetization-mode=1;profile-level-id=64001f"), Ok(41));
    assert!(payload_type("safari_watch", "packetization-mode=1;profile-level-id=64001f").is_err());
    assert!(payload_type("safari_watch", "packetization-mode=2;profile-level-id=42e01f").is_err());
}

/// The same for the profiles of VP9, AV1 and H.265.
#[test]
fn profiles_of_other_codecs_are_matched() {
    let payload_type = |viewer: &str, codec: Codec, fmtp: &str| {
        let stream = published(&[(codec, fmtp)]);
        watch(&offer(viewer), &stream).map(|(spec, _)| spec.subscriptions[0].payload_type.value()).ok()
    };
    assert_eq!(payload_type("chromium_watch", Codec::Vp9, ""), Some(98));
    assert_eq!(payload_type("chromium_watch", Codec::Vp9, "profile-id=2"), Some(100));
    assert_eq!(payload_type("safari_watch", Codec::Vp9, "profile-id=2"), None);
    assert_eq!(payload_type("firefox_watch", Codec::Vp9, "profile-id=0"), Some(121));
    assert_eq!(payload_type("chromium_watch", Codec::Av1, "profile=1"), Some(47));
    assert_eq!(payload_type("firefox_watch", Codec::Av1, "profile=0;level-idx=5"), Some(99));
    assert_eq!(payload_type("firefox_watch", Codec::Av1, "profile=1"), None);
    assert_eq!(payload_type("safari_watch", Codec::H265, "level-id=93;profile-id=1"), Some(104));
    assert_eq!(payload_type("safari_watch", Codec::H265, "profile-id=2"), None);
    assert_eq!(payload_type("chromium_watch", Codec::H265, ""), None);
}

/// The parameter sets that a publisher states in SDP may be nowhere else.
#[test]
fn parameter_sets_reach_the_viewer() {
    let sets = "Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";
    let fmtp = format!("packetization-mode=1;profile-level-id=42c01e;sprop-parameter-sets={sets}");
    let (_, answer) = watch(&offer("safari_watch"), &published(&[(Codec::H264, &fmtp)])).unwrap();
    let expected = format!(
        "98 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f;sprop-parameter-sets={sets}"
    );
    assert_eq!(values(&section(&answer, "0"), "fmtp")[0], expected);
}

/// A viewer that cannot show the picture is told what it would need, and it is a mismatch, not bad input.
#[test]
fn a_viewer_without_the_video_codec_is_turned_away_with_both_names() {
    let stream = published(&[(Codec::Opus, ""), (Codec::Vp9, "profile-id=2")]);
    let error = watch(&offer("safari_watch"), &stream).unwrap_err();
    assert!(error.is_codec_mismatch());
    let message = error.to_string();
    assert!(message.starts_with("the stream is published as opus and VP9 profile 2, which"), "{message}");
    assert!(message.ends_with("VP8, VP9 profile 0"), "{message}");
}

/// A kind that the viewer does not ask for is no fault; a kind that nobody publishes is refused in its place.
#[test]
fn a_viewer_gets_of_the_stream_what_it_asked_for() {
    let both = published(&VP8_AND_OPUS);
    let no_audio = text("chromium_watch").replace("m=audio 9", "m=audio 0");
    let offer_without_audio = Offer::parse(&no_audio).unwrap();
    let (spec, answer) = watch(&offer_without_audio, &both).unwrap();
    assert_eq!(spec.subscriptions.iter().map(|sub| sub.codec).collect::<Vec<_>>(), [Codec::Vp8]);
    assert_answers("without audio", &offer_without_audio, &answer);

    let no_video = text("chromium_watch").replace(
        "a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtcp-xr:rcvr-rtt=all\r\na=rtpmap:96",
        "a=inactive\r\na=rtcp-mux\r\na=rtpmap:96",
    );
    let offer_without_video = Offer::parse(&no_video).unwrap();
    let (spec, answer) = watch(&offer_without_video, &both).unwrap();
    assert_eq!(spec.subscriptions.iter().map(|sub| sub.codec).collect::<Vec<_>>(), [Codec::Opus]);
    assert_answers("without video", &offer_without_video, &answer);

    let video_only = published(&VP8_AND_OPUS[1..]);
    let (_, answer) = watch(&offer("chromium_watch"), &video_only).unwrap();
    assert!(section(&answer, "1")[0].starts_with("audio 0 UDP/TLS/RTP/SAVPF 111"));
    assert!(answer.contains("a=group:BUNDLE 0\r\n"), "the refused m-section leaves the group");
}

/// Chromium loses the transport of all m-sections when the one that names it is refused ("Failed to setup RTCP mux", seen
/// with 156), and browsers that watch list video first: where only audio is published the video must stay, idle.
#[test]
fn the_section_that_names_the_transport_stays_open_without_media() {
    let (spec, answer) = watch(&offer("chromium_watch_data"), &published(&VP8_AND_OPUS[..1])).unwrap();
    assert_eq!(spec.subscriptions.len(), 1);
    assert_answers("audio only", &offer("chromium_watch_data"), &answer);
    assert!(answer.contains("a=group:BUNDLE 0 1 2\r\n"));
    let video = section(&answer, "0");
    assert_eq!(video[0], "video 9 UDP/TLS/RTP/SAVPF 96 97");
    assert!(video.contains(&"inactive") && video.contains(&"rtcp-mux"));
    assert_eq!(values(&video, "ssrc"), [""; 0]);
    // With no codec of ours in it, its first format stands in.
    let others = text("chromium_watch");
    let others = ["VP8", "VP9", "H264", "AV1"]
        .iter()
        .fold(others.to_owned(), |text, name| text.replace(&format!(" {name}/"), " other/"));
    let offer_of_others = Offer::parse(&others).unwrap();
    let (_, answer) = watch(&offer_of_others, &published(&VP8_AND_OPUS[..1])).unwrap();
    assert_answers("audio beside unknown video", &offer_of_others, &answer);
    let video = section(&answer, "0");
    assert_eq!(
        (video[0], &values(&video, "rtpmap")[..]),
        ("video 9 UDP/TLS/RTP/SAVPF 96", &["96 other/90000"][..])
    );
    assert!(video.contains(&"inactive"));
    // Without rtcp-mux it could not be accepted, so it is refused and the next one names the transport.
    let no_mux = text("chromium_watch").replacen("a=rtcp-mux\r\n", "", 1);
    let offer_without_mux = Offer::parse(&no_mux).unwrap();
    let (_, answer) = watch(&offer_without_mux, &published(&VP8_AND_OPUS[..1])).unwrap();
    assert!(answer.contains("a=group:BUNDLE 1\r\n") && answer.contains("m=video 0 "));
}

/// Audio that does not fit is left out beside video, and is the end where there is nothing else.
#[test]
fn unplayable_audio_counts_only_where_there_is_no_video() {
    let other_audio = Offer::parse(&text("chromium_watch").replace("opus/48000/2", "L16/48000/2")).unwrap();
    let (spec, answer) = watch(&other_audio, &published(&VP8_AND_OPUS)).unwrap();
    assert_eq!(spec.subscriptions.len(), 1);
    assert!(section(&answer, "1")[0].starts_with("audio 0 "));
    let error = watch(&other_audio, &published(&VP8_AND_OPUS[..1])).unwrap_err();
    assert!(error.is_codec_mismatch(), "{error}");
}

/// A publisher's offer sent to the wrong URL, or a bare data channel, asks for no media.
#[test]
fn an_offer_that_receives_nothing_is_refused() {
    let stream = published(&VP8_AND_OPUS);
    let data_only = Offer::parse(DATA_ONLY).unwrap();
    for offer in [offer("chromium_publish_vp8"), data_only] {
        assert_eq!(watch(&offer, &stream).unwrap_err(), SdpError::NoMedia { wish: "receive" });
    }
}

/// `Published` is a public value: one with more tracks than a session carries must not overflow it.
#[test]
fn more_tracks_than_a_session_carries_are_not_subscribed() {
    let audio = text("obs_publish").split("m=").nth(1).unwrap().replace("sendonly", "recvonly");
    let mut many =
        text("obs_publish").split("m=").next().unwrap().replace("BUNDLE 0 1", "BUNDLE 0 1 2 3 4 5 6 7 8 9");
    for mid in 0..10 {
        let number = 100 + mid;
        let section = audio.replace("a=mid:0", &format!("a=mid:{mid}")).replace("111", &number.to_string());
        many = many + "m=" + &section;
    }
    let offer = Offer::parse(&many).unwrap();
    let (spec, answer) = watch(&offer, &published(&[(Codec::Opus, ""); 10])).unwrap();
    assert!(spec.subscriptions.is_full());
    assert_eq!(answer.matches("m=audio 9 ").count(), spec.subscriptions.len());
    assert_answers("ten tracks", &offer, &answer);
}

/// Header extensions are written as the viewer offered them: its ids, its URIs, its directions seen from our side, and the
/// leave to mix header forms where it gave it.
#[test]
fn extensions_are_answered_in_the_viewers_terms() {
    let (_, answer) = watch(&offer("firefox_watch"), &published(&VP8_AND_OPUS)).unwrap();
    let video = section(&answer, "0");
    assert_eq!(
        values(&video, "extmap"),
        [
            "3 urn:ietf:params:rtp-hdrext:sdes:mid",
            "4 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            "6/sendonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        ]
    );
    assert!(video.contains(&"extmap-allow-mixed"), "Firefox says it in each m-section");
    // What the viewer only sends it does not take.
    let sent = Offer::parse(&text("firefox_watch").replace("6/recvonly", "6/sendonly")).unwrap();
    assert!(!watch(&sent, &published(&VP8_AND_OPUS)).unwrap().1.contains("playout-delay"));
    let (_, answer) = watch(&offer("chromium_watch"), &published(&VP8_AND_OPUS)).unwrap();
    assert_eq!(answer.matches("a=extmap-allow-mixed").count(), 1, "Chromium says it once, for the session");
    assert!(!section(&answer, "0").contains(&"extmap-allow-mixed"));
}

/// Retransmissions are asked for by NACK: a viewer without it would keep a stream open that never speaks.
#[test]
fn retransmission_needs_nack() {
    let without = text("chromium_watch").replace("a=rtcp-fb:96 nack\r\n", "");
    let offer = Offer::parse(&without).unwrap();
    let (spec, answer) = watch(&offer, &published(&VP8_AND_OPUS)).unwrap();
    assert!(!spec.subscriptions[1].nack && spec.subscriptions[1].rtx.is_none());
    assert_eq!(section(&answer, "0")[0], "video 9 UDP/TLS/RTP/SAVPF 96");
}

/// A stream that a decoder does not know must not be sent to it: fragments to one that takes single NAL units, a high tier,
/// a profile that does not exist.
#[test]
fn a_stream_beyond_the_viewers_terms_is_not_sent() {
    let cases = [
        (
            "safari_watch",
            "packetization-mode=1",
            "packetization-mode=0",
            Codec::H264,
            "packetization-mode=1;profile-level-id=42e01f",
        ),
        ("safari_watch", "", "", Codec::H265, "profile-id=1;tier-flag=1"),
        ("safari_watch", "", "", Codec::H265, "profile-id=1;tx-mode=MRST"),
        ("chromium_watch", "profile-id=2", "profile-id=4", Codec::Vp9, "profile-id=4"),
        ("chromium_watch", "profile=1", "profile=3", Codec::Av1, "profile=3"),
        ("chromium_watch", "opus/48000/2", "opus/48000/2/1", Codec::Opus, ""),
        ("chromium_watch", "opus/48000/2", "opus/48000", Codec::Opus, ""),
        ("chromium_watch", "opus/48000/2", "opus/44100/2", Codec::Opus, ""),
    ];
    for (viewer, from, to, codec, fmtp) in cases {
        let offer = Offer::parse(&text(viewer).replace(from, to)).unwrap();
        let error = watch(&offer, &published(&[(codec, fmtp)])).unwrap_err();
        assert!(error.is_codec_mismatch(), "{viewer} {to} {fmtp}: {error}");
    }
}
