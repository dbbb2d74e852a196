//! What forwarding needs to know of a payload: where frames begin and end, and where a decoder can begin.
//!
//! No more is parsed than these questions take; the rest of every payload is the decoder's business. Payloads
//! must be decrypted and without padding. What a retransmission packet carries is asked about after
//! [`rtx_original_sequence`](crate::rtx_original_sequence).

mod av1;
mod h264;
mod h265;
mod vp8;
mod vp9;
mod vp9_structure;

pub use vp8::Vp8Descriptor;
pub use vp9::{Vp9Descriptor, Vp9Layers};
pub use vp9_structure::Vp9Structure;

use crate::error::Malformed;

/// The codecs that we forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 9628.
    Vp9,
    /// RFC 6184, packetization modes 0 and 1.
    H264,
    /// RFC 7798, without decoding order numbers.
    H265,
    /// The AV1 RTP payload format of the Alliance for Open Media, version 1.0.
    Av1,
}

impl Codec {
    /// All but Opus.
    #[must_use]
    pub const fn is_video(self) -> bool {
        !matches!(self, Self::Opus)
    }
}

/// What one packet is to its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFacts {
    /// A decoder can begin with this packet. Always true for audio.
    pub key_frame_start: bool,
    /// A frame begins here. True once a frame for VP8 and VP9 (once a picture, whatever its spatial layers);
    /// for H.264, H.265 and AV1 true of every packet that does not continue a fragment, so perhaps several
    /// times a frame.
    pub frame_start: bool,
    /// The last packet of a frame: the marker of video; always true for audio.
    pub frame_end: bool,
}

/// Reads what a packet is to its stream.
///
/// # Errors
/// [`TooShort`](Malformed::TooShort) if the payload ends inside its codec's header (an empty
/// payload, as padding-only packets have, among them), [`BadPayload`](Malformed::BadPayload) if header and
/// payload contradict each other or the packet is of a kind that the session's SDP never allows.
pub fn frame_facts(codec: Codec, marker: bool, payload: &[u8]) -> Result<FrameFacts, Malformed> {
    let starts = match codec {
        Codec::Opus if payload.is_empty() => return Err(Malformed::TooShort),
        Codec::Opus => Starts { key_frame: true, frame: true },
        Codec::Vp8 => vp8::starts(payload)?,
        Codec::Vp9 => vp9::starts(payload)?,
        Codec::H264 => h264::starts(payload)?,
        Codec::H265 => h265::starts(payload)?,
        Codec::Av1 => av1::starts(payload)?,
    };
    Ok(FrameFacts {
        key_frame_start: starts.key_frame,
        frame_start: starts.frame,
        frame_end: marker || !codec.is_video(),
    })
}

/// Width and height that a key frame's first packet shows. None: it is none, or of a codec that is not looked into.
#[must_use]
pub fn key_frame_size(codec: Codec, payload: &[u8]) -> Option<(u16, u16)> {
    match codec {
        Codec::Vp8 => vp8::key_frame_size(payload),
        _ => None,
    }
}

/// What begins with a packet.
#[derive(Clone, Copy, Debug)]
struct Starts {
    key_frame: bool,
    frame: bool,
}
