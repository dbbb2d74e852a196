//! What the sources look like.

use std::fs;
use std::path::{Path, PathBuf};

use fanlight_tests::TestResult;

/// Lines of a file that is not a test.
const LINES_MAX: usize = 600;
/// Median of the same: most of the code is in files that fit two screens.
const MEDIAN_MAX: usize = 180;

/// Every Rust file of the project: its path from the root, and its text.
fn sources() -> TestResult<Vec<(String, String)>> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.file_type()?.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                files.push((path.to_string_lossy().into_owned(), fs::read_to_string(root.join(&path))?));
            }
        }
    }
    assert!(files.iter().any(|(path, _)| path == "dataplane/shard/src/lib.rs"), "this looks at another tree");
    Ok(files)
}

/// Tests apart, by the names that we give them.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
        || path.ends_with("/testing.rs")
}

/// The code of a line, without a comment behind it and without string literals.
fn code(line: &str) -> String {
    let without_strings: String = line.split('"').step_by(2).collect::<Vec<_>>().join("");
    without_strings.split("//").next().unwrap_or_default().to_owned()
}

fn says(line: &str, word: &str) -> bool {
    code(line)
        .split(|character: char| !character.is_alphanumeric() && character != '_')
        .any(|one| one == word)
}

/// What may break memory is in one folder and one file, where a reader finds all of it.
#[test]
fn unsafe_is_only_in_the_ring_and_in_one_file_of_srtp() -> TestResult {
    let allowed = |path: &str| path.starts_with("dataplane/ring/") || path == "dataplane/srtp/src/aead.rs";
    let sources = sources()?;
    let with_unsafe: Vec<_> =
        sources.iter().filter(|(_, text)| text.lines().any(|line| says(line, "unsafe"))).collect();
    assert!(with_unsafe.iter().any(|(path, _)| allowed(path)), "the search finds nothing at all");
    let elsewhere: Vec<_> = with_unsafe.iter().map(|(path, _)| path).filter(|path| !allowed(path)).collect();
    assert!(elsewhere.is_empty(), "unsafe in {elsewhere:?}");
    Ok(())
}

/// The god file grows where nobody counts.
#[test]
fn files_are_short() -> TestResult {
    let mut lengths: Vec<_> = sources()?
        .into_iter()
        .filter(|(path, _)| !is_test(path))
        .map(|(path, text)| (text.lines().count(), path))
        .collect();
    lengths.sort();
    let too_long: Vec<_> = lengths.iter().filter(|(lines, _)| *lines > LINES_MAX).collect();
    assert!(too_long.is_empty(), "over {LINES_MAX} lines: {too_long:?}");
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN_MAX, "the median file has {median} lines");
    Ok(())
}

/// str0m changes its traits monthly: one file of the server may feel it. The bench harness is a client, as the tests are.
#[test]
fn one_file_of_the_product_knows_str0m() -> TestResult {
    let sources = sources()?;
    let importing: Vec<_> = sources
        .iter()
        .filter(|(path, _)| !is_test(path) && !path.starts_with("bench/"))
        .filter(|(_, text)| text.lines().any(|line| says(line, "str0m")))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(importing.len(), 1, "{importing:?}");
    assert!(importing[0].starts_with("dataplane/shard/src/"), "{importing:?}");
    Ok(())
}

/// A test that is switched off says nothing, and looks like one that says something.
#[test]
fn no_test_is_ignored() -> TestResult {
    let ignored: Vec<_> = sources()?
        .into_iter()
        .filter(|(_, text)| text.lines().any(|line| code(line).trim_start().starts_with("#[ignore")))
        .map(|(path, _)| path)
        .collect();
    assert!(ignored.is_empty(), "{ignored:?}");
    Ok(())
}
