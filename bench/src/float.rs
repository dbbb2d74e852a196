//! Counts as numbers that can be divided.

/// Exact: what is counted in a run stays below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of a run stay below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
