//! The promised figures of the README: one command measures them all and prints the table, each figure with the command that
//! shows it alone.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::latency::median;
use crate::load::{self, LoadError, Options};
use crate::plan::{Plan, PlanError};
use crate::report::{Cost, Report};
use crate::server::{Server, ServerError};
use crate::show::Show;

/// A load that figures are read from.
struct Load {
    plan: &'static str,
    settings: &'static [&'static str],
    figures: &'static [Figure],
}

/// A figure's name, and how a report tells it.
struct Figure {
    name: &'static str,
    unit: &'static str,
    digits: usize,
    of: fn(&Report) -> Option<f64>,
}

const LOADS: [Load; 5] = [
    Load {
        plan: "webinar",
        settings: &[],
        figures: &[
            Figure {
                name: "CPU a delivered packet, 100 viewers at 2.5 Mbit/s",
                unit: "µs",
                digits: 2,
                of: cpu_us,
            },
            Figure {
                name: "that, over the floor of the machine in the same minute",
                unit: "times",
                digits: 2,
                of: floor,
            },
            Figure {
                name: "packets lost",
                unit: "%",
                digits: 4,
                of: |report| Some(report.delivery.loss_percent),
            },
            Figure {
                name: "one-way latency, p50",
                unit: "ms",
                digits: 2,
                of: |report| Some(report.latency.as_ref()?.p50_ms),
            },
            Figure {
                name: "one-way latency, p99",
                unit: "ms",
                digits: 2,
                of: |report| Some(report.latency.as_ref()?.p99_ms),
            },
            Figure {
                name: "request to whole key frame of a late viewer, p50",
                unit: "ms",
                digits: 1,
                of: join_p50,
            },
            Figure { name: "memory a viewer", unit: "kB", digits: 0, of: memory_kb },
        ],
    },
    Load {
        plan: "webinar",
        settings: &["viewers.trains=false"],
        figures: &[Figure {
            name: "CPU a delivered packet, viewers that take datagrams singly",
            unit: "µs",
            digits: 2,
            of: cpu_us,
        }],
    },
    Load {
        plan: "low-rate",
        settings: &[],
        figures: &[Figure {
            name: "CPU a delivered packet, 200 viewers at 600 kbit/s",
            unit: "µs",
            digits: 2,
            of: cpu_us,
        }],
    },
    Load {
        plan: "audio",
        settings: &[],
        figures: &[Figure {
            name: "CPU a delivered packet, 300 viewers of sound alone",
            unit: "µs",
            digits: 2,
            of: cpu_us,
        }],
    },
    Load {
        plan: "join-storm",
        settings: &[],
        figures: &[Figure {
            name: "request to whole key frame, 200 viewers at once, p99",
            unit: "ms",
            digits: 0,
            of: join_p99,
        }],
    },
];

/// The table.
#[derive(Debug, Clone, Serialize)]
pub struct Promises {
    pub rows: Vec<Row>,
    pub rounds: usize,
    /// Why figures may be the generator's.
    pub warnings: Vec<String>,
}

/// One figure: the median over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub figure: &'static str,
    pub value: Option<f64>,
    pub unit: &'static str,
    #[serde(skip)]
    digits: usize,
    pub command: String,
}

/// A figure could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum PromiseError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Measures all figures with servers of this binary, each load as many times as there are rounds.
///
/// # Errors
/// [`PromiseError`]: a table with a hole is none.
pub fn run(
    binary: &Path,
    rounds: usize,
    options: &Options,
    show: &mut dyn Show,
) -> Result<Promises, PromiseError> {
    let mut promises = Promises { rows: Vec::new(), rounds, warnings: Vec::new() };
    for load in &LOADS {
        let settings: Vec<_> = load.settings.iter().map(|setting| (*setting).to_owned()).collect();
        let plan = Plan::load(load.plan, &settings)?;
        let mut reports = Vec::new();
        for _ in 0..rounds {
            let server = Server::start(binary, "auto", options.server_address())?;
            let mut report = load::run(&plan, &server.target()?, options, show)?;
            drop(server);
            if load.figures.iter().any(|figure| figure.unit == "times") {
                // Without a floor the figure is left out, not the table.
                let _ = report.measure_floor(options.cores.first().copied().unwrap_or(0));
            }
            let limits = report.generator.limits.iter();
            promises.warnings.extend(limits.map(|limit| format!("{}: {limit}", load.plan)));
            reports.push(report);
        }
        promises.rows.extend(load.figures.iter().map(|figure| figure.row(load, &reports)));
    }
    Ok(promises)
}

impl Figure {
    fn row(&self, load: &Load, reports: &[Report]) -> Row {
        let value = median(reports.iter().filter_map(self.of).collect());
        let settings: String = load.settings.iter().map(|setting| format!(" --set {setting}")).collect();
        let command = format!("load --binary target/release/fanlight --plan {}{settings}", load.plan);
        Row { figure: self.name, value, unit: self.unit, digits: self.digits, command }
    }
}

impl fmt::Display for Promises {
    /// As Markdown, to be pasted into the README.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| figure (median of {}) | measured | `target/release/fanlight-bench …` |\n|---|---|---|",
            self.rounds
        )?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))?;
        self.warnings
            .iter()
            .try_for_each(|warning| writeln!(f, "\nTHE GENERATOR was at its limit: {warning}"))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { figure, unit, digits, command, .. } = self;
        let value = self.value.map_or("not measured".to_owned(), |value| format!("{value:.digits$} {unit}"));
        write!(f, "| {figure} | {value} | `{command}` |")
    }
}

fn cpu_us(report: &Report) -> Option<f64> {
    let server = report.server.as_ref()?;
    let cost: &Cost = server.dataplane.as_ref().unwrap_or(&server.all);
    Some(cost.cpu_ns_a_packet / 1e3)
}

fn floor(report: &Report) -> Option<f64> {
    Some(report.floor.as_ref()?.ratio)
}

fn join_p50(report: &Report) -> Option<f64> {
    Some(report.join.first_frame.as_ref()?.p50_ms)
}

fn join_p99(report: &Report) -> Option<f64> {
    Some(report.join.first_frame.as_ref()?.p99_ms)
}

fn memory_kb(report: &Report) -> Option<f64> {
    Some(report.server.as_ref()?.resident_bytes_a_viewer / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader runs the command that stands beside a figure: it must be one.
    #[test]
    fn every_load_is_a_plan_with_settings_that_exist() {
        for load in &LOADS {
            let settings: Vec<_> = load.settings.iter().map(|setting| (*setting).to_owned()).collect();
            assert!(Plan::load(load.plan, &settings).is_ok(), "{}", load.plan);
            for figure in load.figures {
                let row = figure.row(load, &[]);
                assert_eq!(row.value, None);
                assert!(row.to_string().contains(&format!("--plan {}", load.plan)), "{row}");
            }
        }
    }
}
