//! What publishers' offers come to.

use fanlight_shard::{PublishSpec, ShardId, TrackId};
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, Ssrc};

use super::fixtures::{DATA_ONLY, PUBLISHERS, offer, ours, section, text, track_ids, values};
use super::rules::assert_answers;
use crate::sdp::{Offer, Policy, SdpError, plan_publish};

fn spec(name: &str) -> PublishSpec {
    plan_publish(&offer(name), &Policy::default()).unwrap().spec(track_ids())
}

fn answer(name: &str) -> String {
    let offer = offer(name);
    plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours())
}

/// Each known publisher must get on the air; what it is published as is read off by a viewer's plan, so it is fixed here.
#[test]
fn each_known_publisher_is_answered_by_the_rules() {
    let expected = [
        ("chromium_publish_vp8", vec![Codec::Opus, Codec::Vp8]),
        ("chromium_publish_h264", vec![Codec::Opus, Codec::H264]),
        ("chromium_publish_av1", vec![Codec::Av1]),
        ("chromium_publish_data", vec![Codec::Opus, Codec::Vp8]),
        ("chromium_publish_gathered", vec![Codec::Opus, Codec::Vp8]),
        ("chromium_publish_simulcast", vec![Codec::Vp8; 3]),
        ("firefox_publish_vp8", vec![Codec::Opus, Codec::Vp8]),
        ("firefox_publish_data", vec![Codec::Opus, Codec::Vp8]),
        ("firefox_publish_gathered", vec![Codec::Opus, Codec::Vp8]),
        ("firefox_publish_simulcast", vec![Codec::Vp8; 3]),
        ("safari_publish", vec![Codec::Opus, Codec::H264]),
        ("obs_publish", vec![Codec::Opus, Codec::H264]),
        ("gstreamer_publish", vec![Codec::Opus, Codec::H264]),
        ("pion_publish", vec![Codec::Opus, Codec::Vp8]),
        ("obs_publish_simulcast", vec![Codec::Opus, Codec::H264, Codec::H264, Codec::H264]),
    ];
    assert_eq!(expected.len(), PUBLISHERS.len());
    for (name, codecs) in expected {
        let spec = spec(name);
        assert_eq!(spec.tracks.iter().map(|track| track.codec).collect::<Vec<_>>(), codecs, "{name}");
        assert_answers(name, &offer(name), &answer(name));
    }
}

/// The shard binds packets by these numbers: each is read off the offer by hand.
#[test]
fn a_browsers_numbers_reach_the_shard() {
    let spec = spec("chromium_publish_vp8");
    let [audio, video] = spec.tracks.as_slice() else { panic!("{spec:?}") };
    assert_eq!((audio.track, video.track), (TrackId(100), TrackId(101)));
    assert_eq!((&audio.mid[..], &video.mid[..]), (&b"0"[..], &b"1"[..]));
    assert_eq!((audio.clock_rate_hz, video.clock_rate_hz), (48_000, 90_000));
    assert_eq!((audio.payload_type.value(), video.payload_type.value()), (111, 96));
    assert_eq!(audio.rtx_payload_type, None);
    assert_eq!(video.rtx_payload_type.map(|number| number.value()), Some(97));
    assert!(!audio.nack && !audio.pli && audio.transport_cc);
    assert!(video.nack && video.pli && video.transport_cc);
    let numbers: Vec<u32> = values(&section(text("chromium_publish_vp8"), "1"), "ssrc-group")
        .iter()
        .flat_map(|group| group.strip_prefix("FID ").unwrap().split(' '))
        .map(|number| number.parse().unwrap())
        .collect();
    assert_eq!((video.ssrc, video.rtx_ssrc), (Some(Ssrc(numbers[0])), Some(Ssrc(numbers[1]))));
    assert!(audio.ssrc.is_some() && audio.rtx_ssrc.is_none());
    assert_eq!(spec.extensions.id(ExtensionKind::TransportSequence), Some(3));
    assert_eq!(spec.extensions.id(ExtensionKind::Mid), Some(4));
    assert_eq!(spec.extensions.id(ExtensionKind::AudioLevel), Some(1));
}

