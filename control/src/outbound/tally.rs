//! How requests of ours came out. All names are from fixed sets in the code.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
}

impl Tally {
    pub(super) fn count(&self, purpose: &'static str, outcome: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((purpose, outcome)).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((purpose, outcome), count)| (*purpose, *outcome, *count)).collect()
    }
}
