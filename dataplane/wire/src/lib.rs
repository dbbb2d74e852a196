//! Bytes in, views out: STUN, RTP, RTCP and what forwarding needs of the codecs.
//!
//! Everything here is a pure function of the bytes it is given: no I/O, no allocation, no clock, and no panic
//! on any input. A `parse` checks a message once and returns a value that borrows the rest of it; what that
//! value then hands out can neither fail nor reach outside the bytes. Writing works the other way round: a
//! writer appends a whole message or nothing.
//!
//! ```text
//!              ┌─ Stun ──────── attributes, username
//!  classify ───┼─ RtpHeader ─── extensions, payload ─── codec::frame_facts
//!  (1st byte)  ├─ Compound ──── Member: reports, NACK, PLI, FIR, REMB, TWCC
//!              └─ (DTLS goes to the session's transport untouched)
//! ```
//!
//! The work of any walk is bounded by the number of bytes received, never by a number that a peer wrote.

#![no_std]
#![forbid(unsafe_code)]
#![deny(clippy::indexing_slicing)]

mod abs_send_time;
mod audio_level;
mod bits;
mod classify;
pub mod codec;
mod dependency_descriptor;
mod dependency_structure;
mod error;
mod extension;
mod extension_kind;
mod extension_map;
mod layers_allocation;
mod ntp;
mod reader;
mod red;
mod rtcp;
mod rtp;
mod rtp_write;
mod rtx;
mod sequence;
mod stun;
mod types;
mod writer;

pub use abs_send_time::abs_send_time;
pub use audio_level::AudioLevel;
pub use classify::{Kind, classify};
pub use codec::{
    Codec, FrameFacts, Vp8Descriptor, Vp9Descriptor, Vp9Layers, Vp9Structure, frame_facts, key_frame_size,
};
pub use dependency_descriptor::DependencyDescriptor;
pub use dependency_structure::{
    DependencyStructure, LayerIds, Resolution, TargetIndication, TargetIndications,
};
pub use error::{Malformed, NoRoom};
pub use extension::{ExtensionElement, Extensions};
pub use extension_kind::ExtensionKind;
pub use extension_map::ExtensionMap;
pub use layers_allocation::allocated_frame_size;
pub use ntp::NtpTime;
pub use red::red_primary;
pub use rtcp::{
    Bye, Compound, Fir, LOST_RUN_STATUSES_MAX, MEMBERS_MAX, Member, Nack, Pli, ReceiverReport, Remb,
    ReportBlock, RtcpWriter, SenderReport, SourceDescription, SourceItems, Twcc, TwccPackets,
};
pub use rtp::RtpHeader;
pub use rtp_write::{RtpFields, write_rtp_header};
pub use rtx::rtx_original_sequence;
pub use sequence::{ExtendedSequence, Sequence, SequenceExtender};
pub use stun::{Stun, StunAttributes, StunClass};
pub use types::{PayloadType, Ssrc, Timestamp};