/// A publisher that lists payload types by hand must find its own numbers and terms in the answer, and no others.
#[test]
fn an_answer_repeats_the_publishers_own_terms() {
    let answer = answer("obs_publish");
    let audio = section(&answer, "0");
    assert_eq!(audio[0], "audio 9 UDP/TLS/RTP/SAVPF 111");
    assert_eq!(values(&audio, "fmtp"), ["111 minptime=10;useinbandfec=1;stereo=1;maxaveragebitrate=96000"]);
    let video = section(&answer, "1");
    assert_eq!(video[0], "video 9 UDP/TLS/RTP/SAVPF 96");
    assert_eq!(
        values(&video, "fmtp"),
        ["96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"]
    );
    // goog-remb is offered and not served: OBS is not sent estimates.
    assert_eq!(values(&video, "rtcp-fb"), ["96 nack", "96 nack pli"]);
    assert!(video.contains(&"recvonly") && video.contains(&"setup:passive"));
    assert!(answer.starts_with("v=0\r\no=- 9223372036854775807 2 IN IP4 127.0.0.1\r\n"));
}

/// GStreamer announces stereo without asking for it, and its parameter sets in SDP; both must reach the viewers.
#[test]
fn what_a_publisher_says_of_its_stream_is_kept_for_viewers() {
    let offer = offer("gstreamer_publish");
    let plan = plan_publish(&offer, &Policy::default()).unwrap();
    let published = plan.published(&plan.spec(track_ids()), ShardId(7));
    let [audio, video] = published.tracks.as_slice() else { panic!("{published:?}") };
    assert_eq!((audio.layers[0].track, audio.home, audio.channels), (TrackId(100), ShardId(7), Some(2)));
    assert!(audio.parameters.contains(&("sprop-stereo".to_owned(), "1".to_owned())));
    assert_eq!((video.codec, video.clock_rate_hz, video.channels), (Codec::H264, 90_000, None));
    let sets =
        ("sprop-parameter-sets".to_owned(), "Z2QAHqzZQKAv+XARAAADAAEAAAMAPA8WLZY=,aOvjyyLA".to_owned());
    assert!(video.parameters.contains(&sets));
    let answer = plan.answer(&offer, &ours());
    assert_eq!(values(&section(&answer, "audio1"), "fmtp"), ["100 stereo=1"]);
    assert!(!answer.contains("sprop"), "a receiver states no properties of a stream");
}

/// Safari lists High first and Chromium Baseline; viewers' browsers all play Constrained Baseline, so that is published.
#[test]
fn of_h264_the_variant_that_plays_everywhere_is_published() {
    let safari = answer("safari_publish");
    assert_eq!(section(&safari, "1")[0], "video 9 UDP/TLS/RTP/SAVPF 98 99");
    assert!(safari.contains("profile-level-id=42e01f"));
    // Where it is not offered, the first variant is taken.
    let high_only = text("safari_publish").replace("42e01f", "640c1f");
    let offer = Offer::parse(&high_only).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_eq!(section(&answer, "1")[0], "video 9 UDP/TLS/RTP/SAVPF 96 97");
}

/// An operator's policy narrows the choice without changing the offerer's order.
#[test]
fn a_policy_chooses_among_what_is_offered() {
    let offer = offer("safari_publish");
    let policy = Policy { video_codecs: vec![Codec::Vp9, Codec::Vp8], ..Policy::default() };
    let spec = plan_publish(&offer, &policy).unwrap().spec(track_ids());
    assert_eq!(spec.tracks[1].codec, Codec::Vp8);
    assert_eq!(spec.tracks[1].payload_type.value(), 127);
    let nothing = Policy { audio_codecs: vec![], video_codecs: vec![Codec::Av1] };
    let error = plan_publish(&offer, &nothing).unwrap_err();
    assert!(error.is_codec_mismatch());
    assert_eq!(
        error.to_string(),
        "no offered codec can be taken: offered are opus, G722, PCMU, PCMA, H264 constrained high packetization-mode 1, \
         H264 baseline packetization-mode 1, H264 constrained high packetization-mode 0, H264 baseline \
         packetization-mode 0, H265 profile 1, VP8, VP9 profile 0; taken are AV1"
    );
}

/// An m-section that nobody sends in is no publication, and an offer without one says so as bad input.
#[test]
fn an_offer_that_sends_nothing_is_refused() {
    for name in ["chromium_watch", "safari_watch"] {
        let error = plan_publish(&offer(name), &Policy::default()).unwrap_err();
        assert_eq!(error, SdpError::NoMedia { wish: "send" });
        assert!(!error.is_codec_mismatch());
    }
    let data_only = Offer::parse(DATA_ONLY).unwrap();
    assert!(data_only.wants_data_channel());
    assert_eq!(plan_publish(&data_only, &Policy::default()).unwrap_err(), SdpError::NoMedia { wish: "send" });
}

