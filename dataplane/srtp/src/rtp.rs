//! Sealing and opening RTP. RFC 3711 §3.1 and §3.3, RFC 7714 §8.
//!
//! ```text
//! │ header (clear, authenticated) │ payload (encrypted) │ tag │
//! ```
//!
//! The header is whole: fixed part, CSRCs, extensions. Whoever calls has parsed or written it and knows its
//! length.

use crate::aead::Plaintext;
use crate::cipher::{Cipher, Envelope, Protocol};
use crate::{MasterKey, OpenError, SealError};

/// First index that 48 bits cannot hold: 2^32 rollovers of 2^16 sequence numbers. RFC 3711 §3.3.1.
const INDEX_END: u64 = 1 << 48;

/// Seals the RTP packets of one direction, whatever their SSRC.
pub struct RtpSealer {
    cipher: Cipher,
}

impl RtpSealer {
    /// Derives the session keys for RTP from our own master key.
    #[must_use]
    pub fn new(local: &MasterKey) -> Self {
        Self { cipher: Cipher::new(local, Protocol::Rtp) }
    }

    /// Seals `payload` behind the header that is already written in `out[..header_len]`, and returns the
    /// packet's length.
    ///
    /// `index` is the rollover counter and the sequence number, `ROC << 16 | sequence`; its low half is what
    /// the header says. The caller never seals two payloads with the same SSRC and index.
    ///
    /// # Errors
    /// [`SealError::NoRoom`] if `out` is shorter than header, payload and tag; [`SealError::TooShort`] if the
    /// header is under 12 bytes; [`SealError::IndexExhausted`] from index 2^48 on. `out` is unchanged then.
    pub fn seal(
        &self,
        index: u64,
        out: &mut [u8],
        header_len: usize,
        payload: &[u8],
    ) -> Result<usize, SealError> {
        self.seal_text(index, out, header_len, payload.len(), Plaintext::Apart(payload))
    }

    /// As [`Self::seal`], for a payload that already lies in `out[header_len..][..payload_len]`.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_in_place(
        &self,
        index: u64,
        out: &mut [u8],
        header_len: usize,
        payload_len: usize,
    ) -> Result<usize, SealError> {
        self.seal_text(index, out, header_len, payload_len, Plaintext::InPlace)
    }

    fn seal_text(
        &self,
        index: u64,
        out: &mut [u8],
        header_len: usize,
        payload_len: usize,
        plaintext: Plaintext<'_>,
    ) -> Result<usize, SealError> {
        if index >= INDEX_END {
            return Err(SealError::IndexExhausted);
        }
        let len = header_len.saturating_add(payload_len).saturating_add(self.cipher.tag_len());
        let packet = out.get_mut(..len).ok_or(SealError::NoRoom)?;
        let (header, sealed) = packet.split_at_mut(header_len);
        let (text, tag) = sealed.split_at_mut(payload_len);
        let envelope = Envelope::rtp(header, index).ok_or(SealError::TooShort)?;
        debug_assert!(
            has_sequence_of(header, index),
            "the header has another sequence number than the index"
        );
        self.cipher.seal(&envelope, plaintext, text, tag);
        Ok(len)
    }
}

/// Opens the RTP packets of one direction, whatever their SSRC.
pub struct RtpOpener {
    cipher: Cipher,
}

impl RtpOpener {
    /// Derives the session keys for RTP from the peer's master key.
    #[must_use]
    pub fn new(remote: &MasterKey) -> Self {
        Self { cipher: Cipher::new(remote, Protocol::Rtp) }
    }

    /// Authenticates a packet and decrypts its payload in place, to `packet[header_len..][..payload_len]`.
    ///
    /// `index` is what the SSRC's [`crate::ReceiveIndex`] estimated and checked; hand the token to it
    /// afterwards.
    ///
    /// # Errors
    /// [`OpenError::TooShort`], [`OpenError::WrongIndex`] or [`OpenError::NotAuthentic`]. The bytes behind
    /// the header are unspecified then, but hold no plaintext.
    pub fn open(&self, packet: &mut [u8], header_len: usize, index: u64) -> Result<Authenticated, OpenError> {
        let payload_len = packet
            .len()
            .checked_sub(header_len)
            .and_then(|sealed_len| sealed_len.checked_sub(self.cipher.tag_len()))
            .ok_or(OpenError::TooShort)?;
        let (header, sealed) = packet.split_at_mut(header_len);
        let (text, tag) = sealed.split_at_mut(payload_len);
        let envelope = Envelope::rtp(header, index).ok_or(OpenError::TooShort)?;
        if index >= INDEX_END || !has_sequence_of(header, index) {
            return Err(OpenError::WrongIndex);
        }
        if !self.cipher.open(&envelope, text, tag) {
            return Err(OpenError::NotAuthentic);
        }
        Ok(Authenticated { payload_len, index })
    }
}

/// Proof that a packet was authenticated. Only [`RtpOpener::open`] makes one, so what needs it cannot be had
/// without.
#[derive(Debug)]
#[must_use = "the replay window moves by this token"]
pub struct Authenticated {
    payload_len: usize,
    index: u64,
}

impl Authenticated {
    /// Bytes of the decrypted payload, RTP padding included.
    #[must_use]
    pub const fn payload_len(&self) -> usize {
        self.payload_len
    }

    /// The packet's 48-bit index, `ROC << 16 | sequence`.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// A token for tests of what consumes it.
    #[cfg(test)]
    pub(crate) const fn assumed(index: u64) -> Self {
        Self { payload_len: 0, index }
    }
}

/// Whether the header's sequence number is the low half of `index`.
fn has_sequence_of(header: &[u8], index: u64) -> bool {
    let [.., high, low] = index.to_be_bytes();
    header.get(2..4) == Some(&[high, low])
}

#[cfg(test)]
mod tests;
