//! RTCP: reports, source descriptions and feedback.
//!
//! RFC 3550 §6, RFC 4585 §6, RFC 5104 §4.3.1, RFC 5506 (a datagram may hold any member alone),
//! draft-alvestrand-rmcat-remb-03, draft-holmer-rmcat-transport-wide-cc-extensions-01.
//!
//! What we do not act on (APP, XR, SLI, RPSI …) is [`Member::Other`] and stepped over.

mod compound;
mod description;
mod feedback;
mod remb;
mod reports;
mod twcc;
mod twcc_write;
mod write;

pub use compound::{Compound, MEMBERS_MAX};
pub use description::{Bye, SourceDescription, SourceItems};
pub use feedback::{Fir, Nack, Pli};
pub use remb::Remb;
pub use reports::{ReceiverReport, ReportBlock, SenderReport};
pub use twcc::{LOST_RUN_STATUSES_MAX, Twcc, TwccPackets};
pub use write::RtcpWriter;

use crate::error::Malformed;

/// Packet types. RFC 3550 §12.1, RFC 4585 §6.1.
mod kind {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const SOURCE_DESCRIPTION: u8 = 202;
    pub(super) const BYE: u8 = 203;
    pub(super) const TRANSPORT_FEEDBACK: u8 = 205;
    pub(super) const PAYLOAD_FEEDBACK: u8 = 206;
}

/// Formats of transport-layer feedback (205). RFC 4585 §6.2, the transport-cc draft §3.1.
mod transport_format {
    pub(super) const NACK: u8 = 1;
    pub(super) const TWCC: u8 = 15;
}

/// Formats of payload-specific feedback (206). RFC 4585 §6.3, RFC 5104 §4.3.1, the REMB draft §2.2.
mod payload_format {
    pub(super) const PLI: u8 = 1;
    pub(super) const FIR: u8 = 4;
    pub(super) const APPLICATION: u8 = 15;
}

/// One RTCP packet of a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Member<'a> {
    /// What a sender sent, and what it received.
    SenderReport(SenderReport<'a>),
    /// What a receiver received.
    ReceiverReport(ReceiverReport<'a>),
    /// Names of sources.
    SourceDescription(SourceDescription<'a>),
    /// Sources that end.
    Bye(Bye<'a>),
    /// Packets to send again.
    Nack(Nack<'a>),
    /// A wish for a key frame.
    Pli(Pli),
    /// A command for a key frame.
    Fir(Fir<'a>),
    /// A receiver's estimate of the bit rate it can take.
    Remb(Remb<'a>),
    /// When each packet of a session arrived.
    Twcc(Twcc<'a>),
    /// Well framed, but nothing that we act on.
    Other {
        /// The header's second byte.
        packet_type: u8,
        /// The low five bits of the header's first byte.
        format: u8,
    },
}

impl<'a> Member<'a> {
    /// `format` is the header's five-bit count or format; `body` follows the header, without padding.
    fn parse(packet_type: u8, format: u8, body: &'a [u8]) -> Result<Self, Malformed> {
        let member = match (packet_type, format) {
            (kind::SENDER_REPORT, count) => SenderReport::parse(count, body).map(Self::SenderReport),
            (kind::RECEIVER_REPORT, count) => ReceiverReport::parse(count, body).map(Self::ReceiverReport),
            (kind::SOURCE_DESCRIPTION, count) => {
                SourceDescription::parse(count, body).map(Self::SourceDescription)
            }
            (kind::BYE, count) => Bye::parse(count, body).map(Self::Bye),
            (kind::TRANSPORT_FEEDBACK, transport_format::NACK) => Nack::parse(body).map(Self::Nack),
            (kind::TRANSPORT_FEEDBACK, transport_format::TWCC) => Twcc::parse(body).map(Self::Twcc),
            (kind::PAYLOAD_FEEDBACK, payload_format::PLI) => Pli::parse(body).map(Self::Pli),
            (kind::PAYLOAD_FEEDBACK, payload_format::FIR) => Fir::parse(body).map(Self::Fir),
            (kind::PAYLOAD_FEEDBACK, payload_format::APPLICATION) if Remb::is_in(body) => {
                Remb::parse(body).map(Self::Remb)
            }
            (packet_type, format) => Some(Self::Other { packet_type, format }),
        };
        member.ok_or(Malformed::BadLength)
    }
}
