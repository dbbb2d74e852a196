//! The plots of a report.

use super::element::Element;
use super::number::{self, digits};
use super::plot::{Axis, Line, Plot};
use super::ranges::ranges;
use super::scale::{Scale, round_step};
use crate::latency::Quantiles;
use crate::report::{Moment, Report};

/// Steps of a time axis in seconds: a time is not decimal.
const TIME_STEPS_S: [f64; 13] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0];
/// So that their names have room on a phone.
const TIME_STEPS_MAX: f64 = 6.0;
/// How far the last packet stands behind the last quantile, in tenths of what is left: it has no place of its own.
const LAST_NINES: f64 = 0.7;

/// How long it was, and its pieces.
type Window<'a> = (f64, &'a [Moment]);
/// What a moment shows, in the unit of the axis.
type Shown = fn(&Moment) -> Option<f64>;

/// Those of which something is known.
pub(super) fn all(report: &Report) -> impl Iterator<Item = Element> {
    let moments = (report.window_s, &report.moments[..]);
    let lone = |title: &str, about: &str, unit, shown: Shown| {
        over_time(moments, title, about, unit, Scale::linear, &[("", shown)])
    };
    [
        lone("Packets a second", "To all viewers together.", digits, |moment| {
            Some(moment.packets_per_second)
        }),
        latency_over_time(moments),
        report.latency.as_ref().and_then(|latency| curve(&[("", latency)])),
        joins(report),
        watching(moments),
        missing(moments),
        lone("The server’s cores", "Processor time; 1 is one core all the time.", digits, |moment| {
            moment.server_cores
        }),
        lone("The server’s memory", "Resident, of all processes of the server.", number::bytes, |moment| {
            moment.server_resident_bytes.map(number::float)
        }),
    ]
    .into_iter()
    .flatten()
}

fn latency_over_time(window: Window<'_>) -> Option<Element> {
    let about = "From when a packet was due at the publisher to when a viewer had opened it.";
    let lines: [(&str, Shown); 3] = [
        ("p50", |moment| moment.p50_ms),
        ("p99", |moment| moment.p99_ms),
        ("longest", |moment| moment.max_ms),
    ];
    over_time(window, "Latency over time", about, number::ms, Scale::fitting, &lines)
}

fn joins(report: &Report) -> Option<Element> {
    let join = &report.join;
    let last =
        if report.plan.publishers.video_kbit_per_second > 0 { "first whole picture" } else { "first sound" };
    let steps = [
        ("answered", join.answered.as_ref()),
        ("connected", join.connected.as_ref()),
        ("first packet", join.first_packet.as_ref()),
        (last, join.first_frame.as_ref()),
    ];
    let about = "Since just before the request: the dot is the median, the bar ends at p99, the line at the last viewer.";
    ranges("How long joining took", about, &steps)
}

/// Drawn where it changes.
fn watching((window_s, moments): Window<'_>) -> Option<Element> {
    let first = moments.first()?.watching;
    let changes = moments.iter().any(|moment| moment.watching != first);
    let shown: Shown = |moment| Some(number::float(moment.watching as u64));
    let about = "Sessions that got something at the time.";
    changes
        .then(|| {
            over_time((window_s, moments), "Viewers watching", about, digits, Scale::linear, &[("", shown)])
        })
        .flatten()
}

/// Drawn where there are any.
fn missing((window_s, moments): Window<'_>) -> Option<Element> {
    let some = moments.iter().any(|moment| moment.packets_missing != 0);
    let about = "Numbers left out, less those that came later after all.";
    let lines: [(&str, Shown); 1] = [("", |moment| Some(signed(moment.packets_missing)))];
    some.then(|| over_time((window_s, moments), "Packets missing", about, digits, Scale::linear, &lines))
        .flatten()
}

fn over_time(
    (window_s, moments): Window<'_>,
    title: &str,
    about: &str,
    unit: fn(f64) -> String,
    scale: fn(Vec<f64>) -> Scale,
    lines: &[(&str, Shown)],
) -> Option<Element> {
    let values = moments.iter().flat_map(|moment| lines.iter().filter_map(|(_, shown)| shown(moment)));
    let scale = scale(values.collect());
    let line = |(name, shown): &(&str, Shown)| Line {
        name: (*name).to_owned(),
        points: moments.iter().map(|moment| (moment.at_s, shown(moment))).collect(),
    };
    let reading = |moment: &Moment| {
        let told = lines.iter().filter_map(|(name, shown)| Some((name, unit(shown(moment)?))));
        let told: Vec<_> = told.map(|(name, value)| format!("{name} {value}").trim().to_owned()).collect();
        (moment.at_s, format!("{}: {}", time(moment.at_s), told.join(", ")))
    };
    let plot = Plot {
        title: title.to_owned(),
        about: about.to_owned(),
        x: time_axis(window_s),
        y: Axis { scale, name: unit },
        lines: lines.iter().map(line).collect(),
        readings: moments.iter().map(reading).collect(),
    };
    plot.figure()
}

