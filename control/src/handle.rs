//! What a session is called towards those who administer the server.
//!
//! Its id is its owner's capability (RFC 9725 §4.2), so it is shown to nobody else. A handle is the first 64 bits of the SHA-256 of
//! the id: the same session always has the same one, control started anew included, and it leads nowhere but through the API.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use fanlight_protocol::SessionId;

/// A session's name in the API: 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionHandle(u64);

impl From<SessionId> for SessionHandle {
    fn from(session: SessionId) -> Self {
        let hash = digest(&SHA256, &session.0.to_be_bytes());
        let first = hash.as_ref().iter().take(8);
        Self(first.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl SessionHandle {
    /// The session's name where a UUID is expected (RFC 9562 §5.8): it begins with the digits of the handle.
    pub(crate) fn uuid(session: SessionId) -> String {
        let hash = digest(&SHA256, &session.0.to_be_bytes());
        let first =
            hash.as_ref().iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        let (version, variant) = (8 << 76, 0b10 << 62);
        let number = first & !(0xf << 76) & !(0b11 << 62) | version | variant;
        let digits = format!("{number:032x}");
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().filter_map(|part| digits.get(part));
        parts.collect::<Vec<_>>().join("-")
    }
}

impl fmt::Display for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is not 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session's handle is 16 lower-case hexadecimal digits")]
pub(crate) struct ParseHandleError;

impl FromStr for SessionHandle {
    type Err = ParseHandleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = digits.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(ParseHandleError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scripts keep handles, so what a session is called must not change with the code.
    #[test]
    fn a_handle_is_the_same_for_ever_and_shows_nothing_of_the_id() {
        let id = SessionId(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let handle = SessionHandle::from(id).to_string();
        // sha256 of the bytes 0123456789abcdef0123456789abcdef.
        assert_eq!(handle, "223e0a160af9da0a");
        assert_eq!(handle.parse(), Ok(SessionHandle::from(id)));
        assert!(!handle.contains("0123456"));
        assert_eq!(SessionHandle::uuid(id), "223e0a16-0af9-8a0a-83e6-dd2c4719c56f");
    }

    #[test]
    fn other_texts_are_no_handles() {
        for text in ["", "0", "+000000000000001", "000000000000000G", "00000000000000000", "ABCDEF0123456789"]
        {
            assert_eq!(text.parse::<SessionHandle>(), Err(ParseHandleError), "{text:?}");
        }
    }
}
