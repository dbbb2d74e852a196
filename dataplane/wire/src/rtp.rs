//! The RTP header. RFC 3550 §5.1, §5.3.1.
//!
//! ```text
//!  0          1        2..4       4..8        8..12    12..      ..header_len        ..
//! ┌──────────┬────────┬──────────┬───────────┬────────┬────────┬───────────────────┬─────────┬─────────┐
//! │ V P X CC │ M PT   │ sequence │ timestamp │ SSRC   │ CSRCs  │ extension block   │ payload │ padding │
//! └──────────┴────────┴──────────┴───────────┴────────┴────────┴───────────────────┴─────────┴─────────┘
//! ```

use crate::error::Malformed;
use crate::extension::{Extensions, Form};
use crate::reader::Reader;
use crate::rtp_write::RtpFields;
use crate::sequence::Sequence;
use crate::types::{PayloadType, Ssrc, Timestamp};

/// What an RTP header says: plain values, so that a packet can be decrypted in place once it has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpHeader {
    /// By the profile: the last packet of a video frame, the first of a talk spurt.
    pub marker: bool,
    /// Which codec, by the session's SDP.
    pub payload_type: PayloadType,
    /// One more a packet.
    pub sequence: Sequence,
    /// Sampling instant in ticks of the codec's clock.
    pub timestamp: Timestamp,
    /// Which stream.
    pub ssrc: Ssrc,
    /// Bytes before the payload, CSRCs and extension block included: what SRTP leaves readable.
    pub header_len: usize,
    /// Whether the payload ends in padding. Its length is encrypted: see [`payload`](Self::payload).
    pub padding: bool,
    /// Contributing sources named, 0 to 15.
    pub csrc_count: u8,
    /// The form of the extension block's elements, if there is such a block.
    form: Option<Form>,
}

impl RtpHeader {
    /// Reads the header of a packet, encrypted or not: the padding count is not looked at.
    ///
    /// # Errors
    /// [`TooShort`](Malformed::TooShort) if the fixed header or a CSRC is missing,
    /// [`BadVersion`](Malformed::BadVersion) unless the version is 2,
    /// [`BadExtension`](Malformed::BadExtension) if the extension block reaches past the end.
    pub fn parse(packet: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(packet);
        let [first, second] = reader.array().ok_or(Malformed::TooShort)?;
        let fixed = (|| Some((reader.u16()?, reader.u32()?, reader.u32()?)))();
        let (sequence, timestamp, ssrc) = fixed.ok_or(Malformed::TooShort)?;
        if first >> 6 != 2 {
            return Err(Malformed::BadVersion);
        }
        let csrc_count = first & 0x0f;
        reader.bytes(usize::from(csrc_count) * 4).ok_or(Malformed::TooShort)?;
        let form = if first & 0x10 == 0 {
            None
        } else {
            let block = (|| Some((reader.u16()?, usize::from(reader.u16()?) * 4)))();
            let (profile, len) = block.ok_or(Malformed::BadExtension)?;
            reader.bytes(len).ok_or(Malformed::BadExtension)?;
            Form::from_profile(profile)
        };
        Ok(Self {
            marker: second & 0x80 != 0,
            payload_type: PayloadType::from_low_bits(second),
            sequence: Sequence(sequence),
            timestamp: Timestamp(timestamp),
            ssrc: Ssrc(ssrc),
            header_len: packet.len() - reader.rest().len(),
            padding: first & 0x20 != 0,
            csrc_count,
            form,
        })
    }

    /// The elements of the extension block; none without a block or in a profile that is not RFC 8285's.
    ///
    /// `packet` is the packet that this header was read from; of any other the elements are meaningless.
    #[must_use]
    pub fn extensions<'a>(&self, packet: &'a [u8]) -> Extensions<'a> {
        let start = 16 + usize::from(self.csrc_count) * 4;
        let block = self.form.and_then(|form| Some((form, packet.get(start..self.header_len)?)));
        let (form, block) = block.unwrap_or((Form::OneByte, &[]));
        Extensions::new(form, block)
    }

    /// The payload of a decrypted packet without its padding, which may leave nothing. RFC 3550 §5.1.
    ///
    /// # Errors
    /// [`BadPadding`](Malformed::BadPadding) if the padding count is 0 or larger than what follows the header,
    /// [`TooShort`](Malformed::TooShort) if `packet` is not the one that was parsed.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Result<&'a [u8], Malformed> {
        let payload = packet.get(self.header_len..).ok_or(Malformed::TooShort)?;
        if self.padding { strip_padding(payload) } else { Ok(payload) }
    }

    /// The fields that a forwarder writes anew.
    #[must_use]
    pub const fn fields(&self) -> RtpFields {
        RtpFields {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            padding: self.padding,
        }
    }
}

/// Takes off the padding whose length is the last byte. RTP's and RTCP's rule alike.
pub(crate) fn strip_padding(bytes: &[u8]) -> Result<&[u8], Malformed> {
    let count = bytes.last().copied().map_or(0, usize::from);
    match bytes.len().checked_sub(count).and_then(|len| bytes.get(..len)) {
        Some(rest) if count != 0 => Ok(rest),
        _ => Err(Malformed::BadPadding),
    }
}
