//! Offers that are refused, each for one fault put into a sound one, and each by name. The shapes of A42 in the threats.

use super::fixtures::{offer, ours, text, track_ids};
use super::rules::assert_answers;
use crate::sdp::section::MID_BYTES_MAX;
use crate::sdp::{Offer, Policy, SdpError, plan_publish};

/// What an offer with this replacement is refused for, at whatever step.
fn refusal(name: &str, from: &str, to: &str) -> SdpError {
    let sound = text(name);
    assert!(sound.contains(from), "{name} has no {from:?}");
    fault(&sound.replace(from, to))
}

fn fault(text: &str) -> SdpError {
    match Offer::parse(text) {
        Ok(offer) => plan_publish(&offer, &Policy::default()).unwrap_err(),
        Err(error) => error,
    }
}

/// Media must never go out in clear, whatever profile a peer talks us into (Licode #2048).
#[test]
fn a_profile_without_dtls_is_refused() {
    for profile in ["RTP/AVP", "RTP/SAVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF"] {
        let error = refusal("obs_publish", "m=video 9 UDP/TLS/RTP/SAVPF", &format!("m=video 9 {profile}"));
        assert_eq!(error, SdpError::InsecureProfile { mid: "1".to_owned(), protocol: profile.to_owned() });
        assert!(!error.is_codec_mismatch());
    }
}

/// Without a strong fingerprint anybody could be the other end of the handshake (A12).
#[test]
fn an_offer_without_one_strong_fingerprint_is_refused() {
    let line = text("obs_publish").lines().find(|line| line.starts_with("a=fingerprint")).unwrap();
    let with = |replacement: &str| refusal("obs_publish", line, replacement);
    assert_eq!(with("a=x"), SdpError::NoFingerprint);
    let sha1 = format!("a=fingerprint:sha-1 {}", ["AB"; 20].join(":"));
    assert_eq!(with(&sha1), SdpError::WeakFingerprint { hash: "sha-1".to_owned() });
    let md5 = format!("a=fingerprint:md5 {}", ["AB"; 16].join(":"));
    assert_eq!(with(&md5), SdpError::WeakFingerprint { hash: "md5".to_owned() });
    let another = format!("{line}\r\na=fingerprint:SHA-256 {}", ["AB"; 32].join(":"));
    assert_eq!(with(&another), SdpError::SeveralFingerprints { hash: "sha-256".to_owned() });
    for digits in [["AB"; 31].join(":"), ["AB"; 33].join(":"), ["+B"; 32].join(":"), ["AB"; 32].join("-")] {
        assert_eq!(
            with(&format!("a=fingerprint:sha-256 {digits}")),
            SdpError::MalformedFingerprint,
            "{digits}"
        );
    }
    assert_eq!(with("a=fingerprint:sha-256"), SdpError::MalformedFingerprint);
}

/// A weak hash beside a strong one is the same certificate said twice; lower case is as good as upper.
#[test]
fn a_strong_fingerprint_is_found_among_weak_ones() {
    let line = text("obs_publish").lines().find(|line| line.starts_with("a=fingerprint")).unwrap();
    let both = format!("a=fingerprint:sha-1 {}\r\n{}", ["AB"; 20].join(":"), line.to_lowercase());
    let offer = Offer::parse(&text("obs_publish").replace(line, &both)).unwrap();
    assert_eq!(offer.fingerprint().hash, "sha-256");
    assert_eq!(offer.fingerprint().bytes[..3], [0x3C, 0x8E, 0x51]);
    assert_eq!(offer.fingerprint().bytes.len(), 32);
    let sha512 = format!("a=fingerprint:sha-512 {}", ["0f"; 64].join(":"));
    let offer = Offer::parse(&text("obs_publish").replace(line, &sha512)).unwrap();
    assert_eq!((offer.fingerprint().hash.as_str(), offer.fingerprint().bytes.len()), ("sha-512", 64));
}

