//! Every browser to every browser, with every codec that both have.

use std::time::Duration;

use fanlight_tests::browser::{Browser, Make, Page};
use fanlight_tests::server::{Server, Settings};
use fanlight_tests::{TestResult, say};

use crate::calm::wait_for_calm;
use crate::pages::{Codecs, SOON, number, publish, wait_for_picture, watch};

/// What this server forwards.
const CODECS: &[&str] = &["VP8", "VP9", "H264", "AV1", "H265"];
/// Firefox's own encoder is a plugin that is fetched from its maker's host. The one of the system, which it offers here
/// instead, holds pictures back and sends none.
const UNSENT_BY_FIREFOX: &str = "H264";
/// Small: an AV1 encoder and two browsers share two cores.
const PICTURE: (u32, u32) = (320, 180);
/// Enough for a hundred packets of sound.
const CALM: Duration = Duration::from_secs(3);

/// Publishes each codec in turn and watches it.
fn every_codec(from: Make, to: Make) -> TestResult {
    let server = Server::start(&Settings::default())?;
    let sender = Browser::start(from)?;
    let other = if from == to { None } else { Some(Browser::start(to)?) };
    let receiver = other.as_ref().unwrap_or(&sender);
    let (sent, received) = (Codecs::of(&sender, &server)?.sent, Codecs::of(receiver, &server)?.received);
    let (names, versions) = (format!("{from} to {to}"), (sender.version()?, receiver.version()?));
    say(&format!("{names}: {} sends {sent:?}, {} receives {received:?}", versions.0, versions.1));
    let encoded =
        |codec: &str| sent.contains(codec) && !(from == Make::Firefox && codec == UNSENT_BY_FIREFOX);
    let (common, missing): (Vec<&str>, Vec<&str>) =
        CODECS.iter().partition(|codec| encoded(codec) && received.contains(**codec));
    say(&format!(
        "{names}: tested with {common:?}; not sent by one or not received by the other: {missing:?}"
    ));
    assert!(common.contains(&"VP8"), "every browser must have VP8 (RFC 7742 §5)");
    for codec in common {
        let publisher = publish(&sender, &server, codec, codec, PICTURE)?;
        let viewer = watch(receiver, &server, codec)?;
        check(&server, &viewer, codec, &names)?;
        drop((publisher, viewer));
    }
    Ok(())
}

/// What is watched is what was published: codec, size, moving pictures, sound.
fn check(server: &Server, viewer: &Page, codec: &str, names: &str) -> TestResult {
    wait_for_picture(viewer)?;
    let (width, height) = PICTURE;
    viewer.wait_for(
        &format!("(({{width, height}}) => width === {width} && height === {height})(window.fanlight.lastStats.video)"),
        SOON,
    )?;
    assert_eq!(viewer.evaluate("window.fanlight.lastStats.video.codec")?, codec, "{names}");
    assert_eq!(viewer.evaluate("window.fanlight.lastStats.audio.codec")?, "opus", "{names}, {codec}");
    viewer.wait_for("window.fanlight.audioLevel > 0.005", SOON)?;
    wait_for_calm(std::slice::from_ref(viewer), CALM)?;
    let sound = number(viewer, "window.fanlight.lastStats.audio.bitrateBps")?;
    assert!(sound > 5_000.0, "{names}, {codec}: {sound} bit/s of sound");
    let streams = server.streams()?;
    let live = streams.iter().find(|stream| stream.name == codec);
    let live = live.map(|stream| stream.codecs.clone()).unwrap_or_default();
    assert!(live.iter().any(|name| name == codec) && live.iter().any(|name| name == "opus"), "{live:?}");
    let first = number(viewer, "window.fanlight.firstFrameMs")?;
    let frames = number(viewer, "window.fanlight.lastStats.video.framesDecoded")?;
    say(&format!(
        "{names}, {codec}: first frame after {first:.0} ms, {frames} frames, {sound:.0} bit/s of sound"
    ));
    Ok(())
}

/// The most common pair.
#[test]
fn chromium_to_chromium() -> TestResult {
    every_codec(Make::Chromium, Make::Chromium)
}

/// Another engine decodes what libwebrtc's newest encoders make.
#[test]
fn chromium_to_firefox() -> TestResult {
    every_codec(Make::Chromium, Make::Firefox)
}

/// Firefox's offer has other payload types, extensions and parameters than Chromium's.
#[test]
fn firefox_to_chromium() -> TestResult {
    every_codec(Make::Firefox, Make::Chromium)
}

/// Both ends are the one that the server's authors use less.
#[test]
fn firefox_to_firefox() -> TestResult {
    every_codec(Make::Firefox, Make::Firefox)
}
