//! A stream on three watch pages.

use std::thread;
use std::time::Duration;

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult, say};

use crate::calm::{CALM, wait_for_calm};
use crate::pages::{Codecs, PICTURE, SOON, number, publish, wait_for_picture, watch};

/// Reads the running clock out of the picture, Unix time in ms.
const CLOCK: &str =
    "import('/sdk/fanlight.js').then(({readClock}) => readClock(document.querySelector('video')))";

/// The picture has the published size, its clock runs, and the page tells the delay from it.
fn check_picture(page: &Page) -> TestResult<f64> {
    let (width, height) = PICTURE;
    let video = "document.querySelector('video')";
    page.wait_for(&format!("{video}.videoWidth === {width} && {video}.videoHeight === {height}"), SOON)?;
    page.wait_for("window.fanlight.latency.samples >= 10", SOON)?;
    let early = clock(page)?;
    thread::sleep(Duration::from_secs(1));
    let late = clock(page)?;
    assert!(late > early, "the clock in the picture stands at {early}");
    let median = number(page, "window.fanlight.latency.median")?;
    assert!((0.0..2000.0).contains(&median), "{median} ms from glass to glass");
    Ok(median)
}

/// The clock in the picture; a frame whose blocks the codec has blurred shows none, so another is tried.
pub(crate) fn clock(page: &Page) -> TestResult<f64> {
    page.wait_for(&format!("{CLOCK}.then((time) => time !== null)"), SOON)?;
    for _ in 0..50 {
        let time = number(page, CLOCK)?;
        if !time.is_nan() {
            return Ok(time);
        }
    }
    Err(Failure::new("no clock in the picture"))
}

fn three_pages_watch(codec: &str) -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(Make::Chromium)?;
    let codecs = Codecs::of(&browser, &server)?;
    if !codecs.sent.contains(codec) || !codecs.received.contains(codec) {
        say(&format!("not tested: this Chromium has no {codec}"));
        return Ok(());
    }
    let publisher = publish(&browser, &server, "stage", codec, PICTURE)?;
    let viewers = (0..3).map(|_| watch(&browser, &server, "stage")).collect::<TestResult<Vec<_>>>()?;
    let mut delays = Vec::new();
    for viewer in &viewers {
        wait_for_picture(viewer)?;
        delays.push(check_picture(viewer)?);
        assert_eq!(viewer.evaluate("window.fanlight.lastStats.video.codec")?, codec);
        viewer.wait_for("window.fanlight.audioLevel > 0", SOON)?;
    }
    say(&format!("{codec}: median delay from glass to glass {delays:.0?} ms"));
    wait_for_calm(&viewers, CALM)?;
    let streams = server.streams()?;
    assert_eq!((streams.len(), streams[0].viewers), (1, 3));
    assert_eq!(streams[0].codecs.iter().filter(|name| *name == codec).count(), 1, "{streams:?}");
    publisher.screenshot(&format!("publish-{codec}"))?;
    viewers[0].screenshot(&format!("watch-{codec}"))?;
    Ok(())
}

/// The product, as its first user meets it.
#[test]
fn three_pages_watch_vp8() -> TestResult {
    three_pages_watch("VP8")
}

/// The codec of most encoders outside browsers, with parameter sets that VP8 does not have.
#[test]
fn three_pages_watch_h264() -> TestResult {
    three_pages_watch("H264")
}
