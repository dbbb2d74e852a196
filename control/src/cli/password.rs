//! A password from whoever sits at the terminal, unseen, or from a program by standard input; never an argument, which every user
//! of the machine can read.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// As short as NIST allows (SP 800-63B §5.1.1.2).
const CHARACTERS_MIN: usize = 8;
const BYTES_MAX: usize = 1024;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordFault {
    #[error("standard input is no terminal; give the password with --password-stdin")]
    NoTerminal,
    #[error("the two differ; nothing was changed")]
    Differ,
    #[error("given up; nothing was changed")]
    GivenUp,
    #[error("a password has at least {CHARACTERS_MIN} characters")]
    Short,
    #[error("a password has at most {BYTES_MAX} bytes")]
    Long,
    #[error("a password is text without control characters")]
    NotText,
    #[error("the password cannot be read: {0}")]
    Input(#[from] io::Error),
}

/// One line of standard input.
pub(super) fn from_stdin() -> Result<String, PasswordFault> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(BYTES_MAX as u64 + 3).read_to_end(&mut bytes)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    checked(line.strip_suffix(b"\r").unwrap_or(line))
}

/// Asks twice.
pub(super) fn ask(name: &str) -> Result<String, PasswordFault> {
    if !io::stdin().is_terminal() {
        return Err(PasswordFault::NoTerminal);
    }
    let password = checked(&unseen(&format!("Password of {name}: "))?)?;
    let again = unseen("Once more: ")?;
    if again == password.as_bytes() { Ok(password) } else { Err(PasswordFault::Differ) }
}

fn checked(bytes: &[u8]) -> Result<String, PasswordFault> {
    let text = str::from_utf8(bytes).map_err(|_| PasswordFault::NotText)?;
    if text.chars().any(char::is_control) {
        Err(PasswordFault::NotText)
    } else if text.trim().chars().count() < CHARACTERS_MIN {
        Err(PasswordFault::Short)
    } else if text.len() > BYTES_MAX {
        Err(PasswordFault::Long)
    } else {
        Ok(text.to_owned())
    }
}

/// A line from the terminal, which does not show it.
fn unseen(prompt: &str) -> Result<Vec<u8>, PasswordFault> {
    let _quiet = Quiet::begin()?;
    write!(io::stderr(), "{prompt}")?;
    let line = line(&mut io::stdin().lock());
    writeln!(io::stderr())?;
    line
}

/// Byte by byte: the terminal edits no lines now.
fn line(input: &mut impl BufRead) -> Result<Vec<u8>, PasswordFault> {
    let mut line: Vec<u8> = Vec::new();
    for byte in input.bytes() {
        match byte? {
            b'\r' | b'\n' => return Ok(line),
            // Control and C, D or Z: the signals are off, or the terminal would stay as it is now.
            0x03 | 0x04 | 0x1a => return Err(PasswordFault::GivenUp),
            // Control and U: begin again.
            0x15 => line.clear(),
            // Backspace, one character of UTF-8.
            0x08 | 0x7f => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            byte if line.len() <= BYTES_MAX => line.push(byte),
            _ => return Err(PasswordFault::Long),
        }
    }
    Err(PasswordFault::GivenUp)
}

/// A terminal that shows nothing, for as long as this lives.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> Result<Self, PasswordFault> {
        let before = tcgetattr(io::stdin()).map_err(io::Error::from)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).map_err(io::Error::from)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // The terminal is gone: there is nobody to show anything.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody sees what he types, so the usual keys must do what they do elsewhere.
    #[test]
    fn a_line_is_edited_as_elsewhere() {
        for (typed, expected) in [
            (&b"secret\n"[..], &b"secret"[..]),
            (b"secret\rmore\n", b"secret"),
            (b"sex\x7fcret\n", b"secret"),
            ("sä\u{7f}ecret\n".as_bytes(), b"secret"),
            (b"wrong\x15secret\n", b"secret"),
            (b"\x7f\x08\n", b""),
        ] {
            assert_eq!(line(&mut &*typed).unwrap(), expected, "{typed:?}");
        }
        for given_up in [&b"sec\x03"[..], b"sec\x04", b"sec", b""] {
            assert!(matches!(line(&mut &*given_up), Err(PasswordFault::GivenUp)), "{given_up:?}");
        }
        assert!(matches!(line(&mut &vec![b'x'; 5_000][..]), Err(PasswordFault::Long)));
    }

    /// What could not be sent again, or guessed at once, is no password.
    #[test]
    fn a_password_is_text_of_some_length() {
        assert_eq!(checked("pässword 1".as_bytes()).unwrap(), "pässword 1");
        assert!(matches!(checked(b"1234567"), Err(PasswordFault::Short)));
        assert!(matches!(checked(b"          "), Err(PasswordFault::Short)));
        assert!(matches!(checked(b"12345678\0"), Err(PasswordFault::NotText)));
        assert!(matches!(checked(b"\xff2345678"), Err(PasswordFault::NotText)));
        assert!(matches!(checked(&[b'x'; 1025]), Err(PasswordFault::Long)));
    }
}
