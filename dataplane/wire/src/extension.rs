//! The elements of an RTP header extension block, both forms. RFC 8285 §4.2, §4.3.
//!
//! ```text
//! one-byte form (0xBEDE)            two-byte form (0x100x)
//! ┌──────┬─────────┬──────────┐     ┌────────┬────────┬──────────┐
//! │ id:4 │ len-1:4 │ data     │ …   │ id:8   │ len:8  │ data     │ …
//! └──────┴─────────┴──────────┘     └────────┴────────┴──────────┘
//! a zero byte where an element could begin is padding
//! ```

use crate::reader::Reader;

/// Profile value of a block in the one-byte form. RFC 8285 §4.2.
const ONE_BYTE_PROFILE: u16 = 0xbede;
/// Profile value of a block in the two-byte form; its low four bits mean nothing to us. RFC 8285 §4.3.
const TWO_BYTE_PROFILE: u16 = 0x1000;

/// How the elements of a block are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    OneByte,
    TwoByte,
}

impl Form {
    /// `None` for a profile of RFC 3550 §5.3.1 that holds no elements.
    pub(crate) const fn from_profile(profile: u16) -> Option<Self> {
        match profile {
            ONE_BYTE_PROFILE => Some(Self::OneByte),
            0x1000..=0x100f => Some(Self::TwoByte),
            _ => None,
        }
    }

    pub(crate) const fn profile(self) -> u16 {
        match self {
            Self::OneByte => ONE_BYTE_PROFILE,
            Self::TwoByte => TWO_BYTE_PROFILE,
        }
    }
}

/// One element: the id that SDP bound to a meaning, and its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionElement<'a> {
    /// 1 to 14 in the one-byte form, 1 to 255 in the two-byte form.
    pub id: u8,
    /// 1 to 16 bytes in the one-byte form, 0 to 255 in the two-byte form.
    pub data: &'a [u8],
}

/// Walks the elements of one block in order. Padding is stepped over; an element that is malformed or
/// forbidden ends the walk, and those before it stand.
#[derive(Clone, Debug)]
pub struct Extensions<'a> {
    reader: Reader<'a>,
    form: Form,
}

impl<'a> Extensions<'a> {
    pub(crate) const fn new(form: Form, block: &'a [u8]) -> Self {
        Self { reader: Reader::new(block), form }
    }

    /// The next id and length, padding left behind. `None` ends the walk.
    fn read_head(&mut self) -> Option<(u8, usize)> {
        let first = loop {
            match self.reader.u8()? {
                0 => {}
                byte => break byte,
            }
        };
        match self.form {
            Form::OneByte => match first >> 4 {
                // 15 is reserved and ends the block. An id of 0 with a length has no meaning: what follows it
                // cannot be trusted either (libwebrtc ends there too).
                0 | 15 => None,
                id => Some((id, usize::from(first & 0x0f) + 1)),
            },
            Form::TwoByte => Some((first, usize::from(self.reader.u8()?))),
        }
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = ExtensionElement<'a>;

    fn next(&mut self) -> Option<ExtensionElement<'a>> {
        let element = self
            .read_head()
            .and_then(|(id, len)| Some(ExtensionElement { id, data: self.reader.bytes(len)? }));
        if element.is_none() {
            self.reader = Reader::new(&[]);
        }
        element
    }
}

impl core::iter::FusedIterator for Extensions<'_> {}
