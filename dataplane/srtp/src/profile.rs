//! The SRTP protection profiles we speak, and what each adds to a packet. RFC 5764 §4.1.2, RFC 7714 §12 and
//! §14.2.

/// Length of the word that carries the E bit and the SRTCP index, in bytes. RFC 3711 §3.4.
pub(crate) const INDEX_WORD_LEN: usize = 4;

/// A protection profile as DTLS-SRTP negotiates it; both directions and both protocols of a session use the
/// same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// `SRTP_AEAD_AES_128_GCM`, {0x00, 0x07}: the one we prefer. RFC 7714.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`, {0x00, 0x08}. RFC 7714.
    AeadAes256Gcm,
    /// `SRTP_AES128_CM_HMAC_SHA1_80`, {0x00, 0x01}: what every peer has, five times as dear. RFC 5764.
    Aes128CmSha1_80,
}

impl Profile {
    /// Name in the IANA registry of DTLS-SRTP protection profiles. RFC 5764 §4.1.2.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
            Self::Aes128CmSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
        }
    }

    /// Bytes of the master key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::Aes128CmSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Bytes of the master salt.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::Aes128CmSha1_80 => 14,
        }
    }

    /// Bytes to take from the DTLS exporter: two keys and two salts. RFC 5764 §4.2.
    #[must_use]
    pub const fn exporter_len(self) -> usize {
        2 * (self.key_len() + self.salt_len())
    }

    /// Bytes that sealing adds behind an RTP packet: the authentication tag.
    #[must_use]
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 16,
            Self::Aes128CmSha1_80 => 10,
        }
    }

    /// Bytes that sealing adds behind an RTCP compound: the tag and the index word.
    #[must_use]
    pub const fn rtcp_overhead(self) -> usize {
        self.rtp_overhead() + INDEX_WORD_LEN
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;

    // Buffers are sized by these figures in other crates: RFC 7714 §12 (tables 1 and 2), RFC 5764 §4.1.2.
    #[test]
    fn lengths_are_those_of_the_rfcs() {
        let lengths = |profile: Profile| {
            [
                profile.key_len(),
                profile.salt_len(),
                profile.exporter_len(),
                profile.rtp_overhead(),
                profile.rtcp_overhead(),
            ]
        };
        assert_eq!(lengths(Profile::AeadAes128Gcm), [16, 12, 56, 16, 20]);
        assert_eq!(lengths(Profile::AeadAes256Gcm), [32, 12, 88, 16, 20]);
        assert_eq!(lengths(Profile::Aes128CmSha1_80), [16, 14, 60, 10, 14]);
    }
}
