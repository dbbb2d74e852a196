//! A cursor over a buffer to fill, big-endian. `None` means no room; what was written before stays.

/// A buffer and how much of it is filled.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    out: &'a mut [u8],
    /// Never above `out.len()`.
    len: usize,
}

impl<'a> Writer<'a> {
    pub(crate) const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Bytes written so far.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Appends `bytes`.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Option<()> {
        self.out.get_mut(self.len..)?.get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.len += bytes.len();
        Some(())
    }

    /// Appends zeros up to the next multiple of four bytes.
    pub(crate) fn align(&mut self) -> Option<()> {
        match self.len % 4 {
            0 => Some(()),
            1 => self.put(&[0; 3]),
            2 => self.put(&[0; 2]),
            _ => self.put(&[0; 1]),
        }
    }

    /// Overwrites two bytes that were written before.
    pub(crate) fn patch_u16(&mut self, offset: usize, value: u16) -> Option<()> {
        let (field, _) = self.out.get_mut(..self.len)?.get_mut(offset..)?.split_first_chunk_mut()?;
        *field = value.to_be_bytes();
        Some(())
    }

    pub(crate) fn u8(&mut self, value: u8) -> Option<()> {
        self.put(&[value])
    }

    pub(crate) fn u16(&mut self, value: u16) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> Option<()> {
        self.put(&value.to_be_bytes())
    }

    pub(crate) fn u64(&mut self, value: u64) -> Option<()> {
        self.put(&value.to_be_bytes())
    }
}
