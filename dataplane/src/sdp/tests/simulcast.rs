//! Simulcast: what is taken of it, what is left out, what is refused, and what viewers of it are sent.

use std::time::Instant;

use fanlight_shard::{LayerSpec, PublishSpec, Rid, ShardId, TrackId, WatchSpec};
use fanlight_wire::codec::Codec;
use fanlight_wire::{ExtensionKind, Ssrc};
use proptest::prelude::*;
use str0m::Rtc;
use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind, Simulcast, SimulcastLayer};

use super::fixtures::{VIEWERS, offer, ours, published, section, ssrcs, text, track_ids, values};
use super::rules::assert_answers;
use crate::sdp::{Offer, Policy, Published, SdpError, ServerOffer, plan_publish, plan_watch};

const CHROMIUM: &str = "chromium_publish_simulcast";
const LINES: &str = "a=rid:l send\r\na=rid:m send\r\na=rid:h send\r\na=simulcast:send l;m;h";

/// What the shard gets, what viewers are told, and the answer, which keeps the rules.
fn publish(text: &str) -> (PublishSpec, Published, String) {
    let offer = Offer::parse(text).unwrap();
    let plan = plan_publish(&offer, &Policy::default()).unwrap();
    let (spec, answer) = (plan.spec(track_ids()), plan.answer(&offer, &ours()));
    assert_answers("simulcast", &offer, &answer);
    let published = plan.published(&spec, ShardId(3));
    (spec, published, answer)
}

/// The same for Chromium's offer with other lines for its layers.
fn with(lines: &str) -> (Vec<String>, String) {
    assert!(text(CHROMIUM).contains(LINES));
    let (spec, _, answer) = publish(&text(CHROMIUM).replace(LINES, lines));
    (rids(&spec), answer)
}

fn fault(lines: &str) -> SdpError {
    Offer::parse(&text(CHROMIUM).replace(LINES, lines)).unwrap_err()
}

/// The names of the tracks, "" where one has none.
fn rids(spec: &PublishSpec) -> Vec<String> {
    let name = |rid: Option<Rid>| {
        String::from_utf8(rid.map_or_else(Vec::new, |rid| rid.as_bytes().to_vec())).unwrap()
    };
    spec.tracks.iter().map(|track| name(track.rid)).collect()
}

fn watch(viewer: &str, published: &Published) -> (WatchSpec, String) {
    let offer = offer(viewer);
    let plan = plan_watch(&offer, published).unwrap();
    let spec = plan.spec(&mut ssrcs());
    let answer = plan.answer(&offer, &ours(), &spec);
    assert_answers(viewer, &offer, &answer);
    (spec, answer)
}

/// A track for each layer, in the publisher's order, all of one m-section; and an answer that asks for all of them.
#[test]
fn each_layer_of_a_browser_is_a_track() {
    for name in [CHROMIUM, "firefox_publish_simulcast"] {
        let (spec, published, answer) = publish(text(name));
        assert_eq!(rids(&spec), ["l", "m", "h"], "{name}");
        let ids: Vec<TrackId> = spec.tracks.iter().map(|track| track.track).collect();
        assert_eq!(ids, [TrackId(100), TrackId(101), TrackId(102)]);
        for track in &spec.tracks {
            assert_eq!((&track.mid[..], track.codec), (&b"0"[..], Codec::Vp8));
            assert!(track.nack && track.pli && track.transport_cc && track.rtx_payload_type.is_some());
            // Firefox lists its SSRCs, but not in the order of its layers: packets say by name which they are of.
            assert_eq!((track.ssrc, track.rtx_ssrc), (None, None), "{name}");
        }
        for kind in [ExtensionKind::Mid, ExtensionKind::Rid, ExtensionKind::RepairedRid] {
            assert!(spec.extensions.id(kind).is_some(), "{name}: {kind:?}");
        }
        let [video] = published.tracks.as_slice() else { panic!("{published:?}") };
        let layers: Vec<_> = video.layers.iter().map(|layer| (layer.track, layer.rid.as_str())).collect();
        assert_eq!(layers, [(TrackId(100), "l"), (TrackId(101), "m"), (TrackId(102), "h")]);
        let section = section(&answer, "0");
        assert_eq!(values(&section, "rid"), ["l recv", "m recv", "h recv"], "{name}");
        assert_eq!(values(&section, "simulcast"), ["recv l;m;h"], "{name}");
    }
}

