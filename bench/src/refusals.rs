//! What a refusal costs the server, and what honest viewers notice of a flood of them.
//!
//! ```text
//!   flood × connections ── POST, refused ──►┐
//!                                           ├─► a Fanlight binary of ours: CPU of its control process (usage)
//!   honest × 2 ── POST, ICE, DTLS, DELETE ─►┘
//! ```
//!
//! Each of the flood's connections sends a request as soon as the last is answered, so control has no idle moment. All come from
//! loopback, and a proxy's header gives them addresses; the honest ones have others. Each case is a way to be refused ([`Case`]).
//!
//! Generator and server share the machine: refusals a second of wall time are the machine's, those a second of control's own
//! CPU time are the server's.

mod flood;
mod honest;
mod scene;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::float::float;
use crate::joining::JoinError;
use crate::latency::Quantiles;
use crate::plan::PlanError;
use crate::server::ServerError;
use crate::usage::{Usage, UsageError};
use honest::Honest;
pub use scene::Case;
use scene::Scene;

/// From the begin of a flood to the begin of what is counted.
const SETTLE: Duration = Duration::from_millis(500);

/// How long, and from how many connections at once.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub window: Duration,
    pub connections: u8,
}

/// Nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum RefusalsError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("the honest ones: {0}")]
    Honest(#[from] JoinError),
    #[error("the system: {0}")]
    Io(#[from] io::Error),
}

/// All cases of a run.
#[derive(Debug, Serialize)]
pub struct Refusals {
    pub rows: Vec<Row>,
}

/// One case.
#[derive(Debug, Serialize)]
pub struct Row {
    pub case: &'static str,
    pub refusals_per_second: f64,
    /// CPU time of the control process, all its threads, in µs a refusal; None: nobody was refused.
    pub cpu_us_a_refusal: Option<f64>,
    /// Of one core that does nothing else.
    pub refusals_per_second_and_core: Option<f64>,
    /// Share of one core that control took.
    pub control_cores: f64,
    /// Answers by status, connections that had to be opened anew last.
    pub statuses: Vec<(u16, u64)>,
    pub reconnects: u64,
    /// From the POST to the answer, of honest viewers.
    pub answered: Option<Quantiles>,
    /// From the POST to DTLS.
    pub connected: Option<Quantiles>,
    pub honest_failures: u64,
}

/// Starts the binary once for each size of the budget, and measures the cases that go with it.
///
/// # Errors
/// [`RefusalsError`].
pub fn run(binary: &Path, settings: Settings, tell: &mut dyn FnMut(&Row)) -> Result<Refusals, RefusalsError> {
    let mut rows = Vec::new();
    for cases in Case::by_budget() {
        let scene = Scene::open(binary, cases.has_small_budget)?;
        let honest = Honest::open(&scene)?;
        for case in cases.cases {
            let row = measure(&scene, &honest, case, settings)?;
            tell(&row);
            rows.push(row);
        }
    }
    Ok(Refusals { rows })
}

fn measure(scene: &Scene, honest: &Honest, case: Case, settings: Settings) -> Result<Row, RefusalsError> {
    let request = scene.request(case);
    let flood = request.map(|request| flood::Flood::start(scene.address(), request, settings.connections));
    let flood = flood.transpose()?;
    std::thread::sleep(SETTLE);
    let (usage, counts) = (Usage::read(scene.process())?, flood.as_ref().map(flood::Flood::counts));
    let begun = Instant::now();
    let joins = honest.join_for(settings.window);
    let (after, counts_after) = (Usage::read(scene.process())?, flood.as_ref().map(flood::Flood::counts));
    let seconds = begun.elapsed().as_secs_f64();
    drop(flood);
    let counts = counts_after.unwrap_or_default().since(&counts.unwrap_or_default());
    let is_control = |thread: &crate::usage::Thread| thread.arguments.iter().any(|word| word == "control");
    let cpu_s = float(after.spent_since(&usage, is_control).cpu_ns) / 1e9;
    let refusals = float(counts.answers());
    let is_refused = counts.answers() > 0;
    Ok(Row {
        case: case.name(),
        refusals_per_second: refusals / seconds,
        cpu_us_a_refusal: is_refused.then(|| cpu_s * 1e6 / refusals),
        refusals_per_second_and_core: is_refused.then(|| refusals / cpu_s),
        control_cores: cpu_s / seconds,
        statuses: counts.statuses(),
        reconnects: counts.reconnects,
        answered: joins.answered.quantiles(),
        connected: joins.connected.quantiles(),
        honest_failures: joins.failures,
    })
}

impl Row {
    /// Above the columns of a row.
    #[must_use]
    pub const fn heading() -> &'static str {
        "case                              refusals/s  µs CPU each  a core's   control   answers            joins  answered p50 p99   connected p50 p99  failed"
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>, digits| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let statuses: Vec<String> =
            self.statuses.iter().map(|(status, count)| format!("{status}×{count}")).collect();
        let times = |quantiles: &Option<Quantiles>| {
            quantiles.as_ref().map_or_else(String::new, |q| format!("{:.1} {:.1} ms", q.p50_ms, q.p99_ms))
        };
        write!(
            f,
            "{:<32} {:>11.0} {:>12} {:>9} {:>7.0} %   {:<18} {:>5} {:>18} {:>19} {:>7}",
            self.case,
            self.refusals_per_second,
            number(self.cpu_us_a_refusal, 1),
            number(self.refusals_per_second_and_core, 0),
            self.control_cores * 100.0,
            statuses.join(" "),
            self.connected.as_ref().map_or(0, |quantiles| quantiles.samples),
            times(&self.answered),
            times(&self.connected),
            self.honest_failures,
        )
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Row::heading())?;
        self.rows.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}
