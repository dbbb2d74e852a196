//! Sender and receiver reports. RFC 3550 §6.4.
//!
//! What follows the report blocks (profile-specific extensions, §6.4.3) is ignored.

use core::time::Duration;

use crate::ntp::NtpTime;
use crate::reader::Reader;
use crate::types::{Ssrc, Timestamp};
use crate::writer::Writer;

/// Bytes of a report block.
const BLOCK_LEN: usize = 24;
/// Bounds of the 24-bit signed field of packets lost.
const CUMULATIVE_LOST_RANGE: (i32, i32) = (-(1 << 23), (1 << 23) - 1);

/// What a sender sent until one moment, which it names in both clocks. RFC 3550 §6.4.1.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport<'a> {
    sender: Ssrc,
    ntp: NtpTime,
    timestamp: Timestamp,
    packets: u32,
    octets: u32,
    blocks: &'a [[u8; BLOCK_LEN]],
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        Some(Self {
            sender: Ssrc(reader.u32()?),
            ntp: NtpTime(reader.u64()?),
            timestamp: Timestamp(reader.u32()?),
            packets: reader.u32()?,
            octets: reader.u32()?,
            blocks: reader.groups(usize::from(count))?,
        })
    }

    /// The stream that is reported on.
    #[must_use]
    pub const fn sender(&self) -> Ssrc {
        self.sender
    }

    /// The moment of the report by the sender's wall clock.
    #[must_use]
    pub const fn ntp(&self) -> NtpTime {
        self.ntp
    }

    /// The same moment by the stream's media clock.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// Packets sent since the stream began, wrapping.
    #[must_use]
    pub const fn packets(&self) -> u32 {
        self.packets
    }

    /// Payload bytes sent since the stream began, headers and padding not counted, wrapping.
    #[must_use]
    pub const fn octets(&self) -> u32 {
        self.octets
    }

    /// What the sender itself received.
    #[must_use]
    pub fn reports(&self) -> impl ExactSizeIterator<Item = ReportBlock> + Clone + use<'a> {
        self.blocks.iter().map(ReportBlock::from_bytes)
    }
}

/// What a receiver received. RFC 3550 §6.4.2.
#[derive(Clone, Copy, Debug)]
pub struct ReceiverReport<'a> {
    sender: Ssrc,
    blocks: &'a [[u8; BLOCK_LEN]],
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        Some(Self { sender: Ssrc(reader.u32()?), blocks: reader.groups(usize::from(count))? })
    }

    /// Who reports.
    #[must_use]
    pub const fn sender(&self) -> Ssrc {
        self.sender
    }

    /// One block a stream that it receives.
    #[must_use]
    pub fn reports(&self) -> impl ExactSizeIterator<Item = ReportBlock> + Clone + use<'a> {
        self.blocks.iter().map(ReportBlock::from_bytes)
    }
}

/// How one stream arrived at one receiver. RFC 3550 §6.4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The stream that this is about.
    pub ssrc: Ssrc,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the stream began, 24 bits signed: duplicates make it negative. Written clamped.
    pub cumulative_lost: i32,
    /// The highest sequence number received, with its rollovers in the upper 16 bits.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter, in RTP clock ticks.
    pub jitter: u32,
    /// [`NtpTime::middle`] of the last sender report that arrived; 0 if none has (LSR).
    pub last_sender_report: u32,
    /// Time since that report arrived, in 1/65,536 s (DLSR).
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    fn from_bytes(bytes: &[u8; BLOCK_LEN]) -> Self {
        let &[
            s0,
            s1,
            s2,
            s3,
            fraction_lost,
            c0,
            c1,
            c2,
            h0,
            h1,
            h2,
            h3, //
            j0,
            j1,
            j2,
            j3,
            l0,
            l1,
            l2,
            l3,
            d0,
            d1,
            d2,
            d3,
        ] = bytes;
        Self {
            ssrc: Ssrc(u32::from_be_bytes([s0, s1, s2, s3])),
            fraction_lost,
            // At the top of 32 bits first, so that the shift brings the sign down with it.
            cumulative_lost: i32::from_be_bytes([c0, c1, c2, 0]) >> 8,
            extended_highest_sequence: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sender_report: u32::from_be_bytes([l0, l1, l2, l3]),
            delay_since_last_sender_report: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Option<()> {
        let (lowest, highest) = CUMULATIVE_LOST_RANGE;
        let [_, lost @ ..] = self.cumulative_lost.clamp(lowest, highest).to_be_bytes();
        writer.u32(self.ssrc.0)?;
        writer.u8(self.fraction_lost)?;
        writer.put(&lost)?;
        writer.u32(self.extended_highest_sequence)?;
        writer.u32(self.jitter)?;
        writer.u32(self.last_sender_report)?;
        writer.u32(self.delay_since_last_sender_report)
    }

    /// The round trip that a report arriving at `now` (by the clock of our sender reports) tells of.
    ///
    /// `None` if the receiver had no sender report yet, or if the round trip comes out negative, as it does
    /// for a lying or a badly rounding receiver. RFC 3550 §6.4.1, figure 2.
    #[must_use]
    pub fn round_trip(&self, now: NtpTime) -> Option<Duration> {
        if self.last_sender_report == 0 {
            return None;
        }
        let since_report = now.middle().wrapping_sub(self.last_sender_report);
        let units = u64::from(since_report.checked_sub(self.delay_since_last_sender_report)?);
        Some(Duration::from_nanos((units * 1_000_000_000) >> 16))
    }
}
