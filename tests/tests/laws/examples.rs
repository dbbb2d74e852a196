//! docs/api-examples.md is made, not written: what it shows is what the tests run.

use std::{env, fs};

use fanlight_tests::{TestResult, snippets};

/// `FANLIGHT_RENEW=1 cargo test -p fanlight-tests --test laws examples` writes it anew.
#[test]
fn the_examples_of_the_api_are_those_that_are_tested() -> TestResult {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api-examples.md");
    let made = snippets::document();
    if env::var_os("FANLIGHT_RENEW").is_some() {
        fs::write(path, &made)?;
    }
    assert!(
        fs::read_to_string(path)? == made,
        "docs/api-examples.md is old; FANLIGHT_RENEW=1 writes it anew"
    );
    Ok(())
}
