//! Where the server's binary is.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::ServerError;

/// Names a binary to use instead of the one of this build.
const VARIABLE: &str = "FANLIGHT_BIN";

/// The binary of `FANLIGHT_BIN`, else that of the build this test belongs to, brought up to date once.
pub(super) fn find() -> Result<PathBuf, ServerError> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    FOUND.get_or_init(given_or_built).clone().map_err(ServerError::NoBinary)
}

/// The folder that Cargo builds this test in.
///
/// # Errors
/// The test runs from somewhere else.
pub fn target_folder() -> Result<PathBuf, ServerError> {
    profile_folder().and_then(|profile| Some(profile.parent()?.to_owned())).ok_or_else(|| {
        ServerError::NoBinary(
            "this program is not in <target>/<profile>/deps, where Cargo puts tests".to_owned(),
        )
    })
}

/// `<target>/debug` of `<target>/debug/deps/end_to_end-0123`.
fn profile_folder() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.parent()?.to_owned())
}

fn given_or_built() -> Result<PathBuf, String> {
    if let Some(given) = env::var_os(VARIABLE) {
        let path = PathBuf::from(given);
        return path.is_file().then_some(path).ok_or_else(|| format!("{VARIABLE} names no file"));
    }
    let profile = profile_folder().ok_or("this program is not where Cargo puts tests")?;
    let folder = |name| profile.file_name().is_some_and(|last| last == name);
    // A test that runs against the server of yesterday proves nothing, so the build is asked for, not looked for.
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "fanlight", "--bin", "fanlight", "--target-dir"]);
    build.arg(profile.parent().ok_or("the target folder has no parent")?);
    if !folder("debug") {
        build.args(["--profile", profile.file_name().and_then(|name| name.to_str()).unwrap_or_default()]);
    }
    let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(profile.join("fanlight")),
        Ok(status) => Err(format!("cargo build --package fanlight: {status}")),
        Err(error) => Err(format!("cargo build --package fanlight: {error}")),
    }
}
