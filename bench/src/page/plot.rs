//! Lines over a grid, as SVG in a figure.
//!
//! A drawing takes the width it is given, on a phone or a wall, while its letters keep their size: what is placed by per cent
//! (grid, letters, what shows under the pointer) stands in an SVG without a view box, and the lines in one inside it that is
//! stretched. What shows under the pointer needs no script.

use std::fmt::Write;

use super::element::Element;
use super::number::short;
use super::scale::Scale;

/// Units of the stretched part, each way.
const INNER: f64 = 1_000.0;
/// Places under the pointer, at most: a window of hours has more moments than a screen has room.
const READINGS_MAX: usize = 240;
/// Colours in the style sheet; a seventh line has the first one's again, with another dash.
const COLOURS: usize = 6;

/// See the file's head.
pub(super) struct Plot {
    pub(super) title: String,
    /// What is seen, in a sentence.
    pub(super) about: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
    /// Where on the x axis, and what is said there.
    pub(super) readings: Vec<(f64, String)>,
}

/// A scale, and how its ticks are named.
pub(super) struct Axis {
    pub(super) scale: Scale,
    pub(super) name: fn(f64) -> String,
}

/// One series. A gap is where nothing was measured.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) points: Vec<(f64, Option<f64>)>,
}

impl Plot {
    /// None where there is nothing to see.
    pub(super) fn figure(&self) -> Option<Element> {
        let seen = |line: &Line| line.points.iter().any(|(_, y)| y.is_some());
        if !self.lines.iter().any(seen) {
            return None;
        }
        let logarithmic =
            if self.y.scale.is_logarithmic() { " Each step up is a multiple of the one below." } else { "" };
        let about = format!("{}{logarithmic}", self.about);
        let names = self.lines.iter().map(|line| line.name.as_str());
        let drawing = Element::of("svg", "plot")
            .set("role", "img")
            .set("aria-label", format!("{}. {about}", self.title))
            .add_all(self.grid())
            .add(self.stretched())
            .add_all(self.pointed());
        let figure = figure(&self.title, &about);
        Some(figure.add((self.lines.len() > 1).then(|| legend(names))).add(drawing))
    }

    fn grid(&self) -> impl Iterator<Item = Element> {
        let rows = self.y.scale.ticks.iter().flat_map(|tick| {
            let y = percent(1.0 - self.y.scale.place(*tick));
            let rule = Element::of("line", "grid").set("x2", "100%").set("y1", &y).set("y2", &y);
            [rule, Element::of("text", "y").set("y", &y).set("dx", -8).text(short(&(self.y.name)(*tick)))]
        });
        let columns = self.x.scale.ticks.iter().map(|tick| {
            let x = percent(self.x.scale.place(*tick));
            Element::of("text", "x")
                .set("x", x)
                .set("y", "100%")
                .set("dy", 20)
                .text(short(&(self.x.name)(*tick)))
        });
        let ground = Element::of("line", "grid").set("x2", "100%").set("y1", "100%").set("y2", "100%");
        std::iter::once(ground).chain(rows).chain(columns)
    }

    fn stretched(&self) -> Element {
        let inner = Element::new("svg")
            .set("viewBox", format!("0 0 {INNER} {INNER}"))
            .set("preserveAspectRatio", "none");
        let lines = self.lines.iter().enumerate();
        inner.add_all(lines.map(|(index, line)| {
            Element::of("path", format!("line {}", colour(index))).set("d", self.path(&line.points))
        }))
    }

    /// A point alone becomes a dot: a stroke of next to no length with round ends.
    fn path(&self, points: &[(f64, Option<f64>)]) -> String {
        let mut path = String::new();
        let mut is_down = false;
        for (x, y) in points {
            let Some(y) = y.filter(|y| y.is_finite()) else {
                is_down = false;
                continue;
            };
            let (x, y) = (INNER * self.x.scale.place(*x), INNER * (1.0 - self.y.scale.place(y)));
            // A string takes whatever is written.
            let _ = if is_down {
                write!(path, "L{x:.1} {y:.1}")
            } else {
                write!(path, "M{x:.1} {y:.1}L{x:.1} {y:.1}")
            };
            is_down = true;
        }
        path
    }

    /// For each reading the strip nearest to it: under the pointer it is lit, and says what is there.
    fn pointed(&self) -> Vec<Element> {
        let step = self.readings.len().div_ceil(READINGS_MAX).max(1);
        let chosen: Vec<_> = self.readings.iter().step_by(step).collect();
        let places: Vec<_> = chosen.iter().map(|(x, _)| self.x.scale.place(*x)).collect();
        let middle = |one: usize, other: usize| Some(f64::midpoint(*places.get(one)?, *places.get(other)?));
        let strip = |(index, (_, said)): (usize, &&(f64, String))| {
            let from = index.checked_sub(1).and_then(|before| middle(before, index)).unwrap_or(0.0);
            let to = middle(index, index + 1).unwrap_or(1.0);
            let place = percent(places[index]);
            let rule = Element::new("line").set("x1", &place).set("x2", &place).set("y2", "100%");
            let strip = Element::new("rect").set("x", percent(from)).set("width", percent(to - from));
            Element::of("g", "reading")
                .add(strip.set("height", "100%"))
                .add(rule)
                .add(Element::new("text").set("x", "100%").set("y", -10).text(said))
        };
        chosen.iter().enumerate().map(strip).collect()
    }
}

