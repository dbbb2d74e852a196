//! Packets that the network is made to lose: the same ones in every run.

use super::script::mix;

/// Loses a share of what it is asked about.
#[derive(Debug, Clone)]
pub struct Loss {
    per_mille: u64,
    state: u64,
    lost: u64,
}

impl Loss {
    /// Loses `per_mille` of a thousand, chosen by `seed`.
    #[must_use]
    pub fn per_mille(per_mille: u16, seed: u64) -> Self {
        Self { per_mille: per_mille.into(), state: seed, lost: 0 }
    }

    /// Whether the next one is lost.
    pub fn strikes(&mut self) -> bool {
        self.state = mix(self.state);
        let strikes = self.state % 1000 < self.per_mille;
        self.lost += u64::from(strikes);
        strikes
    }

    /// Nothing is lost from now on.
    pub fn stop(&mut self) {
        self.per_mille = 0;
    }

    /// How many were.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests that provoke losses need them to happen, and not everywhere.
    #[test]
    fn the_share_is_lost_and_counted() {
        let mut loss = Loss::per_mille(50, 1);
        let lost: u64 = (0..10_000).map(|_| u64::from(loss.strikes())).sum();
        assert!((400..600).contains(&lost), "{lost} of 10,000");
        assert_eq!(loss.lost(), lost);
        assert!(!Loss::per_mille(0, 1).strikes());
    }
}
