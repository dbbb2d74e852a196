//! One line of such a file: who, what he may, and how he proves it.

use std::fmt;
use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Pattern, Secret};

const NAME_BYTES_MAX: usize = 64;
const PATTERNS_MAX: usize = 64;

/// A user or a stream key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub rights: Rights,
    /// Which streams; empty = all of the app.
    pub streams: Vec<Pattern>,
    /// Most media bits a second, to or from each session. None: as many as come.
    pub bitrate_bps_max: Option<u64>,
    /// Good for nothing from then on, and its sessions end. None: it has no end.
    pub until: Option<SystemTime>,
    pub secret: Secret,
}

/// What one may do; at least one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    Publish,
    Play,
    Both,
}

impl Rights {
    /// # Errors
    /// What there is to choose from.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "publish" => Ok(Self::Publish),
            "play" => Ok(Self::Play),
            "publish,play" | "play,publish" => Ok(Self::Both),
            _ => Err("publish, play, or publish,play"),
        }
    }

    #[must_use]
    pub const fn publish(self) -> bool {
        matches!(self, Self::Publish | Self::Both)
    }

    #[must_use]
    pub const fn play(self) -> bool {
        matches!(self, Self::Play | Self::Both)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Publish => "publish",
            Self::Play => "play",
            Self::Both => "publish,play",
        })
    }
}

impl Entry {
    /// Reads a line that is neither blank nor a comment.
    pub(super) fn parse(line: &str) -> Result<Self, String> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, rights, options @ .., secret] = &fields[..] else {
            return Err("a line is a name, what it may, perhaps options, and a hash: \
                        `fanlight user add` and `fanlight user key add` write them"
                .to_owned());
        };
        // Whatever is in the wrong place may be a secret, so it is not repeated.
        let rights =
            Rights::parse(rights).map_err(|all| format!("after the name comes what it may: {all}"))?;
        let secret = Secret::parse(secret)?;
        let mut entry = Self {
            name: name_of(name)?,
            rights,
            streams: Vec::new(),
            bitrate_bps_max: None,
            until: None,
            secret,
        };
        let mut seen = Vec::new();
        for option in options {
            let unknown = "between what it may and the hash come only streams=, bitrate_bps_max= and until=";
            let (key, value) = option.split_once('=').ok_or(unknown)?;
            match key {
                "streams" => entry.streams = streams_of(value)?,
                "bitrate_bps_max" => entry.bitrate_bps_max = Some(bitrate_of(value)?),
                "until" => entry.until = Some(date_of(value)?),
                _ => return Err(unknown.to_owned()),
            }
            if seen.contains(&key) {
                return Err(format!("{key}= stands there twice"));
            }
            seen.push(key);
        }
        Ok(entry)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.without_secret(), self.secret)
    }
}

/// An entry to be shown.
struct WithoutSecret<'a>(&'a Entry);

impl fmt::Display for WithoutSecret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(entry) = self;
        write!(f, "{:<11} {:<12}", entry.name, entry.rights)?;
        if !entry.streams.is_empty() {
            let streams: Vec<String> = entry.streams.iter().map(Pattern::to_string).collect();
            write!(f, " streams={}", streams.join(","))?;
        }
        if let Some(bitrate) = entry.bitrate_bps_max {
            write!(f, " bitrate_bps_max={bitrate}")?;
        }
        if let Some(until) = entry.until {
            // A year beyond 9999 has no such form, and none can be read.
            write!(f, " until={}", OffsetDateTime::from(until).format(&Rfc3339).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// A name as it may stand in a file, in HTTP's Basic (RFC 7617 §2: no colon) and in a log.
///
/// # Errors
/// What a name is.
pub(super) fn name_of(text: &str) -> Result<String, String> {
    let sound = |c: char| c.is_alphanumeric() || "-_.@+".contains(c);
    if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(sound) {
        return Err(format!("a name is of letters, digits and -_.@+, at most {NAME_BYTES_MAX} bytes"));
    }
    Ok(text.to_owned())
}

fn streams_of(text: &str) -> Result<Vec<Pattern>, String> {
    let pattern =
        |text: &str| Pattern::parse(text).map_err(|why| format!("streams= has a pattern that {why}"));
    let patterns: Vec<Pattern> = text.split(',').map(pattern).collect::<Result<_, _>>()?;
    if patterns.len() > PATTERNS_MAX {
        return Err(format!("streams= has more than {PATTERNS_MAX} patterns"));
    }
    Ok(patterns)
}

fn bitrate_of(text: &str) -> Result<u64, String> {
    let bitrate = text.parse().ok().filter(|bitrate| *bitrate > 0);
    bitrate.ok_or_else(|| "bitrate_bps_max= takes bits a second, such as 3000000".to_owned())
}

fn date_of(text: &str) -> Result<SystemTime, String> {
    let date = OffsetDateTime::parse(text, &Rfc3339);
    date.map(SystemTime::from)
        .map_err(|_| "until= takes a date of RFC 3339, such as 2027-01-31T18:00:00Z".to_owned())
}

impl Entry {
    /// Makes one out of what a command line has.
    ///
    /// # Errors
    /// What is wrong with one of the texts.
    pub fn new(name: &str, rights: Rights, secret: Secret) -> Result<Self, String> {
        let name = name_of(name)?;
        Ok(Self { name, rights, streams: Vec::new(), bitrate_bps_max: None, until: None, secret })
    }

    /// The line without what proves it.
    pub fn without_secret(&self) -> impl fmt::Display {
        WithoutSecret(self)
    }

    /// # Errors
    /// The text is no list of patterns.
    pub fn limit_streams(&mut self, text: &str) -> Result<(), String> {
        self.streams = streams_of(text)?;
        Ok(())
    }

    /// # Errors
    /// The text is no date of RFC 3339.
    pub fn limit_time(&mut self, text: &str) -> Result<(), String> {
        self.until = Some(date_of(text)?);
        Ok(())
    }
}
