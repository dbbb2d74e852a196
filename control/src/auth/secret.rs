//! A secret of the configuration: in the app's file itself, or in a file of its own, never in both.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Long enough for any key; a larger file is another one.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// Words of the secrets in tutorials, and of what is left to be changed.
const PLACEHOLDERS: [&str; 27] = [
    "supersecret",
    "secret",
    "changeme",
    "change",
    "password",
    "passphrase",
    "default",
    "example",
    "placeholder",
    "fanlight",
    "red5",
    "token",
    "test",
    "admin",
    "string",
    "least",
    "valid",
    "long",
    "bits",
    "bit",
    "bytes",
    "key",
    "jwt",
    "your",
    "this",
    "that",
    "please",
];

/// Passwords are shorter, and to write one three times makes none longer.
const REPEATED_BYTES_MAX: usize = 12;

/// Random text of 16 digits has fewer once in 10,000 times, if they are hexadecimal; others nearly never.
const DIFFERENT_MIN: usize = 6;

/// A text that is not shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { "(secret)" })
    }
}

/// The path of `secret_file`, if it is set; a relative one is taken from the app's file.
pub(super) fn path(secret_file: &Path, folder: &Path) -> Option<PathBuf> {
    (!secret_file.as_os_str().is_empty()).then(|| folder.join(secret_file))
}

/// The secret's bytes. Of a file the white space at its end is left out, which editors add.
///
/// # Errors
/// What to mend: none, two, unreadable, shorter than `bytes_min`, or a known word, so that it could be guessed.
pub(super) fn read(
    secret: &SecretText,
    secret_file: &Path,
    folder: &Path,
    bytes_min: usize,
) -> Result<Vec<u8>, String> {
    let text = match (secret.0.as_str(), path(secret_file, folder)) {
        ("", None) => return Err("it has no secret; set secret, or secret_file".to_owned()),
        ("", Some(file)) => read_file(&file)?,
        (text, None) => text.to_owned(),
        (_, Some(_)) => return Err("secret and secret_file are both set; leave one out".to_owned()),
    };
    if text.len() < bytes_min {
        return Err(format!(
            "its secret is shorter than {bytes_min} bytes; `openssl rand -hex 32` makes a good one"
        ));
    }
    if is_placeholder(&text) {
        return Err(
            "its secret is a word that anybody would try, or one repeated; `openssl rand -hex 32` makes a good one".to_owned()
        );
    }
    Ok(text.into_bytes())
}

/// Whether it is a short text repeated, little is left without the words that stand in examples, or there are few characters in
/// it at all.
fn is_placeholder(text: &str) -> bool {
    let bytes = text.as_bytes();
    let repeats = |period: usize| bytes.iter().eq(bytes.iter().take(period).cycle().take(bytes.len()));
    if (1..=REPEATED_BYTES_MAX).any(repeats) {
        return true;
    }
    let letters: String = text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
    let left = PLACEHOLDERS.iter().fold(letters, |left, word| left.replace(word, ""));
    let mut different: Vec<char> = left.chars().collect();
    different.sort_unstable();
    different.dedup();
    different.len() < DIFFERENT_MIN
}

fn read_file(file: &Path) -> Result<String, String> {
    let fault = |why: String| format!("secret_file {file:?} cannot be read: {why}");
    let bytes = fs::metadata(file).map_err(|error| fault(error.to_string()))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(fault(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(file).map_err(|error| fault(error.to_string()))?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that starts without the secret that was meant is open to everybody.
    #[test]
    fn a_secret_that_is_missing_short_or_said_twice_is_none() {
        let folder = std::env::temp_dir().join(format!("fanlight-secret-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("good"), "0123456789abcdef\n").unwrap();
        fs::write(folder.join("blank"), "                      \n").unwrap();
        fs::write(folder.join("long"), "x".repeat(20_000)).unwrap();
        let of =
            |secret: &str, file: &str| read(&SecretText(secret.to_owned()), Path::new(file), &folder, 16);
        assert_eq!(of("0123456789abcdef", ""), Ok(b"0123456789abcdef".to_vec()));
        assert_eq!(of("", "good"), Ok(b"0123456789abcdef".to_vec()));
        for (secret, file, words) in [
            ("", "", "no secret"),
            ("0123456789abcdef", "good", "both set"),
            ("0123456789abcde", "", "shorter than 16"),
            ("", "blank", "shorter than 16"),
            ("", "missing", "cannot be read"),
            ("", "long", "larger than"),
            ("secretsecretsecretsecretsecretsecret", "", "anybody would try"),
            ("changemechangemechangemechangeme", "", "anybody would try"),
            ("Change-Me!_Change-Me!_Change-Me!", "", "anybody would try"),
            ("a-string-secret-at-least-256-bits-long", "", "anybody would try"),
            ("your-256-bit-secret-your-256-bit-secret", "", "anybody would try"),
            ("00000000000000000000000000000000", "", "anybody would try"),
            ("hunter2!hunter2!hunter2!hunter2!", "", "anybody would try"),
            ("abababababababababababababababab", "", "anybody would try"),
        ] {
            let told = of(secret, file).unwrap_err();
            assert!(told.contains(words) && !told.contains("0123456789"), "{told}");
        }
        fs::remove_dir_all(&folder).unwrap();
        assert!(!format!("{:?}", SecretText("hush".to_owned())).contains("hush"));
    }
}
