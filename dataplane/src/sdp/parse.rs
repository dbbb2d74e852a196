//! SDP text to lines and m-sections. RFC 8866 §5 and §9.
//!
//! Strict in what could hide something (control bytes, lines that are none, sizes), tolerant in what peers differ in: LF
//! for CRLF, empty lines, a last line without an end, unknown line types. Nothing is copied; the work is O(bytes).

use std::str::FromStr;

use super::error::SdpError;

/// The largest description read. A browser's offer with every codec is 6 KiB, one with 20 m-sections about 60.
pub(super) const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The longest line read. The longest known are a=ssrc lines and m= lines, below 512 bytes.
pub(super) const LINE_BYTES_MAX: usize = 8 * 1024;
/// The most m-sections read.
pub(super) const SECTIONS_MAX: usize = 64;

/// One `<letter>=<value>` line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) letter: u8,
    pub(super) value: &'a str,
}

impl<'a> Line<'a> {
    /// The attribute of an `a=` line.
    pub(super) fn attribute(self) -> Option<Attribute<'a>> {
        let (name, value) = self.value.split_once(':').unwrap_or((self.value, ""));
        (self.letter == b'a').then_some(Attribute { name, value })
    }
}

/// `a=<name>[:<value>]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    /// What follows the colon; empty for a flag.
    pub(super) value: &'a str,
}

/// One m-section: its m= line and its attributes.
#[derive(Debug)]
pub(super) struct Media<'a> {
    /// The value of the m= line.
    pub(super) line: &'a str,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// A description cut at its m= lines.
#[derive(Debug)]
pub(super) struct Description<'a> {
    pub(super) attributes: Vec<Attribute<'a>>,
    pub(super) media: Vec<Media<'a>>,
}

impl<'a> Description<'a> {
    /// Cuts a text that begins with `v=0`.
    pub(super) fn parse(text: &'a str) -> Result<Self, SdpError> {
        let mut lines = lines(text)?;
        match lines.next().transpose()? {
            Some(Line { letter: b'v', value: "0" }) => {}
            _ => return Err(SdpError::NoVersion),
        }
        let mut description = Self { attributes: Vec::new(), media: Vec::new() };
        for line in lines {
            let line = line?;
            if line.letter == b'm' {
                if description.media.len() == SECTIONS_MAX {
                    return Err(SdpError::TooManySections);
                }
                description.media.push(Media { line: line.value, attributes: Vec::new() });
            } else if let Some(attribute) = line.attribute() {
                match description.media.last_mut() {
                    Some(media) => media.attributes.push(attribute),
                    None => description.attributes.push(attribute),
                }
            }
        }
        Ok(description)
    }
}

/// The lines of a text that are not empty.
///
/// # Errors
/// The text's length at once; a line's fault when it is reached.
pub(super) fn lines(text: &str) -> Result<impl Iterator<Item = Result<Line<'_>, SdpError>>, SdpError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SdpError::TextTooLong { bytes: text.len() });
    }
    let numbered = text.split('\n').zip(1_usize..);
    Ok(numbered
        .map(|(line, number)| (line.strip_suffix('\r').unwrap_or(line), number))
        .filter(|(line, _)| !line.is_empty())
        .map(|(line, number)| parse_line(line, number)))
}

fn parse_line(text: &str, line: usize) -> Result<Line<'_>, SdpError> {
    if text.len() > LINE_BYTES_MAX {
        return Err(SdpError::LineTooLong { line });
    }
    if text.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(SdpError::ControlByte { line });
    }
    match text.split_once('=') {
        Some((letter, value))
            if letter.len() == 1 && letter.as_bytes().iter().all(u8::is_ascii_lowercase) =>
        {
            Ok(Line { letter: letter.bytes().next().unwrap_or_default(), value })
        }
        _ => Err(SdpError::MalformedLine { line }),
    }
}

/// RFC 8866 §9 `token`: what may be written into an answer as it came.
pub(super) fn is_token(text: &str) -> bool {
    const ALSO: &[u8] = b"!#$%&'*+-.^_`{|}~";
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || ALSO.contains(&byte))
}

/// A number in decimal digits and nothing else; what Rust reads beyond that (a sign) is not SDP.
pub(super) fn decimal<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
