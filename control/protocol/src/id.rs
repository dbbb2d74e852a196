//! Identifiers that cross the socket.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Names one request; the answer carries it back. Unique within one connection of control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestId(pub u64);

/// Names one session for its whole life: 128 random bits, made by control from the operating system's randomness.
///
/// It is the unguessable part of a WHIP or WHEP resource URL, written as 32 lower-case hexadecimal digits, and therefore
/// a secret of the session's owner: RFC 9725 §4.2 lets whoever knows the resource URL end the session.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionId(pub u128);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Shows the first 32 bits only: enough to follow a session in a log, too little to act as its owner.
impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}…", self.0 >> 96)
    }
}

/// The text is not 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session id is 32 lower-case hexadecimal digits")]
pub struct ParseSessionIdError;

impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !digits {
            return Err(ParseSessionIdError);
        }
        u128::from_str_radix(text, 16).map(SessionId).map_err(|_| ParseSessionIdError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A resource URL is parsed back into the id it was made of, and nothing else parses.
    #[test]
    fn an_id_survives_its_text_and_other_texts_are_refused() {
        for id in [SessionId(0), SessionId(1), SessionId(u128::MAX), SessionId(0xfeed << 100)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", "0", "+0000000000000000000000000000001", "0000000000000000000000000000000G"] {
            assert_eq!(text.parse::<SessionId>(), Err(ParseSessionIdError), "{text:?}");
        }
        assert_eq!("F".repeat(32).parse::<SessionId>(), Err(ParseSessionIdError));
    }

    /// Logs must not hand out the right to end a session.
    #[test]
    fn debug_output_does_not_reveal_the_whole_id() {
        let id = SessionId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        assert_eq!(format!("{id:?}"), "01234567…");
    }
}
