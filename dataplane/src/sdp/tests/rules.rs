//! The rules that each answer keeps, whatever the offer: RFC 3264 §6, RFC 8829 §5.3.1, RFC 9143 §7.3.

use crate::sdp::Offer;
use crate::sdp::format::{Encoding, Format};
use crate::sdp::section::{Direction, Kind, Section};

/// Asserts every rule; `name` says which offer failed.
pub(super) fn assert_answers(name: &str, offer: &Offer, answer: &str) {
    let read = read(name, answer);
    assert_eq!(read.sections.len(), offer.sections.len(), "{name}: as many m-sections");
    let mut accepted = Vec::new();
    for (offered, answered) in offer.sections.iter().zip(&read.sections) {
        assert_eq!(answered.mid, offered.mid, "{name}: in the same order");
        assert_eq!(answered.media, offered.media, "{name}");
        assert_eq!(answered.protocol, offered.protocol, "{name}");
        if answered.alive {
            assert!(offered.alive, "{name}: a refused m-section stays refused");
            assert_accepts(name, offered, answered);
            accepted.push(answered.mid.as_str());
        }
    }
    assert!(!accepted.is_empty(), "{name}: an answer accepts something");
    let bundle: Vec<&str> = read.bundle.iter().map(String::as_str).collect();
    if accepted.len() > 1 {
        assert_eq!(bundle.len(), accepted.len(), "{name}: all accepted are bundled");
    }
    assert!(bundle.iter().all(|mid| accepted.contains(mid)), "{name}: {bundle:?} of {accepted:?}");
    let group = offer.bundle.iter().filter(|mid| bundle.contains(&mid.as_str()));
    assert!(group.eq(bundle.iter()), "{name}: the group keeps the offer's order");
    assert_simulcast(name, offer, answer);
    assert_candidates(name, answer);
}

/// Of each stream that is offered one rid at most is taken, in the offer's order, each by a line of its own. RFC 8853 §5.3.2.
fn assert_simulcast(name: &str, offer: &Offer, answer: &str) {
    for (offered, answered) in offer.sections.iter().zip(answer.split("\r\nm=").skip(1)) {
        let values = |attribute: &str| {
            let prefix = format!("a={attribute}:");
            answered.lines().filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned)).collect()
        };
        let (lists, rids): (Vec<String>, Vec<String>) = (values("simulcast"), values("rid"));
        let taken: Vec<&str> =
            lists.iter().flat_map(|list| list.strip_prefix("recv ").unwrap().split(';')).collect();
        assert!(lists.len() <= 1 && taken.len() <= fanlight_shard::limits::LAYERS_MAX, "{name}: {lists:?}");
        let named: Vec<&str> = rids.iter().map(|rid| rid.split_once(" recv").unwrap().0).collect();
        assert_eq!(taken, named, "{name}");
        let mut streams = offered.simulcast.streams.iter();
        for rid in taken {
            assert!(streams.any(|stream| stream.iter().any(|offered| offered.name == rid)), "{name}: {rid}");
        }
    }
}

/// Reads an answer with the parser of offers, to which only its DTLS role is wrong.
fn read(name: &str, answer: &str) -> Offer {
    for line in answer.split_inclusive("\r\n") {
        let text = line.strip_suffix("\r\n").unwrap_or_else(|| panic!("{name}: {line:?} has no CRLF"));
        assert!(!text.bytes().any(|byte| byte.is_ascii_control()), "{name}: {text:?}");
    }
    assert!(!answer.contains("a=setup:actpass") && !answer.contains("a=setup:active"), "{name}");
    Offer::parse(&answer.replace("a=setup:passive", "a=setup:active"))
        .unwrap_or_else(|error| panic!("{name}: {error}\n{answer}"))
}

fn assert_accepts(name: &str, offered: &Section, answered: &Section) {
    assert_eq!(answered.ice_ufrag.as_deref(), Some("ourUfrag"), "{name}");
    if offered.kind == Kind::Data {
        return;
    }
    assert!(answered.rtcp_mux, "{name}");
    assert!(!answered.rtcp_rsize || offered.rtcp_rsize, "{name}");
    assert!(!answered.direction.sends() || offered.direction.receives(), "{name}");
    assert!(!answered.direction.receives() || offered.direction.sends(), "{name}");
    assert!(answered.formats.len() <= 2, "{name}: one codec and its retransmission");
    for format in &answered.formats {
        let same = |other: &&Format| other.payload_type == format.payload_type;
        let source = offered.formats.iter().find(same).unwrap();
        // Where no media flows and the offer's name cannot be repeated, the payload type stands alone.
        let is_unnamed =
            answered.direction == Direction::Inactive && format.encoding == Encoding::Other(String::new());
        assert!(is_unnamed || format.encoding == source.encoding, "{name}: a payload type keeps its meaning");
        for value in format.feedback.values() {
            assert!(source.feedback.values().any(|offered| offered == value), "{name}: {value}");
        }
    }
    for extension in &answered.extensions {
        let is_same =
            offered.extensions.iter().any(|other| (other.id, &other.uri) == (extension.id, &extension.uri));
        assert!(is_same, "{name}: extmap {} {}", extension.id, extension.uri);
    }
}

/// All candidates stand in the first accepted m-section, each complete, and nowhere else.
fn assert_candidates(name: &str, answer: &str) {
    let mut sections = answer.split("\r\nm=").skip(1);
    let is_open = |section: &&str| section.split(' ').nth(1) != Some("0");
    let first = sections.by_ref().find(is_open).unwrap();
    let candidates: Vec<&str> = first.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    assert_eq!(
        candidates,
        [
            "a=candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host",
            "a=candidate:2 1 udp 2130706175 2001:db8::1 50001 typ host",
            "a=candidate:3 1 tcp 1520435199 192.0.2.1 50002 typ host tcptype passive",
            "a=candidate:4 1 tcp 1520434943 2001:db8::1 50002 typ host tcptype passive",
        ],
        "{name}"
    );
    assert!(first.contains("a=end-of-candidates"), "{name}");
    assert!(sections.all(|section| !section.contains("candidate")), "{name}");
}
