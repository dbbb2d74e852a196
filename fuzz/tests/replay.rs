//! Every seed and every regression through its target, and the folders and binaries against the list of targets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use fanlight_fuzz::TARGETS;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The names in a folder, in order; none if there is no such folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn target_names() -> BTreeSet<String> {
    TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect()
}

/// What a fuzzer found once must not come back, and a seed that a target cannot bear is no seed.
#[test]
fn every_seed_and_regression_holds() {
    let mut broken = Vec::new();
    for (name, target) in TARGETS {
        for kind in ["seeds", "regressions"] {
            let folder = folder(kind).join(name);
            for input in names(&folder) {
                let bytes = fs::read(folder.join(&input)).unwrap();
                if catch_unwind(|| target(&bytes)).is_err() {
                    broken.push(format!("{kind}/{name}/{input}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "the panics above come from {broken:?}");
}

/// Without a seed a fuzzer begins with noise and may never pass the first check.
#[test]
fn every_target_has_a_seed() {
    let bare: Vec<_> = TARGETS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| names(&folder("seeds").join(name)).is_empty())
        .collect();
    assert!(bare.is_empty(), "no seed for {bare:?}");
}

/// A folder under a name that no target has is never run, nor is a target without a binary.
#[test]
fn folders_and_binaries_are_those_of_the_targets() {
    assert_eq!(names(&folder("seeds")), target_names());
    assert!(names(&folder("regressions")).is_subset(&target_names()));
    let binaries = names(&folder("fuzz_targets"));
    let expected: BTreeSet<String> = target_names().iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(binaries, expected);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in target_names() {
        let section = format!(
            "[[bin]]\nname = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\nrequired-features = [\"libfuzzer\"]\n"
        );
        assert!(manifest.contains(&section), "Cargo.toml has no\n{section}");
    }
}
