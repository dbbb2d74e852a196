//! Reports side by side: each figure of each, and how many times that of the first it is.
//!
//! A comparison means something where load and machine are the same. What differs is told before any figure, and so is a
//! generator that was the limit itself.

mod figures;
mod settings;
mod table;

use serde::Serialize;

use crate::report::Report;

pub use self::figures::{Row, Unit};
pub(crate) use self::settings::settings;

/// Repeats of one load moved by up to so much (a seventh): a smaller difference may be none.
pub const NOISE: f64 = 0.15;

/// See the file's head.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    names: Vec<String>,
    #[serde(skip)]
    reports: Vec<Report>,
    /// One for each figure.
    pub rows: Vec<Row>,
    /// Why the figures may not be comparable. Empty: nothing is known against it.
    pub warnings: Vec<Warning>,
}

/// Something that makes a comparison mean little.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// The loads, machines or versions of this program are not the same: the key, and its value in each report.
    Differs { key: String, values: Vec<String> },
    /// The generator of the report called so was the limit.
    Limited { name: String, causes: Vec<String> },
    /// The server's process of the report called so was not known.
    Unmeasured { name: String },
}

impl Comparison {
    /// Of reports and what to call them; the first is the one that the others are measured by.
    #[must_use]
    pub fn of(reports: Vec<(String, Report)>) -> Self {
        let (names, reports): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
        let rows = figures::rows(&reports);
        let mut warnings = settings::differences(&reports);
        for (name, report) in names.iter().zip(&reports) {
            if !report.generator.limits.is_empty() {
                let causes = report.generator.limits.clone();
                warnings.push(Warning::Limited { name: name.clone(), causes });
            }
            if report.server.is_none() && reports.iter().any(|other| other.server.is_some()) {
                warnings.push(Warning::Unmeasured { name: name.clone() });
            }
        }
        Self { names, reports, rows, warnings }
    }

    /// What the reports are called, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn reports(&self) -> &[Report] {
        &self.reports
    }
}

#[cfg(test)]
mod tests;
