//! The pages of the server as tests see them.

use std::collections::BTreeSet;
use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Page};
use fanlight_tests::server::{Server, Settings};

/// For whatever takes a second on an idle machine: a browser on two busy cores may take this long.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The published picture, pixels. Small, so that two cores can encode it and decode it three times.
pub(crate) const PICTURE: (u32, u32) = (640, 360);

/// Of a server beside which another may run: for tests that mostly wait, and judge what is shown and not how smoothly.
pub(crate) fn in_company() -> Settings {
    Settings { alone: false, ..Settings::default() }
}

/// Opens the publish page with its test pattern and waits until it is live.
pub(crate) fn publish(
    browser: &Browser,
    server: &Server,
    stream: &str,
    codec: &str,
    (width, height): (u32, u32),
) -> TestResult<Page> {
    let url = server.url();
    let page = browser.open(&format!(
        "{url}/publish?app=live&stream={stream}&source=pattern&codec={codec}&width={width}&height={height}&fps=15\
         &bitrate=1000000&degradation=maintain-resolution&autostart=1"
    ))?;
    page.wait_for("window.fanlight?.state === 'live'", SOON)?;
    Ok(page)
}

/// Opens the watch page.
pub(crate) fn watch(browser: &Browser, server: &Server, stream: &str) -> TestResult<Page> {
    Ok(browser.open(&format!("{}/watch?app=live&stream={stream}&muted=1", server.url()))?)
}

/// Waits until the page shows moving pictures.
pub(crate) fn wait_for_picture(page: &Page) -> TestResult {
    page.wait_for("window.fanlight?.state === 'live' && window.fanlight.firstFrameMs !== null", SOON)?;
    page.wait_for("window.fanlight.lastStats?.video?.fps > 0", SOON)?;
    Ok(())
}

/// A number on the page; NaN where there is none.
pub(crate) fn number(page: &Page, script: &str) -> TestResult<f64> {
    Ok(page.evaluate(script)?.as_f64().unwrap_or(f64::NAN))
}

/// Names of the video codecs that a browser offers.
#[derive(Debug)]
pub(crate) struct Codecs {
    pub(crate) sent: BTreeSet<String>,
    pub(crate) received: BTreeSet<String>,
}

impl Codecs {
    /// Asks a page of the server.
    pub(crate) fn of(browser: &Browser, server: &Server) -> TestResult<Self> {
        let page = browser.open(&format!("{}/publish", server.url()))?;
        let names = |role: &str| -> TestResult<BTreeSet<String>> {
            let names = page.evaluate(&format!(
                "RTCRtp{role}.getCapabilities('video').codecs.map(({{mimeType}}) => mimeType.slice(6))"
            ))?;
            let names = names.as_array().into_iter().flatten().filter_map(|name| name.as_str());
            Ok(names.map(str::to_owned).collect())
        };
        Ok(Self { sent: names("Sender")?, received: names("Receiver")? })
    }
}
