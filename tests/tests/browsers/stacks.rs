//! Stacks that share no code with browsers nor with us: each publishes to a browser, and watches one.

use fanlight_tests::browser::{Browser, Make};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::stack::{Role, Stack};
use fanlight_tests::{TestResult, say};

use crate::pages::{SOON, number, publish, wait_for_picture, watch};

const PICTURE: (u32, u32) = (320, 180);
/// What all of them have.
const CODECS: [&str; 2] = ["VP8", "H264"];
/// Decoded before it counts as watching: some seconds.
const FRAMES: u64 = 30;

fn publishes_and_watches(stack: Stack) -> TestResult {
    let server = Server::start(&Settings::default())?;
    let browser = Browser::start(Make::Chromium)?;
    for codec in CODECS {
        let publisher = stack.start(Role::Publish, &url(&server, "whip", codec), codec)?;
        publisher.wait_for(SOON, |counted| counted.state == "connected")?;
        let viewer = watch(&browser, &server, codec)?;
        wait_for_picture(&viewer)?;
        viewer.wait_for(&format!("window.fanlight.lastStats.video.framesDecoded >= {FRAMES}"), SOON)?;
        viewer.wait_for("window.fanlight.audioLevel > 0.005", SOON)?;
        assert_eq!(viewer.evaluate("window.fanlight.lastStats.video.codec")?, codec);
        let size = ["Width", "Height"]
            .map(|side| number(&viewer, &format!("document.querySelector('video').video{side}")));
        let [width, height] = size;
        assert_eq!(
            (width?, height?),
            (f64::from(PICTURE.0), f64::from(PICTURE.1)),
            "{stack:?} published that size"
        );
        let first = number(&viewer, "window.fanlight.firstFrameMs")?;
        say(&format!("{stack:?} to Chromium, {codec}: first frame after {first:.0} ms"));
    }
    for codec in CODECS {
        let stream = format!("page-{codec}");
        let _publisher = publish(&browser, &server, &stream, codec, PICTURE)?;
        let viewer = stack.start(Role::Watch, &url(&server, "whep", &stream), codec)?;
        let seen = viewer
            .wait_for(SOON, |counted| counted.video_frames >= FRAMES && counted.audio_frames >= 2 * FRAMES)?;
        assert_eq!(seen.size, (u64::from(PICTURE.0), u64::from(PICTURE.1)), "{stack:?} decoded that size");
        let (video, audio) = (seen.video_frames, seen.audio_frames);
        say(&format!("Chromium to {stack:?}, {codec}: {video} pictures and {audio} frames of sound decoded"));
    }
    Ok(())
}

fn url(server: &Server, protocol: &str, stream: &str) -> String {
    format!("{}/live/{protocol}/endpoint/{stream}", server.url())
}

/// The stack of most encoders and cameras that speak WHIP.
#[test]
fn gstreamer_publishes_and_watches() -> TestResult {
    publishes_and_watches(Stack::Gstreamer)
}

/// A stack in Python, whose ICE, DTLS and SCTP are its own.
#[test]
fn aiortc_publishes_and_watches() -> TestResult {
    publishes_and_watches(Stack::Aiortc)
}
