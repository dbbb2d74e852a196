//! Names of apps and streams: what a peer may call things.
//!
//! A name is 1 to `limits.name_bytes_max` bytes of UTF-8 after percent-decoding: any printable characters, spaces inside
//! included, except `/` and `\`, and neither `.` nor `..`. Names are shown on pages and written to logs, so what hides
//! or reorders text is refused, and they never become file paths without more care than this.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::config::Limits;

/// First segments that are routes of ours, so no app may have them.
const RESERVED_APPS: [&str; 7] = ["api", "admin", "sdk", "metrics", "assets", "healthz", "streams"];

/// What stays as it is in a path segment: RFC 3986 §3.3 `pchar` without the sub-delimiters that other software trips over.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@').remove(b':');

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameFault {
    Empty,
    TooLong {
        max: u32,
    },
    /// A `%` without two hexadecimal digits.
    BrokenEscape,
    NotUtf8,
    Slash,
    Dots,
    /// Control, format and line-separating characters.
    Invisible(char),
    OuterSpace,
    TooManySegments {
        max: u32,
    },
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong { max } => write!(f, "it is longer than {max} bytes"),
            Self::BrokenEscape => f.write_str("a % is not followed by two hexadecimal digits"),
            Self::NotUtf8 => f.write_str("it is not UTF-8 after percent-decoding"),
            Self::Slash => f.write_str("it contains an escaped / or \\"),
            Self::Dots => f.write_str("it is . or .."),
            Self::Invisible(c) => write!(f, "it contains the invisible character U+{:04X}", u32::from(*c)),
            Self::OuterSpace => f.write_str("it begins or ends with a space"),
            Self::TooManySegments { max } => write!(f, "an app has at most {max} segments"),
        }
    }
}

/// Reads one percent-encoded path segment as a name.
pub(crate) fn decode(segment: &str, limits: &Limits) -> Result<String, NameFault> {
    // An escape triples a byte at most: a longer text cannot be a name, and is not worth decoding.
    let bytes_max = limits.name_bytes_max as usize;
    if segment.len() > 3 * bytes_max {
        return Err(NameFault::TooLong { max: limits.name_bytes_max });
    }
    if !escapes_are_whole(segment.as_bytes()) {
        return Err(NameFault::BrokenEscape);
    }
    let name = percent_decode_str(segment).decode_utf8().map_err(|_| NameFault::NotUtf8)?.into_owned();
    if name.len() > bytes_max {
        return Err(NameFault::TooLong { max: limits.name_bytes_max });
    }
    check(&name)?;
    Ok(name)
}

/// Reads the segments of an app path, `live` or `live/room1`.
pub(crate) fn decode_app(segments: &[&str], limits: &Limits) -> Result<String, NameFault> {
    if segments.len() > limits.app_segments_max as usize {
        return Err(NameFault::TooManySegments { max: limits.app_segments_max });
    }
    let names: Vec<String> =
        segments.iter().map(|segment| decode(segment, limits)).collect::<Result<_, _>>()?;
    if names.is_empty() { Err(NameFault::Empty) } else { Ok(names.join("/")) }
}

/// Whether an app path begins with a segment that is a route of ours.
pub(crate) fn is_reserved(app: &str) -> bool {
    RESERVED_APPS.contains(&first_segment(app))
}

/// Whether `name` can be an app: the first segment of a path, and no route of ours.
pub(crate) fn check_app(name: &str, limits: &Limits) -> Result<(), String> {
    if name.len() > limits.name_bytes_max as usize {
        return Err(NameFault::TooLong { max: limits.name_bytes_max }.to_string());
    }
    check(name).map_err(|fault| format!("it names no app: {fault}"))?;
    if is_reserved(name) {
        return Err(format!("{name} is reserved; choose another, such as live"));
    }
    Ok(())
}

/// The app proper, of which the rest of the path is a room.
pub(crate) fn first_segment(app: &str) -> &str {
    app.split('/').next().unwrap_or_default()
}

/// A name, or an app path, as it stands in a URL.
pub(crate) fn encode(name_or_path: &str) -> String {
    let segments: Vec<String> =
        name_or_path.split('/').map(|segment| utf8_percent_encode(segment, ESCAPED).to_string()).collect();
    segments.join("/")
}

