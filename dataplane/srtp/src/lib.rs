//! SRTP and SRTCP, RFC 3711 with the AEAD profiles of RFC 7714, keyed by DTLS-SRTP (RFC 5764).
//!
//! ```text
//! DTLS exporter ─► SessionKeys ─► MasterKey (local)  ─► RtpSealer   RtcpSealer
//!                              └► MasterKey (remote) ─► RtpOpener   RtcpOpener
//!                                                        │ Authenticated
//!                                                        ▼
//!                                                      ReceiveIndex, one an SSRC
//! ```
//!
//! A context serves all SSRCs of its direction. Sealing writes the ciphertext out of place, from a payload
//! that many viewers share into the buffer that leaves; opening works in place. Nothing is allocated, locked
//! or logged for a packet.
//!
//! Whoever seals owns the packet index and must use each (SSRC, index) once under one key: AES-GCM and
//! counter mode both lose everything when a nonce is used again. Whoever opens keeps a [`ReceiveIndex`] for
//! each SSRC: it estimates, checks, and moves by nothing but the [`Authenticated`] token of a packet that was
//! opened.
//!
//! Deliberately absent: MKI, key derivation rates, the NULL cipher, unencrypted SRTCP, header extension
//! encryption (RFC 6904). WebRTC negotiates none of them.
//!
//! All `unsafe` of the crate is in `aead.rs`.

#![deny(unsafe_code)]

mod aead;
mod cipher;
mod counter_mode;
mod error;
mod keys;
mod profile;
mod receive_index;
mod replay;
mod rtcp;
mod rtp;

#[cfg(test)]
mod testing;

pub use error::{KeyError, OpenError, SealError};
pub use keys::{MasterKey, SessionKeys};
pub use profile::Profile;
pub use receive_index::ReceiveIndex;
pub use replay::Replay;
pub use rtcp::{RtcpOpener, RtcpSealer};
pub use rtp::{Authenticated, RtpOpener, RtpSealer};