/// One audio and one video track: a second camera is refused in its place, so that the answer stays parallel.
#[test]
fn a_second_video_is_refused_in_its_place() {
    let video = text("obs_publish").split("m=video").nth(1).unwrap();
    let second = video.replace("a=mid:1", "a=mid:2").replace("1938274651", "1938274652");
    let two = text("obs_publish").replace("BUNDLE 0 1", "BUNDLE 0 1 2") + "m=video" + &second;
    let offer = Offer::parse(&two).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_answers("two videos", &offer, &answer);
    let refused = section(&answer, "2");
    assert_eq!(refused[..4], ["video 0 UDP/TLS/RTP/SAVPF 96", "c=IN IP4 0.0.0.0", "mid:2", "inactive"]);
    // str0m's parser wants to know the format of what is refused, too.
    assert_eq!(values(&refused, "rtpmap"), ["96 H264/90000"]);
    assert_eq!(refused.len(), 6);
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
}

/// A data channel opens with the sizes that the SDKs expect, also where it is bundle-only.
#[test]
fn a_data_channel_is_accepted_when_offered() {
    for name in ["chromium_publish_data", "firefox_publish_data"] {
        assert!(offer(name).wants_data_channel(), "{name}");
        let answer = answer(name);
        let data = section(&answer, "2");
        assert_eq!(data[0], "application 9 UDP/DTLS/SCTP webrtc-datachannel", "{name}");
        assert_eq!(values(&data, "sctp-port"), ["5000"], "{name}");
        assert_eq!(values(&data, "max-message-size"), ["262144"], "{name}");
    }
    assert!(!offer("obs_publish").wants_data_channel());
}

/// Firefox and Pion differ in where they put the fingerprint and how they list feedback; both must be understood.
#[test]
fn feedback_for_all_payload_types_counts_for_each() {
    let offer = Offer::parse(&text("pion_publish").replace("a=rtcp-fb:96 nack \r\n", "")).unwrap();
    let spec = plan_publish(&offer, &Policy::default()).unwrap().spec(track_ids());
    assert!(spec.tracks[1].nack, "a=rtcp-fb:* nack");
    assert!(spec.tracks[1].transport_cc, "a value with a blank after it");
}

/// An extension that the publisher only receives is not one it may send.
#[test]
fn an_extension_the_publisher_only_receives_is_not_asked_of_it() {
    let spec = spec("firefox_publish_vp8");
    assert!(
        text("firefox_publish_vp8")
            .contains("a=extmap:6/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay")
    );
    assert_eq!(spec.extensions.id(ExtensionKind::PlayoutDelay), None);
    assert_eq!(spec.extensions.id(ExtensionKind::AbsSendTime), Some(4));
}

/// The answer supports trickling where the offer does, however it lists it; libdatachannel uses a comma.
#[test]
fn trickling_is_answered_where_it_is_offered() {
    for (name, trickles) in [("obs_publish", true), ("chromium_publish_vp8", true), ("pion_publish", false)] {
        assert_eq!(answer(name).contains("a=ice-options:trickle\r\n"), trickles, "{name}");
    }
}

/// What an answer repeats must not carry more than the parameter: names in any case, values of harmless characters, and
/// of what stands twice the first.
#[test]
fn a_publishers_terms_are_read_leniently_and_repeated_strictly() {
    let odd = text("obs_publish")
        .replace(
            "profile-level-id=42e01f;packetization-mode=1",
            "Profile-Level-Id=42E01F; PACKETIZATION-MODE=1",
        )
        .replace("maxaveragebitrate=96000", "maxaveragebitrate=<96000>")
        .replace("H264/90000", "h264/90000\r\na=rtpmap:96 VP8/90000");
    let offer = Offer::parse(&odd).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_eq!(values(&section(&answer, "0"), "fmtp"), ["111 minptime=10;useinbandfec=1;stereo=1"]);
    assert_eq!(
        values(&section(&answer, "1"), "fmtp"),
        ["96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E01F"]
    );
    assert_eq!(values(&section(&answer, "1"), "rtpmap"), ["96 H264/90000"]);
}

