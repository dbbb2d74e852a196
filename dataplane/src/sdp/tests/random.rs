//! Random text and random mutations of real offers: nothing panics, and what is accepted is answered by the rules.

use fanlight_wire::codec::Codec;
use proptest::prelude::*;

use super::fixtures::{PUBLISHERS, VIEWERS, ours, published, ssrcs, track_ids};
use super::rules::assert_answers;
use crate::sdp::{Fragment, Offer, Policy, plan_publish, plan_watch};

/// Takes a text through everything that a peer's text goes through.
fn drive(text: &str) {
    let _ = Fragment::parse(text);
    let Ok(offer) = Offer::parse(text) else { return };
    if let Ok(plan) = plan_publish(&offer, &Policy::default()) {
        let spec = plan.spec(track_ids());
        assert!(!spec.tracks.is_empty());
        assert_answers(text, &offer, &plan.answer(&offer, &ours()));
    }
    let streams: [&[(Codec, &str)]; 3] = [
        &[(Codec::Opus, "stereo=1"), (Codec::Vp8, "")],
        &[(Codec::H264, "packetization-mode=1;profile-level-id=42e01f"), (Codec::Opus, "")],
        &[(Codec::Av1, "")],
    ];
    for stream in streams {
        if let Ok(plan) = plan_watch(&offer, &published(stream)) {
            let spec = plan.spec(&mut ssrcs());
            assert_answers(text, &offer, &plan.answer(&offer, &ours(), &spec));
        }
    }
}

fn any_offer() -> impl Strategy<Value = &'static str> {
    let texts: Vec<&'static str> = PUBLISHERS.iter().chain(&VIEWERS).map(|(_, text)| *text).collect();
    proptest::sample::select(texts)
}

/// One change to the lines of an offer.
#[derive(Debug, Clone)]
enum Change {
    Delete,
    Double,
    SwapWith(prop::sample::Index),
    Replace(String),
    /// Puts another number where the line has its first.
    Number(u32),
    Flip(prop::sample::Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Delete),
        Just(Change::Double),
        any::<prop::sample::Index>().prop_map(Change::SwapWith),
        "[a-z]=[ -~é\r\t]{0,40}".prop_map(Change::Replace),
        prop_oneof![0..200_u32, any::<u32>()].prop_map(Change::Number),
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(place, byte)| Change::Flip(place, byte)),
    ]
}

fn apply(lines: &mut Vec<String>, place: prop::sample::Index, change: Change) {
    if lines.is_empty() {
        return;
    }
    let place = place.index(lines.len());
    match change {
        Change::Delete => drop(lines.remove(place)),
        Change::Double => lines.insert(place, lines[place].clone()),
        Change::SwapWith(other) => {
            let other = other.index(lines.len());
            lines.swap(place, other);
        }
        Change::Replace(text) => lines[place] = text,
        Change::Number(number) => {
            let line = &lines[place];
            let start = line.find(|letter: char| letter.is_ascii_digit()).unwrap_or(line.len());
            let tail = line[start..].trim_start_matches(|letter: char| letter.is_ascii_digit());
            lines[place] = format!("{}{number}{tail}", &line[..start]);
        }
        Change::Flip(at, byte) => {
            let mut bytes = lines[place].clone().into_bytes();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            lines[place] = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever bytes come, they are refused or read.
    #[test]
    fn random_text_never_panics(text in ".{0,400}", lines in proptest::collection::vec("[a-z]=[ -~]{0,60}", 0..30)) {
        drive(&text);
        drive(&("v=0\n".to_owned() + &lines.join("\n")));
    }

    /// A real offer with a few faults is refused, or answered by every rule.
    #[test]
    fn a_mutated_offer_is_refused_or_answered_by_the_rules(
        offer in any_offer(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), change()), 0..4),
    ) {
        let mut lines: Vec<String> = offer.lines().map(str::to_owned).collect();
        for (place, change) in changes {
            apply(&mut lines, place, change);
        }
        drive(&lines.join("\r\n"));
    }
}

/// The mutations above must leave enough offers alive to mean something: unchanged ones all are.
#[test]
fn the_offers_to_mutate_are_accepted_as_they_are() {
    for (name, text) in PUBLISHERS {
        let offer = Offer::parse(text).unwrap();
        assert!(plan_publish(&offer, &Policy::default()).is_ok(), "{name}");
        drive(text);
    }
}

/// Every prefix of a real offer, as a cut connection would leave it.
#[test]
fn a_cut_offer_never_panics() {
    let (_, text) = PUBLISHERS[12];
    for length in 0..text.len() {
        drive(&text[..length]);
    }
}
