//! NACK, PLI and FIR: what a receiver wants sent again or anew. RFC 4585 §6.2.1, §6.3.1; RFC 5104 §4.3.1.

use crate::reader::Reader;
use crate::sequence::Sequence;
use crate::types::Ssrc;

/// Packets that did not arrive. RFC 4585 §6.2.1.
#[derive(Clone, Copy, Debug)]
pub struct Nack<'a> {
    sender: Ssrc,
    media: Ssrc,
    /// PID and BLP each.
    entries: &'a [[u8; 4]],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (sender, media) = (Ssrc(reader.u32()?), Ssrc(reader.u32()?));
        match reader.rest().as_chunks() {
            ([], _) => None,
            (entries, []) => Some(Self { sender, media, entries }),
            _ => None,
        }
    }

    /// Who asks.
    #[must_use]
    pub const fn sender(&self) -> Ssrc {
        self.sender
    }

    /// The stream that packets are missing of.
    #[must_use]
    pub const fn media(&self) -> Ssrc {
        self.media
    }

    /// The missing packets as they are told: at most 17 for every four bytes, perhaps some of them twice.
    pub fn sequences(&self) -> impl Iterator<Item = Sequence> + Clone + use<'a> {
        self.entries.iter().flat_map(|&[p0, p1, b0, b1]| {
            let first = Sequence(u16::from_be_bytes([p0, p1]));
            // Bit 0 is the packet itself, bit n the one n later.
            let missing = u32::from(u16::from_be_bytes([b0, b1])) << 1 | 1;
            (0..17_u16)
                .filter(move |later| missing >> later & 1 == 1)
                .map(move |later| first.wrapping_add(later))
        })
    }
}

/// A decoder that lost its reference: please a key frame. RFC 4585 §6.3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pli {
    /// Who asks.
    pub sender: Ssrc,
    /// Of which stream.
    pub media: Ssrc,
}

impl Pli {
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let pli = Self { sender: Ssrc(reader.u32()?), media: Ssrc(reader.u32()?) };
        // No parameters: the length is 2. RFC 4585 §6.3.1.2.
        reader.is_empty().then_some(pli)
    }
}

/// A command to send a key frame, repeated until it comes. RFC 5104 §4.3.1.
#[derive(Clone, Copy, Debug)]
pub struct Fir<'a> {
    sender: Ssrc,
    /// SSRC, number and three reserved bytes each.
    entries: &'a [[u8; 8]],
}

impl<'a> Fir<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let sender = Ssrc(reader.u32()?);
        // The header's media SSRC means nothing in a FIR. RFC 5104 §4.3.1.2.
        reader.u32()?;
        match reader.rest().as_chunks() {
            ([], _) => None,
            (entries, []) => Some(Self { sender, entries }),
            _ => None,
        }
    }

    /// Who commands.
    #[must_use]
    pub const fn sender(&self) -> Ssrc {
        self.sender
    }

    /// Each stream with the number of the command: a repetition has the number of the command it repeats.
    #[must_use]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (Ssrc, u8)> + Clone + use<'a> {
        self.entries.iter().map(|&[a, b, c, d, number, ..]| (Ssrc(u32::from_be_bytes([a, b, c, d])), number))
    }
}