/// A figure with its caption, and nothing in it yet.
pub(super) fn figure(title: &str, about: &str) -> Element {
    let caption = Element::new("figcaption")
        .add(Element::new("h3").text(title))
        .add((!about.is_empty()).then(|| Element::new("p").text(about)));
    Element::new("figure").add(caption)
}

pub(super) fn legend<'a>(names: impl Iterator<Item = &'a str>) -> Element {
    let entries = names.enumerate().map(|(index, name)| {
        let stroke = Element::of("line", format!("line {}", colour(index)));
        let stroke = stroke.set("x1", 1).set("x2", 23).set("y1", 5).set("y2", 5);
        let swatch = Element::new("svg").set("width", 24).set("height", 10).set("aria-hidden", true);
        Element::new("li").add(swatch.add(stroke)).text(name)
    });
    Element::of("ul", "legend").add_all(entries)
}

/// The class of a series.
pub(super) fn colour(index: usize) -> String {
    let again = if index < COLOURS { "" } else { " again" };
    format!("s{}{again}", index % COLOURS)
}

/// Of 0 to 1.
pub(super) fn percent(place: f64) -> String {
    format!("{:.2}%", place * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::number::digits;

    fn plot(lines: Vec<Vec<(f64, Option<f64>)>>) -> Plot {
        let values: Vec<_> = lines.iter().flatten().filter_map(|(_, y)| *y).collect();
        let line = |points| Line { name: "a <b>".to_owned(), points };
        Plot {
            title: "Title".to_owned(),
            about: String::new(),
            x: Axis { scale: Scale::span(10.0, 5.0), name: digits },
            y: Axis { scale: Scale::fitting(values), name: digits },
            lines: lines.into_iter().map(line).collect(),
            readings: (0..1_000).map(|index| (f64::from(index) / 100.0, format!("at {index}"))).collect(),
        }
    }

    /// Every number after an M or an L.
    fn coordinates(path: &str) -> Vec<f64> {
        path.split(['M', 'L', ' '])
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().unwrap())
            .collect()
    }

    /// A line that leaves the plot lies over words and other plots.
    #[test]
    fn points_are_inside_of_the_plot_whatever_they_are() {
        let wild =
            [(-5.0, Some(-9.0)), (0.0, Some(1e12)), (11.0, Some(f64::INFINITY)), (f64::NAN, Some(3.0))];
        let plot = plot(vec![wild.to_vec()]);
        let drawn = coordinates(&plot.path(&wild));
        assert_eq!(drawn.len(), 10, "three points, the first of each stretch twice: {drawn:?}");
        assert!(drawn.iter().all(|at| (0.0..=INNER).contains(at)), "{drawn:?}");
    }

    /// Where nothing was measured there is no line, and a lone point is not invisible.
    #[test]
    fn a_gap_stays_a_gap() {
        let plot = plot(vec![vec![]]);
        let path = plot.path(&[(0.0, Some(0.0)), (5.0, None), (10.0, Some(1.0))]);
        assert_eq!(path, "M0.0 1000.0L0.0 1000.0M1000.0 0.0L1000.0 0.0");
    }

    /// An empty box would say that something was measured and came to nothing.
    #[test]
    fn a_plot_of_nothing_is_not_drawn() {
        assert!(plot(vec![]).figure().is_none());
        assert!(plot(vec![vec![], vec![(1.0, None)]]).figure().is_none());
        let figure = plot(vec![vec![(1.0, Some(0.0))], vec![]]).figure().unwrap().to_string();
        assert!(figure.contains("<li><svg") && figure.contains("a &lt;b&gt;"), "{figure}");
    }

    /// A soak of hours must not make a page of megabytes, and the pointer must find something everywhere.
    #[test]
    fn readings_are_thinned_and_cover_the_whole_width() {
        let plot = plot(vec![vec![(1.0, Some(1.0))]]);
        let readings = plot.pointed();
        assert_eq!(readings.len(), 200);
        let widths = readings.iter().map(|reading| {
            let text = reading.to_string();
            let (_, rest) = text.split_once("width=\"").unwrap();
            rest.split_once('%').unwrap().0.parse::<f64>().unwrap()
        });
        assert!((widths.sum::<f64>() - 100.0).abs() < 1.0);
    }
}
