//! Which of an app's streams a credential is good for, by pattern: `cam1`, `cam*`, `room1/*`, `room1/**`.
//!
//! A pattern is of the path below the app: of `live/room1/cam` that is `room1/cam`. `*` stands for any run of characters, even
//! none, but for no `/`; `**` as the last segment stands for one segment or more. Upper and lower case differ. To match takes
//! time in proportion to the product of the lengths at most, and both are bounded.

use std::fmt;

use fanlight_protocol::StreamPath;

/// As long as the longest path that a stream may have with the limits as they come.
const PATTERN_BYTES_MAX: usize = 512;

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// # Errors
    /// What is wrong with the text, as the end of a sentence about it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let segments: Vec<&str> = text.split('/').collect();
        let inner = &segments[..segments.len().saturating_sub(1)];
        if text.len() > PATTERN_BYTES_MAX {
            Err("is longer than 512 bytes")
        } else if segments.iter().any(|segment| segment.is_empty()) {
            Err(
                "has an empty segment: write it without the app and without a / at either end, as in room1/cam*",
            )
        } else if segments.iter().any(|segment| segment.contains("**") && *segment != "**") {
            Err("has ** beside other characters: ** is a segment by itself")
        } else if inner.contains(&"**") {
            Err("goes on after **, which is the last segment only")
        } else {
            Ok(Self(text.to_owned()))
        }
    }

    #[must_use]
    pub fn matches(&self, stream: &StreamPath) -> bool {
        let rooms = stream.app.split('/').skip(1);
        let mut path = rooms.chain([stream.name.as_str()]);
        for pattern in self.0.split('/') {
            match path.next() {
                None => return false,
                Some(_) if pattern == "**" => return true,
                Some(segment) if !segment_matches(pattern, segment) => return false,
                Some(_) => {}
            }
        }
        path.next().is_none()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Each part between stars is taken where it first fits; the last one stands at the end.
fn segment_matches(pattern: &str, segment: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == segment };
    let Some(mut segment) = segment.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match segment.find(part) {
            Some(at) => segment = segment.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    segment.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, app: &str, name: &str) -> bool {
        let stream = StreamPath { app: app.to_owned(), name: name.to_owned() };
        Pattern::parse(pattern).unwrap().matches(&stream)
    }

    /// A camera's key must open the camera's streams and no others: not those of a room, nor longer names.
    #[test]
    fn a_pattern_matches_the_whole_path_below_the_app_and_nothing_else() {
        for (pattern, app, name) in [
            ("cam1", "live", "cam1"),
            ("cam*", "live", "cam"),
            ("cam*", "live", "cam12"),
            ("*", "live", "anything at all"),
            ("*-hd", "live", "a-hd-hd"),
            ("a*b*c", "live", "a1b2b3c"),
            ("ä*", "live", "äö"),
            ("room1/*", "live/room1", "cam"),
            ("room*/cam", "live/room7", "cam"),
            ("**", "live", "x"),
            ("**", "live/a/b", "x"),
            ("a/**", "live/a/b", "x"),
        ] {
            assert!(matches(pattern, app, name), "{pattern} {app}/{name}");
        }
        for (pattern, app, name) in [
            ("cam1", "live", "cam12"),
            ("cam1", "live", "Cam1"),
            ("cam1", "live/room1", "cam1"),
            ("cam*", "live", "acam"),
            ("*", "live/room1", "x"),
            ("room1/*", "live", "room1"),
            ("room1/*", "live/room1/inner", "x"),
            ("room1/**", "live", "room1"),
            ("room1/**", "live/room2", "x"),
            ("a*b*c", "live", "acb"),
            ("ab*ba", "live", "aba"),
            ("live/cam", "live", "cam"),
        ] {
            assert!(!matches(pattern, app, name), "{pattern} {app}/{name}");
        }
    }

    /// A pattern that means nothing would match nothing, or be taken to match what it does not.
    #[test]
    fn a_pattern_that_is_none_is_refused() {
        let long = "x".repeat(PATTERN_BYTES_MAX + 1);
        for text in ["", "/", "/cam", "cam/", "a//b", "a**", "**/b", "a/***", "a/**/b", &long] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    /// Patterns of many stars are a known way to make a matcher slow.
    #[test]
    fn many_stars_cost_no_time() {
        let pattern = "a*".repeat(200) + "b";
        let begun = std::time::Instant::now();
        assert!(!matches(&pattern, "live", &"a".repeat(4_000)));
        assert!(begun.elapsed() < std::time::Duration::from_millis(100));
    }
}
