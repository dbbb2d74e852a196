//! What was found, in words.

use super::drawings::time;
use super::element::Element;
use super::number::{self, bytes, count, digits, ms, of, percent, share, size};
use crate::report::{Generator, Machine, Report};

/// Below this busy share of the generator's threads nobody needs to think of them.
const AT_EASE_SHARE: f64 = 0.5;

/// Who saw it, and what was lost.
pub(crate) fn headline(report: &Report) -> String {
    let viewers = &report.viewers;
    if viewers.joined == 0 {
        return "No viewer joined".to_owned();
    }
    let who = if viewers.joined >= viewers.asked {
        match viewers.joined {
            1 => "The viewer joined".to_owned(),
            all => format!("All {} viewers joined", size(all)),
        }
    } else {
        format!("{} of {} viewers joined", size(viewers.joined), size(viewers.asked))
    };
    let delivery = &report.delivery;
    if delivery.packets_expected == 0 {
        return format!("{who}, and nothing was due to any of them");
    }
    if delivery.packets_delivered >= delivery.packets_expected {
        return format!("{who}, and no packet was lost");
    }
    format!("{who}, and {} of the packets were lost", unbroken(percent(delivery.loss_percent)))
}

/// A number and its unit on one line.
fn unbroken(figure: String) -> String {
    figure.replace(' ', "\u{a0}")
}

/// The head of the page: when and what, the headline, and the rest in some sentences.
pub(super) fn opening(report: &Report) -> Element {
    let plan = &report.plan;
    let when = format!("{} · {} from {}", plan.name, time(report.window_s), began(&report.began));
    let about = (!plan.about.is_empty()).then(|| Element::of("p", "about").text(&plan.about));
    Element::of("div", "opening")
        .add(Element::of("p", "when").text(when))
        .add(Element::new("h1").text(headline(report)))
        .add(Element::of("p", "lead").text(sentences(report).join(" ")))
        .add(about)
}

fn sentences(report: &Report) -> Vec<String> {
    let mut sentences = vec![delivered(report)];
    sentences.extend(latency(report));
    sentences.extend(joins(report));
    sentences.extend(cost(report));
    sentences.extend(came_to_grief(report));
    sentences.extend(road(report));
    sentences
}

fn delivered(report: &Report) -> String {
    let delivery = &report.delivery;
    let watched = of(report.viewers.steady, "viewer that watched", "viewers that watched");
    format!(
        "The {watched} from beginning to end got {} of {} packets, {} a second.",
        count(delivery.packets_delivered),
        count(delivery.packets_expected),
        digits(delivery.packets_per_second)
    )
}

fn latency(report: &Report) -> Option<String> {
    let latency = report.latency.as_ref()?;
    let [half, most] = [ms(latency.p50_ms), ms(latency.p99_ms)].map(unbroken);
    Some(format!("Half of those that were opened took at most {half}, 99 of 100 at most {most}."))
}

fn joins(report: &Report) -> Option<String> {
    let first = report.join.first_frame.as_ref()?;
    let what = if report.plan.publishers.video_kbit_per_second > 0 { "whole picture" } else { "sound" };
    let [half, most] = [ms(first.p50_ms), ms(first.p99_ms)].map(unbroken);
    Some(format!(
        "From the request to the first {what} half of the viewers waited {half} at most, 99 of 100 {most}."
    ))
}

fn cost(report: &Report) -> Option<String> {
    let all = &report.server.as_ref()?.all;
    let [ns, kernel] = [format!("{} ns", digits(all.cpu_ns_a_packet)), share(all.kernel_share)].map(unbroken);
    Some(format!("A delivered packet cost the server {ns} of CPU, {kernel} of it in the kernel."))
}

fn came_to_grief(report: &Report) -> Option<String> {
    let viewers = &report.viewers;
    let came = (viewers.came + viewers.left > 0)
        .then(|| format!("{} came and {} left meanwhile.", size(viewers.came), size(viewers.left)));
    let lost = (viewers.lost > 0).then(|| format!("{} broke off.", of(viewers.lost, "session", "sessions")));
    let parts: Vec<_> = came.into_iter().chain(lost).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

fn road(report: &Report) -> Option<String> {
    let road = report.road.as_ref()?;
    let lost = count(road.lost + road.overflowed);
    Some(format!("On the way to those on a bad road the harness itself threw away {lost} packets."))
}

/// Figures of a machine that had more to do than it has cores are not what it can give. None where it had not.
pub(super) fn busy_machine(machine: &Machine) -> Option<Element> {
    let load: f64 = machine.load.parse().ok()?;
    let cores = number::float(machine.cores as u64);
    let text = format!(
        "The machine was busy before it began (load {} on {}): on a quiet one the figures may well be better.",
        digits(load),
        of(machine.cores, "core", "cores")
    );
    (load > cores && cores > 0.0).then(|| Element::of("p", "kept-up").text(text))
}

/// Plainly, where the generator was the limit; else how far it was from it.
pub(super) fn limits(generator: &Generator) -> Element {
    let busy = unbroken(share(generator.busy_share));
    if generator.limits.is_empty() {
        let ease = if generator.busy_share < AT_EASE_SHARE { "with ease" } else { "though not by much" };
        let text =
            format!("The generator kept up {ease}: its threads had something to do {busy} of the time.");
        return Element::of("p", "kept-up").text(text);
    }
    let causes = generator.limits.iter().map(|limit| Element::new("li").text(limit));
    Element::of("div", "limit")
        .set("role", "note")
        .add(Element::new("h2").text("The generator was the limit"))
        .add(
            Element::new("p").text("What stands here may be its own doing rather than the server’s, because"),
        )
        .add(Element::new("ul").add_all(causes))
}

/// Some numbers to be seen from afar.
pub(super) fn key_figures(report: &Report) -> Element {
    let mut figures = vec![
        ("Viewers joined", format!("{} of {}", size(report.viewers.joined), size(report.viewers.asked))),
        ("Packets lost", percent(report.delivery.loss_percent)),
    ];
    if let Some(latency) = &report.latency {
        figures.push(("Latency, p50", ms(latency.p50_ms)));
        figures.push(("Latency, p99", ms(latency.p99_ms)));
    }
    if let Some(first) = &report.join.first_frame {
        figures.push(("Join, p50", ms(first.p50_ms)));
        figures.push(("Join, p99", ms(first.p99_ms)));
    }
    if let Some(server) = &report.server {
        figures.push(("CPU a packet", format!("{} ns", digits(server.all.cpu_ns_a_packet))));
        figures.push(("Memory a viewer", bytes(server.resident_bytes_a_viewer)));
    }
    let entry = |(name, value): (&str, String)| {
        let name = Element::new("dt").text(name);
        Element::new("div").add(name).add(Element::new("dd").text(value))
    };
    Element::of("dl", "key-figures").add_all(figures.into_iter().map(entry))
}

/// To the minute; a time that is written otherwise is shown as it is.
pub(super) fn began(time: &str) -> String {
    match (time.get(..10), time.get(10..11), time.get(11..16), time.ends_with('Z')) {
        (Some(day), Some("T"), Some(minute), true) => format!("{day}, {minute} UTC"),
        _ => time.to_owned(),
    }
}
