//! A fuzzer of HTTP APIs that reads their OpenAPI description: schemathesis, in the Python environment that `tests/run` makes.

use std::fs::{self, File};
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{ServerError, target_folder};
use crate::temporary::TemporaryFolder;

const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The fuzzer is not there, or it found something.
#[derive(Debug, thiserror::Error)]
pub enum FuzzerError {
    #[error(
        "schemathesis is missing: run tests/run once; it makes an environment for it in target/schemathesis"
    )]
    Missing,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Target(#[from] ServerError),
    #[error("it ended with {status}:\n{said}")]
    Found { status: ExitStatus, said: String },
    #[error("it still runs after {after:?}; it said:\n{said}")]
    TimedOut { after: Duration, said: String },
}

/// Runs all of its checks on the description at `url`, with an access token; the same requests each time.
///
/// Returns what it said.
///
/// # Errors
/// [`FuzzerError::Found`]: a server error, or an answer that the description does not know.
pub fn run(url: &str, token: &str, timeout: Duration) -> Result<String, FuzzerError> {
    let program = target_folder()?.join("schemathesis/bin/schemathesis");
    if !program.exists() {
        return Err(FuzzerError::Missing);
    }
    let folder = TemporaryFolder::new("fuzzer")?;
    let report = folder.path().join("said");
    let mut process = Command::new(program)
        .args(["run", url, "--header", &format!("Authorization: Bearer {token}"), "--no-color"])
        .args([
            "--generation-deterministic",
            "--max-examples",
            "15",
            "--workers",
            "1",
            "--request-timeout",
            "10",
        ])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(File::create(&report)?)
        .stderr(Stdio::null())
        .spawn()?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if begun.elapsed() >= timeout {
            process.kill()?;
            process.wait()?;
            return Err(FuzzerError::TimedOut { after: timeout, said: fs::read_to_string(&report)? });
        }
        thread::sleep(LOOK_INTERVAL);
    };
    let said = fs::read_to_string(&report)?;
    if status.success() { Ok(said) } else { Err(FuzzerError::Found { status, said }) }
}
