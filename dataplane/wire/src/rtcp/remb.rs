//! REMB, a receiver's estimate of the bit rate it can take. draft-alvestrand-rmcat-remb-03 §2.2.
//!
//! ```text
//!  0..4     4..8        8..12    12       13..16                  16..
//! ┌────────┬───────────┬────────┬────────┬───────────────────────┬────────┐
//! │ sender │ media (0) │ "REMB" │ count  │ exp:6    mantissa:18  │ SSRCs  │
//! └────────┴───────────┴────────┴────────┴───────────────────────┴────────┘
//! ```

use super::description::ssrcs;
use crate::reader::Reader;
use crate::types::Ssrc;
use crate::writer::Writer;

/// What tells REMB from other application-layer feedback.
const IDENTIFIER: [u8; 4] = *b"REMB";
/// Bits of the mantissa.
const MANTISSA_BITS: u32 = 18;

/// The bit rate that one receiver wishes for all of some streams together.
#[derive(Clone, Copy, Debug)]
pub struct Remb<'a> {
    sender: Ssrc,
    exponent: u8,
    mantissa: u32,
    sources: &'a [[u8; 4]],
}

impl<'a> Remb<'a> {
    /// Whether the body of an application-layer feedback is a REMB.
    pub(super) fn is_in(body: &[u8]) -> bool {
        body.get(8..12) == Some(IDENTIFIER.as_slice())
    }

    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let sender = Ssrc(reader.u32()?);
        // Media SSRC, always 0, and the identifier.
        reader.bytes(8)?;
        let [count, high, middle, low] = reader.array()?;
        let mantissa = u32::from_be_bytes([0, high & 0x03, middle, low]);
        Some(Self { sender, exponent: high >> 2, mantissa, sources: reader.groups(usize::from(count))? })
    }

    /// Who estimates.
    #[must_use]
    pub const fn sender(&self) -> Ssrc {
        self.sender
    }

    /// Bits a second; `u64::MAX` for what is not expressible in 64 bits.
    #[must_use]
    pub fn bitrate_bps(&self) -> u64 {
        let bitrate = u128::from(self.mantissa) << self.exponent;
        u64::try_from(bitrate).unwrap_or(u64::MAX)
    }

    /// The streams that share the estimate.
    #[must_use]
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + Clone + use<'a> {
        ssrcs(self.sources)
    }
}

/// The body of a REMB; the bit rate is rounded down to the mantissa's 18 bits.
pub(super) fn write(writer: &mut Writer<'_>, sender: Ssrc, bitrate_bps: u64, sources: &[Ssrc]) -> Option<()> {
    let significant = u64::BITS - bitrate_bps.leading_zeros();
    let exponent = significant.saturating_sub(MANTISSA_BITS);
    let [.., high, middle, low] = (bitrate_bps >> exponent).to_be_bytes();
    writer.u32(sender.0)?;
    writer.u32(0)?;
    writer.put(&IDENTIFIER)?;
    writer.u8(u8::try_from(sources.len()).ok()?)?;
    writer.put(&[u8::try_from(exponent).ok()? << 2 | high, middle, low])?;
    sources.iter().try_for_each(|ssrc| writer.u32(ssrc.0))
}
