//! A cursor over received bits, most significant first, for formats that are not made of bytes.

/// The bits not yet read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    bytes: &'a [u8],
    /// Bits taken of `bytes`, fewer than eight.
    taken: u32,
}

impl<'a> Bits<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, taken: 0 }
    }

    pub(crate) fn flag(&mut self) -> Option<bool> {
        self.number(1).map(|bit| bit == 1)
    }

    /// The next `width` bits, 32 at most, as a number. None, and nothing read, if there are fewer.
    pub(crate) fn number(&mut self, width: u32) -> Option<u32> {
        debug_assert!(width <= u32::BITS);
        let mut ahead = *self;
        let (mut value, mut wanted) = (0_u64, width);
        while wanted > 0 {
            let (&byte, rest) = ahead.bytes.split_first()?;
            let left = 8 - ahead.taken;
            let count = left.min(wanted);
            let bits = u64::from(byte) >> (left - count) & ((1 << count) - 1);
            value = value << count | bits;
            wanted -= count;
            ahead.taken = (ahead.taken + count) % 8;
            if ahead.taken == 0 {
                ahead.bytes = rest;
            }
        }
        *self = ahead;
        u32::try_from(value).ok()
    }

    /// The same for what fits a byte.
    pub(crate) fn small(&mut self, width: u32) -> Option<u8> {
        debug_assert!(width <= u8::BITS);
        self.number(width).and_then(|value| u8::try_from(value).ok())
    }

    /// A number below `count` in the fewest bits: those at the front take one bit less. AV1 bitstream §4.10.7.
    pub(crate) fn below(&mut self, count: u32) -> Option<u32> {
        let width = u32::BITS - count.leading_zeros();
        let short = (1_u32 << width) - count;
        let value = self.number(width.checked_sub(1)?)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.number(1)?)
    }
}
