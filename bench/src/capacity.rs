//! How many viewers a server sustains: more and more of them, until a limit of the plan breaks; then the gap is halved.
//!
//! Servers queue before they drop, so that a limit of loss alone finds a number at which nobody would want to watch: the
//! latency's p99 is a limit, too. Beside the last number that held there is the *knee*: where latency begins to climb.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::load::{LoadError, Options, Session};
use crate::plan::{Limits, Plan, Ramp};
use crate::report::Report;
use crate::show::Show;
use crate::target::Target;

/// See the file's head.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Capacity {
    /// In the order in which they were measured.
    pub steps: Vec<Step>,
    /// The most viewers that broke no limit. None: not even the first step held.
    pub sustained_viewers: Option<usize>,
    /// Where the p99 begins to climb. None of fewer than three steps.
    pub knee_viewers: Option<usize>,
    /// The step that broke was the generator's fault, or may have been.
    pub generator_is_the_limit: bool,
}

/// One number of viewers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    pub viewers: usize,
    /// None: it came to nothing.
    pub report: Option<Report>,
    /// Limits that broke, in words.
    pub broken: Vec<String>,
}

/// Ramps up. `tell` hears of each step as it comes.
///
/// # Errors
/// [`LoadError`] before the first step; later ones end the ramp and are told in it.
pub fn run(
    plan: &Plan,
    target: &Target,
    options: &Options,
    show: &mut dyn Show,
    tell: &mut dyn FnMut(&Step),
) -> Result<Capacity, LoadError> {
    let mut session = Session::open(plan, target, options, show)?;
    let mut steps: Vec<Step> = Vec::new();
    while let Some(viewers) = next(&plan.ramp, &steps) {
        let step = match session.watch(viewers).and_then(|()| session.measure()) {
            Ok(report) => {
                let broken = broken(&plan.limits, viewers, &report);
                Step { viewers, report: Some(report), broken }
            }
            Err(error) if steps.is_empty() => return Err(error),
            Err(error) => Step { viewers, report: None, broken: vec![error.to_string()] },
        };
        tell(&step);
        let is_over = step.report.is_none();
        steps.push(step);
        if is_over {
            break;
        }
    }
    Ok(Capacity::of(steps))
}

impl Capacity {
    fn of(steps: Vec<Step>) -> Self {
        let held = |step: &&Step| step.broken.is_empty();
        let sustained_viewers = steps.iter().filter(held).map(|step| step.viewers).max();
        let breaks = steps.iter().filter(|step| !step.broken.is_empty()).min_by_key(|step| step.viewers);
        let report = breaks.and_then(|step| step.report.as_ref());
        let generator_is_the_limit = report.is_some_and(|report| !report.generator.limits.is_empty());
        let knee_viewers = knee(&steps);
        Self { steps, sustained_viewers, knee_viewers, generator_is_the_limit }
    }

    /// The steps by viewers.
    #[must_use]
    pub fn rising(&self) -> Vec<&Step> {
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|step| step.viewers);
        steps
    }
}

/// The next number to try; None when the answer is as narrow as the plan wants it.
fn next(ramp: &Ramp, steps: &[Step]) -> Option<usize> {
    let held = steps.iter().filter(|step| step.broken.is_empty()).map(|step| step.viewers).max();
    let broke = steps.iter().filter(|step| !step.broken.is_empty()).map(|step| step.viewers).min();
    match (held, broke) {
        (None, None) => Some(ramp.from_viewers),
        // Not even the first step held: half as many, as long as there is anybody.
        (None, Some(broke)) => Some(broke / 2).filter(|viewers| *viewers > 0),
        (Some(held), None) => {
            Some(times(held, ramp.factor).min(ramp.to_viewers)).filter(|viewers| *viewers > held)
        }
        (Some(held), Some(broke)) => {
            let gap = broke.saturating_sub(held);
            let is_narrow = gap < 2 || gap * 100 <= times(held, ramp.resolution_percent);
            (!is_narrow).then_some(held + gap / 2)
        }
    }
}

fn broken(limits: &Limits, viewers: usize, report: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    let mut check = |what: &str, value: f64, limit: f64, unit: &str| {
        if value > limit {
            broken.push(format!("{what} {value:.2} {unit}, allowed {limit} {unit}"));
        }
    };
    check("loss", report.delivery.loss_percent, limits.loss_percent, "%");
    if let Some(latency) = &report.latency {
        check("latency p99", latency.p99_ms, limits.p99_ms, "ms");
    }
    if let Some(server) = report.server.as_ref().filter(|_| limits.server_cores > 0.0) {
        check("server", server.all.cores, limits.server_cores, "cores");
    }
    let absent = viewers.saturating_sub(report.viewers.steady);
    check("viewers not there", 100.0 * float(absent) / float(viewers), limits.failed_joins_percent, "%");
    broken
}

