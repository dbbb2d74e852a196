//! Why a description is not taken: one variant for each fault, each with what the caller can do about it.
//!
//! The texts of a peer that appear in a message were checked or cut before, so that a message is one short line of
//! printable ASCII whatever was sent.

use thiserror::Error;

use super::parse::{LINE_BYTES_MAX, SECTIONS_MAX, TEXT_BYTES_MAX};
use super::section::MID_BYTES_MAX;
use super::simulcast::RIDS_MAX;

/// An offer or fragment that cannot be taken. All but [`SdpError::is_codec_mismatch`] are the sender's bad input.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SdpError {
    #[error(
        "the text is {bytes} bytes long; at most {TEXT_BYTES_MAX} are read: offer fewer codecs or m-sections"
    )]
    TextTooLong { bytes: usize },
    #[error("line {line} is longer than {LINE_BYTES_MAX} bytes: shorten it")]
    LineTooLong { line: usize },
    #[error("line {line} holds a control byte; SDP is printable text with CRLF or LF between lines")]
    ControlByte { line: usize },
    #[error("line {line} is not of the form <letter>=<value> (RFC 8866 section 5)")]
    MalformedLine { line: usize },
    #[error("the text does not begin with v=0: send one SDP description (RFC 8866 section 5.1)")]
    NoVersion,
    #[error("the offer has more than {SECTIONS_MAX} m-sections: offer fewer")]
    TooManySections,
    #[error("m-section {section} has a malformed m= line (RFC 8866 section 5.14)")]
    MalformedMediaLine { section: usize },

    #[error("m-section {section} has no a=mid: BUNDLE needs one in each (RFC 9143)")]
    NoMid { section: usize },
    #[error("m-section {section} has an illegal a=mid: use a token of 1 to {MID_BYTES_MAX} bytes")]
    IllegalMid { section: usize },
    #[error("two m-sections have a=mid:{mid}: give each its own")]
    DuplicateMid { mid: String },
    #[error(
        "a=mid:{mid} uses the transport {protocol}: only UDP/TLS/RTP/SAVPF is served, media is never sent in clear"
    )]
    InsecureProfile { mid: String, protocol: String },
    #[error("a=mid:{mid} offers payload type {payload_type}: use 0..=63 or 96..=127 (RFC 5761 section 4)")]
    IllegalPayloadType { mid: String, payload_type: String },
    #[error(
        "payload type {payload_type} stands twice (a=mid:{mid}): number each codec of a BUNDLE on its own"
    )]
    DuplicatePayloadType { mid: String, payload_type: u8 },
    #[error("a=mid:{mid} has a malformed a=extmap: <id> <URI> with an id from 1 (RFC 8285 section 8)")]
    MalformedExtension { mid: String },
    #[error(
        "a=mid:{mid} gives the header extension id {id} to two extensions: number them apart (RFC 8285 section 6)"
    )]
    DuplicateExtension { mid: String, id: u8 },
    #[error("a=mid:{mid} has a malformed a=simulcast: send <rid>;<rid>;… (RFC 8853 section 5.1)")]
    MalformedSimulcast { mid: String },
    #[error("a=mid:{mid} has more than {RIDS_MAX} a=rid lines: offer fewer encodings")]
    TooManyRids { mid: String },
    #[error("SSRC {ssrc} stands in two places of the offer: give each stream its own")]
    DuplicateSsrc { ssrc: u32 },

    #[error("the description has no a=ice-ufrag and a=ice-pwd: WebRTC needs ICE (RFC 8839 section 5.4)")]
    NoIceCredentials,
    #[error("a=ice-ufrag is illegal: 4 to 256 letters, digits, + or / (RFC 8839 section 5.4)")]
    IllegalIceUfrag,
    #[error("a=ice-pwd is illegal: 22 to 256 letters, digits, + or / (RFC 8839 section 5.4)")]
    IllegalIcePwd,
    #[error(
        "the offer says a=ice-lite; the server waits for checks and needs a peer that makes them: use full ICE"
    )]
    IceLite,
    #[error("the offer has no a=fingerprint: WebRTC needs DTLS (RFC 8122 section 5)")]
    NoFingerprint,
    #[error(
        "a=fingerprint is malformed: <hash> and as many hexadecimal bytes as the hash has (RFC 8122 section 5)"
    )]
    MalformedFingerprint,
    #[error("the only fingerprint is {hash}: use sha-256, sha-384 or sha-512")]
    WeakFingerprint { hash: String },
    #[error("two different {hash} fingerprints for one transport: offer one certificate")]
    SeveralFingerprints { hash: String },
    #[error(
        "a=setup is {setup}; the server is the passive side of DTLS: offer actpass or active, answer active (RFC 8842 section 5)"
    )]
    WrongSetup { setup: String },
    #[error("a=mid:{mid} has no a=rtcp-mux: RTP and RTCP share one port here (RFC 8834 section 4.5)")]
    NoRtcpMux { mid: String },
    #[error(
        "a=mid:{mid} is not in a=group:BUNDLE with the others: offer one transport (bundlePolicy max-bundle)"
    )]
    NotBundled { mid: String },
    #[error(
        "a=mid:{mid} has another transport than the section it is bundled with: use bundlePolicy max-bundle"
    )]
    DifferentTransport { mid: String },

    #[error("the offer has no audio or video m-section that is to {wish}: add one")]
    NoMedia { wish: &'static str },
    #[error(
        "the sound is offered in more than two channels (multiopus), which no other browser plays: offer opus/48000/2"
    )]
    MultiChannelAudio,
    #[error("no offered codec can be taken: offered are {offered}; taken are {taken}")]
    NoCommonCodec { offered: String, taken: String },
    #[error("the stream is published as {published}, which this viewer cannot take: it offers {offered}")]
    NotPlayable { published: String, offered: String },

    #[error("the answer is not one to the server's offer: {why} (RFC 3264 section 6)")]
    NotAnAnswer { why: &'static str },
    #[error("the answer accepts nothing: accept audio or video, or end the session by DELETE")]
    NothingAccepted,

    #[error("candidate {number} of the fragment is malformed (RFC 8839 section 5.1)")]
    MalformedCandidate { number: usize },
}

impl SdpError {
    /// The description is sound but names no codec in common: HTTP 406. Any other error is bad input: HTTP 400.
    pub fn is_codec_mismatch(&self) -> bool {
        matches!(self, Self::NoCommonCodec { .. } | Self::NotPlayable { .. } | Self::MultiChannelAudio)
    }
}

/// A peer's text as a message may show it: printable ASCII, at most [`EXCERPT_BYTES_MAX`] of it.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(EXCERPT_BYTES_MAX).collect()
}

/// Long enough for the names the RFCs know, short enough for a log line.
const EXCERPT_BYTES_MAX: usize = 40;
