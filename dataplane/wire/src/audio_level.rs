//! The client-to-mixer audio level header extension. RFC 6464 §3.

/// How loud the audio of one packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AudioLevel {
    /// The sender believes that this is speech.
    pub voice: bool,
    /// −dBov: 0 is the loudest, 127 silence.
    pub level: u8,
}

impl AudioLevel {
    /// Reads the extension's data, which is one byte; `None` at any other length.
    #[must_use]
    pub const fn parse(data: &[u8]) -> Option<Self> {
        match *data {
            [byte] => Some(Self { voice: byte & 0x80 != 0, level: byte & 0x7f }),
            _ => None,
        }
    }

    /// The extension's data. A level above 127 is written as 127, silence.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        let level = if self.level < 0x7f { self.level } else { 0x7f };
        if self.voice { 0x80 | level } else { level }
    }
}
