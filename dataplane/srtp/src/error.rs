//! What can go wrong: with keys at a handshake, with a packet to seal, with a packet to open.
//!
//! All are plain values. A packet's error is counted by whoever asked, never logged and never a reason to end
//! a session.

use thiserror::Error;

use crate::Replay;

/// Keying material that does not have the shape its profile asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The master key is too long or too short.
    #[error("the master key has {actual} bytes, the profile needs {expected}")]
    KeyLength {
        /// Bytes the profile asks for.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The master salt is too long or too short.
    #[error("the master salt has {actual} bytes, the profile needs {expected}")]
    SaltLength {
        /// Bytes the profile asks for.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The DTLS exporter gave too much or too little.
    #[error("the DTLS exporter gave {actual} bytes, the profile needs {expected}")]
    ExporterLength {
        /// Bytes the profile asks for.
        expected: usize,
        /// Bytes given.
        actual: usize,
    },
}

/// Why a packet was not sealed. Nothing that could be sent was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The buffer cannot hold the sealed packet.
    #[error("the buffer has no room for the sealed packet")]
    NoRoom,
    /// Less than a fixed header: 12 bytes of RTP, 8 of RTCP.
    #[error("shorter than a packet header")]
    TooShort,
    /// The key has sealed all it may: 2^48 RTP packets of an SSRC or 2^31 RTCP packets. RFC 3711 §9.2.
    #[error("all packet indices of this key are used")]
    IndexExhausted,
}

/// Why a packet was not opened. Its bytes are unspecified afterwards, but hold no plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// Shorter than header, tag and index word.
    #[error("shorter than a protected packet")]
    TooShort,
    /// The index asked for is not one that the header's sequence number can have: the caller's mistake.
    #[error("the packet index does not belong to the sequence number")]
    WrongIndex,
    /// The tag does not fit: forged, damaged, or sealed under another key or rollover counter.
    #[error("not authentic")]
    NotAuthentic,
    /// An authentic packet with this index was opened before.
    #[error("replayed")]
    Replayed,
    /// The index lies before the replay window.
    #[error("older than the replay window")]
    TooOld,
    /// SRTCP without the E bit: authenticated at best, but never confidential.
    #[error("not encrypted")]
    NotEncrypted,
}

impl From<Replay> for OpenError {
    fn from(replay: Replay) -> Self {
        match replay {
            Replay::AlreadySeen => Self::Replayed,
            Replay::TooOld => Self::TooOld,
        }
    }
}