/// Latency by the share of packets that were faster, on a scale that gives each nine as much room as the one before it.
pub(super) fn curve(latencies: &[(&str, &Quantiles)]) -> Option<Element> {
    let points = |latency: &Quantiles| -> Vec<_> {
        latency.curve.iter().map(|(quantile, ms)| (nines(*quantile), Some(*ms))).collect()
    };
    let values = latencies.iter().flat_map(|(_, latency)| latency.curve.iter().map(|(_, ms)| *ms));
    let ticks = [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0].map(nines).to_vec();
    let readings = latencies.first().map_or(Vec::new(), |(_, first)| {
        first.curve.iter().map(|(quantile, _)| (nines(*quantile), reading(latencies, *quantile))).collect()
    });
    let plot = Plot {
        title: "Latency by share of packets".to_owned(),
        about: "How late the latest one of ten, of a hundred, of a thousand packets was.".to_owned(),
        x: Axis { scale: Scale::with_ticks(nines(1.0), ticks), name: quantile_of },
        y: Axis { scale: Scale::fitting(values.collect::<Vec<_>>()), name: number::ms },
        lines: latencies
            .iter()
            .map(|(name, latency)| Line { name: (*name).to_owned(), points: points(latency) })
            .collect(),
        readings,
    };
    plot.figure()
}

fn reading(latencies: &[(&str, &Quantiles)], quantile: f64) -> String {
    let at = |latency: &Quantiles| latency.curve.iter().find(|(one, _)| one == &quantile).map(|(_, ms)| *ms);
    let told = latencies.iter().filter_map(|(name, latency)| Some((name, number::ms(at(latency)?))));
    let told: Vec<_> = told.map(|(name, value)| format!("{name} {value}").trim().to_owned()).collect();
    let of = if quantile < 1.0 { format!("{} %", digits_of_share(quantile)) } else { "all".to_owned() };
    format!("{of} within: {}", told.join(", "))
}

/// Of 0.999 it is 3.
fn nines(quantile: f64) -> f64 {
    if quantile < 1.0 { -(1.0 - quantile).log10() } else { 4.0 + LAST_NINES }
}

fn quantile_of(nines: f64) -> String {
    if nines > 4.5 {
        return "all".to_owned();
    }
    format!("p{}", digits_of_share(1.0 - 10_f64.powf(-nines)))
}

/// 0.999 as 99.9.
fn digits_of_share(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn time_axis(end_s: f64) -> Axis {
    let wanted = end_s / TIME_STEPS_MAX;
    let step = TIME_STEPS_S.into_iter().find(|step| *step >= wanted);
    Axis {
        scale: Scale::span(end_s, step.unwrap_or_else(|| 3_600.0 * round_step(wanted / 3_600.0))),
        name: time,
    }
}

/// 15 s, 1:30 min, 2:05 h.
pub(super) fn time(at_s: f64) -> String {
    let parts = |whole: f64, unit: f64, name| {
        let (first, rest) = ((whole / unit).floor(), whole % unit);
        if rest == 0.0 { format!("{first} {name}") } else { format!("{first}:{rest:02} {name}") }
    };
    match at_s.round() {
        at if at < 60.0 => format!("{at} s"),
        at if at < 3_600.0 => parts(at, 60.0, "min"),
        at => parts((at / 60.0).round(), 60.0, "h"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a run stay below 2^53")]
fn signed(count: i64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An axis of hours that counts in thousands of seconds is not read by anybody.
    #[test]
    fn times_are_told_in_the_unit_of_their_size() {
        assert_eq!([0.0, 15.0, 60.0, 90.4].map(time), ["0 s", "15 s", "1 min", "1:30 min"]);
        assert_eq!([3_600.0, 9_000.0, 36_000.0].map(time), ["1 h", "2:30 h", "10 h"]);
        assert_eq!(time_axis(75.0).scale.ticks, [0.0, 15.0, 30.0, 45.0, 60.0, 75.0]);
        assert_eq!(time_axis(86_400.0).scale.ticks.len(), 5);
        assert_eq!(time_axis(0.0).scale.ticks, [0.0, 1.0]);
    }

    /// The tail is what the curve is for.
    #[test]
    fn each_nine_has_its_room_and_name() {
        let names: Vec<_> = [0.5, 0.9, 0.99, 0.999, 0.9999, 1.0].map(nines).map(quantile_of).to_vec();
        assert_eq!(names, ["p50", "p90", "p99", "p99.9", "p99.99", "all"]);
        assert!((nines(0.999) - 3.0).abs() < 1e-9);
    }
}