/// The ufrag is looked up and the password keyed into HMACs: both keep the RFC's bounds.
#[test]
fn ice_credentials_out_of_bounds_are_refused() {
    let ufrag = |value: &str| refusal("obs_publish", "a=ice-ufrag:q7Rz", &format!("a=ice-ufrag:{value}"));
    let pwd = |value: &str| refusal("obs_publish", "Gk2mVw9sTb4xLc8nHd1yPf", value);
    for illegal in ["", "abc", "ab c", "ab:cd", "äbcd", &"a".repeat(257), &"a".repeat(300)] {
        assert_eq!(ufrag(illegal), SdpError::IllegalIceUfrag, "{illegal}");
    }
    for illegal in ["", "Gk2mVw9sTb4xLc8nHd1yP", "Gk2mVw9sTb4xLc8nHd1y=f", &"a".repeat(257)] {
        assert_eq!(pwd(illegal), SdpError::IllegalIcePwd, "{illegal}");
    }
    assert_eq!(refusal("obs_publish", "a=ice-ufrag:q7Rz", "a=x"), SdpError::NoIceCredentials);
    assert_eq!(refusal("obs_publish", "a=ice-pwd:", "a=x:"), SdpError::NoIceCredentials);
    let longest = text("obs_publish").replace("q7Rz", &"a".repeat(256));
    assert_eq!(Offer::parse(&longest).unwrap().ice_ufrag().len(), 256);
}

/// Two peers that both wait would wait for ever: for the checks as for the handshake.
#[test]
fn a_peer_that_would_only_wait_is_refused() {
    assert_eq!(refusal("obs_publish", "t=0 0", "t=0 0\r\na=ice-lite"), SdpError::IceLite);
    for setup in ["passive", "holdconn", ""] {
        let error = refusal("obs_publish", "a=setup:actpass", &format!("a=setup:{setup}"));
        assert_eq!(error, SdpError::WrongSetup { setup: setup.to_owned() });
    }
    for sound in ["a=setup:active", "a=x"] {
        let text = text("obs_publish").replace("a=setup:actpass", sound);
        assert!(Offer::parse(&text).is_ok(), "{sound}");
    }
}

/// There is one port and one transport for all.
#[test]
fn what_cannot_share_one_transport_is_refused() {
    assert_eq!(
        refusal("pion_publish", "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111", "a=rtpmap:111"),
        SdpError::NoRtcpMux { mid: "1".to_owned() }
    );
    let not_bundled = |mid: &str| SdpError::NotBundled { mid: mid.to_owned() };
    assert_eq!(refusal("pion_publish", "a=group:BUNDLE 0 1", "a=x"), not_bundled("1"));
    assert_eq!(refusal("pion_publish", "a=group:BUNDLE 0 1", "a=group:BUNDLE 0"), not_bundled("1"));
    assert_eq!(refusal("chromium_publish_data", "BUNDLE 0 1 2", "BUNDLE 0 1"), not_bundled("2"));
}

/// The answer repeats the group, so what the offerer said twice or of nobody must not be said again.
#[test]
fn a_bundle_group_is_read_as_the_sections_it_names() {
    let text = text("obs_publish").replace("BUNDLE 0 1", "BUNDLE 7 0 0 1 0 elsewhere");
    let offer = Offer::parse(&text).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_answers("a stuttered group", &offer, &answer);
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
}

/// An offer whose tagged m-section is refused is sound only if the others name the same transport. RFC 9143 §7.3.
#[test]
fn a_refused_tagged_section_must_not_take_its_transport_along() {
    let text_first = text("pion_publish").replace("m=video", "m=text");
    let offer = Offer::parse(&text_first).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_answers("audio of pion", &offer, &answer);
    assert!(answer.contains("m=text 0 ") && answer.contains("a=group:BUNDLE 1\r\n"));
    let (head, audio) = text_first.split_once("m=audio").unwrap();
    let split = head.to_owned() + "m=audio" + &audio.replace("JpQkzTbWxNcVmRdL", "anotherUfrag");
    assert_eq!(fault(&split), SdpError::DifferentTransport { mid: "1".to_owned() });
    // Where the tagged m-section is taken, the others' own transports are given up by the rules of BUNDLE.
    let balanced = text("pion_publish").replacen("JpQkzTbWxNcVmRdL", "taggedUfrag", 1);
    let offer = Offer::parse(&balanced).unwrap();
    assert!(plan_publish(&offer, &Policy::default()).is_ok());
    assert_eq!(offer.ice_ufrag(), "taggedUfrag");
}

