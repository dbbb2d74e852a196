//! Sealing and opening RTCP compounds. RFC 3711 §3.4, RFC 7714 §9.
//!
//! ```text
//! GCM           │ 8 bytes (clear) │ rest (encrypted) │ tag │ E ‖ index │
//! counter mode  │ 8 bytes (clear) │ rest (encrypted) │ E ‖ index │ tag │
//! ```
//!
//! The index travels in the packet, so nothing is estimated. Limits: 2^31 packets a key; replay windows of 64
//! packets for the 64 SSRCs that sent last. A packet without the E bit is refused: nobody negotiates
//! unencrypted SRTCP with us.

use crate::aead::Plaintext;
use crate::cipher::{Cipher, E_BIT, Envelope, Protocol, RTCP_HEADER_LEN, rtcp_ssrc};
use crate::profile::INDEX_WORD_LEN;
use crate::replay::Window;
use crate::{MasterKey, OpenError, SealError};

/// Sender SSRCs an opener remembers. A peer sends RTCP from one SSRC for each of its tracks and one more; 64
/// leaves room for a conference's worth of tracks in one session and bounds what a hostile peer can make us
/// keep to 1.5 KiB.
const SENDERS_MAX: usize = 64;

/// Seals the RTCP compounds of one direction and owns their index.
pub struct RtcpSealer {
    cipher: Cipher,
    /// The next packet's.
    index: u32,
}

impl RtcpSealer {
    /// Derives the session keys for RTCP from our own master key. There may be only one sealer for a key,
    /// because two would use the same indices.
    #[must_use]
    pub fn new(local: &MasterKey) -> Self {
        Self { cipher: Cipher::new(local, Protocol::Rtcp), index: 0 }
    }

    /// Seals a compound into `out` and returns the packet's length. Each success uses up one index.
    ///
    /// # Errors
    /// [`SealError::TooShort`] if `plain` is under 8 bytes; [`SealError::NoRoom`] if `out` is shorter than
    /// `plain` and [`crate::Profile::rtcp_overhead`]; [`SealError::IndexExhausted`] after 2^31 packets: close
    /// the session.
    pub fn seal(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, SealError> {
        let index = self.index;
        if index & E_BIT != 0 {
            return Err(SealError::IndexExhausted);
        }
        let (header, payload) = plain.split_first_chunk::<RTCP_HEADER_LEN>().ok_or(SealError::TooShort)?;
        let len = plain.len() + self.cipher.tag_len() + INDEX_WORD_LEN;
        let packet = out.get_mut(..len).ok_or(SealError::NoRoom)?;
        let (clear, sealed) = packet.split_at_mut(RTCP_HEADER_LEN);
        let (text, trailer) = sealed.split_at_mut(payload.len());
        let (tag, word) = split_trailer(&self.cipher, trailer);

        let envelope = Envelope::Rtcp { header, index };
        clear.copy_from_slice(header);
        word.copy_from_slice(&envelope.trailer());
        self.cipher.seal(&envelope, Plaintext::Apart(payload), text, tag);
        self.index += 1;
        Ok(len)
    }
}

/// Opens the RTCP compounds of one direction, each index of a sender once.
pub struct RtcpOpener {
    cipher: Cipher,
    /// The most recent first. Grows to [`SENDERS_MAX`] as new SSRCs prove themselves, and no further.
    senders: Vec<Sender>,
}

/// An SSRC that has sent us authentic RTCP.
struct Sender {
    ssrc: u32,
    window: Window<1>,
}

impl RtcpOpener {
    /// Derives the session keys for RTCP from the peer's master key.
    #[must_use]
    pub fn new(remote: &MasterKey) -> Self {
        Self { cipher: Cipher::new(remote, Protocol::Rtcp), senders: Vec::new() }
    }

    /// Authenticates a packet, decrypts it in place and returns the plain compound, its first 8 bytes
    /// included.
    ///
    /// # Errors
    /// [`OpenError::TooShort`], [`OpenError::NotEncrypted`], [`OpenError::Replayed`], [`OpenError::TooOld`]
    /// or [`OpenError::NotAuthentic`]. The bytes behind the first 8 are unspecified then, but hold no
    /// plaintext.
    pub fn open<'p>(&mut self, packet: &'p mut [u8]) -> Result<&'p [u8], OpenError> {
        let trailer_len = self.cipher.tag_len() + INDEX_WORD_LEN;
        let plain_len = packet.len().checked_sub(trailer_len).ok_or(OpenError::TooShort)?;
        let (plain, trailer) = packet.split_at_mut(plain_len);
        let (header, text) = plain.split_first_chunk_mut::<RTCP_HEADER_LEN>().ok_or(OpenError::TooShort)?;
        let (tag, word) = split_trailer(&self.cipher, trailer);

        let word = word.iter().fold(0, |word, &byte| word << 8 | u32::from(byte));
        if word & E_BIT == 0 {
            return Err(OpenError::NotEncrypted);
        }
        let index = word & !E_BIT;
        let ssrc = rtcp_ssrc(header);
        let known = self.senders.iter().position(|sender| sender.ssrc == ssrc);
        if let Some(at) = known {
            self.senders[at].window.check(u64::from(index))?;
        }
        if !self.cipher.open(&Envelope::Rtcp { header, index }, text, tag) {
            return Err(OpenError::NotAuthentic);
        }
        self.accept(known, ssrc, index);
        Ok(plain)
    }

    /// Moves the sender to the front, in the place of the one that has been silent the longest if there are
    /// too many, and marks the index. Only for authentic packets: a forger must not be able to push senders
    /// out.
    fn accept(&mut self, known: Option<usize>, ssrc: u32, index: u32) {
        if let Some(at) = known {
            self.senders[..=at].rotate_right(1);
        } else {
            self.senders.truncate(SENDERS_MAX - 1);
            self.senders.insert(0, Sender { ssrc, window: Window::new() });
        }
        self.senders[0].window.accept(u64::from(index));
    }
}

/// Cuts what lies behind the text into tag and index word, wherever the profile puts them.
fn split_trailer<'t>(cipher: &Cipher, trailer: &'t mut [u8]) -> (&'t mut [u8], &'t mut [u8]) {
    match cipher {
        Cipher::Gcm { .. } => trailer.split_at_mut(cipher.tag_len()),
        Cipher::CounterMode(_) => {
            let (word, tag) = trailer.split_at_mut(INDEX_WORD_LEN);
            (tag, word)
        }
    }
}

#[cfg(test)]
mod tests;
