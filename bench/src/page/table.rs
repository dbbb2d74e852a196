//! What tables are made of.

use super::element::Element;
use super::number::count;

/// A line: what, how much, and what that means.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) note: &'static str,
    /// Something that ought not to be.
    pub(super) is_fault: bool,
}

pub(super) fn entry(name: &'static str, value: String, note: &'static str) -> Entry {
    Entry { name, value, note, is_fault: false }
}

/// A number that ought to be 0.
pub(super) fn fault(name: &'static str, number: u64, note: &'static str) -> Entry {
    Entry { name, value: count(number), note, is_fault: number > 0 }
}

pub(super) fn entries(title: &str, entries: Vec<Entry>) -> Element {
    titled(
        title,
        entries.into_iter().map(|entry| {
            let note = (!entry.note.is_empty()).then(|| Element::new("small").text(entry.note));
            let value = Element::new("td").text(&entry.value);
            let value = if entry.is_fault { value.set("class", "fault") } else { value };
            Element::new("tr")
                .add(Element::new("th").set("scope", "row").text(entry.name).add(note))
                .add(value)
        }),
    )
}

pub(super) fn titled(title: &str, rows: impl IntoIterator<Item = Element>) -> Element {
    let caption = Element::new("caption").text(title);
    Element::new("table").add(caption).add(Element::new("tbody").add_all(rows))
}

pub(super) fn row(name: &str, values: Vec<String>) -> Element {
    let name = Element::new("th").set("scope", "row").text(name);
    Element::new("tr").add(name).add_all(values.into_iter().map(|value| Element::new("td").text(value)))
}

/// A table of several columns, which a narrow screen scrolls.
pub(super) fn wide(
    title: &str,
    about: &str,
    heads: &[&str],
    rows: impl IntoIterator<Item = Element>,
) -> Element {
    Element::of("section", "wide")
        .add(Element::new("h2").text(title))
        .add((!about.is_empty()).then(|| Element::of("p", "about").text(about)))
        .add(scrolled(title, table(heads, rows)))
}

pub(super) fn scrolled(title: &str, table: Element) -> Element {
    // By keys, too.
    Element::of("div", "scrolled")
        .set("role", "region")
        .set("aria-label", title)
        .set("tabindex", 0)
        .add(table)
}

pub(super) fn table(heads: &[&str], rows: impl IntoIterator<Item = Element>) -> Element {
    let head = |text: &&str| match *text {
        "" => Element::new("td"),
        text => Element::new("th").set("scope", "col").text(text),
    };
    Element::new("table")
        .add(Element::new("thead").add(Element::new("tr").add_all(heads.iter().map(head))))
        .add(Element::new("tbody").add_all(rows))
}