/// The sizes of layers are told by their sender, where there are layers; for one encoding the bytes are not spent.
#[test]
fn the_sizes_of_layers_are_asked_for_where_there_are_layers() {
    let (spec, _, _) = publish(text(CHROMIUM));
    assert_eq!(spec.extensions.id(ExtensionKind::VideoLayersAllocation), Some(14));
    let (spec, _, answer) = publish(&text(CHROMIUM).replace(LINES, ""));
    assert_eq!(spec.extensions.id(ExtensionKind::VideoLayersAllocation), None);
    assert!(!answer.contains("video-layers-allocation"));
}

/// An answer that says nothing of layers makes a browser send one encoding, and that is so where packets could not say which
/// layer they are of.
#[test]
fn layers_that_packets_cannot_name_are_not_asked_for() {
    for missing in ["sdes:mid", "sdes:rtp-stream-id", "sdes:repaired-rtp-stream-id"] {
        let without = text(CHROMIUM).replace(missing, "something-else");
        let (spec, published, answer) = publish(&without);
        assert_eq!(rids(&spec), [""], "{missing}");
        assert!(!published.tracks[0].has_choice());
        assert!(!answer.contains("a=simulcast") && !answer.contains("a=rid:"), "{missing}");
    }
    // Without retransmissions there is nothing to repair.
    let without = text(CHROMIUM)
        .replace("sdes:repaired-rtp-stream-id", "something-else")
        .replace("a=rtcp-fb:96 nack\r\n", "");
    assert_eq!(rids(&publish(&without).0), ["l", "m", "h"]);
    // OBS offers none.
    let (spec, _, answer) = publish(text("obs_publish_simulcast"));
    assert_eq!(rids(&spec), ["", "0", "1", "2"]);
    assert_eq!(values(&section(&answer, "1"), "simulcast"), ["recv 0;1;2"]);
    // Firefox's first pair of SSRCs is the encoding that is left.
    let without = text("firefox_publish_simulcast").replace("sdes:rtp-stream-id", "something-else");
    let (spec, _, _) = publish(&without);
    assert_eq!(spec.tracks[0].ssrc, Some(Ssrc(2_238_567_766)));
    assert_eq!(spec.tracks[0].rtx_ssrc, Some(Ssrc(3_269_696_536)));
    // Names for one stream alone are no simulcast (RFC 8851 stands for itself).
    assert_eq!(with("a=rid:l send").0, [""]);
}

/// What begins paused may flow later, of alternatives one can come, and what the offerer would receive is not its to send.
#[test]
fn paused_layers_are_taken_and_of_alternatives_the_first() {
    let rids = "a=rid:l send\r\na=rid:m send\r\na=rid:h send\r\n";
    let (names, answer) = with(&format!("{rids}a=simulcast:send ~l;h,m"));
    assert_eq!(names, ["l", "h"]);
    assert_eq!(values(&section(&answer, "0"), "simulcast"), ["recv l;h"], "the server pauses none");
    assert_eq!(with(&format!("{rids}a=rid:r recv\r\na=simulcast:recv r send ~m,l;~h")).0, ["m", "h"]);
    assert_eq!(with(&format!("{rids}a=simulcast:recv l;m")).0, [""]);
    assert_eq!(with(&format!("{rids}a=simulcast:send h")).0, ["h"]);
}

/// RFC 8853 §5.3.2 lets an answerer take fewer; the preferred stand first (§5.2).
#[test]
fn more_layers_than_are_forwarded_are_left_out() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let lines: String = names.iter().map(|name| format!("a=rid:{name} send\r\n")).collect();
    let (taken, answer) = with(&format!("{lines}a=simulcast:send {}", names.join(";")));
    assert_eq!(taken, names[..fanlight_shard::limits::LAYERS_MAX]);
    assert!(!answer.contains("a=rid:e") && !answer.contains("a=rid:f"));
}

