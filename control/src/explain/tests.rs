use std::time::{Duration, SystemTime};

use fanlight_protocol::{DtlsInspection, IceInspection, IcePair, Notable, Note, SessionId};

use super::notes::told;
use super::*;
use crate::signalling::Role;

fn pair(remote: &str, checks: u64, answered: u64) -> IcePair {
    IcePair { remote: remote.into(), checks, answered, selected: answered > 0 }
}

fn inspection(local: &[&str], pairs: Vec<IcePair>) -> Inspection {
    let local = local.iter().map(|address| (*address).to_owned()).collect();
    Inspection {
        session: SessionId(1),
        state: SessionState::Connecting,
        age_ms: 15_002,
        ice: IceInspection { local, pairs },
        dtls: None,
        rtt_us: None,
        fraction_lost: None,
        estimate_bps: None,
        packets_in: 0,
        packets_out: 0,
        tracks: vec![],
        notes: vec![],
    }
}

const UDP: &str = "udp 192.0.2.1:8189";
const PEER: &str = "udp 198.51.100.7:50000";

/// "It does not connect" has causes that are mended in different places: the text must tell them apart, with the addresses.
#[test]
fn a_session_that_never_connected_tells_what_was_missing() {
    let dtls = Some(DtlsInspection { version: "1.2".into(), srtp_profile: "AEAD_AES_128_GCM".into() });
    let up = Inspection { dtls, ..inspection(&[UDP], vec![pair(PEER, 9, 9)]) };
    let cases: [(CloseReason, Option<Inspection>, &str, &[&str]); 12] = [
        (
            CloseReason::NeverConnected,
            Some(inspection(&[UDP], vec![])),
            "no_check_came",
            &[UDP, "within 16 s", "blocks UDP", "media.public_addresses"],
        ),
        (
            CloseReason::NeverConnected,
            Some(inspection(&[UDP, "tcp 192.0.2.1:8189"], vec![])),
            "no_check_came",
            &[UDP, "tcp 192.0.2.1:8189", "UDP and TCP", "media.public_addresses"],
        ),
        (
            CloseReason::NeverConnected,
            Some(inspection(&[UDP], vec![pair(PEER, 40, 0)])),
            "wrong_password",
            &[PEER, "password"],
        ),
        (
            CloseReason::NeverConnected,
            Some(inspection(&[UDP], vec![pair("udp 203.0.113.1:1", 3, 0), pair(PEER, 40, 40)])),
            "handshake_unfinished",
            &["from udp 198.51.100.7:50000, udp 203.0.113.1:1", "DTLS"],
        ),
        (
            CloseReason::TransportFailed,
            Some(inspection(&[UDP], vec![pair(PEER, 4, 4)])),
            "handshake_failed",
            &[PEER, "certificate", "fingerprint"],
        ),
        (CloseReason::TransportFailed, Some(up.clone()), "transport_failed", &["its log has more"]),
        (CloseReason::ConsentLost, Some(up), "consent_lost", &[PEER, "network went away"]),
        (CloseReason::NeverConnected, None, "never_connected", &["in time"]),
        (CloseReason::StreamEnded, None, "stream_ended", &["publisher"]),
        (CloseReason::Kicked, None, "kicked", &["operator"]),
        (CloseReason::Expired, None, "expired", &["run out", "new one"]),
        (CloseReason::Revoked, None, "revoked", &["taken back"]),
    ];
    for (reason, last, cause, words) in cases {
        let why = ending(EndReason::Closed(reason), last.as_ref());
        assert_eq!(why.cause, cause, "{why:?}");
        for word in words {
            assert!(why.text.contains(word), "{word:?} is missing in {why:?}");
        }
        assert!(!why.text.contains('\n') && !why.text.contains("  "), "one line: {why:?}");
    }
}

/// Our own SDK gives up before the server does, and says good-bye politely: that is a failure all the same. Someone who
/// closes the page at once is none.
#[test]
fn a_client_that_gives_up_has_failed_and_one_that_leaves_has_not() {
    let deleted = EndReason::Closed(CloseReason::Deleted);
    let mut last = inspection(&[UDP], vec![]);
    last.age_ms = 12_000;
    let why = ending(deleted, Some(&last));
    assert_eq!(why.cause, "no_check_came");
    assert!(why.text.starts_with("The client gave up. No connectivity check reached udp"), "{why:?}");
    assert!(is_failure(deleted, Some(&last)));
    last.age_ms = 900;
    assert_eq!(ending(deleted, Some(&last)).cause, "deleted");
    assert!(!is_failure(deleted, Some(&last)));
    last.age_ms = 12_000;
    last.state = SessionState::Connected;
    assert!(!is_failure(deleted, Some(&last)));
    assert!(!is_failure(deleted, None));
}

/// While it still tries, the same facts say what it waits for.
#[test]
fn a_session_on_its_way_tells_what_it_waits_for() {
    let waiting = |pairs| progress(&inspection(&[UDP], pairs));
    assert_eq!(waiting(vec![]).cause, "no_check_came");
    assert!(waiting(vec![]).text.contains(UDP));
    assert_eq!(waiting(vec![pair(PEER, 2, 0)]).cause, "wrong_password");
    assert_eq!(waiting(vec![pair(PEER, 2, 1)]).cause, "handshake");
    let state = SessionState::Connected;
    let up = progress(&Inspection { state, ..inspection(&[UDP], vec![pair(PEER, 2, 2)]) });
    assert_eq!((up.cause, up.text), ("up", format!("Media goes to {PEER}.")));
}

/// A thousand forged sources must not make a text of a thousand addresses.
#[test]
fn few_addresses_are_named_and_the_proven_ones_first() {
    let mut pairs: Vec<IcePair> =
        (1..100).map(|port| pair(&format!("udp 203.0.113.1:{port}"), 1, 0)).collect();
    pairs.push(pair(PEER, 5, 5));
    let text = ending(EndReason::Closed(CloseReason::NeverConnected), Some(&inspection(&[UDP], pairs))).text;
    let named = "from udp 198.51.100.7:50000, udp 203.0.113.1:1, udp 203.0.113.1:2 and 97 more,";
    assert!(text.contains(named), "{text}");
}

/// Names, values, both times and a sentence: what programs and people read of a note.
#[test]
fn a_note_has_a_name_values_times_and_a_sentence() {
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400);
    let json = |what, role| serde_json::to_value(told(&Note { at_ms: 1_500, what }, role, since)).unwrap();
    assert_eq!(
        json(Notable::SourceBack { video: true, silent_ms: 2_340 }, Role::Viewer),
        serde_json::json!({
            "at_ms": 1_500, "time": "1970-01-02T00:00:01.5Z", "event": "source_back", "kind": "video",
            "silent_ms": 2_340, "text": "The picture is back after 2.3 s."
        })
    );
    assert_eq!(
        json(Notable::Connected, Role::Publisher),
        serde_json::json!({
            "at_ms": 1_500, "time": "1970-01-02T00:00:01.5Z", "event": "connected", "text": "ICE and DTLS are up."
        })
    );
    let constrained =
        json(Notable::Constrained { estimate_bps: 800_900, stream_bps: 2_500_000 }, Role::Viewer);
    assert_eq!(constrained["estimate_bps"], 800_900);
    assert_eq!(
        constrained["text"],
        "Your connection is slower than the stream (800 of 2500 kbit/s): the picture will stutter."
    );
    let silent = |role| json(Notable::SourceSilent { video: false }, role)["text"].clone();
    assert_ne!(silent(Role::Publisher), silent(Role::Viewer), "it is said to the one who can mend it");
}