/// A direction said for the whole session holds where an m-section says none. RFC 8866 §6.7.
#[test]
fn a_direction_of_the_session_holds_for_its_sections() {
    let session = |direction: &str| {
        let text = text("obs_publish").replace("a=sendonly\r\n", "").replace("a=group:LS 0 1", direction);
        plan_publish(&Offer::parse(&text).unwrap(), &Policy::default())
            .map(|plan| plan.spec(track_ids()).tracks.len())
    };
    assert_eq!(session("a=sendonly"), Ok(2));
    assert_eq!(session("a=x"), Ok(2), "sendrecv is the default");
    assert_eq!(session("a=recvonly"), Err(SdpError::NoMedia { wish: "send" }));
}

/// A publisher that says it will send stereo but wants mono back is taken at its word.
#[test]
fn mono_that_is_asked_for_is_not_made_stereo() {
    let text = text("gstreamer_publish").replace("sprop-stereo=1", "sprop-stereo=1;stereo=0");
    let offer = Offer::parse(&text).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_eq!(values(&section(&answer, "audio1"), "fmtp"), ["100 stereo=0"]);
}

/// Retransmissions are bound by SSRC only where they have a payload type, and only to the first of a FID group.
#[test]
fn groups_of_ssrcs_bind_retransmissions_and_nothing_else() {
    let rtx_ssrc = |name: &str, from: &str, to: &str| {
        assert!(text(name).contains(from), "{from}");
        let offer = Offer::parse(&text(name).replace(from, to)).unwrap();
        plan_publish(&offer, &Policy::default()).unwrap().spec(track_ids()).tracks[1].rtx_ssrc
    };
    let fid = "a=ssrc-group:FID 2093847561 3847561029";
    assert_eq!(rtx_ssrc("pion_publish", fid, fid), Some(Ssrc(3_847_561_029)));
    assert_eq!(
        rtx_ssrc("pion_publish", fid, &format!("a=ssrc-group:SIM 2093847561 77\r\n{fid}")),
        Some(Ssrc(3_847_561_029))
    );
    assert_eq!(rtx_ssrc("pion_publish", fid, "a=ssrc-group:FID 3847561029 2093847561"), None);
    let without_rtx = "a=ssrc-group:FID 1938274651 77\r\na=ssrc:1938274651 cname";
    assert_eq!(rtx_ssrc("obs_publish", "a=ssrc:1938274651 cname", without_rtx), None);
}

/// An m-section carries its own kind of codec, whatever its payload types are called.
#[test]
fn a_video_codec_in_an_audio_section_is_not_published() {
    let text = text("obs_publish").replace("opus/48000/2", "VP8/90000");
    let offer = Offer::parse(&text).unwrap();
    let spec = plan_publish(&offer, &Policy::default()).unwrap().spec(track_ids());
    assert_eq!(spec.tracks.iter().map(|track| &track.mid[..]).collect::<Vec<_>>(), [b"1"]);
}

/// A data channel on another SCTP port, or by the old names, is refused in its place; the media goes on.
#[test]
fn a_data_channel_of_another_kind_is_refused_in_its_place() {
    for (from, to) in
        [("sctp-port:5000", "sctp-port:5001"), ("UDP/DTLS/SCTP webrtc", "DTLS/SCTP 5000 webrtc")]
    {
        let text = text("chromium_publish_data").replace(from, to);
        let offer = Offer::parse(&text).unwrap();
        assert!(!offer.wants_data_channel(), "{to}");
        let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
        assert_answers(to, &offer, &answer);
        assert!(section(&answer, "2")[0].starts_with("application 0 "), "{to}");
    }
}

/// An extension that only the publisher sends is one that we only receive.
#[test]
fn the_direction_of_an_extension_is_mirrored() {
    let text = text("obs_publish")
        .replace("a=mid:1", "a=mid:1\r\na=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid");
    let offer = Offer::parse(&text).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_eq!(values(&section(&answer, "1"), "extmap"), ["4/recvonly urn:ietf:params:rtp-hdrext:sdes:mid"]);
}

/// One extension under two ids would make a receiver guess: the first is agreed on.
#[test]
fn an_extension_offered_under_two_ids_is_agreed_on_once() {
    let extmap = "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid";
    let twice = text("pion_publish")
        .replace(extmap, &format!("{extmap}\r\na=extmap:2 urn:ietf:params:rtp-hdrext:sdes:mid"));
    let offer = Offer::parse(&twice).unwrap();
    let plan = plan_publish(&offer, &Policy::default()).unwrap();
    assert_eq!(plan.spec(track_ids()).extensions.id(ExtensionKind::Mid), Some(1));
    assert!(!plan.answer(&offer, &ours()).contains("a=extmap:2 "));
}
