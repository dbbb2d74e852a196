//! The figures that are compared.

use serde::Serialize;

use crate::latency::Quantiles;
use crate::page::number;
use crate::report::{Report, Server};

/// One figure of all reports.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub figure: &'static str,
    pub unit: Unit,
    /// Of each report, in order. None: not measured.
    pub values: Vec<Option<f64>>,
    /// Drawn as bars, too.
    #[serde(skip)]
    pub(crate) is_main: bool,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Count,
    Number,
    Percent,
    Milliseconds,
    Nanoseconds,
    Bytes,
    /// 0 to 1.
    Share,
}

struct Figure {
    name: &'static str,
    unit: Unit,
    is_main: bool,
    of: fn(&Report) -> Option<f64>,
}

const FIGURES: [Figure; 20] = [
    all("viewers joined", Unit::Count, |report| Some(number::float(report.viewers.joined as u64))),
    all("viewers all the time", Unit::Count, |report| Some(number::float(report.viewers.steady as u64))),
    all("packets a second", Unit::Number, |report| Some(report.delivery.packets_per_second)),
    main("loss", Unit::Percent, |report| Some(report.delivery.loss_percent)),
    main("latency p50", Unit::Milliseconds, |report| Some(report.latency.as_ref()?.p50_ms)),
    main("latency p99", Unit::Milliseconds, |report| Some(report.latency.as_ref()?.p99_ms)),
    all("latency p99.9", Unit::Milliseconds, |report| Some(report.latency.as_ref()?.p999_ms)),
    main("join to first frame p50", Unit::Milliseconds, |report| Some(first_frame(report)?.p50_ms)),
    all("join to first frame p99", Unit::Milliseconds, |report| Some(first_frame(report)?.p99_ms)),
    main("CPU a packet, all processes", Unit::Nanoseconds, |report| {
        Some(server(report)?.all.cpu_ns_a_packet)
    }),
    all("CPU a packet, dataplane", Unit::Nanoseconds, |report| {
        Some(server(report)?.dataplane.as_ref()?.cpu_ns_a_packet)
    }),
    all("part in the kernel", Unit::Share, |report| Some(server(report)?.all.kernel_share)),
    all("cores of the server", Unit::Number, |report| Some(server(report)?.all.cores)),
    main("memory a viewer", Unit::Bytes, |report| Some(server(report)?.resident_bytes_a_viewer)),
    all("memory at the end", Unit::Bytes, |report| Some(number::float(server(report)?.resident_bytes))),
    all("voluntary switches", Unit::Count, |report| {
        Some(number::float(server(report)?.all.voluntary_switches))
    }),
    all("involuntary switches", Unit::Count, |report| {
        Some(number::float(server(report)?.all.involuntary_switches))
    }),
    all("CPU over this machine's floor", Unit::Number, |report| Some(report.floor.as_ref()?.ratio)),
    all("generator busy", Unit::Share, |report| Some(report.generator.busy_share)),
    all("load before, all programs", Unit::Number, |report| report.machine.load.parse().ok()),
];

const fn all(name: &'static str, unit: Unit, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { name, unit, is_main: false, of }
}

const fn main(name: &'static str, unit: Unit, of: fn(&Report) -> Option<f64>) -> Figure {
    Figure { name, unit, is_main: true, of }
}

/// Those that at least one report knows.
pub(super) fn rows(reports: &[Report]) -> Vec<Row> {
    let row = |figure: &Figure| {
        let finite = |report| (figure.of)(report).filter(|value| value.is_finite());
        let values: Vec<_> = reports.iter().map(finite).collect();
        let Figure { name, unit, is_main, .. } = *figure;
        values.iter().any(Option::is_some).then_some(Row { figure: name, unit, values, is_main })
    };
    FIGURES.iter().filter_map(row).collect()
}

impl Row {
    /// Of a report's figure to that of the first. None where one of both is not known, and where the first is not above 0 or the
    /// other is below.
    #[must_use]
    pub fn ratio(&self, index: usize) -> Option<f64> {
        let base = (*self.values.first()?).filter(|base| *base > 0.0)?;
        (*self.values.get(index)?).filter(|value| *value >= 0.0).map(|value| value / base)
    }

    /// A report's figure with its unit.
    pub(crate) fn value(&self, index: usize) -> Option<String> {
        let value = (*self.values.get(index)?)?;
        Some(match self.unit {
            Unit::Count => number::short(&number::digits(value)),
            Unit::Number => number::digits(value),
            Unit::Percent => number::percent(value),
            Unit::Milliseconds => number::ms(value),
            Unit::Nanoseconds => format!("{} ns", number::digits(value)),
            Unit::Bytes => number::bytes(value),
            Unit::Share => number::share(value),
        })
    }
}

fn server(report: &Report) -> Option<&Server> {
    report.server.as_ref()
}

fn first_frame(report: &Report) -> Option<&Quantiles> {
    report.join.first_frame.as_ref()
}
