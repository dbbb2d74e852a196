//! A reader of bits, most significant first, for reference parsers: it follows the drawings of the RFCs field by field.

/// Bytes, and how many of their bits were read.
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    read: usize,
}

impl<'a> Bits<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, read: 0 }
    }

    /// The next bit; None at the end.
    pub(crate) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.read / 8)?;
        let bit = byte >> (7 - self.read % 8) & 1;
        self.read += 1;
        Some(bit == 1)
    }

    /// The next `width` bits as a number.
    pub(crate) fn number(&mut self, width: u32) -> Option<u32> {
        (0..width).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    /// Whole bytes read so far.
    pub(crate) const fn bytes_read(&self) -> usize {
        self.read / 8
    }

    /// The bytes behind the last one that was begun.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.read.div_ceil(8)..]
    }
}
