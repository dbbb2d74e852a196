//! Trickled fragments, as browsers and SDKs send them.

use super::fixtures::{PUBLISHERS, offer, ours, track_ids};
use crate::sdp::{Carrier, Fragment, Policy, SdpError, TransportParameters, plan_publish, write_fragment};

const CANDIDATE: &str = "candidate:2913314545 1 udp 2113937151 22a7dc99-02ae-4161-a156-adcd24c2a437.local 44987 typ host generation 0";

/// The body that an SDK posts after gathering: all candidates under one mid, no line end after the last line.
#[test]
fn a_whole_gathering_under_one_mid_is_counted() {
    let lines = [
        "a=ice-ufrag:EsAw",
        "a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=mid:0",
        "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1",
        "a=candidate:3471623853 1 udp 2122194687 2001:db8::7 61765 typ host generation 0 ufrag EsAw network-id 2",
        "a=candidate:473322822 256 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0 ufrag EsAw",
        "a=candidate:842163049 1 UDP 1686052607 198.51.100.1 50000 typ srflx raddr 0.0.0.0 rport 0",
        "a=end-of-candidates",
    ];
    let expected = Fragment {
        ice_ufrag: "EsAw".to_owned(),
        ice_pwd: Some("bP+XJMM09aR8AiX1jdukzR6Y".to_owned()),
        candidates: 4,
        end_of_candidates: true,
    };
    for end in ["\r\n", "\n"] {
        assert_eq!(Fragment::parse(&lines.join(end)).unwrap(), expected);
        assert_eq!(Fragment::parse(&(lines.join(end) + end)).unwrap(), expected);
    }
}

/// A client may name the ufrag in its candidates alone; the password is then unknown, not empty.
#[test]
fn the_ufrag_may_stand_in_a_candidate() {
    let fragment = Fragment::parse(&format!("a={CANDIDATE} ufrag WQ8w network-cost 999")).unwrap();
    assert_eq!((fragment.ice_ufrag.as_str(), fragment.ice_pwd, fragment.candidates), ("WQ8w", None, 1));
    assert!(!fragment.end_of_candidates);
    // The fragment's own line decides; a candidate of an older gathering does not.
    let both = Fragment::parse(&format!("a=ice-ufrag:newU\na={CANDIDATE} ufrag oldU")).unwrap();
    assert_eq!(both.ice_ufrag, "newU");
    assert_eq!(Fragment::parse(&format!("a={CANDIDATE}")), Err(SdpError::NoIceCredentials));
    assert_eq!(Fragment::parse(""), Err(SdpError::NoIceCredentials));
}

/// The browser's null candidate becomes an empty line in some clients.
#[test]
fn an_empty_candidate_ends_the_gathering() {
    for end in ["a=candidate:", "a=candidate", "a=end-of-candidates"] {
        let fragment = Fragment::parse(&format!("a=ice-ufrag:EsAw\r\na=\r\n{end}\r\n")).unwrap();
        assert_eq!((fragment.candidates, fragment.end_of_candidates), (0, true), "{end}");
    }
}

/// A candidate that is none is named by its number; nothing of it is ever resolved, so a name is as good as an address.
#[test]
fn a_malformed_candidate_is_refused_by_its_number() {
    let malformed = [
        "candidate:1 1 udp 1 host.local",
        "candidate:1 1 udp 1 host.local 9",
        "candidate:1 1 udp 1 host.local 9 typ",
        "candidate:1 1 udp 1 host.local 9 type host",
        "candidate:1 1 udp 1 host.local 9 typ alien",
        "candidate:1 1 udp 1 host.local 65536 typ host",
        "candidate:1 1 udp 4294967296 host.local 9 typ host",
        "candidate:1 0 udp 1 host.local 9 typ host",
        "candidate:1 257 udp 1 host.local 9 typ host",
        "candidate:1 1 sctp 1 host.local 9 typ host",
        "candidate:1 1 udp 1 ho$t.local 9 typ host",
        "candidate: 1 udp 1 host.local 9 typ host",
        "candidate:1  1 udp 1 host.local 9 typ host",
        "candidate:é 1 udp 1 host.local 9 typ host",
    ];
    for candidate in malformed {
        let text = format!("a=ice-ufrag:EsAw\na={CANDIDATE}\na={candidate}\n");
        assert_eq!(Fragment::parse(&text), Err(SdpError::MalformedCandidate { number: 2 }), "{candidate}");
    }
}

/// Fragments come from the network like offers do: the same bounds hold.
#[test]
fn a_fragment_keeps_the_bounds_of_a_description() {
    let many = "a=ice-ufrag:EsAw\n".to_owned() + &format!("a={CANDIDATE}\n").repeat(300);
    assert_eq!(Fragment::parse(&many).unwrap().candidates, 300);
    let too_many = format!("a={CANDIDATE}\n").repeat(1000);
    assert_eq!(Fragment::parse(&too_many), Err(SdpError::TextTooLong { bytes: too_many.len() }));
    assert_eq!(Fragment::parse("a=ice-ufrag:abc"), Err(SdpError::IllegalIceUfrag));
    assert_eq!(Fragment::parse("a=ice-ufrag:abcd\na=ice-pwd:short"), Err(SdpError::IllegalIcePwd));
    assert_eq!(Fragment::parse("a=ice-ufrag:abcd\0"), Err(SdpError::ControlByte { line: 1 }));
    assert_eq!(Fragment::parse(&format!("a={CANDIDATE} ufrag a\"b")), Err(SdpError::IllegalIceUfrag));
}

/// A client reads our new credentials and candidates out of the m-section that carried the old ones, whatever its offer was
/// like; and a fragment of ours is one by our own rules.
#[test]
fn the_answer_to_a_restart_stands_where_the_candidates_stood() {
    for (name, _) in PUBLISHERS {
        let offer = offer(name);
        let plan = plan_publish(&offer, &Policy::default()).unwrap();
        plan.spec(track_ids());
        let answer = plan.answer(&offer, &ours());
        let restarted = TransportParameters { ice_ufrag: "restarted".to_owned(), ..ours() };
        let fragment = write_fragment(&Carrier::of(&answer), &restarted);
        let read = Fragment::parse(&fragment).unwrap();
        assert_eq!(
            (read.ice_ufrag.as_str(), read.candidates, read.end_of_candidates),
            ("restarted", 4, true)
        );
        assert_eq!(read.ice_pwd.as_deref(), Some("ourPasswordOf24ice/chars"));
        let (head, section) = fragment.split_once("\r\nm=").unwrap();
        let mid = section.lines().find(|line| line.starts_with("a=mid:")).unwrap();
        let carrier = answer.split("\r\nm=").find(|section| section.contains("a=candidate:")).unwrap();
        assert_eq!(section.lines().next(), carrier.lines().next(), "{name}");
        assert!(carrier.contains(&format!("{mid}\r\n")), "{name}");
        let group = answer.lines().find(|line| line.starts_with("a=group:"));
        assert_eq!(head.lines().find(|line| line.starts_with("a=group:")), group, "{name}");
    }
}
