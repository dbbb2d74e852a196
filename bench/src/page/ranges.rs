//! Ranges below each other on one scale: from the middle to the late ones, and to the last.

use super::element::Element;
use super::number;
use super::plot::{figure, percent};
use super::scale::Scale;
use crate::latency::Quantiles;

/// Of one range with its words, in pixels.
const ROW: usize = 52;
/// From a row's begin to the bar.
const BAR_TOP: usize = 26;
const BAR_HEIGHT: usize = 10;

/// A figure of those ranges that there are, times in milliseconds. None of none.
pub(super) fn ranges(title: &str, about: &str, ranges: &[(&str, Option<&Quantiles>)]) -> Option<Element> {
    let known: Vec<_> = ranges.iter().filter_map(|(name, times)| Some((*name, (*times)?))).collect();
    if known.is_empty() {
        return None;
    }
    let scale = Scale::fitting(known.iter().flat_map(|(_, times)| [times.p50_ms, times.max_ms]));
    let logarithmic = if scale.is_logarithmic() { " Each step is a multiple of the one before." } else { "" };
    let about = format!("{about}{logarithmic}");
    let height = known.len() * ROW;
    let drawing = Element::of("svg", "ranges")
        .set("role", "img")
        .set("aria-label", format!("{title}. {about}"))
        .set("style", format!("height:{height}px"))
        .add_all(grid(&scale))
        .add_all(known.iter().enumerate().flat_map(|(index, (name, times))| row(&scale, index, name, times)));
    Some(figure(title, &about).add(drawing))
}

fn grid(scale: &Scale) -> impl Iterator<Item = Element> {
    scale.ticks.iter().flat_map(|tick| {
        let x = percent(scale.place(*tick));
        let rule = Element::of("line", "grid").set("x1", &x).set("x2", &x).set("y2", "100%");
        let name = Element::of("text", "x").set("x", x).set("y", "100%").set("dy", 20);
        [rule, name.text(number::short(&number::ms(*tick)))]
    })
}

fn row(scale: &Scale, index: usize, name: &str, times: &Quantiles) -> [Element; 5] {
    let top = index * ROW;
    let [middle, late, last] = [times.p50_ms, times.p99_ms, times.max_ms].map(|ms| scale.place(ms));
    let line = top + BAR_TOP + BAR_HEIGHT / 2;
    let said = format!("{} to {}", number::ms(times.p50_ms), number::ms(times.p99_ms));
    [
        Element::of("text", "name").set("y", top + BAR_TOP - 8).text(name),
        Element::of("text", "said").set("x", "100%").set("y", top + BAR_TOP - 8).text(said),
        Element::of("line", "whisker")
            .set("x1", percent(late))
            .set("x2", percent(last))
            .set("y1", line)
            .set("y2", line),
        Element::of("rect", "range")
            .set("x", percent(middle))
            .set("width", percent(late - middle))
            .set("y", top + BAR_TOP)
            .set("height", BAR_HEIGHT)
            .set("rx", 2),
        Element::of("circle", "middle").set("cx", percent(middle)).set("cy", line).set("r", 6),
    ]
}
