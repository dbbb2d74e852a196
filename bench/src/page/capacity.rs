//! The page of a ramp: how many viewers held, what broke, and how everything grew on the way there.

use super::element::Element;
use super::number::{self, digits, ms, percent, share, size};
use super::plot::{Axis, Line, Plot};
use super::repeat;
use super::scale::Scale;
use super::table::wide;
use crate::capacity::{Capacity, Step};
use crate::report::Report;

/// What a step shows, in the unit of the axis.
type Shown = fn(&Report) -> Option<f64>;

pub(super) fn body(capacity: &Capacity) -> Element {
    let report = capacity.steps.iter().find_map(|step| step.report.as_ref());
    Element::new("main")
        .add(opening(capacity, report))
        .add(capacity.generator_is_the_limit.then(limit))
        .add(Element::of("section", "figures").add_all(plots(capacity)))
        .add(table(capacity))
        .add(report.map(|report| repeat::section("capacity", report)))
}

/// How many held.
pub(super) fn headline(capacity: &Capacity) -> String {
    match (capacity.sustained_viewers, capacity.rising().first()) {
        (Some(1), _) => "1 viewer is served well".to_owned(),
        (Some(viewers), _) => format!("{} viewers are served well", size(viewers)),
        (None, Some(first)) => {
            format!("Not even {} are served well", number::of(first.viewers, "viewer", "viewers"))
        }
        (None, None) => "Nothing was measured".to_owned(),
    }
}

fn opening(capacity: &Capacity, report: Option<&Report>) -> Element {
    let mut lead = Vec::new();
    let rising = capacity.rising();
    match rising.iter().find(|step| !step.broken.is_empty()) {
        Some(step) => {
            lead.push(format!("With {} a limit broke: {}.", size(step.viewers), step.broken.join("; ")))
        }
        None => lead.push("No limit broke: the plan’s ramp ended there.".to_owned()),
    }
    if let Some(knee) = capacity.knee_viewers {
        lead.push(format!("From {} on latency climbs.", size(knee)));
    }
    let when = report.map(|report| {
        let words = format!("{} · {}", report.plan.name, super::words::began(&report.began));
        Element::of("p", "when").text(words)
    });
    Element::of("div", "opening")
        .add(when)
        .add(Element::new("h1").text(headline(capacity)))
        .add(Element::of("p", "lead").text(lead.join(" ")))
}

fn limit() -> Element {
    let text =
        "Where a limit broke the generator could not keep up either: the server may hold more than this.";
    Element::of("div", "limit")
        .set("role", "note")
        .add(Element::new("h2").text("The generator may have been the limit"))
        .add(Element::new("p").text(text))
}

fn plots(capacity: &Capacity) -> impl Iterator<Item = Element> {
    let latency: [(&str, Shown); 2] = [
        ("p50", |report| Some(report.latency.as_ref()?.p50_ms)),
        ("p99", |report| Some(report.latency.as_ref()?.p99_ms)),
    ];
    let loss: [(&str, Shown); 1] = [("", |report| Some(report.delivery.loss_percent))];
    let cores: [(&str, Shown); 1] = [("", |report| Some(report.server.as_ref()?.all.cores))];
    let cpu: [(&str, Shown); 1] = [("", |report| Some(report.server.as_ref()?.all.cpu_ns_a_packet))];
    let busy: [(&str, Shown); 1] = [("", |report| Some(report.generator.busy_share))];
    [
        plot(capacity, "Latency by viewers", "From due to opened.", ms, Scale::fitting, &latency),
        plot(capacity, "Packets lost", "Of those expected.", percent, Scale::linear, &loss),
        plot(capacity, "The server’s cores", "1 is one core all the time.", digits, Scale::linear, &cores),
        plot(
            capacity,
            "CPU a packet",
            "Nanoseconds, all processes of the server.",
            digits,
            Scale::linear,
            &cpu,
        ),
        plot(capacity, "Generator busy", "The part of its threads’ time.", share, Scale::linear, &busy),
    ]
    .into_iter()
    .flatten()
}

fn plot(
    capacity: &Capacity,
    title: &str,
    about: &str,
    unit: fn(f64) -> String,
    scale: fn(Vec<f64>) -> Scale,
    lines: &[(&str, Shown)],
) -> Option<Element> {
    let rising = capacity.rising();
    let place = |step: &Step| number::float(step.viewers as u64);
    let known = |step: &Step, shown: Shown| step.report.as_ref().and_then(shown);
    let values = rising.iter().flat_map(|step| lines.iter().filter_map(|(_, shown)| known(step, *shown)));
    let scale = scale(values.collect());
    let reading = |step: &&Step| {
        let told = lines.iter().filter_map(|(name, shown)| Some((name, unit(known(step, *shown)?))));
        let told: Vec<_> = told.map(|(name, value)| format!("{name} {value}").trim().to_owned()).collect();
        (place(step), format!("{}: {}", number::of(step.viewers, "viewer", "viewers"), told.join(", ")))
    };
    let line = |(name, shown): &(&str, Shown)| Line {
        name: (*name).to_owned(),
        points: rising.iter().map(|step| (place(step), known(step, *shown))).collect(),
    };
    let plot = Plot {
        title: title.to_owned(),
        about: about.to_owned(),
        x: Axis { scale: Scale::linear(rising.iter().map(|step| place(step))), name: digits },
        y: Axis { scale, name: unit },
        lines: lines.iter().map(line).collect(),
        readings: rising.iter().map(reading).collect(),
    };
    plot.figure()
}

fn table(capacity: &Capacity) -> Element {
    let heads = ["viewers", "lost", "p50", "p99", "cores", "ns a packet", "generator busy", ""];
    let rows = capacity.rising().into_iter().map(|step| {
        let told = |value: Option<String>| Element::new("td").text(value.unwrap_or_else(|| "–".to_owned()));
        let report = step.report.as_ref();
        let latency = report.and_then(|report| report.latency.as_ref());
        let server = report.and_then(|report| report.server.as_ref()).map(|server| &server.all);
        let verdict = if step.broken.is_empty() { "held".to_owned() } else { step.broken.join("; ") };
        Element::new("tr")
            .add(Element::new("th").set("scope", "row").text(size(step.viewers)))
            .add(told(report.map(|report| percent(report.delivery.loss_percent))))
            .add(told(latency.map(|latency| ms(latency.p50_ms))))
            .add(told(latency.map(|latency| ms(latency.p99_ms))))
            .add(told(server.map(|cost| digits(cost.cores))))
            .add(told(server.map(|cost| digits(cost.cpu_ns_a_packet))))
            .add(told(report.map(|report| share(report.generator.busy_share))))
            .add(
                Element::of("td", if step.broken.is_empty() { "words" } else { "words fault" }).text(verdict),
            )
    });
    wide("All steps", "By viewers, not in the order in which they were tried.", &heads, rows)
}
