//! A report from its file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{FORMAT, Report};

/// A file is no report that this program reads.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{}: {cause}", file.display())]
    File { file: PathBuf, cause: io::Error },
    #[error(
        "{} is not a report: what is expected is the JSON that `fanlight-bench load --json` writes ({cause})",
        file.display()
    )]
    NotAReport { file: PathBuf, cause: serde_json::Error },
    #[error(
        "{} is a report of format {found}, and this fanlight-bench ({version}) reads format {FORMAT}: measure \
         again, or read it with the version that wrote it{}",
        file.display(),
        wrote(writer.as_deref()),
        version = env!("CARGO_PKG_VERSION")
    )]
    OtherFormat { file: PathBuf, found: u32, writer: Option<String> },
}

/// What every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
    version: Option<String>,
}

impl Report {
    /// Reads what `load --json` wrote.
    ///
    /// # Errors
    /// [`ReadError`]: it says what was expected.
    pub fn read(file: &Path) -> Result<Self, ReadError> {
        let text = fs::read(file).map_err(|cause| ReadError::File { file: file.to_owned(), cause })?;
        let no_report = |cause| ReadError::NotAReport { file: file.to_owned(), cause };
        let head: Head = serde_json::from_slice(&text).map_err(no_report)?;
        if head.format != FORMAT {
            let (file, found, writer) = (file.to_owned(), head.format, head.version);
            return Err(ReadError::OtherFormat { file, found, writer });
        }
        serde_json::from_slice(&text).map_err(no_report)
    }
}

fn wrote(version: Option<&str>) -> String {
    version.map_or(String::new(), |version| format!(", {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    fn read(name: &str, text: &str) -> Result<Report, ReadError> {
        let file = std::env::temp_dir().join(format!("fanlight-report-{}-{name}.json", std::process::id()));
        fs::write(&file, text).unwrap();
        let report = Report::read(&file);
        fs::remove_file(file).unwrap();
        report
    }

    /// What `compare` sees is what `load` found: with what is not known and with all that is.
    #[test]
    fn a_report_read_back_equals_itself() {
        for (name, report) in [("whole", example::report()), ("bare", example::bare())] {
            let written = serde_json::to_string_pretty(&report).unwrap();
            let back = read(name, &written).unwrap();
            assert_eq!(serde_json::to_string_pretty(&back).unwrap(), written);
        }
    }

    /// Figures of another meaning must not be compared, and whoever has such a file must know why.
    #[test]
    fn another_format_is_refused_by_both_numbers() {
        let mut report = example::report();
        report.format = FORMAT + 1;
        let text = serde_json::to_string(&report).unwrap();
        let said = read("newer", &text).unwrap_err().to_string();
        assert!(said.contains(&format!("format {}", FORMAT + 1)), "{said}");
        assert!(said.contains(&format!("reads format {FORMAT}")), "{said}");
        // Of another format nothing is known but its number.
        let said = read("old", "{\"format\": 1, \"plan\": 7}").unwrap_err().to_string();
        assert!(said.contains("of format 1,"), "{said}");
    }

    /// A wrong file is the commonest mistake.
    #[test]
    fn what_is_no_report_is_told_what_was_expected() {
        for text in ["", "webinar", "[]", "{}", "{\"format\": 2}", "{\"format\": \"2\"}", "\u{0}"] {
            let said = read("garbage", text).unwrap_err().to_string();
            assert!(said.contains("load --json"), "{text:?}: {said}");
        }
        let missing = Report::read(Path::new("/nowhere/report.json")).unwrap_err();
        assert!(matches!(missing, ReadError::File { .. }), "{missing}");
    }
}
