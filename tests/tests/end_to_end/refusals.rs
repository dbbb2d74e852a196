//! What the server refuses, and that it says why.

use fanlight_tests::client::{
    Content, Publisher, PublisherOptions, SessionError, SignallingError, Viewer, ViewerOptions,
};
use fanlight_tests::server::Settings;
use fanlight_tests::{Failure, TestResult};

use crate::scene::{SOON, Scene, silent_publisher};

/// The status and the reason of a refusal.
fn refusal<T>(result: Result<T, SessionError>) -> TestResult<(u16, String, Option<String>)> {
    match result {
        Err(SessionError::Signalling(SignallingError::Refused { status, detail, retry_after, .. })) => {
            Ok((status, detail, retry_after))
        }
        Err(error) => Err(error.into()),
        Ok(_) => Err(Failure::new("the server took what it should refuse")),
    }
}

/// Two encoders under one name would be one broken stream.
#[test]
fn a_name_in_use_is_refused_and_the_stream_goes_on() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", PublisherOptions::default())?;
    scene.watch("stage", ViewerOptions::default())?;
    let (status, detail, _) =
        refusal(Publisher::open(&scene.server.whip("stage"), PublisherOptions::default()))?;
    assert_eq!(status, 409);
    assert!(detail.contains("stage"), "which name? {detail}");
    scene.run_until_packets(60)?;
    assert!(scene.stage.publishers[0].is_live());
    Ok(())
}

/// A viewer must be able to tell "not yet" from "never": 409 is not 404.
#[test]
fn watching_a_stream_that_is_not_live_is_refused() -> TestResult {
    let scene = Scene::start(&Settings::default())?;
    let (status, detail, _) = refusal(Viewer::open(&scene.server.whep("nobody"), ViewerOptions::default()))?;
    assert_eq!(status, 409);
    assert!(detail.contains("nobody"), "which stream? {detail}");
    Ok(())
}

/// "Not Acceptable" alone sends the reader on a search; the two codecs end it.
#[test]
fn a_viewer_without_the_published_codec_is_told_both() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", silent_publisher())?;
    let options = ViewerOptions { video: vec![Content::H264], audio: false, ..ViewerOptions::default() };
    let (status, detail, _) = refusal(Viewer::open(&scene.server.whep("stage"), options))?;
    assert_eq!(status, 406);
    assert!(detail.contains("VP8") && detail.contains("H264"), "{detail}");
    assert_eq!(scene.server.streams()?[0].viewers, 0);
    Ok(())
}

/// A limit that is reached is a reason to come back, with a time.
#[test]
fn a_full_server_says_when_to_come_back() -> TestResult {
    let mut scene = Scene::start(&Settings { more: "[limits]\nsessions_max = 2", ..Settings::default() })?;
    scene.publish("stage", silent_publisher())?;
    scene.watch("stage", ViewerOptions::default())?;
    let (status, _, retry_after) =
        refusal(Viewer::open(&scene.server.whep("stage"), ViewerOptions::default()))?;
    assert_eq!(status, 503);
    assert!(retry_after.is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0)));
    // The place of one that leaves is free again as soon as its session has ended in the dataplane too.
    scene.stage.viewers.remove(0).resource().delete()?;
    let (endpoint, mut viewer) = (scene.server.whep("stage"), None);
    scene.stage.run_until("there is a place", SOON, |_| {
        viewer = Viewer::open(&endpoint, ViewerOptions::default()).ok();
        viewer.is_some()
    })?;
    scene.stage.viewers.extend(viewer);
    scene.run_until_packets(30)
}
