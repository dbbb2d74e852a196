//! Publishers that send layers in one stream (SVC). Every viewer decodes the topmost, or what it wishes for below that.

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{TestResult, say};

use crate::pages::{PICTURE, SOON, number, wait_for_picture, watch};

/// Pictures that each viewer must decode.
const FRAMES: f64 = 40.0;

/// Two sizes, each in three frame rates, tied together at key frames only. Webrtc-svc §6.
const MODE: &str = "L2T3_KEY";

/// Layers are marked in the descriptor of VP9 and in the dependency descriptor of AV1; a late viewer must find the beginning of
/// the lowest, and nobody may lose the topmost.
#[test]
fn layers_in_one_stream_reach_every_viewer() -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browsers = [Make::Chromium, Make::Firefox].map(Browser::start);
    let browsers = browsers.into_iter().collect::<Result<Vec<_>, _>>()?;
    for codec in ["VP9", "AV1"] {
        let (width, height) = PICTURE;
        let publisher = browsers[0].open(&format!(
            "{}/publish?app=live&stream={codec}&source=pattern&codec={codec}&width={width}&height={height}&fps=15\
             &bitrate=1000000&degradation=maintain-resolution&layers={MODE}&autostart=1",
            server.url()
        ))?;
        publisher.wait_for("window.fanlight?.state === 'live'", SOON)?;
        let mode = "window.fanlight.publisher.connection.getStats().then((report) => \
             [...report.values()].find(({type, kind}) => type === 'outbound-rtp' && kind === 'video').scalabilityMode)";
        publisher.wait_for(&format!("{mode}.then((mode) => mode === '{MODE}')"), SOON)?;
        for browser in &browsers {
            let viewer = watch(browser, &server, codec)?;
            wait_for_picture(&viewer)?;
            viewer.wait_for(
                &format!(
                    "window.fanlight.lastStats.video.framesDecoded >= {FRAMES} \
                     && document.querySelector('video').videoWidth === {width} \
                     && document.querySelector('video').videoHeight === {height}"
                ),
                SOON,
            )?;
            let first = number(&viewer, "window.fanlight.firstFrameMs")?;
            say(&format!("{codec} {MODE} to {}: first picture after {first:.0} ms", browser.make()));
            go_down_and_up(&viewer, browser.make(), codec)?;
        }
    }
    Ok(())
}

/// A layer below, and all of them again: pictures of that size, which go on coming, in the same session.
fn go_down_and_up(viewer: &Page, make: Make, codec: &str) -> TestResult {
    viewer.evaluate("void (window.first = window.fanlight.viewer.connection)")?;
    let (width, height) = PICTURE;
    for (layer, width, height) in [("S0T2", width / 2, height / 2), ("S1T2", width, height)] {
        viewer.evaluate(&format!(
            "(window.asked = performance.now(), window.shown = null, \
             void window.fanlight.viewer.prefer({{layer: '{layer}'}}), 0)"
        ))?;
        viewer.wait_for(
            &format!(
                "document.querySelector('video').videoWidth === {width} \
                 && document.querySelector('video').videoHeight === {height} \
                 && Boolean(window.shown ??= {{ms: performance.now() - window.asked, \
                                       frames: window.fanlight.lastStats.video.framesDecoded}})"
            ),
            SOON,
        )?;
        viewer.wait_for(
            &format!("window.fanlight.lastStats.video.framesDecoded >= window.shown.frames + {FRAMES}"),
            SOON,
        )?;
        let took = number(viewer, "window.shown.ms")?;
        say(&format!("{codec} {MODE} to {make}: {layer} after {took:.0} ms"));
        viewer.wait_for(&format!("window.fanlight.viewer.layer?.layer === '{layer}'"), SOON)?;
    }
    let is_the_same =
        "window.first === window.fanlight.viewer.connection && window.fanlight.state === 'live'";
    assert!(viewer.evaluate(is_the_same)? == true, "{make} joined again: {:?}", viewer.console());
    Ok(())
}
