//! Elements of HTML and SVG. Whatever is put into one is escaped: a page can hold only what these made, so that a plan's name
//! or a server's refusal stays text.

use std::fmt::{self, Display, Write};

/// An element with what is in it.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    inside: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), inside: String::new() }
    }

    /// One with a class.
    pub(super) fn of(name: &'static str, class: impl Display) -> Self {
        Self::new(name).set("class", class)
    }

    pub(super) fn set(mut self, attribute: &'static str, value: impl Display) -> Self {
        self.attributes.push(' ');
        self.attributes += attribute;
        self.attributes += "=\"";
        escape(&mut self.attributes, value);
        self.attributes.push('"');
        self
    }

    pub(super) fn text(mut self, text: impl Display) -> Self {
        escape(&mut self.inside, text);
        self
    }

    pub(super) fn add(mut self, child: impl Into<Option<Self>>) -> Self {
        if let Some(child) = child.into() {
            // A string takes whatever is written.
            let _ = write!(self.inside, "{child}");
        }
        self
    }

    pub(super) fn add_all(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::add)
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attributes, inside } = self;
        write!(f, "<{name}{attributes}>{inside}</{name}>")
    }
}

/// Into text and into attributes in double quotes.
pub(super) fn escape(out: &mut String, text: impl Display) {
    // A string takes whatever is written.
    let _ = write!(Escaping(out), "{text}");
}

struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server's refusal is shown to whoever opens the page; it must not run there.
    #[test]
    fn text_and_attributes_stay_text() {
        let element = Element::of("p", "\" onclick='x()'").text("<script>&</script>").add(Element::new("b"));
        assert_eq!(
            element.to_string(),
            "<p class=\"&quot; onclick=&#39;x()&#39;\">&lt;script&gt;&amp;&lt;/script&gt;<b></b></p>"
        );
    }
}
