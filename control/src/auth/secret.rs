//! A secret of the configuration: in the app's file itself, or in a file of its own, never in both.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Long enough for any key; a larger file is another one.
const FILE_BYTES_MAX: u64 = 16 * 1024;

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
/// What to mend: none, two, unreadable, or shorter than `bytes_min`, so that it could be guessed.
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
    Ok(text.into_bytes())
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
        ] {
            let told = of(secret, file).unwrap_err();
            assert!(told.contains(words) && !told.contains("0123456789"), "{told}");
        }
        fs::remove_dir_all(&folder).unwrap();
        assert!(!format!("{:?}", SecretText("hush".to_owned())).contains("hush"));
    }
}
