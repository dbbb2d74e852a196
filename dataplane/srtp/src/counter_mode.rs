//! AES in counter mode with a truncated HMAC-SHA1, the profile every peer has. RFC 3711 §4.1.1 and §4.2.1.
//!
//! Encrypt, then authenticate; when opening, authenticate, then decrypt, so a forged packet is never
//! decrypted at all. HMAC (RFC 2104) begins both of its hashes with a block that depends on the key alone:
//! those two midstates are kept.

use aws_lc_rs::constant_time;

use crate::aead::{AesKey, BLOCK_LEN, Plaintext, SHA1_LEN, Sha1, wipe};
use crate::cipher::Envelope;

/// Bytes of the tag: HMAC-SHA1 cut to 80 bits.
pub(crate) const TAG_LEN: usize = 10;
/// Bytes of the session authentication key. RFC 3711 §5.2.
pub(crate) const AUTHENTICATION_KEY_LEN: usize = SHA1_LEN;
/// Bytes of the session salt.
pub(crate) const SALT_LEN: usize = 14;

/// Bytes that SHA-1 takes at a time.
const HASH_BLOCK_LEN: usize = 64;

/// The session keys of one protocol and direction.
pub(crate) struct CounterMode {
    encryption: AesKey,
    /// Shifted left by the 16 bits that count the blocks of a packet.
    salt: [u8; BLOCK_LEN],
    inner: Sha1,
    outer: Sha1,
}

impl CounterMode {
    pub(crate) fn new(
        encryption: &[u8; 16],
        salt: &[u8; SALT_LEN],
        authentication: &[u8; AUTHENTICATION_KEY_LEN],
    ) -> Self {
        let mut shifted = [0; BLOCK_LEN];
        shifted[..SALT_LEN].copy_from_slice(salt);
        Self {
            encryption: AesKey::new(encryption),
            salt: shifted,
            inner: midstate(authentication, 0x36),
            outer: midstate(authentication, 0x5c),
        }
    }

    pub(crate) fn seal(
        &self,
        envelope: &Envelope<'_>,
        plaintext: Plaintext<'_>,
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        self.encryption.add_key_stream(self.first_counter(envelope), plaintext, text);
        tag.copy_from_slice(&self.tag(envelope, text));
    }

    #[must_use]
    pub(crate) fn open(&self, envelope: &Envelope<'_>, text: &mut [u8], tag: &[u8]) -> bool {
        let expected = self.tag(envelope, text);
        let authentic = constant_time::verify_slices_are_equal(&expected, tag).is_ok();
        if authentic {
            self.encryption.add_key_stream(self.first_counter(envelope), Plaintext::InPlace, text);
        }
        authentic
    }

    /// RFC 3711 §4.1.1: (salt · 2^16) ⊕ (SSRC · 2^64) ⊕ (index · 2^16).
    fn first_counter(&self, envelope: &Envelope<'_>) -> [u8; BLOCK_LEN] {
        let name = u128::from(envelope.ssrc()) << 64 | u128::from(envelope.index()) << 16;
        (u128::from_be_bytes(self.salt) ^ name).to_be_bytes()
    }

    fn tag(&self, envelope: &Envelope<'_>, text: &[u8]) -> [u8; TAG_LEN] {
        let mut inner = self.inner.clone();
        inner.update(envelope.header());
        inner.update(text);
        inner.update(&envelope.trailer());
        let mut outer = self.outer.clone();
        outer.update(&inner.finish());
        let [tag @ .., _, _, _, _, _, _, _, _, _, _] = outer.finish();
        tag
    }
}

/// The state of SHA-1 behind the key block of HMAC: the key, zero-padded, with each byte ⊕ `pad`. RFC 2104
/// §2.
fn midstate(key: &[u8; AUTHENTICATION_KEY_LEN], pad: u8) -> Sha1 {
    let mut block = [pad; HASH_BLOCK_LEN];
    for (byte, key_byte) in block.iter_mut().zip(key) {
        *byte ^= key_byte;
    }
    let mut state = Sha1::new();
    state.update(&block);
    wipe(&mut block);
    state
}

#[cfg(test)]
mod tests;
