//! Two ways to the kernel side by side: the same binary and load, with io_uring and with plain system calls, in turn.
//!
//! Rounds begin with the one and the other alternately, so that a slow quarter of an hour falls on both. What is compared
//! are the medians over the rounds.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::compare;
use crate::latency::{Quantiles, median};
use crate::load::{self, LoadError, Options};
use crate::plan::Plan;
use crate::report::{Cost, Report};
use crate::server::{Server, ServerError};
use crate::show::Silent;

/// Values of `media.io`.
const SIDES: [&str; 2] = ["io_uring", "plain"];

/// A comparison came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum AbError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("with {side}: {cause}")]
    Load { side: &'static str, cause: LoadError },
}

/// The reports of both sides.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub io_uring: Vec<Report>,
    pub plain: Vec<Report>,
    pub rows: Vec<Row>,
}

/// One figure, as the median over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub figure: &'static str,
    pub io_uring: Option<f64>,
    pub plain: Option<f64>,
    /// The first over the second: below 1, io_uring is the lower.
    pub ratio: Option<f64>,
}

/// What to compare: each figure's name with its unit, and where a report has it.
type Figure = (&'static str, fn(&Report) -> Option<f64>);

const FIGURES: [Figure; 11] = [
    ("CPU of all processes, ns a packet", |report| Some(report.server.as_ref()?.all.cpu_ns_a_packet)),
    ("CPU of the dataplane, ns a packet", |report| cost(report.server.as_ref()?.dataplane.as_ref())),
    ("CPU of the shards, ns a packet", |report| cost(report.server.as_ref()?.shards.as_ref())),
    ("voluntary switches", |report| Some(count(report.server.as_ref()?.all.voluntary_switches))),
    ("involuntary switches", |report| Some(count(report.server.as_ref()?.all.involuntary_switches))),
    ("memory, bytes a viewer", |report| Some(report.server.as_ref()?.resident_bytes_a_viewer)),
    ("latency p50, ms", |report| Some(report.latency.as_ref()?.p50_ms)),
    ("latency p99, ms", |report| Some(report.latency.as_ref()?.p99_ms)),
    ("join to key frame p50, ms", |report| Some(first_frame(report)?.p50_ms)),
    ("join to key frame p99, ms", |report| Some(first_frame(report)?.p99_ms)),
    ("loss, %", |report| Some(report.delivery.loss_percent)),
];

/// Runs `rounds` rounds of both sides. `tell` hears of each report as it comes.
///
/// # Errors
/// [`AbError`]: a comparison with a hole is none.
pub fn run(
    binary: &Path,
    rounds: usize,
    plan: &Plan,
    options: &Options,
    tell: &mut dyn FnMut(&str, usize, &Report),
) -> Result<Comparison, AbError> {
    let mut reports = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        for place in 0..SIDES.len() {
            let side = (place + round) % SIDES.len();
            let server = Server::start(binary, SIDES[side], options.server_address())?;
            let failed = |cause| AbError::Load { side: SIDES[side], cause };
            let report = load::run(plan, &server.target()?, options, &mut Silent).map_err(failed)?;
            tell(SIDES[side], round, &report);
            reports[side].push(report);
        }
    }
    let [io_uring, plain] = reports;
    Ok(Comparison::of(io_uring, plain))
}

impl Comparison {
    /// All rounds side by side, those of both sides in turn.
    #[must_use]
    pub fn side_by_side(&self) -> compare::Comparison {
        let named = |side: &str, reports: &[Report]| -> Vec<_> {
            let name = |(round, report): (usize, &Report)| (format!("{side} {}", round + 1), report.clone());
            reports.iter().enumerate().map(name).collect()
        };
        let pairs = named(SIDES[0], &self.io_uring).into_iter().zip(named(SIDES[1], &self.plain));
        compare::Comparison::of(pairs.flat_map(|(one, other)| [one, other]).collect())
    }

    fn of(io_uring: Vec<Report>, plain: Vec<Report>) -> Self {
        let middle = |reports: &[Report], figure| median(reports.iter().filter_map(figure).collect());
        let row = |(name, figure): Figure| Row::of(name, middle(&io_uring, figure), middle(&plain, figure));
        let rows = FIGURES.into_iter().map(row).collect();
        Self { io_uring, plain, rows }
    }
}

impl Row {
    fn of(figure: &'static str, io_uring: Option<f64>, plain: Option<f64>) -> Self {
        let ratio = io_uring.zip(plain).filter(|(_, plain)| *plain != 0.0).map(|(one, other)| one / other);
        Self { figure, io_uring, plain, ratio }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<36}{:>12}{:>12}{:>8}", "median of the rounds", "io_uring", "plain", "ratio")?;
        let number = |value: Option<f64>| value.map_or("none".to_owned(), |value| format!("{value:.2}"));
        for row in &self.rows {
            let (io_uring, plain, ratio) = (number(row.io_uring), number(row.plain), number(row.ratio));
            writeln!(f, "{:<36}{io_uring:>12}{plain:>12}{ratio:>8}", row.figure)?;
        }
        Ok(())
    }
}

fn cost(cost: Option<&Cost>) -> Option<f64> {
    cost.map(|cost| cost.cpu_ns_a_packet)
}

fn first_frame(report: &Report) -> Option<&Quantiles> {
    report.join.first_frame.as_ref()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay below 2^53")]
fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reader looks at the ratio alone.
    #[test]
    fn the_ratio_is_the_first_over_the_second_where_there_are_both() {
        assert_eq!(Row::of("ns", Some(600.0), Some(800.0)).ratio, Some(0.75));
        assert_eq!(Row::of("ns", None, Some(800.0)).ratio, None);
        assert_eq!(Row::of("lost", Some(0.0), Some(0.0)).ratio, None);
    }
}
