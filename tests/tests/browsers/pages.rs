//! The pages of the server as tests see them.

use std::time::Duration;

use fanlight_tests::TestResult;
use fanlight_tests::browser::{Browser, Page};
use fanlight_tests::server::Server;

/// For whatever takes a second on an idle machine: a browser on two busy cores may take this long.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The published picture, pixels. Small, so that two cores can encode it and decode it three times.
pub(crate) const PICTURE: (u32, u32) = (640, 360);

/// Opens the publish page with its test pattern and waits until it is live.
pub(crate) fn publish(browser: &Browser, server: &Server, stream: &str, codec: &str) -> TestResult<Page> {
    let ((width, height), url) = (PICTURE, server.url());
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
