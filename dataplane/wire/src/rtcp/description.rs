//! Source descriptions and goodbyes. RFC 3550 §6.5, §6.6.

use crate::reader::Reader;
use crate::types::Ssrc;

/// The item type of a canonical name. RFC 3550 §6.5.1.
pub(super) const CNAME: u8 = 1;

/// Names of sources, a chunk each. RFC 3550 §6.5.
#[derive(Clone, Copy, Debug)]
pub struct SourceDescription<'a> {
    count: u8,
    /// Walked once at parse: `count` whole chunks, and perhaps more behind them.
    chunks: &'a [u8],
}

impl<'a> SourceDescription<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        for _ in 0..count {
            read_chunk(&mut reader)?;
        }
        Some(Self { count, chunks: body })
    }

    /// Each source with its items.
    pub fn chunks(&self) -> impl Iterator<Item = (Ssrc, SourceItems<'a>)> + Clone + use<'a> {
        let mut reader = Reader::new(self.chunks);
        (0..self.count).map_while(move |_| read_chunk(&mut reader))
    }

    /// The canonical name of a source: what joins the streams of one peer for lip sync.
    #[must_use]
    pub fn cname(&self, ssrc: Ssrc) -> Option<&'a [u8]> {
        self.chunks()
            .filter(|&(source, _)| source == ssrc)
            .flat_map(|(_, items)| items)
            .find_map(|(kind, text)| (kind == CNAME).then_some(text))
    }
}

/// The items of one source: type and text.
#[derive(Clone, Debug)]
pub struct SourceItems<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for SourceItems<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.reader.u8()?;
        let len = usize::from(self.reader.u8()?);
        Some((kind, self.reader.bytes(len)?))
    }
}

/// One chunk: an SSRC, items, a zero byte, and zeros up to the next word. `None` if it does not end.
fn read_chunk<'a>(reader: &mut Reader<'a>) -> Option<(Ssrc, SourceItems<'a>)> {
    let ssrc = Ssrc(reader.u32()?);
    let start = reader.rest();
    while reader.u8()? != 0 {
        let len = usize::from(reader.u8()?);
        reader.bytes(len)?;
    }
    let ended = start.len() - reader.rest().len();
    reader.bytes(ended.next_multiple_of(4) - ended)?;
    let items = start.get(..ended - 1)?;
    Some((ssrc, SourceItems { reader: Reader::new(items) }))
}

/// Sources that end. RFC 3550 §6.6.
#[derive(Clone, Copy, Debug)]
pub struct Bye<'a> {
    sources: &'a [[u8; 4]],
    reason: Option<&'a [u8]>,
}

impl<'a> Bye<'a> {
    pub(super) fn parse(count: u8, body: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let sources = reader.groups(usize::from(count))?;
        let reason = match reader.u8() {
            None => None,
            Some(len) => Some(reader.bytes(usize::from(len))?),
        };
        Some(Self { sources, reason })
    }

    /// The streams that end, at most 31.
    #[must_use]
    pub fn ssrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + Clone + use<'a> {
        ssrcs(self.sources)
    }

    /// Why, in the peer's words: at most 255 bytes of anything, for no log unescaped.
    #[must_use]
    pub const fn reason(&self) -> Option<&'a [u8]> {
        self.reason
    }
}

/// A list of SSRCs as it lies on the wire.
pub(super) fn ssrcs(list: &[[u8; 4]]) -> impl ExactSizeIterator<Item = Ssrc> + Clone + use<'_> {
    list.iter().map(|&bytes| Ssrc(u32::from_be_bytes(bytes)))
}