fn escapes_are_whole(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%').all(|(at, _)| {
        matches!(bytes.get(at + 1..at + 3), Some([high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

fn check(name: &str) -> Result<(), NameFault> {
    if name.is_empty() {
        return Err(NameFault::Empty);
    }
    if name == "." || name == ".." {
        return Err(NameFault::Dots);
    }
    if name.contains(['/', '\\']) {
        return Err(NameFault::Slash);
    }
    if let Some(c) = name.chars().find(|c| is_invisible(*c)) {
        return Err(NameFault::Invisible(c));
    }
    if name.starts_with(' ') || name.ends_with(' ') {
        return Err(NameFault::OuterSpace);
    }
    Ok(())
}

/// Control characters, and those of Unicode's general categories Cf, Zl, Zp and Zs (but U+0020) that can hide or reorder
/// what an operator reads, with the noncharacters.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace() && c != ' '
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(segment: &str) -> Result<String, NameFault> {
        decode(segment, &Limits::default())
    }

    /// What people call streams works, whatever their script.
    #[test]
    fn printable_names_of_every_script_are_taken() {
        for (segment, expected) in [
            ("camera-1_a.b~c@d+e=f:g,h", "camera-1_a.b~c@d+e=f:g,h"),
            ("K%C3%BCche", "Küche"),
            ("%E5%AE%A2%E5%8E%85", "客厅"),
            ("two%20words", "two words"),
            ("100%25", "100%"),
            ("what%3F", "what?"),
            ("...", "..."),
        ] {
            assert_eq!(name(segment).as_deref(), Ok(expected));
        }
    }

    /// Each of these has hurt a server that let it in: traversal, log injection, display spoofing.
    #[test]
    fn names_that_traverse_hide_or_break_are_refused_by_name() {
        let long = "x".repeat(129);
        let endless = "%41".repeat(10_000);
        for (segment, fault) in [
            ("", NameFault::Empty),
            (".", NameFault::Dots),
            ("%2e%2E", NameFault::Dots),
            ("..%2fetc", NameFault::Slash),
            ("a%5Cb", NameFault::Slash),
            ("a%00b", NameFault::Invisible('\0')),
            ("a%0d%0aSet-Cookie", NameFault::Invisible('\r')),
            ("%1b%5B31m", NameFault::Invisible('\u{1b}')),
            ("%E2%80%AEgpj", NameFault::Invisible('\u{202e}')),
            ("a%E2%80%8Bb", NameFault::Invisible('\u{200b}')),
            ("%20a", NameFault::OuterSpace),
            ("%zz", NameFault::BrokenEscape),
            ("a%4", NameFault::BrokenEscape),
            ("a%", NameFault::BrokenEscape),
            ("%ff%fe", NameFault::NotUtf8),
            ("%C0%AF", NameFault::NotUtf8),
            (long.as_str(), NameFault::TooLong { max: 128 }),
            (endless.as_str(), NameFault::TooLong { max: 128 }),
        ] {
            assert_eq!(name(segment), Err(fault), "{segment}");
        }
    }

    #[test]
    fn an_app_is_one_to_four_segments_and_not_a_route_of_ours() {
        let limits = Limits::default();
        assert_eq!(decode_app(&["live", "room%201"], &limits).as_deref(), Ok("live/room 1"));
        assert_eq!(decode_app(&[], &limits), Err(NameFault::Empty));
        assert_eq!(decode_app(&["live", ""], &limits), Err(NameFault::Empty));
        assert_eq!(decode_app(&["a"; 5], &limits), Err(NameFault::TooManySegments { max: 4 }));
        assert!(is_reserved("api") && is_reserved("metrics/x") && !is_reserved("live/api"));
    }

    proptest! {
        /// A Location made of a name leads back to it.
        #[test]
        fn an_encoded_name_decodes_to_itself(text in "\\PC{1,40}") {
            if let Ok(taken) = name(&encode(&text).replace('/', "%2F")) {
                prop_assert_eq!(&taken, &text);
                prop_assert_eq!(name(&encode(&taken)), Ok(taken));
            }
        }

        /// Nothing a peer writes in a path panics.
        #[test]
        fn any_segment_is_decided(text in ".{0,600}") {
            if let Ok(taken) = name(&text) {
                let harmful = taken.contains(['/', '\\', '\0', '\n', '\r', '\u{1b}']);
                prop_assert!(!harmful && taken.len() <= 128, "{:?}", taken);
            }
        }
    }
}
