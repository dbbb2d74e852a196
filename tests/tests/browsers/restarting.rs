//! ICE restarts between a real browser and the server (RFC 9725 §4.3.3).

use std::thread;
use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};

use crate::pages::{PICTURE, SOON, number, publish, wait_for_picture, watch};

/// The server gives up an ICE session that is silent for some 12 s: after this time only the new one can keep the media up.
const OLD_PATH_GONE: Duration = Duration::from_secs(16);

/// The username fragment that the server has in force for a participant of the page.
fn server_ufrag(page: &Page, participant: &str) -> TestResult<String> {
    let script = format!(
        "/a=ice-ufrag:(\\S+)/.exec(window.fanlight.{participant}.connection.currentRemoteDescription.sdp)[1]"
    );
    Ok(page.evaluate(&script)?.as_str().unwrap_or_default().to_owned())
}

/// Restarts ICE of a participant, twice as a user with a bad network would, and sees that it has moved.
fn restart(page: &Page, participant: &str) -> TestResult {
    let mut before = server_ufrag(page, participant)?;
    for _ in 0..2 {
        assert_eq!(page.evaluate(&format!("window.fanlight.{participant}.restartIce()"))?, true);
        let after = server_ufrag(page, participant)?;
        assert_ne!(before, after);
        let connected = format!(
            "window.fanlight.{participant}.connection.iceConnectionState.match(/^(connected|completed)$/) !== null"
        );
        page.wait_for(&connected, SOON)?;
        before = after;
    }
    Ok(())
}

/// Both ends of a stream change their network, one after the other: nobody joins anew, and the picture goes on for as long as
/// only the new paths can carry it.
#[test]
fn the_picture_goes_on_when_publisher_and_viewer_restart_ice() -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(Make::Chromium)?;
    let publisher = publish(&browser, &server, "stage", "VP8", PICTURE)?;
    let viewer = watch(&browser, &server, "stage")?;
    wait_for_picture(&viewer)?;
    let resource =
        |page: &Page, participant: &str| page.evaluate(&format!("window.fanlight.{participant}.resourceUrl"));
    let sessions = (resource(&publisher, "publisher")?, resource(&viewer, "viewer")?);
    restart(&viewer, "viewer")?;
    restart(&publisher, "publisher")?;
    thread::sleep(OLD_PATH_GONE);
    let decoded = number(&viewer, "window.fanlight.lastStats.video.framesDecoded")?;
    viewer.wait_for(&format!("window.fanlight.lastStats.video.framesDecoded > {}", decoded + 30.0), SOON)?;
    assert_eq!((resource(&publisher, "publisher")?, resource(&viewer, "viewer")?), sessions);
    assert_eq!(server.streams()?[0].viewers, 1);
    Ok(())
}