/// RFC 8851 §6.2.2: a line that cannot be obeyed is as if it were not there, and its stream goes with it.
#[test]
fn rids_that_cannot_be_taken_are_left_out() {
    for odd in [
        "a=rid:m send pt=98",    // another codec than the one that is taken
        "a=rid:m send pt=x",     // none at all
        "a=rid:m send depend=l", // not decodable alone
        "a=rid:m send max-width=640;new-thing=1",
        "a=rid:m send max-width=wide",
        "a=rid:m recv",
        "a=rid:m",
        "a=rid:m sendonly",
        "a=rid:m! send",
        "a=rid:",
        "a=x",
    ] {
        let (names, answer) = with(&LINES.replace("a=rid:m send", odd));
        assert_eq!(names, ["l", "h"], "{odd}");
        assert_eq!(values(&section(&answer, "0"), "simulcast"), ["recv l;h"], "{odd}");
    }
    let long = "n".repeat(17);
    let (names, _) = with(&LINES.replace(":m ", &format!(":{long} ")).replace(";m;", &format!(";{long};")));
    assert_eq!(names, ["l", "h"], "it does not fit a header extension");
    let longest = "n".repeat(16);
    let (names, _) =
        with(&LINES.replace(":m ", &format!(":{longest} ")).replace(";m;", &format!(";{longest};")));
    assert_eq!(names, ["l", &longest, "h"]);
    // One name means one stream: the first line and the first place count.
    assert_eq!(with(&LINES.replace("l;m;h", "l;m;l;h,m")).0, ["l", "m", "h"]);
    let (_, answer) =
        with(&LINES.replace("a=rid:l send", "a=rid:l send max-fps=5\r\na=rid:l send max-fps=9"));
    assert_eq!(values(&section(&answer, "0"), "rid")[0], "l recv max-fps=5");
}

/// An answer may not be laxer than the offer (RFC 8851 §6.3), and names the one payload type that it takes.
#[test]
fn restrictions_are_repeated() {
    let rid = "a=rid:l send pt=96,98;max-width=320;max-height=180;max-fps=15; max-br=150000;max-bpp=0.10";
    let (names, answer) = with(&LINES.replace("a=rid:l send", rid));
    assert_eq!(names, ["l", "m", "h"]);
    assert_eq!(
        values(&section(&answer, "0"), "rid")[0],
        "l recv pt=96;max-width=320;max-height=180;max-fps=15;max-br=150000;max-bpp=0.10"
    );
}

/// What cannot be read is told, since an answer to something else would be a riddle.
#[test]
fn a_malformed_simulcast_is_refused() {
    let malformed = SdpError::MalformedSimulcast { mid: "0".to_owned() };
    for line in [
        "a=simulcast:",
        "a=simulcast",
        "a=simulcast:send",
        "a=simulcast:send l;;h",
        "a=simulcast:send l;",
        "a=simulcast:send l,",
        "a=simulcast:send ~",
        "a=simulcast:send ~~l",
        "a=simulcast:send l m",
        "a=simulcast:send l send m",
        "a=simulcast:send l recv m send h",
        "a=simulcast:both l",
        "a=simulcast: send rid=l;m;h",
        "a=simulcast:send lä",
    ] {
        assert_eq!(fault(&LINES.replace("a=simulcast:send l;m;h", line)), malformed, "{line}");
    }
    let many: String = (0..17).map(|number| format!("a=rid:{number} send\r\n")).collect();
    assert_eq!(fault(&format!("{many}a=simulcast:send 1;2")), SdpError::TooManyRids { mid: "0".to_owned() });
    assert!(malformed.to_string().starts_with("a=mid:0 has a malformed a=simulcast: send"));
}

/// Before there were names there were groups: the layers are called by their places.
#[test]
fn layers_may_be_told_apart_by_ssrcs_alone() {
    let fid = "a=ssrc-group:FID 2093847561 3847561029";
    let group = |group: &str| {
        let (spec, _, answer) = publish(&text("pion_publish").replace(fid, &format!("{fid}\r\n{group}")));
        assert!(!answer.contains("a=simulcast") && !answer.contains("a=rid"));
        let video: Vec<_> = spec.tracks.iter().filter(|track| track.codec == Codec::Vp8).collect();
        let name = |rid: Option<Rid>| rid.map(|rid| rid.as_bytes().to_vec());
        video.iter().map(|track| (name(track.rid), track.ssrc, track.rtx_ssrc)).collect::<Vec<_>>()
    };
    let named = |name: &str| Some(name.as_bytes().to_vec());
    assert_eq!(
        group("a=ssrc-group:SIM 2093847561 77 78\r\na=ssrc-group:FID 77 177"),
        [
            (named("0"), Some(Ssrc(2_093_847_561)), Some(Ssrc(3_847_561_029))),
            (named("1"), Some(Ssrc(77)), Some(Ssrc(177))),
            (named("2"), Some(Ssrc(78)), None),
        ]
    );
    let one = [(None, Some(Ssrc(2_093_847_561)), Some(Ssrc(3_847_561_029)))];
    assert_eq!(group("a=ssrc-group:SIM 2093847561"), one, "one is no choice");
    assert_eq!(group("a=ssrc-group:SIM"), one);
    assert_eq!(group("a=ssrc-group:SIM 2093847561 1 2 3 4 5").len(), 4);
    let twice = text("pion_publish").replace(fid, "a=ssrc-group:SIM 2093847561 2093847561");
    let error = plan_publish(&Offer::parse(&twice).unwrap(), &Policy::default()).unwrap_err();
    assert_eq!(error, SdpError::DuplicateSsrc { ssrc: 2_093_847_561 });
}