/// What an m-section says of the transport comes before what the session says. RFC 8839 §5.4, RFC 8122 §5.
#[test]
fn a_sections_own_transport_comes_before_the_sessions() {
    let own = format!(
        "a=mid:0\r\na=ice-ufrag:ownUfrag\r\na=ice-pwd:ownPasswordOf24ice/chars\r\na=setup:active\r\na=fingerprint:sha-256 {}",
        ["0E"; 32].join(":")
    );
    let text = text("obs_publish").replace("a=mid:0", &own);
    let offer = Offer::parse(&text.replace("a=setup:actpass", "a=setup:passive")).unwrap();
    assert_eq!((offer.ice_ufrag(), offer.ice_pwd()), ("ownUfrag", "ownPasswordOf24ice/chars"));
    assert_eq!(offer.fingerprint().bytes, [0x0E; 32]);
    assert_eq!(
        fault(&text.replace("a=setup:active\r", "a=setup:passive\r")),
        SdpError::WrongSetup { setup: "passive".to_owned() }
    );
}

/// What the offerer itself has refused names no transport and needs no profile: only its place in the answer is left.
#[test]
fn a_section_that_the_offerer_refused_counts_for_nothing() {
    let text = text("pion_publish").replace("m=video 9 UDP/TLS/RTP/SAVPF", "m=video 0 RTP/AVP").replacen(
        "JpQkzTbWxNcVmRdL",
        "deadUfrag",
        1,
    );
    let offer = Offer::parse(&text).unwrap();
    assert_eq!(offer.ice_ufrag(), "JpQkzTbWxNcVmRdL");
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_answers("dead video", &offer, &answer);
    assert!(answer.contains("m=video 0 RTP/AVP 96\r\n"));
}

/// Mids name m-sections in header extensions and in the answer: one each, short, of harmless characters.
#[test]
fn mids_that_cannot_be_told_apart_or_written_are_refused() {
    assert_eq!(refusal("obs_publish", "a=mid:1", "a=mid:0"), SdpError::DuplicateMid { mid: "0".to_owned() });
    assert_eq!(refusal("obs_publish", "a=mid:1\r\n", ""), SdpError::NoMid { section: 1 });
    let too_long = format!("a=mid:{}", "m".repeat(MID_BYTES_MAX + 1));
    for illegal in ["a=mid:", "a=mid", "a=mid:a b", "a=mid:ä", "a=mid:1/2", too_long.as_str()] {
        assert_eq!(
            refusal("obs_publish", "a=mid:1", illegal),
            SdpError::IllegalMid { section: 1 },
            "{illegal}"
        );
    }
}

/// The longest mid that is taken must fit the shard's.
#[test]
fn the_longest_mid_reaches_the_shard_whole() {
    assert_eq!(fanlight_shard::Mid::new().capacity(), MID_BYTES_MAX);
    let longest = "m".repeat(MID_BYTES_MAX);
    let text = text("obs_publish")
        .replace("mid:1", &format!("mid:{longest}"))
        .replace("BUNDLE 0 1", &format!("BUNDLE 0 {longest}"));
    let offer = Offer::parse(&text).unwrap();
    let spec = plan_publish(&offer, &Policy::default()).unwrap().spec(track_ids());
    assert_eq!(&spec.tracks[1].mid[..], longest.as_bytes());
}

