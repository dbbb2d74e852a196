//! The administration API against its own description, by a fuzzer of another make.

use std::time::Duration;

use fanlight_tests::client::{PublisherOptions, ViewerOptions};
use fanlight_tests::server::Settings;
use fanlight_tests::{TestResult, fuzzer};

use crate::scene::Scene;

const TOKEN: &str = "flt_0123456789abcdef0123456789abcdef";

const API: &str = r#"
[api]
port = 0
on_public = true
[[api.tokens]]
name = "fuzzer"
# sha256 of flt_0123456789abcdef0123456789abcdef
sha256 = "8f005480bdc9145c04cc1ebe5dd198e058c3351a7f0752daf253dd658caae363"
scopes = ["read", "control", "admin"]
[auth]
refusals_per_minute_max = 1000000
"#;

/// Some twenty seconds on an idle machine.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Whatever is asked, in or out of what the description allows: no server error, no answer that it does not know, nothing taken that
/// it forbids, nothing refused that it allows, and no way around the token.
#[test]
fn a_fuzzer_of_the_description_finds_nothing_that_it_does_not_say() -> TestResult {
    let mut scene = Scene::start(&Settings { more: API, ..Settings::default() })?;
    scene.publish("camera", PublisherOptions::default())?;
    scene.watch("camera", ViewerOptions::default())?;
    let said = fuzzer::run(&format!("{}/api/openapi.json", scene.server.url()), TOKEN, TIMEOUT)?;
    assert!(said.contains("passed") && !said.contains("failed"), "{said}");
    let log = scene.server.log();
    assert!(!log.contains("panicked"), "{log}");
    // It has drained, kicked and shut out as it liked; the server is the same for all that.
    let streams = scene.server.streams()?;
    assert!(streams.len() <= 1, "{}", streams.len());
    Ok(())
}
