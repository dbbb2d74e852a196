//! How a stream from a browser ends, and that it can begin again.

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::files::Files;
use fanlight_tests::server::{Server, Settings, Turn};

use crate::pages::{PICTURE, SOON, publish, wait_for_picture, watch};

/// A server, a browser, one publish page and two watch pages.
struct Show {
    publisher: Page,
    viewers: Vec<Page>,
    browser: Browser,
    server: Server,
}

fn show() -> TestResult<Show> {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(Make::Chromium)?;
    let publisher = publish(&browser, &server, "stage", "VP8", PICTURE)?;
    let viewers = (0..2).map(|_| watch(&browser, &server, "stage")).collect::<TestResult<Vec<_>>>()?;
    viewers.iter().try_for_each(wait_for_picture)?;
    Ok(Show { publisher, viewers, browser, server })
}

impl Show {
    /// The viewers see that it is over, and the server knows no such stream.
    fn wait_for_end(&self) -> TestResult {
        for viewer in &self.viewers {
            viewer.wait_for("window.fanlight.state !== 'live'", SOON)?;
            viewer.wait_for("/ended|waiting for the publisher/i.test(document.body.innerText)", SOON)?;
        }
        assert_eq!(self.server.streams()?, []);
        Ok(())
    }

    /// The same name again: pages that wait show the new stream by themselves.
    fn begin_again(&self) -> TestResult {
        let _publisher = publish(&self.browser, &self.server, "stage", "VP8", PICTURE)?;
        self.viewers.iter().try_for_each(wait_for_picture)
    }
}

/// The button that everyone uses.
#[test]
fn stopping_on_the_page_ends_the_stream_for_all() -> TestResult {
    let show = show()?;
    show.publisher.evaluate("document.getElementById('go').click()")?;
    show.publisher.wait_for("window.fanlight.state === 'ended'", SOON)?;
    show.wait_for_end()?;
    show.viewers[0].screenshot("watch-ended")?;
    show.begin_again()
}

/// A page that crashes says nothing to anyone: the silence must free the name.
#[test]
fn a_publisher_whose_page_crashes_is_gone_after_a_while() -> TestResult {
    let Show { publisher, viewers, browser, server } = show()?;
    publisher.crash()?;
    for viewer in &viewers {
        viewer.wait_for("window.fanlight.state !== 'live'", SOON * 2)?;
    }
    assert_eq!(server.streams()?, []);
    let _publisher = publish(&browser, &server, "stage", "VP8", PICTURE)?;
    viewers.iter().try_for_each(wait_for_picture)
}

/// The SDK has tests of its own, which need a browser: they count as ours. In two pages, for most of them wait.
#[test]
fn the_sdks_own_tests_pass() -> TestResult {
    let _turn = Turn::take()?;
    let web = concat!(env!("CARGO_MANIFEST_DIR"), "/../control/web");
    let browser = Browser::start(Make::Chromium)?;
    let mut halves = Vec::new();
    for part in 0..2 {
        // Another port is another origin: events share what an origin may have open.
        let files = Files::serve(web.into())?;
        let page = browser.open(&format!("{}/tests/index.html?part={part}&of=2", files.url()))?;
        halves.push((page, files));
    }
    for (page, _files) in &halves {
        page.wait_for("window.fanlightTests?.done", SOON * 5)?;
        let failed = page.evaluate("window.fanlightTests.results.filter(({error}) => error !== null)")?;
        assert_eq!(failed, serde_json::json!([]));
        assert!(page.evaluate("window.fanlightTests.passed > 0")? == true);
    }
    Ok(())
}
