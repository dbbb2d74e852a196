//! What a publisher does in the middle of a show: mute, pause, another size, another device. Viewers go on decoding.

use std::thread;
use std::time::{Duration, Instant};

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{TestResult, say};

use crate::pages::{SOON, number, publish, wait_for_picture, watch};

const PICTURE: (u32, u32) = (320, 180);
/// How long something is muted or paused: longer than any browser's interval of statistics.
const A_WHILE: Duration = Duration::from_secs(3);
/// Pictures that must come after a change before viewers count as watching again.
const FRAMES: f64 = 20.0;

/// The sender of the publisher's video.
const SENDER: &str = "window.fanlight.publisher.connection.getTransceivers()[0].sender";

/// One publisher, and a viewer of each make.
struct Show {
    publisher: Page,
    viewers: Vec<(Make, Page)>,
    browsers: Vec<Browser>,
    server: Server,
}

impl Show {
    fn open(from: Make, arguments: &[&str]) -> TestResult<Self> {
        let server = Server::start(&Settings::default())?;
        let browsers = [Make::Chromium, Make::Firefox]
            .map(|make| Browser::start_with(make, if make == Make::Chromium { arguments } else { &[] }));
        let browsers = browsers.into_iter().collect::<Result<Vec<_>, _>>()?;
        let sender = &browsers[usize::from(from == Make::Firefox)];
        let publisher = publish(sender, &server, "stage", "VP8", PICTURE)?;
        let mut show = Self { publisher, viewers: Vec::new(), browsers, server };
        show.let_in()?;
        Ok(show)
    }

    fn let_in(&mut self) -> TestResult {
        for browser in &self.browsers {
            let page = watch(browser, &self.server, "stage")?;
            wait_for_picture(&page)?;
            // Another session would begin another count, and hide that the first one had stopped.
            page.evaluate("(window.session = window.fanlight.viewer.connection, 0)")?;
            self.viewers.push((browser.make(), page));
        }
        Ok(())
    }

    /// Lets the publisher do that, and waits until every viewer watches pictures of that size in the session it began with.
    fn change(&self, what: &str, script: &str, (width, height): (u32, u32)) -> TestResult {
        let before = self.viewers.iter().map(|(_, page)| frames(page)).collect::<TestResult<Vec<_>>>()?;
        let start = Instant::now();
        self.publisher.evaluate(script)?;
        let mut waits = Vec::new();
        for ((make, page), before) in self.viewers.iter().zip(before) {
            let more = before + FRAMES;
            page.wait_for(
                &format!(
                    "window.fanlight.lastStats.video.framesDecoded >= {more} && window.fanlight.lastStats.video.fps > 0 \
                     && document.querySelector('video').videoWidth === {width} \
                     && document.querySelector('video').videoHeight === {height}"
                ),
                SOON,
            )?;
            assert!(
                page.evaluate("window.session === window.fanlight.viewer.connection")? == true,
                "{what}: {make} had to begin again"
            );
            waits.push(format!("{make} after {:.1} s", start.elapsed().as_secs_f64()));
        }
        say(&format!("{what}: {FRAMES} more pictures of {width}×{height} in {}", waits.join(", in ")));
        Ok(())
    }

    /// Waits until the sound at every viewer is so.
    fn wait_for_sound(&self, condition: &str) -> TestResult {
        for (_, page) in &self.viewers {
            page.wait_for(&format!("window.fanlight.audioLevel {condition}"), SOON)?;
        }
        Ok(())
    }

    /// The page's button.
    fn click(&self, button: &str) -> TestResult {
        self.publisher.evaluate(&format!("document.getElementById('{button}').click()"))?;
        Ok(())
    }
}

fn frames(page: &Page) -> TestResult<f64> {
    number(page, "window.fanlight.lastStats.video.framesDecoded")
}

/// Another track in the place of the video, drawn by the SDK's own test pattern in that size.
fn pattern((width, height): (u32, u32)) -> String {
    format!(
        "import('/sdk/fanlight.js').then(({{createTestPattern}}) => {{\
         window.other = createTestPattern({{width: {width}, height: {height}, fps: 15, audio: false}});\
         return window.fanlight.publisher.replaceTrack(window.other.stream.getVideoTracks()[0]); }}).then(() => 0)"
    )
}

/// Parameters of the sender, without a new offer.
fn parameters(encoding: &str) -> String {
    format!(
        "(() => {{ const parameters = {SENDER}.getParameters();\
         Object.assign(parameters.encodings[0], {encoding});\
         return {SENDER}.setParameters(parameters); }})().then(() => 0)"
    )
}

fn a_publisher_changes(from: Make) -> TestResult {
    let show = Show::open(from, &[])?;
    show.wait_for_sound("> 0.005")?;
    // Muted, a track goes on as black and as silence.
    show.click("camera")?;
    show.click("microphone")?;
    show.wait_for_sound("< 0.001")?;
    thread::sleep(A_WHILE);
    show.click("microphone")?;
    show.change(
        &format!("{from} shows its picture again"),
        "document.getElementById('camera').click()",
        PICTURE,
    )?;
    show.wait_for_sound("> 0.005")?;
    // Without a track nothing is sent at all.
    show.publisher.evaluate(&format!("(window.track = {SENDER}.track, 0)"))?;
    show.publisher.evaluate("window.fanlight.publisher.replaceTrack(null, 'video').then(() => 0)")?;
    thread::sleep(A_WHILE);
    show.change(
        &format!("{from} takes its track back"),
        "window.fanlight.publisher.replaceTrack(window.track).then(() => 0)",
        PICTURE,
    )?;
    show.change(&format!("{from} sends a larger picture"), &pattern((480, 270)), (480, 270))?;
    show.change(
        &format!("{from} scales by a half"),
        &parameters("{scaleResolutionDownBy: 2, maxBitrate: 200000}"),
        (240, 135),
    )?;
    show.change(&format!("{from} scales no more"), &parameters("{scaleResolutionDownBy: 1}"), (480, 270))?;
    // A shared window that its user resizes, as the page sees it.
    show.change(&format!("{from} shares a drawing"), CANVAS, (400, 300))?;
    show.change(&format!("{from} resizes it"), "(canvas.width = 300, canvas.height = 400)", (300, 400))
}

/// A canvas that is painted all the time, whatever its size is.
const CANVAS: &str = "(() => { window.canvas = document.createElement('canvas');\
     canvas.width = 400; canvas.height = 300; const context = canvas.getContext('2d'); let count = 0;\
     setInterval(() => { context.fillStyle = `hsl(${count += 7} 80% 50%)`;\
     context.fillRect(0, 0, canvas.width, canvas.height); }, 66);\
     return window.fanlight.publisher.replaceTrack(canvas.captureStream(15).getVideoTracks()[0]); })().then(() => 0)";

/// libwebrtc's encoder begins anew with each of these.
#[test]
fn viewers_go_on_whatever_a_publisher_in_chromium_changes() -> TestResult {
    a_publisher_changes(Make::Chromium)
}

/// Firefox stops and starts its encoder at other moments than Chromium.
#[test]
fn viewers_go_on_whatever_a_publisher_in_firefox_changes() -> TestResult {
    a_publisher_changes(Make::Firefox)
}
