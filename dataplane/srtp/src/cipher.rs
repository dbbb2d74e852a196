//! One direction of one protocol under one profile: the session keys, ready for use.
//!
//! Both ciphers are driven by the same three things: what names the packet (SSRC and index), what goes in the
//! clear (header and trailer), and the text. They differ in what they make of them:
//!
//! ```text
//!            nonce or counter               authenticated, RTP         authenticated, RTCP
//! GCM        salt ⊕ 0¹⁶‖SSRC‖index⁴⁸        header, text               header ‖ index word, text
//! counter    salt ⊕ SSRC·2⁶⁴ ⊕ index·2¹⁶    header ‖ text ‖ ROC        header ‖ text ‖ index word
//! ```
//!
//! RFC 7714 §8.1, §8.2, §9.1, §9.2; RFC 3711 §4.1.1, §4.2. The GCM nonce has the same form in both protocols
//! because an SRTCP index is a 48-bit number whose upper 17 bits are zero.

use crate::Profile;
use crate::aead::{Aead, GCM_TAG_LEN, NONCE_LEN, Plaintext};
use crate::counter_mode::{self, CounterMode};
use crate::keys::{Label, MasterKey};
use crate::profile::INDEX_WORD_LEN;

/// Bytes of the fixed RTP header. RFC 3550 §5.1.
pub(crate) const RTP_HEADER_LEN: usize = 12;
/// Bytes of an RTCP compound that stay in the clear: first header word, sender's SSRC. RFC 3711 §3.4.
pub(crate) const RTCP_HEADER_LEN: usize = 8;
/// The bit that says an SRTCP packet is encrypted, in front of its 31-bit index. RFC 3711 §3.4.
pub(crate) const E_BIT: u32 = 1 << 31;

/// The protocol a cipher works for; each has keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rtp,
    Rtcp,
}

/// All of a packet but its text and its tag.
pub(crate) enum Envelope<'a> {
    /// The whole RTP header, and the 48-bit index: rollover counter and sequence number.
    Rtp { header: &'a [u8], ssrc: u32, index: u64 },
    /// The first 8 bytes of the compound, and the 31-bit index.
    Rtcp { header: &'a [u8; RTCP_HEADER_LEN], index: u32 },
}

impl<'a> Envelope<'a> {
    /// Reads the SSRC out of an RTP header; nothing if the header is cut short.
    pub(crate) fn rtp(header: &'a [u8], index: u64) -> Option<Self> {
        let &[_, _, _, _, _, _, _, _, a, b, c, d] = header.first_chunk::<RTP_HEADER_LEN>()?;
        Some(Self::Rtp { header, ssrc: u32::from_be_bytes([a, b, c, d]), index })
    }

    pub(crate) fn header(&self) -> &'a [u8] {
        match *self {
            Self::Rtp { header, .. } => header,
            Self::Rtcp { header, .. } => header,
        }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        match *self {
            Self::Rtp { ssrc, .. } => ssrc,
            Self::Rtcp { header, .. } => rtcp_ssrc(header),
        }
    }

    pub(crate) fn index(&self) -> u64 {
        match *self {
            Self::Rtp { index, .. } => index,
            Self::Rtcp { index, .. } => u64::from(index),
        }
    }

    /// What the packet is authenticated with besides header and text: the rollover counter, which is not
    /// sent, or the index word, which is. RFC 3711 §4.2.
    pub(crate) fn trailer(&self) -> [u8; INDEX_WORD_LEN] {
        match *self {
            Self::Rtp { index, .. } => {
                let [_, _, rollover_counter @ .., _, _] = index.to_be_bytes();
                rollover_counter
            }
            Self::Rtcp { index, .. } => (E_BIT | index).to_be_bytes(),
        }
    }
}

