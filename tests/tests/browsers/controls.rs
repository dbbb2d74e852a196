//! What a viewer steers and what it is told, as its page shows it.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult};

use crate::pages::{PICTURE, SOON, number, publish, wait_for_picture, watch};

/// What a browser has received of one kind: a counter of its statistics.
fn received(page: &Page, kind: &str, counter: &str) -> TestResult<f64> {
    number(
        page,
        &format!(
            "window.fanlight.viewer.connection.getStats().then((report) => [...report.values()]\
             .find((one) => one.type === 'inbound-rtp' && one.kind === '{kind}').{counter})"
        ),
    )
}

/// Waits until the counter stands for a second.
fn wait_for_standstill(page: &Page, kind: &str, counter: &str) -> TestResult<f64> {
    let mut before = received(page, kind, counter)?;
    for _ in 0..30 {
        thread::sleep(Duration::from_secs(1));
        let now = received(page, kind, counter)?;
        if now.to_bits() == before.to_bits() {
            return Ok(now);
        }
        before = now;
    }
    Err(Failure::new(format!("{kind} {counter} does not stand still")))
}

/// Waits until the counter is beyond `value`.
fn wait_beyond(page: &Page, kind: &str, counter: &str, value: f64) -> TestResult {
    for _ in 0..600 {
        if received(page, kind, counter)? > value {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(Failure::new(format!("{kind} {counter} stays at {value}")))
}

/// A phone in a pocket pays for no picture and hears on; a look at it brings the picture back. All of it in one session.
#[test]
fn a_paused_picture_costs_nothing_and_comes_back() -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(Make::Chromium)?;
    let _publisher = publish(&browser, &server, "stage", "VP8", PICTURE)?;
    let viewer = watch(&browser, &server, "stage")?;
    wait_for_picture(&viewer)?;
    let session = viewer.evaluate("window.fanlight.viewer.resourceUrl")?;
    let description = viewer.evaluate("window.fanlight.viewer.connection.remoteDescription.sdp")?;

    viewer.evaluate("document.getElementById('pause-video').click()")?;
    viewer.wait_for("window.fanlight.viewer.paused.video", SOON)?;
    wait_for_standstill(&viewer, "video", "framesDecoded")?;
    let bytes = wait_for_standstill(&viewer, "video", "bytesReceived")?;
    let heard = received(&viewer, "audio", "packetsReceived")?;
    wait_beyond(&viewer, "audio", "packetsReceived", heard + 50.0)?;
    assert!(received(&viewer, "video", "bytesReceived")? <= bytes, "no picture comes while the sound does");
    viewer.wait_for("document.getElementById('title').textContent === 'Picture paused'", SOON)?;
    viewer.wait_for("document.getElementById('curtain').dataset.open === undefined", SOON)?;
    viewer.screenshot("watch-paused")?;

    let frames = received(&viewer, "video", "framesDecoded")?;
    viewer.evaluate("document.getElementById('pause-video').click()")?;
    wait_beyond(&viewer, "video", "framesDecoded", frames + 10.0)?;
    viewer.wait_for("document.getElementById('curtain').dataset.open !== undefined", SOON)?;
    assert_eq!(viewer.evaluate("window.fanlight.viewer.resourceUrl")?, session, "the same session");
    assert_eq!(viewer.evaluate("window.fanlight.viewer.connection.remoteDescription.sdp")?, description);

    viewer.evaluate("document.getElementById('pause-audio').click()")?;
    wait_for_standstill(&viewer, "audio", "packetsReceived")?;
    let frames = received(&viewer, "video", "framesDecoded")?;
    wait_beyond(&viewer, "video", "framesDecoded", frames + 10.0)?;
    viewer.evaluate("document.getElementById('pause-audio').click()")?;
    let heard = received(&viewer, "audio", "packetsReceived")?;
    wait_beyond(&viewer, "audio", "packetsReceived", heard + 10.0)
}

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
