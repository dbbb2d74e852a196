//! A picture in several sizes (simulcast, RFC 8853): viewers choose one, and what nobody watches is not sent.

use std::thread;
use std::time::{Duration, Instant};

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::processor::{IDLE_MIN, Processor};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{Failure, TestResult, say};

use crate::pages::{SOON, number, wait_for_picture};
use crate::watching::clock;

/// The whole picture. Below this browsers send fewer layers.
const PICTURE: (u32, u32) = (960, 540);
/// From a wish to the first picture of its size.
const WISH_MS_MAX: f64 = 5_000.0;
/// Between two pictures, whatever is switched.
const GAP_MS_MAX: f64 = 500.0;
/// How often a switch may be tried: a machine that stalls is not the server's fault, a fault of the server comes again.
const TRIES: usize = 3;
/// For what comes after a switch: a break that it makes would show by then.
const AFTERWARDS: Duration = Duration::from_secs(1);
/// A layer that nobody watches is told as such after some seconds.
const UNWANTED: Duration = Duration::from_secs(20);

/// Notes the longest time between two pictures, and when the first of each width came since `since`.
const WATCH_PICTURES: &str = "(() => { const video = document.querySelector('video'); let before = null;\
     window.pictures = {since: performance.now(), gap: 0, first: {}};\
     const look = (now, {width}) => { if (before !== null) pictures.gap = Math.max(pictures.gap, now - before);\
     before = now; pictures.first[width] ??= now - pictures.since; video.requestVideoFrameCallback(look); };\
     video.requestVideoFrameCallback(look); })()";
const WATCH_ANEW: &str = "Object.assign(pictures, {since: performance.now(), gap: 0, first: {}})";

/// Another session would begin another count, and hide that the first one had ended.
const REMEMBER: &str = "void (window.first = window.fanlight.viewer.connection)";
const IS_THE_SAME: &str =
    "window.first === window.fanlight.viewer.connection && window.fanlight.state === 'live'";

/// One publisher of several sizes, and its viewers.
struct Show {
    publisher: Page,
    viewers: Vec<(Make, Page)>,
    browsers: Vec<Browser>,
    _server: Server,
}

/// What a switch was like for a viewer.
#[derive(Debug, Clone, Copy)]
struct Switch {
    took_ms: f64,
    gap_ms: f64,
}

impl Show {
    /// Everyone watches the whole picture.
    fn open(from: Make, to: &[Make], codec: &str) -> TestResult<Self> {
        let server = Server::start(&Settings::default())?;
        let makes: Vec<Make> =
            [from].into_iter().chain(to.iter().copied().filter(|make| *make != from)).collect();
        let browsers = makes.iter().map(|make| Browser::start(*make)).collect::<Result<Vec<_>, _>>()?;
        let (url, (width, height)) = (server.url(), PICTURE);
        let publisher = browsers[0].open(&format!(
            "{url}/publish?app=live&stream=stage&source=pattern&codec={codec}&width={width}&height={height}&fps=15\
             &bitrate=1000000&degradation=maintain-resolution&simulcast=1&autostart=1"
        ))?;
        publisher.wait_for("window.fanlight?.state === 'live'", SOON)?;
        let mut viewers = Vec::new();
        for browser in browsers.iter().filter(|browser| to.contains(&browser.make())) {
            let viewer = browser.open(&format!("{url}/watch?app=live&stream=stage&muted=1&fit=0"))?;
            wait_for_picture(&viewer)?;
            viewer.wait_for(&is_wide(width), SOON)?;
            viewer.evaluate(WATCH_PICTURES)?;
            viewer.evaluate(REMEMBER)?;
            viewers.push((browser.make(), viewer));
        }
        Ok(Self { publisher, viewers, browsers, _server: server })
    }

    /// Chooses in every viewer's menu, and waits for the pictures.
    fn choose(&self, layer: &str, width: u32) -> TestResult<Vec<Switch>> {
        let choose = format!(
            "(({WATCH_ANEW}), document.getElementById('layer').value = '{layer}',\
             document.getElementById('layer').dispatchEvent(new Event('change')), 0)"
        );
        for (_, viewer) in &self.viewers {
            viewer.evaluate(&choose)?;
        }
        for (_, viewer) in &self.viewers {
            viewer.wait_for(&is_wide(width), SOON)?;
        }
        thread::sleep(AFTERWARDS);
        let switch = |page: &Page| {
            Ok(Switch {
                took_ms: number(page, &format!("pictures.first[{width}]"))?,
                gap_ms: number(page, "pictures.gap")?,
            })
        };
        self.viewers.iter().map(|(_, viewer)| switch(viewer)).collect()
    }

    /// To a layer and back, until a try shows no fault. A machine without time to spare is not judged.
    fn there_and_back(&self, layer: &str, width: u32) -> TestResult {
        let (mut faults, mut judged) = (Vec::new(), false);
        for _ in 0..TRIES {
            let start = Processor::now()?;
            let there = self.choose(layer, width)?;
            for (make, viewer) in &self.viewers {
                check_menu(viewer, layer)?;
                let (early, late) = (clock(viewer)?, clock(viewer)?);
                assert!(late >= early, "{make}: the clock in the picture goes back");
            }
            let back = self.choose("auto", PICTURE.0)?;
            say(&format!("to {layer}: {there:.0?}, and back: {back:.0?}"));
            let is_good = |one: &Switch| one.took_ms <= WISH_MS_MAX && one.gap_ms <= GAP_MS_MAX;
            if there.iter().chain(&back).all(is_good) {
                return self.assert_lives();
            }
            judged |= Processor::now()?.idle_since(&start) >= IDLE_MIN;
            faults.push((there, back));
        }
        if judged {
            return Err(Failure::new(format!("to {layer} and back, {TRIES} times: {faults:#?}")));
        }
        say(&format!("not judged, the machine had no time to spare: to {layer} and back: {faults:.0?}"));
        self.assert_lives()
    }