/// A viewer sees one stream, of the layers in the publisher's order, and neither their names nor their sizes.
#[test]
fn a_viewer_of_layers_sees_one_stream() {
    let (_, published, _) = publish(text(CHROMIUM));
    for (viewer, _) in VIEWERS {
        let (spec, answer) = watch(viewer, &published);
        let [video] = spec.subscriptions.as_slice() else { panic!("{spec:?}") };
        let layer = |track, name: &[u8]| LayerSpec { track: TrackId(track), rid: Rid::new(name) };
        assert_eq!(video.layers[..], [layer(100, b"l"), layer(101, b"m"), layer(102, b"h")], "{viewer}");
        assert_eq!((video.track, video.home), (TrackId(100), ShardId(3)));
        assert!(!answer.contains("a=rid") && !answer.contains("a=simulcast"), "{viewer}");
        use ExtensionKind::{DependencyDescriptor, RepairedRid, Rid as Name, VideoLayersAllocation};
        for kind in [Name, RepairedRid, VideoLayersAllocation, DependencyDescriptor] {
            assert_eq!(spec.extensions.id(kind), None, "{viewer}: {kind:?}");
        }
    }
}

/// Feedback on every packet costs: it is asked for where a viewer's bandwidth decides what it gets, and then it is the one
/// way of estimating (browsers use either, not both).
#[test]
fn packets_are_counted_only_where_there_is_a_choice() {
    let single = published(&[(Codec::Opus, ""), (Codec::Vp9, "")]);
    let mut layered = single.clone();
    layered.tracks[1] = publish(text(CHROMIUM)).1.tracks.remove(0);
    layered.tracks[1].codec = Codec::Vp9;
    let mut scalable = single.clone();
    scalable.tracks[1].scalable = true;
    for (viewer, _) in VIEWERS {
        let (spec, answer) = watch(viewer, &single);
        assert_eq!(spec.extensions.id(ExtensionKind::TransportSequence), None, "{viewer}");
        assert!(answer.contains(" goog-remb") && !answer.contains("transport-"), "{viewer}");
        for choice in [&layered, &scalable] {
            let (spec, answer) = watch(viewer, choice);
            assert!(spec.extensions.id(ExtensionKind::TransportSequence).is_some(), "{viewer}");
            assert!(answer.contains(" transport-cc") && !answer.contains("goog-remb"), "{viewer}");
            let taken = answer.split("\r\nm=").skip(1).filter(|section| section.contains("\r\na=sendonly"));
            assert!(taken.clone().count() > 0);
            for section in taken {
                assert!(section.contains("transport-wide-cc"), "one count goes through all: {section}");
            }
        }
    }
    // Without the sound's count, or the picture's feedback, there is none.
    let whole = text("chromium_watch");
    let (video, audio) = whole.split_once("m=audio").unwrap();
    let silent_audio = format!("{video}m=audio{}", audio.replace("transport-wide-cc", "x"));
    for text in [silent_audio, whole.replace("a=rtcp-fb:98 transport-cc", "a=x")] {
        let offer = Offer::parse(&text).unwrap();
        let plan = plan_watch(&offer, &layered).unwrap();
        let spec = plan.spec(&mut ssrcs());
        assert_eq!(spec.extensions.id(ExtensionKind::TransportSequence), None);
        let answer = plan.answer(&offer, &ours(), &spec);
        assert!(answer.contains("98 goog-remb") && !answer.contains("transport-"), "{answer}");
    }
}

/// SDP does not name layers within a stream. A publisher that describes its frames' dependencies has some, if its codec can.
#[test]
fn a_stream_with_layers_of_its_own_is_known_by_its_descriptor() {
    let descriptor =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    let described = |name: &str| text(name).replace("urn:3gpp:video-orientation", descriptor);
    let (_, stream, _) = publish(&described("chromium_publish_av1"));
    assert!(stream.tracks[0].scalable && stream.tracks[0].has_choice());
    assert_eq!(stream.tracks[0].layers.len(), 1);
    let is_scalable = |text: &str| publish(text).1.tracks.iter().any(|track| track.scalable);
    assert!(!is_scalable(text("chromium_publish_av1")));
    let vp8 = described("chromium_publish_vp8");
    assert!(vp8.contains(descriptor) && !is_scalable(&vp8), "temporal layers of VP8 are not taken away");
}