/// Payload types out of range would be taken for RTCP, or twice for two codecs (str0m #983).
#[test]
fn payload_types_that_cannot_be_told_apart_are_refused() {
    for illegal in ["128", "255", "256", "64", "72", "95", "-1", "+97", "x", "99999999999"] {
        let error = refusal("obs_publish", "SAVPF 96", &format!("SAVPF 96 {illegal}"));
        let payload_type = illegal.to_owned();
        assert_eq!(error, SdpError::IllegalPayloadType { mid: "1".to_owned(), payload_type });
    }
    let twice = SdpError::DuplicatePayloadType { mid: "1".to_owned(), payload_type: 96 };
    assert_eq!(refusal("obs_publish", "SAVPF 96", "SAVPF 96 96"), twice);
    // The same number in two bundled m-sections.
    let clash = text("obs_publish").replace("SAVPF 96", "SAVPF 111").replace(":96 ", ":111 ");
    assert_eq!(fault(&clash), SdpError::DuplicatePayloadType { mid: "1".to_owned(), payload_type: 111 });
}

/// A header extension id means one thing, or a forwarded packet means another.
#[test]
fn clashing_header_extensions_are_refused() {
    let extmap = "a=extmap:1 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    let with = |line: &str| refusal("gstreamer_publish", extmap, line);
    let clash = format!("{extmap}\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid");
    assert_eq!(with(&clash), SdpError::DuplicateExtension { mid: "video0".to_owned(), id: 1 });
    for malformed in [
        "a=extmap:0 urn:x",
        "a=extmap:x urn:x",
        "a=extmap:1",
        "a=extmap:1/up urn:x",
        "a=extmap:70000 urn:x",
        "a=extmap:3 ",
    ] {
        assert_eq!(with(malformed), SdpError::MalformedExtension { mid: "video0".to_owned() }, "{malformed}");
    }
    // Ids that need the two-byte form are left out, not refused.
    let wide = text("gstreamer_publish").replace("extmap:1 ", "extmap:15 ");
    let offer = Offer::parse(&wide).unwrap();
    let plan = plan_publish(&offer, &Policy::default()).unwrap();
    assert!(!plan.answer(&offer, &ours()).contains("extmap"));
    assert!(!plan.spec(track_ids()).tracks[0].transport_cc, "no count in the packets, no feedback on it");
}

/// Bundled m-sections share their ids: one that an earlier m-section gave another meaning is not agreed on.
#[test]
fn an_extension_id_with_two_meanings_is_agreed_on_once() {
    let (video, audio) = text("gstreamer_publish").split_once("m=audio").unwrap();
    let audio = audio.replace(
        "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
        "urn:ietf:params:rtp-hdrext:sdes:mid",
    );
    let offer = Offer::parse(&(video.to_owned() + "m=audio" + &audio)).unwrap();
    let answer = plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours());
    assert_eq!(answer.matches("a=extmap:1 ").count(), 1);
}

/// One SSRC announced for two streams would move packets from one to the other (A20).
#[test]
fn an_ssrc_announced_twice_is_refused() {
    assert_eq!(
        refusal("obs_publish", "1938274651", "1938274650"),
        SdpError::DuplicateSsrc { ssrc: 1_938_274_650 }
    );
    assert_eq!(
        refusal("gstreamer_publish", "FID 3054771829 917364502", "FID 3054771829 3054771829"),
        SdpError::DuplicateSsrc { ssrc: 3_054_771_829 }
    );
    // SSRC 0 is what libraries write when they do not know; it announces nothing.
    let unknown = Offer::parse(&text("obs_publish").replace("1938274651", "0")).unwrap();
    let spec = plan_publish(&unknown, &Policy::default()).unwrap().spec(track_ids());
    assert_eq!(spec.tracks[1].ssrc, None);
}

