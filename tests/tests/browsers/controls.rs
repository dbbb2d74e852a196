//! What pages are told of their sessions.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use fanlight_tests::browser::{Browser, Make};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult};

use crate::pages::{PICTURE, SOON};

/// Where nothing gets through, the page must say what the server saw, not that something went wrong.
#[test]
fn a_page_that_cannot_connect_says_why() -> TestResult {
    // Nobody listens there, on a machine of ours.
    let nowhere = Ipv4Addr::new(127, 0, 0, 99);
    let nowhere = Settings { public_address: Some(nowhere.into()), ..Settings::default() };
    let server = Server::start(&nowhere)?;
    let browser = Browser::start(Make::Chromium)?;
    let (width, height) = PICTURE;
    let page = browser.open(&format!(
        "{}/publish?app=live&stream=stage&source=pattern&width={width}&height={height}&autostart=1",
        server.url()
    ))?;
    page.wait_for("window.fanlight?.lastError?.code === 'no-path'", SOON)?;
    let error = page.evaluate("window.fanlight.lastError")?;
    assert_eq!(error["reason"], "no_check_came", "{error}");
    let message = error["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.contains("udp 127.0.0.99:") && message.contains("media.public_addresses"), "{message}");
    let shown = page.evaluate("document.getElementById('notice').textContent")?;
    assert_eq!(shown, format!("No way through. {message}"));
    page.screenshot("publish-no-path")?;
    // The client gives up, and the operator finds the same in one line.
    let line = wait_for_line(&server, "session failed")?;
    assert!(line.contains("no_check_came") && line.contains("127.0.0.99"), "{line}");
    Ok(())
}

/// The first line of the server's log that contains the text.
fn wait_for_line(server: &Server, text: &str) -> TestResult<String> {
    for _ in 0..200 {
        if let Some(line) = server.log().lines().find(|line| line.contains(text)) {
            return Ok(line.to_owned());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(Failure::new(format!("no line with {text:?} in the log")))
}