/// The sender's SSRC of an RTCP compound.
pub(crate) fn rtcp_ssrc(header: &[u8; RTCP_HEADER_LEN]) -> u32 {
    let &[_, _, _, _, a, b, c, d] = header;
    u32::from_be_bytes([a, b, c, d])
}

/// The session keys of one protocol and direction.
pub(crate) enum Cipher {
    /// Salt and context are not a struct of their own: beside the tag of the enum, the salt costs nothing.
    Gcm {
        aead: Aead,
        salt: [u8; NONCE_LEN],
    },
    CounterMode(CounterMode),
}

impl Cipher {
    /// Derives the session keys. RFC 3711 §4.3.
    pub(crate) fn new(master: &MasterKey, protocol: Protocol) -> Self {
        let (encryption, authentication, salt) = match protocol {
            Protocol::Rtp => (Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            Protocol::Rtcp => (Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        };
        match master.profile() {
            Profile::AeadAes128Gcm => Self::Gcm {
                aead: Aead::aes_128_gcm(master.derive(encryption).bytes()),
                salt: *master.derive(salt).bytes(),
            },
            Profile::AeadAes256Gcm => Self::Gcm {
                aead: Aead::aes_256_gcm(master.derive(encryption).bytes()),
                salt: *master.derive(salt).bytes(),
            },
            Profile::Aes128CmSha1_80 => Self::CounterMode(CounterMode::new(
                master.derive(encryption).bytes(),
                master.derive(salt).bytes(),
                master.derive(authentication).bytes(),
            )),
        }
    }

    pub(crate) const fn tag_len(&self) -> usize {
        match self {
            Self::Gcm { .. } => GCM_TAG_LEN,
            Self::CounterMode(_) => counter_mode::TAG_LEN,
        }
    }

    /// Encrypts `plaintext` into `text`, which has its length, and writes the tag, [`Self::tag_len`] bytes.
    pub(crate) fn seal(
        &self,
        envelope: &Envelope<'_>,
        plaintext: Plaintext<'_>,
        text: &mut [u8],
        tag: &mut [u8],
    ) {
        match self {
            Self::Gcm { aead, salt } => {
                let mut joined = [0; _];
                aead.seal(&nonce(salt, envelope), aad(envelope, &mut joined), plaintext, text, tag);
            }
            Self::CounterMode(cipher) => cipher.seal(envelope, plaintext, text, tag),
        }
    }

    /// Checks the tag and decrypts `text` in place. False if the tag does not fit: no plaintext then.
    #[must_use]
    pub(crate) fn open(&self, envelope: &Envelope<'_>, text: &mut [u8], tag: &[u8]) -> bool {
        match self {
            Self::Gcm { aead, salt } => {
                let mut joined = [0; _];
                aead.open(&nonce(salt, envelope), aad(envelope, &mut joined), text, tag)
            }
            Self::CounterMode(cipher) => cipher.open(envelope, text, tag),
        }
    }
}

/// RFC 7714 §8.1 and §9.1.
fn nonce(salt: &[u8; NONCE_LEN], envelope: &Envelope<'_>) -> [u8; NONCE_LEN] {
    let name = u128::from(envelope.ssrc()) << 48 | u128::from(envelope.index());
    let [_, _, _, _, mask @ ..] = name.to_be_bytes();
    std::array::from_fn(|at| salt[at] ^ mask[at])
}

/// RFC 7714 §8.2 and §9.2. The word that SRTCP adds lies behind the tag in the packet, so the two are joined
/// in `joined`.
fn aad<'a>(envelope: &Envelope<'a>, joined: &'a mut [u8; RTCP_HEADER_LEN + INDEX_WORD_LEN]) -> &'a [u8] {
    match *envelope {
        Envelope::Rtp { header, .. } => header,
        Envelope::Rtcp { header, .. } => {
            let (first, word) = joined.split_at_mut(RTCP_HEADER_LEN);
            first.copy_from_slice(header);
            word.copy_from_slice(&envelope.trailer());
            joined
        }
    }
}