/// Sizes are refused at a limit, before they cost anything.
#[test]
fn what_is_larger_than_any_real_offer_is_refused() {
    let sound = text("obs_publish");
    let filler = format!("a=x:{}\r\n", "y".repeat(1000));
    let long_text = sound.to_owned() + &filler.repeat(66);
    assert_eq!(fault(&long_text), SdpError::TextTooLong { bytes: long_text.len() });
    let long_line = sound.to_owned() + "a=fmtp:96 " + &"a=1;".repeat(2048) + "\r\n";
    assert_eq!(fault(&long_line), SdpError::LineTooLong { line: sound.lines().count() + 1 });
    let sections = |count: usize| {
        let head = sound.split("m=").next().unwrap().to_owned();
        (0..count).fold(head, |text, mid| text + &format!("m=text 9 x y\r\na=mid:{mid}\r\n"))
    };
    assert_eq!(fault(&sections(65)), SdpError::TooManySections);
    assert_eq!(fault(&sections(64)), SdpError::NoMedia { wish: "send" });
    let candidates = sound.to_owned() + &"a=candidate:1 1 udp 1 a.local 9 typ host\r\n".repeat(1000);
    assert!(Offer::parse(&candidates).is_ok(), "candidates are not read");
    let fmtp_bomb = sound.to_owned() + "a=fmtp:96 " + &"a=1;".repeat(2000) + "\r\n";
    assert!(Offer::parse(&fmtp_bomb).is_ok(), "parameters beyond those known are not kept");
}

/// Text that is no SDP, or would be another text on another line end.
#[test]
fn what_is_not_printable_lines_is_refused() {
    let sound = text("obs_publish");
    for byte in ["\0", "\r", "\x07", "\x1b", "\t", "\x7f"] {
        let inside = sound.replace("a=mid:1", &format!("a=mi{byte}d:1"));
        let line = 1 + sound.lines().position(|line| line == "a=mid:1").unwrap();
        assert_eq!(fault(&inside), SdpError::ControlByte { line }, "{byte:?}");
    }
    assert_eq!(fault(""), SdpError::NoVersion);
    assert_eq!(fault("v=1\r\n"), SdpError::NoVersion);
    assert_eq!(fault("{\"sdp\":\"v=0\"}"), SdpError::MalformedLine { line: 1 });
    for line in ["no line", "=x", "ab=c", "A=x", " a=x", "é=x"] {
        assert_eq!(fault(&format!("v=0\n{line}\n")), SdpError::MalformedLine { line: 2 }, "{line}");
    }
    for media in [
        "audio",
        "audio 9",
        "audio 9 UDP/TLS/RTP/SAVPF",
        "audio x UDP/TLS/RTP/SAVPF 0",
        "a(b 9 x 0",
        "audio 9 U(P 0",
        "audio 9 UDP/TLS/RTP/SAVPF 9(6",
        "audio 65536 x 0",
    ] {
        let error = fault(&format!("v=0\nm={media}\na=mid:0\n"));
        assert_eq!(error, SdpError::MalformedMediaLine { section: 0 }, "{media}");
    }
}

/// Peers differ in line ends; an offer says the same with either, and without the last.
#[test]
fn line_ends_do_not_matter() {
    let sound = offer("obs_publish");
    let read = |text: &str| {
        let offer = Offer::parse(text).unwrap();
        plan_publish(&offer, &Policy::default()).unwrap().answer(&offer, &ours())
    };
    let expected = plan_publish(&sound, &Policy::default()).unwrap().answer(&sound, &ours());
    let crlf = text("obs_publish");
    assert_eq!(read(&crlf.replace("\r\n", "\n")), expected);
    assert_eq!(read(crlf.trim_end()), expected);
    assert_eq!(read(&crlf.replace("m=video", "\r\nm=video")), expected);
}

/// A message goes into logs and HTTP bodies: whatever the peer wrote, it is one short line.
#[test]
fn a_message_quotes_no_more_than_a_line_of_the_peers_text() {
    let long = "x".repeat(4000);
    let errors = [
        refusal("obs_publish", "SAVPF 96", &format!("SAVPF {long}")),
        refusal("obs_publish", "a=setup:actpass", &format!("a=setup:{long}\u{202e}")),
        refusal("obs_publish", "m=video 9 UDP/TLS/RTP/SAVPF", &format!("m=video 9 {long}")),
        refusal("obs_publish", "a=fingerprint:sha-256", &format!("a=fingerprint:{long}")),
    ];
    for error in errors {
        let message = error.to_string();
        assert!(message.len() < 200 && message.is_ascii(), "{message}");
    }
}
