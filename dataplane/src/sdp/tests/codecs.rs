//! What of the codecs' finer points two sides agree on: redundancy, channels, profiles and modes.

use fanlight_shard::{PublishSpec, ShardId, WatchSpec};
use fanlight_wire::codec::Codec;

use super::fixtures::{offer, ours, published, section, ssrcs, text, track_ids, values};
use super::rules::assert_answers;
use crate::sdp::{Offer, Policy, Published, SdpError, plan_publish, plan_watch};

fn publish(text: &str) -> (PublishSpec, Published, String) {
    let offer = Offer::parse(text).unwrap();
    let plan = plan_publish(&offer, &Policy::default()).unwrap();
    let spec = plan.spec(track_ids());
    let answer = plan.answer(&offer, &ours());
    assert_answers("a publisher", &offer, &answer);
    (spec.clone(), plan.published(&spec, ShardId(0)), answer)
}

fn watch(offer: &Offer, published: &Published) -> (WatchSpec, String) {
    let plan = plan_watch(offer, published).unwrap();
    let spec = plan.spec(&mut ssrcs());
    let answer = plan.answer(offer, &ours(), &spec);
    assert_answers("a viewer", offer, &answer);
    (spec, answer)
}

/// Chromium as a page sets it up with `setCodecPreferences`: redundant audio first.
fn prefers_red() -> String {
    let plain = text("chromium_publish_vp8");
    let preferring = plain.replace("SAVPF 111 63", "SAVPF 63 111");
    assert_ne!(preferring, plain);
    preferring
}

/// Redundancy doubles the bitrate of the sound, so that it is the publisher's wish; and Chromium lists it behind Opus by itself.
#[test]
fn redundant_audio_is_agreed_on_where_the_publisher_prefers_it() {
    let (spec, stream, answer) = publish(text("chromium_publish_vp8"));
    assert_eq!(spec.tracks[0].red_payload_type, None);
    assert!(!stream.tracks[0].red);
    assert_eq!(section(&answer, "0")[0], "audio 9 UDP/TLS/RTP/SAVPF 111");

    let (spec, stream, answer) = publish(&prefers_red());
    let audio = &spec.tracks[0];
    assert_eq!(audio.payload_type.value(), 111);
    assert_eq!(audio.red_payload_type.map(|number| number.value()), Some(63));
    assert!(stream.tracks[0].red);
    let audio = section(&answer, "0");
    assert_eq!(audio[0], "audio 9 UDP/TLS/RTP/SAVPF 63 111");
    assert!(values(&audio, "rtpmap").contains(&"63 red/48000/2"));
    assert!(values(&audio, "fmtp").contains(&"63 111/111"));
}

/// A viewer gets it under its own number if it knows it, whatever it prefers; one that does not knows nothing of it.
#[test]
fn redundant_audio_reaches_the_viewers_that_know_it() {
    let (_, stream, _) = publish(&prefers_red());
    let (spec, answer) = watch(&offer("chromium_watch"), &stream);
    let audio = spec.subscriptions.iter().find(|wish| wish.codec == Codec::Opus).unwrap();
    assert_eq!(audio.red_payload_type.map(|number| number.value()), Some(63));
    assert!(answer.contains("a=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"));

    let without: String =
        text("chromium_watch").split_inclusive("\r\n").filter(|line| !line.contains(":63 ")).collect();
    let (spec, answer) = watch(&Offer::parse(&without.replace("111 63", "111")).unwrap(), &stream);
    assert!(spec.subscriptions.iter().all(|wish| wish.red_payload_type.is_none()));
    assert!(!answer.contains("red/48000"));
    let plain = published(&[(Codec::Opus, "")]);
    let (spec, _) = watch(&offer("chromium_watch"), &plain);
    assert_eq!(spec.subscriptions[0].red_payload_type, None, "nothing redundant is published");
}

/// Redundancy around another payload type than the one agreed on, or around two, is not what a shard unwraps.
#[test]
fn redundancy_of_another_payload_type_is_not_taken() {
    for fmtp in ["63 9/9", "63 111/9", "63", "63 x/x", "63 111/111x"] {
        let (spec, ..) = publish(&prefers_red().replace("a=fmtp:63 111/111", &format!("a=fmtp:{fmtp}")));
        assert_eq!(spec.tracks[0].red_payload_type, None, "{fmtp}");
    }
}

/// Surround sound plays in no other browser: to publish it would be a stream without sound for most, so it is said.
#[test]
fn multi_channel_opus_is_refused_in_words() {
    let surround = text("obs_publish")
        .replace("opus/48000/2", "multiopus/48000/6")
        .replace("minptime=10", "channel_mapping=0,4,1,2,3,5;num_streams=4;coupled_streams=2;minptime=10");
    let error = plan_publish(&Offer::parse(&surround).unwrap(), &Policy::default()).unwrap_err();
    assert_eq!(error, SdpError::MultiChannelAudio);
    assert!(error.is_codec_mismatch() && error.to_string().contains("opus/48000/2"));
    // Beside stereo it is merely not chosen, as Chromium offers it.
    let beside = text("chromium_publish_vp8")
        .replace("SAVPF 111", "SAVPF 120 111")
        .replace("a=rtpmap:111 ", "a=rtpmap:120 multiopus/48000/6\r\na=rtpmap:111 ");
    let (spec, ..) = publish(&beside);
    assert_eq!((spec.tracks.len(), spec.tracks[0].payload_type.value()), (2, 111));
}

/// Of several H.264 formats in one offer the viewer's number is the one whose profile and packetization mode fit the stream
/// (RFC 6184 §8.2.2); levels are each side's own.
#[test]
fn the_viewers_h264_format_is_the_one_that_fits_the_stream() {
    let chosen = |profile: &str, mode: u8| {
        let fmtp = format!("profile-level-id={profile};packetization-mode={mode};level-asymmetry-allowed=1");
        let offer = offer("chromium_watch");
        let (spec, answer) = watch(&offer, &published(&[(Codec::H264, &fmtp)]));
        let number = spec.subscriptions[0].payload_type.value().to_string();
        let section = section(&answer, "0");
        let said = values(&section, "fmtp")
            .iter()
            .find_map(|value| value.strip_prefix(&format!("{number} ")).map(str::to_owned));
        said.unwrap()
    };
    for (profile, mode) in [("42e01f", 1), ("42e01f", 0), ("42001f", 1), ("4d001f", 1), ("4d001f", 0)] {
        let said = chosen(profile, mode);
        assert!(said.contains(&format!("packetization-mode={mode}")), "{profile} {mode}: {said}");
        let family = |id: &str| if id.starts_with("42") { "baseline" } else { "main" }.to_owned();
        let id = said.split("profile-level-id=").nth(1).unwrap();
        assert_eq!(family(id), family(profile), "{profile} {mode}: {said}");
    }
    // The level that a stream reaches and the one that a viewer states are not compared: browsers play more than they say.
    assert!(chosen("42e034", 1).contains("profile-level-id=42"));
}
