//! The page of a comparison: what differs, bars, curves over each other, and the table.

use super::drawings;
use super::element::Element;
use super::number::times;
use super::plot::{colour, figure, percent};
use super::table::wide;
use crate::compare::{Comparison, NOISE, Row, Warning};

/// The figure that the headline is about, and how it is said.
const HEADLINE: [(&str, &str); 2] =
    [("CPU a packet, all processes", "the CPU a packet"), ("latency p99", "the latency at p99")];

pub(super) fn body(comparison: &Comparison) -> Element {
    let bars = comparison.rows.iter().filter(|row| row.is_main).map(|row| bars(comparison.names(), row));
    Element::new("main")
        .add(opening(comparison))
        .add(warnings(comparison))
        .add(Element::of("section", "bars").add_all(bars))
        .add(curves(comparison).map(|curves| Element::of("section", "whole").add(curves)))
        .add(table(comparison))
        .add(limits_of_it())
}

fn opening(comparison: &Comparison) -> Element {
    let names = comparison.names();
    let base = names.first().map_or("", String::as_str);
    let others = names.iter().enumerate().skip(1).filter_map(|(index, name)| said(comparison, index, name));
    let told: Vec<_> = others.collect();
    let lead = match &told[..] {
        [] => "Nothing in these reports can be set against each other.".to_owned(),
        [only] => format!("Against {base} {only}."),
        _ => format!("Against {base}:"),
    };
    let list = (told.len() > 1).then(|| {
        let items = told.iter().map(|said| Element::new("li").text(said));
        Element::of("ul", "lead").add_all(items)
    });
    let title = match names {
        [one, other] => format!("{one} and {other}, side by side"),
        all => format!("{} loads, side by side", all.len()),
    };
    Element::of("div", "opening")
        .add(Element::new("h1").text(title))
        .add(Element::of("p", "lead").text(lead))
        .add(list)
}

/// Nothing where no figure of the headline is known of both.
fn said(comparison: &Comparison, index: usize, name: &str) -> Option<String> {
    let part = |(figure, words): &(&str, &str)| {
        let row = comparison.rows.iter().find(|row| row.figure == *figure)?;
        Some(format!("{:.2} times {words}", row.ratio(index)?))
    };
    let parts: Vec<_> = HEADLINE.iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| format!("{name} has {}", parts.join(" and ")))
}

fn warnings(comparison: &Comparison) -> Option<Element> {
    if comparison.warnings.is_empty() {
        return None;
    }
    let item = |warning: &Warning| Element::new("li").text(warning);
    Some(
        Element::of("div", "limit")
            .set("role", "note")
            .add(Element::new("h2").text("Before you compare"))
            .add(
                Element::new("p")
                    .text("A comparison means something where load, machine and harness are the same, and the generator kept up. Here"),
            )
            .add(Element::new("ul").add_all(comparison.warnings.iter().map(item))),
    )
}

/// A bar for each report, from 0, the longest over the whole width.
fn bars(names: &[String], row: &Row) -> Element {
    let longest = row.values.iter().flatten().copied().fold(0.0, f64::max);
    let bar = |(index, name): (usize, &String)| {
        let value = row.values[index];
        let length = value.map_or(0.0, |value| if longest > 0.0 { value / longest } else { 0.0 });
        let stroke = Element::of("span", format!("stroke {}", colour(index)));
        let stroke = stroke.set("style", format!("width:{}", percent(length.clamp(0.0, 1.0))));
        let said = row.value(index).unwrap_or_else(|| "not measured".to_owned());
        let ratio = row.ratio(index).filter(|_| index > 0);
        Element::new("li")
            .add(Element::of("span", "name").text(name))
            .add(Element::of("span", "said").text(said).add(ratio.map(|ratio| ratio_of(ratio, "span"))))
            .add(Element::of("span", "track").set("aria-hidden", true).add(stroke))
    };
    figure(row.figure, "").add(Element::new("ul").add_all(names.iter().enumerate().map(bar)))
}

fn curves(comparison: &Comparison) -> Option<Element> {
    let of = comparison.names().iter().zip(comparison.reports());
    let known: Vec<_> =
        of.filter_map(|(name, report)| Some((name.as_str(), report.latency.as_ref()?))).collect();
    drawings::curve(&known)
}

fn table(comparison: &Comparison) -> Element {
    let heads: Vec<_> = std::iter::once("").chain(comparison.names().iter().map(String::as_str)).collect();
    let rows = comparison.rows.iter().map(|row| {
        let name = Element::new("th").set("scope", "row").text(row.figure);
        let cells = (0..row.values.len()).map(|index| {
            let value = row.value(index).unwrap_or_else(|| "–".to_owned());
            let ratio = row.ratio(index).filter(|_| index > 0);
            Element::new("td").text(value).add(ratio.map(|ratio| ratio_of(ratio, "small")))
        });
        Element::new("tr").add(name).add_all(cells)
    });
    let about = "Behind a figure how many times that of the first it is; pale where that is too little to be told from noise.";
    wide("All figures", about, &heads, rows)
}

/// Pale where it may be noise.
fn ratio_of(ratio: f64, element: &'static str) -> Element {
    let is_noise = (1.0 - NOISE..=1.0 / (1.0 - NOISE)).contains(&ratio);
    Element::of(element, if is_noise { "ratio noise" } else { "ratio" }).text(times(ratio))
}

fn limits_of_it() -> Element {
    let noise = NOISE * 100.0;
    Element::of("p", "about").text(format!(
        "One run each: repeats of the same load differ by themselves. Believe a difference of less than {noise:.0} % when \
         it has come again and again, in turns, on a machine that does nothing else."
    ))
}
