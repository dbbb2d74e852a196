//! WHEP with an offer of the server's, answered by a real browser.

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Make};
use fanlight_tests::server::{Server, Settings};

use crate::pages::{PICTURE, SOON, publish};

/// A viewer of the SDK that lets the server offer, on a page that watches nothing by itself.
const WATCH: &str = "import('/sdk/fanlight.js').then(({ Viewer }) => {\
    window.guest = new Viewer({ app: 'live', stream: 'stage', serverOffer: true });\
    window.guest.attach(document.querySelector('video'));\
    window.guest.addEventListener('stats', ({ detail }) => { window.guestStats = detail; });\
    return window.guest.start().then(() => window.guest.state);\
})";

/// Chromium answers our offer: picture and sound come, in each codec, and ICE (we are the controlling side then) restarts.
#[test]
fn a_browser_watches_by_the_servers_offer() -> TestResult {
    for codec in ["VP8", "H264"] {
        let server = Server::start(&Settings::default())?;
        let browser = Browser::start(Make::Chromium)?;
        let _publisher = publish(&browser, &server, "stage", codec, PICTURE)?;
        let viewer = browser.open(&format!("{}/watch?autostart=0", server.url()))?;
        assert_eq!(viewer.evaluate(WATCH)?, "live");
        viewer.wait_for("window.guestStats?.video?.framesDecoded > 10", SOON)?;
        viewer.wait_for("window.guestStats.audio?.bitrateBps > 0", SOON)?;
        assert_eq!(viewer.evaluate("window.guestStats.video.codec")?, codec);
        assert_eq!(viewer.evaluate("window.guest.connection.remoteDescription.type")?, "offer");
        assert_eq!(server.streams()?[0].viewers, 1);

        assert_eq!(viewer.evaluate("window.guest.restartIce()")?, true);
        viewer.evaluate("window.decodedBefore = window.guestStats.video.framesDecoded; true")?;
        viewer.wait_for("window.guestStats.video.framesDecoded > window.decodedBefore + 30", SOON)?;
        assert_eq!(viewer.evaluate("window.guest.state")?, "live");
    }
    Ok(())
}