/// The same in an offer of ours; and an answer that will give no feedback is sent no count.
#[test]
fn an_offer_of_ours_counts_packets_of_layers() {
    let mut stream = published(&[(Codec::Opus, ""), (Codec::Vp8, "")]);
    stream.tracks[1].layers = publish(text(CHROMIUM)).1.tracks.remove(0).layers;
    let server_offer = ServerOffer::new(&stream, &mut ssrcs()).unwrap();
    let offered = server_offer.text(&ours());
    let extmap = |mid: &str| {
        let section = section(&offered, mid);
        let maps: Vec<String> = values(&section, "extmap").iter().map(|map| (*map).to_owned()).collect();
        maps
    };
    let (audio, video) = (extmap("0"), extmap("1"));
    let counts = |map: &&String| map.contains("transport-wide-cc");
    assert_eq!(audio.iter().find(counts), video.iter().find(counts));
    assert!(audio.iter().any(|map| counts(&map)));
    let id = |map: &String| map.split(' ').next().unwrap().to_owned();
    for map in &audio {
        assert!(video.contains(map) || video.iter().all(|other| id(other) != id(map)), "{map}");
    }
    assert!(offered.contains("a=rtcp-fb:98 transport-cc") && !offered.contains("goog-remb"));
    let answer = offered.replace("a=setup:actpass", "a=setup:active").replace("a=sendonly", "a=recvonly");
    let accept = |answer: &str| server_offer.accept(&Offer::parse_answer(answer).unwrap()).unwrap();
    let spec = accept(&answer);
    assert_eq!(spec.subscriptions[1].layers.len(), 3);
    assert!(spec.extensions.id(ExtensionKind::TransportSequence).is_some());
    let silent = accept(&answer.replace("a=rtcp-fb:98 transport-cc\r\n", ""));
    assert_eq!(silent.extensions.id(ExtensionKind::TransportSequence), None);
}

/// str0m's parser is another's work: it must read our answer as leave to send each layer, under the names that it gave.
#[test]
fn str0m_sends_the_layers_that_the_answer_takes() {
    let mut rtc = Rtc::builder().build(Instant::now());
    let mut changes = rtc.sdp_api();
    let mut layers = Simulcast::new();
    layers.add_send_layer(SimulcastLayer::new_with_attributes("f").max_width(1280).max_br(1_500_000).build());
    layers.add_send_layer(SimulcastLayer::new("h"));
    layers.add_send_layer(SimulcastLayer::new("q"));
    let mid = changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, Some(layers));
    let (offer, pending) = changes.apply().unwrap();
    let (spec, _, answer) = publish(&offer.to_sdp_string());
    assert_eq!(rids(&spec), ["f", "h", "q"]);
    assert_eq!(values(&section(&answer, &mid.to_string()), "rid")[0], "f recv max-width=1280;max-br=1500000");
    rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(&answer).unwrap()).unwrap();
    for name in ["f", "h", "q"] {
        assert!(rtc.direct_api().stream_tx_by_mid(mid, Some(name.into())).is_some(), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever lines stand there, they are refused or answered by the rules, and no layer is taken that was not offered.
    #[test]
    fn any_lines_of_layers_are_refused_or_answered_by_the_rules(
        lines in proptest::collection::vec("[a-c~]{1,2} (send|recv)( (pt=9[678]|max-width=[0-9x]{1,2}|;)(;max-fps=3)?)?", 0..5),
        list in "(send|recv)? ?~?[a-c]([;,]~?[a-c]){0,5}( recv a)?",
    ) {
        let rid_lines: String = lines.iter().map(|line| format!("a=rid:{line}\r\n")).collect();
        let text = text(CHROMIUM).replace(LINES, &format!("{rid_lines}a=simulcast:{list}"));
        if let Ok(offer) = Offer::parse(&text) {
            let plan = plan_publish(&offer, &Policy::default()).unwrap();
            let spec = plan.spec(track_ids());
            assert_answers(&list, &offer, &plan.answer(&offer, &ours()));
            for name in rids(&spec).iter().filter(|name| !name.is_empty()) {
                let is_offered = |line: &String| line.starts_with(&format!("{name} send"));
                prop_assert!(lines.iter().any(is_offered), "{name} of {lines:?} {list}");
            }
        }
    }
}
