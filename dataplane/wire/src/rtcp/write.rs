//! Writing RTCP: members are appended to the caller's buffer one after the other, each whole or not at all.
//! The sections of the RFCs are those of the readers beside this file.

use super::description::CNAME;
use super::{ReportBlock, kind, payload_format, remb, transport_format};
use crate::error::NoRoom;
use crate::ntp::NtpTime;
use crate::sequence::Sequence;
use crate::types::{Ssrc, Timestamp};
use crate::writer::Writer;

/// The most that the five-bit count of a header can say; what is longer goes on in a further member. RFC 3550
/// §6.4.1.
const COUNT_MAX: usize = 31;

/// A compound packet under construction.
///
/// Each method appends one member, or returns [`NoRoom`] and leaves the members before it as they were; bytes
/// of the buffer beyond [`len`](Self::len) are unspecified. `NoRoom` is also the answer to what no field is
/// wide enough for.
#[derive(Debug)]
pub struct RtcpWriter<'a> {
    out: &'a mut [u8],
    /// Never above `out.len()`.
    len: usize,
}

impl<'a> RtcpWriter<'a> {
    /// Starts at the front of `out`.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Bytes written so far, a multiple of four.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing to send yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The compound packet so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// Appends a sender report. Blocks beyond 31 go into receiver reports behind it.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn sender_report(
        &mut self,
        sender: Ssrc,
        ntp: NtpTime,
        timestamp: Timestamp,
        packets: u32,
        octets: u32,
        reports: &[ReportBlock],
    ) -> Result<(), NoRoom> {
        let (first, further) = reports.split_at_checked(COUNT_MAX).unwrap_or((reports, &[]));
        self.whole(|this| {
            this.append(kind::SENDER_REPORT, count(first.len())?, |writer| {
                writer.u32(sender.0)?;
                writer.u64(ntp.0)?;
                writer.u32(timestamp.0)?;
                writer.u32(packets)?;
                writer.u32(octets)?;
                first.iter().try_for_each(|block| block.write(writer))
            })?;
            if further.is_empty() { Ok(()) } else { this.receiver_report(sender, further) }
        })
    }

    /// Appends a receiver report. Blocks beyond 31 go into further ones.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn receiver_report(&mut self, sender: Ssrc, reports: &[ReportBlock]) -> Result<(), NoRoom> {
        self.whole(|this| {
            let mut left = reports;
            loop {
                let (now, later) = left.split_at_checked(COUNT_MAX).unwrap_or((left, &[]));
                this.append(kind::RECEIVER_REPORT, count(now.len())?, |writer| {
                    writer.u32(sender.0)?;
                    now.iter().try_for_each(|block| block.write(writer))
                })?;
                if later.is_empty() {
                    return Ok(());
                }
                left = later;
            }
        })
    }

    /// Appends a source description with one source's canonical name, at most 255 bytes.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn cname(&mut self, ssrc: Ssrc, name: &[u8]) -> Result<(), NoRoom> {
        let len = u8::try_from(name.len()).map_err(|_| NoRoom)?;
        self.append(kind::SOURCE_DESCRIPTION, 1, |writer| {
            writer.u32(ssrc.0)?;
            writer.put(&[CNAME, len])?;
            writer.put(name)?;
            // The end of the items; the rest of the word is the member's own alignment.
            writer.u8(0)
        })
    }

    /// Appends a goodbye. Sources beyond 31 go into further ones.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn bye(&mut self, sources: &[Ssrc]) -> Result<(), NoRoom> {
        self.whole(|this| {
            sources.chunks(COUNT_MAX).try_for_each(|sources| {
                this.append(kind::BYE, count(sources.len())?, |writer| {
                    sources.iter().try_for_each(|ssrc| writer.u32(ssrc.0))
                })
            })
        })
    }

    /// Appends a request to send packets again, given in ascending order (others come out right, but longer).
    /// Writes nothing for no packet.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn nack(
        &mut self,
        sender: Ssrc,
        media: Ssrc,
        sequences: impl Iterator<Item = Sequence>,
    ) -> Result<(), NoRoom> {
        let mut sequences = sequences.peekable();
        if sequences.peek().is_none() {
            return Ok(());
        }
        self.append(kind::TRANSPORT_FEEDBACK, transport_format::NACK, |writer| {
            writer.u32(sender.0)?;
            writer.u32(media.0)?;
            while let Some(first) = sequences.next() {
                writer.u16(first.0)?;
                let mut following = 0_u16;
                while let Some(bit) = sequences.peek().and_then(|&next| following_bit(first, next)) {
                    following |= bit;
                    sequences.next();
                }
                writer.u16(following)?;
            }
            Some(())
        })
    }

    /// Appends a wish for a key frame.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn pli(&mut self, sender: Ssrc, media: Ssrc) -> Result<(), NoRoom> {
        self.append(kind::PAYLOAD_FEEDBACK, payload_format::PLI, |writer| {
            writer.u32(sender.0)?;
            writer.u32(media.0)
        })
    }

    /// Appends a command for a key frame; `number` is one more for each new command, the same for a
    /// repetition.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn fir(&mut self, sender: Ssrc, media: Ssrc, number: u8) -> Result<(), NoRoom> {
        self.append(kind::PAYLOAD_FEEDBACK, payload_format::FIR, |writer| {
            writer.u32(sender.0)?;
            writer.u32(0)?;
            writer.u32(media.0)?;
            writer.put(&[number, 0, 0, 0])
        })
    }

    /// Appends an estimate for at most 255 streams together, rounded down to 18 significant bits.
    ///
    /// # Errors
    /// [`NoRoom`].
    pub fn remb(&mut self, sender: Ssrc, bitrate_bps: u64, sources: &[Ssrc]) -> Result<(), NoRoom> {
        self.append(kind::PAYLOAD_FEEDBACK, payload_format::APPLICATION, |writer| {
            remb::write(writer, sender, bitrate_bps, sources)
        })
    }

    /// Appends one member: the header, what `body` writes, zeros up to the next word.
    pub(super) fn append(
        &mut self,
        packet_type: u8,
        format: u8,
        body: impl FnOnce(&mut Writer<'_>) -> Option<()>,
    ) -> Result<(), NoRoom> {
        let mut writer = Writer::new(self.out.get_mut(self.len..).unwrap_or_default());
        let written = (|| {
            writer.put(&[0x80 | format, packet_type, 0, 0])?;
            body(&mut writer)?;
            writer.align()?;
            // In words, the header's own not counted.
            let length = u16::try_from(writer.len() / 4 - 1).ok()?;
            writer.patch_u16(2, length)?;
            Some(writer.len())
        })();
        self.len += written.ok_or(NoRoom)?;
        Ok(())
    }

    /// Makes several members one step: if one does not fit, none is there.
    fn whole(&mut self, write: impl FnOnce(&mut Self) -> Result<(), NoRoom>) -> Result<(), NoRoom> {
        let before = self.len;
        write(self).inspect_err(|_| self.len = before)
    }
}

/// The five-bit count of a header.
fn count(len: usize) -> Result<u8, NoRoom> {
    u8::try_from(len).map_err(|_| NoRoom)
}

/// The bit of a BLP that tells of `next`, if it is one of the 16 packets after `first`. A repetition needs
/// none.
fn following_bit(first: Sequence, next: Sequence) -> Option<u16> {
    match next.0.wrapping_sub(first.0) {
        0 => Some(0),
        later @ 1..=16 => Some(1 << (later - 1)),
        _ => None,
    }
}
