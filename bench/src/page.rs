//! The report as one HTML page that a person enjoys reading: what was found in words, then drawn, then in tables, and at the
//! end all that is needed to do it again.
//!
//! A page is one file: its style and its drawings are inside, it asks for nothing and runs no script. It follows the reader's
//! choice of light or dark, and a phone's width. Everything that came from outside — a plan's name, a server's refusal — is
//! escaped by the only type that makes elements.

mod capacity;
mod columns;
mod comparison;
mod drawings;
mod element;
pub(crate) mod number;
mod plot;
mod ranges;
mod repeat;
mod scale;
mod table;
mod tables;
mod words;

use self::element::{Element, escape};
use crate::capacity::Capacity;
use crate::compare::Comparison;
use crate::report::Report;

const STYLE: &str = include_str!("page/style.css");
/// The house's mark, a fan window; seen by nobody who cannot see.
const MARK: &str = include_str!("../../control/web/assets/mark.svg");

/// The page of one report.
#[must_use]
pub fn render(report: &Report) -> String {
    let title = format!("{}: {}", report.plan.name, words::headline(report));
    page(&title, report_body(report))
}

/// The page of several reports side by side.
#[must_use]
pub fn render_comparison(comparison: &Comparison) -> String {
    let title = format!("Side by side: {}", comparison.names().join(", "));
    page(&title, comparison::body(comparison))
}

/// The page of a ramp.
#[must_use]
pub fn render_capacity(ramp: &Capacity) -> String {
    page(&capacity::headline(ramp), capacity::body(ramp))
}

fn report_body(report: &Report) -> Element {
    Element::new("main")
        .add(words::opening(report))
        .add(words::limits(&report.generator))
        .add(words::busy_machine(&report.machine))
        .add(words::key_figures(report))
        .add(Element::of("section", "figures").add_all(drawings::all(report)))
        .add(Element::of("section", "tables").add_all(tables::all(report)))
        .add(columns::times(report))
        .add(columns::costs(report))
        .add(columns::moments(report))
        .add(repeat::section("load", report))
}

fn page(title: &str, body: Element) -> String {
    let mut escaped = String::new();
    escape(&mut escaped, title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{escaped}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header><span class=\"mark\" aria-hidden=\"true\">{MARK}</span><span>fanlight-bench</span></header>\n{body}\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests;
