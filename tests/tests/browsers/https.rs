//! The pages over HTTPS with the development certificate, by a name that is not `localhost`: where a browser gives a camera for
//! no other reason than TLS.

use std::io::Write;
use std::process::{Command, Stdio};

use fanlight_tests::browser::{Browser, Make};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult};

use crate::pages::{SOON, wait_for_picture};

const NAME: &str = "studio.example";

/// From a certificate, PEM, to the SHA-256 of its public key in Base64, by which Chromium is told to accept it.
const KEY_HASH: &str = "openssl x509 -pubkey -noout | openssl pkey -pubin -outform der \
     | openssl dgst -sha256 -binary | openssl base64";

fn key_hash(certificate: &str) -> TestResult<String> {
    let mut shell =
        Command::new("sh").args(["-c", KEY_HASH]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut input) = shell.stdin.take() {
        input.write_all(certificate.as_bytes())?;
    }
    let hash = String::from_utf8_lossy(&shell.wait_with_output()?.stdout).trim().to_owned();
    if hash.len() == 44 { Ok(hash) } else { Err(Failure::new(format!("openssl made {hash:?}"))) }
}

/// What somebody does in the first minute: accepts the certificate, publishes the camera of one page, and watches on another.
#[test]
fn a_camera_is_published_and_watched_over_https() -> TestResult {
    let server = Server::start(&Settings { https: true, ..Settings::default() })?;
    let accepted = format!("--ignore-certificate-errors-spki-list={}", key_hash(&server.certificate()?)?);
    let resolved = format!("--host-resolver-rules=MAP {NAME} {}", server.address().ip());
    let browser = Browser::start_with(Make::Chromium, &[&accepted, &resolved])?;

    let plain = browser.open(&format!("http://{NAME}:{}/publish", server.address().port()))?;
    assert_eq!(plain.evaluate("isSecureContext")?, false, "by plain HTTP there would be no camera");

    let url = format!("https://{NAME}:{}", server.https_address().port());
    let publisher = browser.open(&format!(
        "{url}/publish?app=live&stream=stage&source=camera&codec=VP8&width=640&height=360&fps=15&bitrate=1000000&autostart=1"
    ))?;
    assert_eq!(publisher.evaluate("isSecureContext")?, true);
    publisher.wait_for("window.fanlight?.state === 'live'", SOON)?;
    let viewer = browser.open(&format!("{url}/watch?app=live&stream=stage&muted=1"))?;
    wait_for_picture(&viewer)?;
    for (page, name) in [(&publisher, "publish-https"), (&viewer, "watch-https")] {
        let protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol";
        assert_eq!(page.evaluate(protocol)?, "h2");
        page.screenshot(name)?;
    }
    // Events come by HTTP/2 too: the end of the stream is told by them.
    publisher.evaluate("document.getElementById('go').click()")?;
    viewer.wait_for("window.fanlight.state !== 'live'", SOON)?;
    assert_eq!(server.streams()?, []);
    Ok(())
}