/// The step that lies farthest below the straight line from the first to the last, both axes made one long.
fn knee(steps: &[Step]) -> Option<usize> {
    let point = |step: &Step| {
        let latency = step.report.as_ref()?.latency.as_ref()?;
        Some((step.viewers, latency.p99_ms))
    };
    let mut points: Vec<_> = steps.iter().filter_map(point).collect();
    points.sort_by_key(|(viewers, _)| *viewers);
    let ((first, low), (last, high)) = (*points.first()?, *points.last()?);
    if points.len() < 3 || last == first || high <= low {
        return None;
    }
    let below = |(viewers, ms): (usize, f64)| {
        float(viewers - first) / float(last - first) - (ms - low) / (high - low)
    };
    let knee = points.into_iter().max_by(|one, other| below(*one).total_cmp(&below(*other)))?;
    Some(knee.0)
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Step::heading())?;
        self.rising().into_iter().try_for_each(|step| writeln!(f, "{step}"))?;
        match self.sustained_viewers {
            Some(viewers) => writeln!(f, "sustained: {viewers} viewers")?,
            None => writeln!(f, "sustained: none of these numbers")?,
        }
        if let Some(viewers) = self.knee_viewers {
            writeln!(f, "knee: latency begins to climb at {viewers} viewers")?;
        }
        if self.generator_is_the_limit {
            writeln!(f, "THE GENERATOR was at its limit where a limit broke: the server may sustain more")?;
        }
        Ok(())
    }
}

impl Step {
    #[must_use]
    pub fn heading() -> String {
        format!(
            "{:>8}{:>10}{:>10}{:>10}{:>10}{:>12}{:>10}  limits",
            "viewers", "k pkt/s", "loss %", "p50 ms", "p99 ms", "ns/packet", "cores"
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let report = self.report.as_ref();
        let latency = report.and_then(|report| report.latency.as_ref());
        let server = report.and_then(|report| report.server.as_ref()).map(|server| &server.all);
        let limits = if self.broken.is_empty() { "held".to_owned() } else { self.broken.join("; ") };
        write!(
            f,
            "{:>8}{:>10}{:>10}{:>10}{:>10}{:>12}{:>10}  {limits}",
            self.viewers,
            number(report.map(|report| report.delivery.packets_per_second / 1e3), 1),
            number(report.map(|report| report.delivery.loss_percent), 4),
            number(latency.map(|latency| latency.p50_ms), 2),
            number(latency.map(|latency| latency.p99_ms), 2),
            number(server.map(|cost| cost.cpu_ns_a_packet), 0),
            number(server.map(|cost| cost.cores), 2),
        )
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the plan's factor is from 1 to 100, and viewers are below 50,000"
)]
fn times(viewers: usize, factor: f64) -> usize {
    (float(viewers) * factor).ceil() as usize
}

#[expect(clippy::cast_precision_loss, reason = "viewers are below 50,000")]
fn float(viewers: usize) -> f64 {
    viewers as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(viewers: usize, holds: bool) -> Step {
        let broken = if holds { Vec::new() } else { vec!["loss".to_owned()] };
        Step { viewers, report: None, broken }
    }

    /// Follows the ramp against a server that sustains so many.
    fn ramp(sustains: usize) -> (Vec<usize>, Option<usize>) {
        let ramp = Ramp { from_viewers: 50, factor: 2.0, to_viewers: 1_000, resolution_percent: 10.0 };
        let mut steps = Vec::new();
        while let Some(viewers) = next(&ramp, &steps) {
            assert!(steps.len() < 30, "{steps:?}");
            steps.push(step(viewers, viewers <= sustains));
        }
        let tried = steps.iter().map(|step| step.viewers).collect();
        (tried, Capacity::of(steps).sustained_viewers)
    }

    /// The number that is quoted: never more than what held, and less than it by a tenth at most.
    #[test]
    fn the_ramp_closes_in_on_what_is_sustained() {
        for sustains in [3, 49, 50, 120, 333, 777] {
            let (tried, sustained) = ramp(sustains);
            let sustained = sustained.unwrap();
            assert!(sustained <= sustains, "{tried:?}");
            assert!((sustains - sustained) * 10 <= sustained + 10, "{sustained} of {sustains}: {tried:?}");
        }
        assert_eq!(ramp(5_000), (vec![50, 100, 200, 400, 800, 1_000], Some(1_000)));
        assert_eq!(ramp(0).1, None);
    }
}
