//! Crate edges: the shape of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use fanlight_tests::{Failure, TestResult};
use serde_json::Value;

/// Crates of ours by name, each with the crates of ours that it uses outside its tests.
fn edges() -> TestResult<BTreeMap<String, BTreeSet<String>>> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let packages = metadata["packages"].as_array().ok_or_else(|| Failure::new("no packages"))?;
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let ours: BTreeSet<_> = packages.iter().map(name).collect();
    let uses = |package: &Value| {
        let all = package["dependencies"].as_array().into_iter().flatten();
        // Tests may look at anything: `kind` is null for what the product itself uses.
        all.filter(|one| one["kind"].is_null()).map(name).filter(|one| ours.contains(one)).collect()
    };
    Ok(packages.iter().map(|package| (name(package), uses(package))).collect())
}

/// Packet logic must not know of sockets, media not of HTTP, and the library not of the dataplane: a program that embeds
/// one must not get the others.
#[test]
fn crates_use_only_what_the_architecture_allows() -> TestResult {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("fanlight-wire", [].as_slice()),
        ("fanlight-srtp", &[]),
        ("fanlight-ring", &[]),
        ("fanlight-protocol", &[]),
        ("fanlight-gateway", &[]),
        ("fanlight-shard", &["fanlight-wire", "fanlight-srtp"]),
        (
            "fanlight-dataplane",
            &[
                "fanlight-gateway",
                "fanlight-protocol",
                "fanlight-ring",
                "fanlight-shard",
                "fanlight-srtp",
                "fanlight-wire",
            ],
        ),
        ("fanlight", &["fanlight-protocol", "fanlight-dataplane"]),
    ]);
    let edges = edges()?;
    assert!(edges.contains_key("fanlight-shard"), "this looks at another workspace: {edges:?}");
    for (name, uses) in edges {
        // Programs that measure or test the product may use all of it.
        if matches!(name.as_str(), "fanlight-tests" | "fanlight-bench" | "fanlight-fuzz") {
            continue;
        }
        let allowed = allowed.get(name.as_str()).ok_or_else(|| Failure::new(format!("{name} has no law")))?;
        let beyond: Vec<_> = uses.iter().filter(|one| !allowed.contains(&one.as_str())).collect();
        assert!(beyond.is_empty(), "{name} uses {beyond:?}");
    }
    Ok(())
}

/// An embedding program leaves the dataplane out by a feature, so nothing but that feature may bring it in.
#[test]
fn the_library_is_free_of_the_dataplane() -> TestResult {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", "fanlight", "--no-default-features", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let tree = String::from_utf8_lossy(&tree.stdout);
    assert!(tree.contains("fanlight-protocol"), "{tree}");
    for forbidden in ["fanlight-dataplane", "fanlight-shard", "fanlight-ring", "str0m"] {
        assert!(!tree.contains(forbidden), "{forbidden} is in\n{tree}");
    }
    Ok(())
}
