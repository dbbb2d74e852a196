//! Browsers by ICE-TCP alone (RFC 6544): the page takes the candidates by UDP out of the answer, so that the browser knows of no
//! other way, as where UDP is blocked.

use std::time::Duration;

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{TestResult, say};

use crate::calm::wait_for_calm;
use crate::pages::{SOON, number, wait_for_picture};

const CALM: Duration = Duration::from_secs(5);

/// Wraps what every page calls with the answer.
const WITHOUT_UDP: &str = "(() => { const taken = RTCPeerConnection.prototype.setRemoteDescription;\
     RTCPeerConnection.prototype.setRemoteDescription = function ({type, sdp}) {\
     return taken.call(this, {type, sdp: sdp.replace(/a=candidate:\\S+ 1 udp .*\\r\\n/g, '')}); }; return 0; })()";

/// Opens a page that waits for its button, takes UDP away, and presses it.
fn open_without_udp(browser: &Browser, url: &str, button: &str) -> TestResult<Page> {
    let page = browser.open(url)?;
    page.wait_for(&format!("document.getElementById('{button}')?.checkVisibility()"), SOON)?;
    page.evaluate(WITHOUT_UDP)?;
    page.evaluate(&format!("document.getElementById('{button}').click()"))?;
    Ok(page)
}

/// Publishes and watches in one browser, both by TCP alone.
fn both_by_tcp(make: Make) -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(make)?;
    let url = server.url();
    let publish = format!(
        "{url}/publish?app=live&stream=stage&source=pattern&codec=VP8&width=320&height=180&fps=15&bitrate=500000\
         &degradation=maintain-resolution"
    );
    let publisher = open_without_udp(&browser, &publish, "go")?;
    publisher.wait_for("window.fanlight?.state === 'live'", SOON)?;
    let watch = format!("{url}/watch?app=live&stream=stage&muted=1&autostart=0");
    let viewer = open_without_udp(&browser, &watch, "again")?;
    wait_for_picture(&viewer)?;
    wait_for_calm(std::slice::from_ref(&viewer), CALM)?;
    let metrics = server.metrics()?;
    let sum = |name: &str| metrics.sum(name, &[]);
    // Chromium opens one from each of its interfaces.
    assert!(sum("fanlight_tcp_connections") >= 2.0);
    let (by_tcp, in_all) = (sum("fanlight_tcp_frames_in_total"), sum("fanlight_shard_datagrams_in_total"));
    // Shards report before the TCP thread is read, so that what came by UDP would be beyond.
    assert!(in_all > 50.0 && in_all <= by_tcp, "{by_tcp} of {in_all} came by TCP");
    assert!(sum("fanlight_tcp_frames_out_total") > 50.0);
    let first = number(&viewer, "window.fanlight.firstFrameMs")?;
    let drops = metrics.by("fanlight_tcp_drops_total", "reason");
    say(&format!("{make} to {make} by TCP alone: first picture after {first} ms, frames dropped {drops:?}"));
    Ok(())
}

/// The browser that most people have.
#[test]
fn chromium_publishes_and_watches_by_tcp_alone() -> TestResult {
    both_by_tcp(Make::Chromium)
}

/// Another ICE stack, with rules of its own for TCP.
#[test]
fn firefox_publishes_and_watches_by_tcp_alone() -> TestResult {
    both_by_tcp(Make::Firefox)
}
