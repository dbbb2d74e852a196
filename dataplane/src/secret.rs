//! Secrets and numbers that nobody may guess, from the operating system.

use fanlight_wire::Ssrc;

/// Letters that ICE allows in a password. RFC 8839 §5.4.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Characters of a password: 6 bits each, 192 in all; RFC 8839 asks for 128.
const PASSWORD_LEN: usize = 32;

/// The operating system gave no randomness: nothing secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A new ICE password.
pub(crate) fn ice_password() -> Result<String, NoRandomness> {
    let bytes = bytes::<PASSWORD_LEN>()?;
    Ok(bytes.iter().map(|byte| char::from(ICE_CHARS[usize::from(byte & 0x3f)])).collect())
}

/// SSRCs that differ from each other and from zero.
#[derive(Debug, Default)]
pub(crate) struct Ssrcs {
    given: Vec<Ssrc>,
}

impl Ssrcs {
    pub(crate) fn next(&mut self) -> Result<Ssrc, NoRandomness> {
        loop {
            let ssrc = Ssrc(u32::from_ne_bytes(bytes()?));
            if ssrc.0 != 0 && !self.given.contains(&ssrc) {
                self.given.push(ssrc);
                return Ok(ssrc);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8839 §5.4: at least 22 ice-chars; and two sessions must not share one.
    #[test]
    fn passwords_are_legal_and_differ() {
        let (one, other) = (ice_password().unwrap(), ice_password().unwrap());
        assert_ne!(one, other);
        assert!(one.len() >= 22 && one.bytes().all(|c| ICE_CHARS.contains(&c)), "{one}");
    }
}
