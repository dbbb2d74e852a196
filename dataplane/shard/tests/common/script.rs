//! Chance, by a number of its own: the same for the same seed.

/// See the file's head.
pub(crate) struct Script(pub(crate) u64);

impl Script {
    pub(crate) fn draw(&mut self, below: u64) -> u64 {
        // Knuth's MMIX multiplier and increment.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// Whether something that happens once in `one_in` happens now.
    pub(crate) fn happens(&mut self, one_in: u64) -> bool {
        self.draw(one_in) == 0
    }

    /// One of so many.
    pub(crate) fn pick(&mut self, len: usize) -> usize {
        usize::try_from(self.draw(len as u64)).unwrap()
    }
}