    /// Nobody had to join again.
    fn assert_lives(&self) -> TestResult {
        for (make, viewer) in &self.viewers {
            assert!(viewer.evaluate(IS_THE_SAME)? == true, "{make} joined again: {:?}", viewer.console());
        }
        Ok(())
    }

    /// Bytes that the publisher has sent of a layer.
    fn sent(&self, layer: &str) -> TestResult<f64> {
        number(
            &self.publisher,
            &format!(
                "window.fanlight.publisher.connection.getStats().then((report) => [...report.values()]\
                 .find(({{type, rid}}) => type === 'outbound-rtp' && rid === '{layer}')?.bytesSent)"
            ),
        )
    }

    /// What nobody watches is not sent, and comes back as soon as somebody does.
    fn stop_and_return(&self) -> TestResult {
        let start = Instant::now();
        self.choose("q", 240)?;
        let stopped = "window.fanlight.lastStats.video.layers.every(({layer, active, fps}) => active === (layer === 'q') && (active || !fps))";
        self.publisher.wait_for(stopped, UNWANTED)?;
        let (took, before) = (start.elapsed(), self.sent("f")?);
        thread::sleep(Duration::from_secs(2));
        assert_eq!(self.sent("f")?, before, "bytes of a layer that nobody watches");
        self.publisher.wait_for("document.body.innerText.includes('Not watched')", SOON)?;
        self.publisher.screenshot("publish-simulcast")?;
        let back = self.choose("f", PICTURE.0)?;
        assert!(self.sent("f")? > before);
        say(&format!("unwatched layers stop after {:.1} s, and come back: {back:.0?}", took.as_secs_f64()));
        self.assert_lives()
    }
}

fn is_wide(width: u32) -> String {
    format!("document.querySelector('video').videoWidth === {width}")
}

/// The menu tells what there is, what is chosen, and what is shown.
fn check_menu(viewer: &Page, chosen: &str) -> TestResult {
    viewer.wait_for(&format!("window.fanlight.layer?.layer === '{chosen}'"), SOON)?;
    let menu = "(({value, hidden, options}) => ({value, hidden, options: [...options].map((one) => one.text)}))\
         (document.getElementById('layer'))";
    let wanted = serde_json::json!({
        "value": chosen,
        "hidden": false,
        "options": ["Auto", "960×540 (f)", "480×270 (h)", "240×135 (q)"],
    });
    assert_eq!(viewer.evaluate(menu)?, wanted);
    Ok(())
}

/// One engine's simulcast is watched by both, at the size that each wishes, without a break in the picture.
#[test]
fn viewers_choose_among_the_sizes_of_a_publisher_in_chromium() -> TestResult {
    let show = Show::open(Make::Chromium, &[Make::Chromium, Make::Firefox], "VP8")?;
    show.there_and_back("h", 480)?;
    show.viewers[0].1.screenshot("watch-simulcast")?;
    show.stop_and_return()
}

/// Firefox makes layers in its own way, and turns them off and on at other moments.
#[test]
fn viewers_choose_among_the_sizes_of_a_publisher_in_firefox() -> TestResult {
    let show = Show::open(Make::Firefox, &[Make::Chromium], "VP8")?;
    show.there_and_back("h", 480)?;
    show.stop_and_return()
}

/// A thumbnail needs no large picture, and a hidden tab none at all: the page tells the server. In VP9, of which Chromium makes
/// layers within one stream unless it is told not to.
#[test]
fn a_page_asks_for_no_more_than_is_looked_at() -> TestResult {
    let show = Show::open(Make::Chromium, &[Make::Chromium], "VP9")?;
    let whole = &show.viewers[0].1;
    let address = whole.evaluate("location.href.replace('&fit=0', '')")?;
    let fitting = show.browsers[0].open(address.as_str().unwrap_or_default())?;
    fitting.wait_for(&is_wide(960), SOON)?;
    fitting.evaluate(REMEMBER)?;
    fitting.evaluate("void (document.getElementById('stage').style.width = '200px')")?;
    fitting.wait_for(&is_wide(240), SOON)?;
    fitting.evaluate(&hide(true))?;
    fitting
        .wait_for("window.fanlight.viewer.paused.video && window.fanlight.lastStats.video.fps === 0", SOON)?;
    fitting.evaluate(&hide(false))?;
    fitting.wait_for("window.fanlight.lastStats.video.fps > 0", SOON)?;
    fitting.evaluate("void (document.getElementById('stage').style.width = '')")?;
    fitting.wait_for(&is_wide(960), SOON)?;
    assert!(whole.evaluate(&is_wide(960))? == true, "what one asks for is not what others get");
    assert!(fitting.evaluate(IS_THE_SAME)? == true, "it joined again: {:?}", fitting.console());
    show.assert_lives()
}

/// Chromium's pages count as visible in tests; this is what another tab in front of them does.
fn hide(hidden: bool) -> String {
    format!(
        "(Object.defineProperty(document, 'hidden', {{value: {hidden}, configurable: true}}),\
         document.dispatchEvent(new Event('visibilitychange')))"
    )
}
