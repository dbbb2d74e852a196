//! What a payload is said to begin, by our parser or by a reference.

use fanlight_wire::Malformed;
use fanlight_wire::codec::{Codec, frame_facts};

/// What begins with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) key_frame_start: bool,
    pub(crate) frame_start: bool,
}

/// Our parser's verdict; None for a payload that it refuses. The marker and nothing else makes an end.
pub(crate) fn verdict(codec: Codec, payload: &[u8]) -> Option<Verdict> {
    let [facts, last] = [false, true].map(|marker| frame_facts(codec, marker, payload));
    match (facts, last) {
        (Ok(facts), Ok(last)) => {
            assert!(!facts.frame_end && last.frame_end);
            assert_eq!((facts.key_frame_start, facts.frame_start), (last.key_frame_start, last.frame_start));
            Some(Verdict { key_frame_start: facts.key_frame_start, frame_start: facts.frame_start })
        }
        (Err(fault), Err(again)) => {
            assert_eq!(fault, again);
            assert!(matches!(fault, Malformed::TooShort | Malformed::BadPayload), "{fault:?}");
            None
        }
        other => panic!("the marker decides whether it is read: {other:?}"),
    }
}
