//! What the network loses is sent again: to viewers from our store (RFC 4588), by publishers at our wish (RFC 4585).

use fanlight_tests::client::{Content, Faults, Loss, PublisherOptions, ViewerOptions};
use fanlight_tests::server::Settings;
use fanlight_tests::{Failure, TestResult};

use crate::scene::{Scene, silent_publisher, silent_viewer};

/// One packet in twenty: far more than a network that anyone would watch video on.
const LOSS_PER_MILLE: u16 = 50;

/// Watches until the loss has struck often, then heals the network and waits for the rest.
fn endure(publisher: PublisherOptions, viewers: &[ViewerOptions]) -> TestResult<Scene> {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", publisher)?;
    for viewer in viewers {
        scene.watch("stage", viewer.clone())?;
    }
    scene.run_until_packets(600)?;
    scene.stage.publishers.iter_mut().for_each(|publisher| publisher.heal());
    scene.stage.viewers.iter_mut().for_each(|viewer| viewer.heal());
    scene.run_until_complete()?;
    Ok(scene)
}

/// Loss between us and one viewer is made good for that viewer, and no other gets a packet more for it.
#[test]
fn a_viewer_gets_again_what_it_lost_and_others_do_not() -> TestResult {
    let lossy = ViewerOptions { loss: Some(Loss::per_mille(LOSS_PER_MILLE, 1)), ..silent_viewer() };
    let scene = endure(silent_publisher(), &[lossy, silent_viewer()])?;
    let seen = |number: usize| {
        let viewer = &scene.stage.viewers[number];
        viewer.seen(Content::Vp8).ok_or_else(|| Failure::new("no video was promised"))
    };
    assert!(scene.stage.viewers[0].packets_kept_out() > 10, "{}", scene.stage);
    assert!(seen(0)?.by_retransmission > 10, "{}", scene.stage);
    assert_eq!(Faults { repeated: 0, ..seen(0)?.faults.clone() }, Faults::default());
    assert_eq!((seen(1)?.by_retransmission, &seen(1)?.faults), (0, &Faults::default()));
    assert_eq!(scene.stage.publishers[0].packets_resent(), 0, "the publisher had lost nothing");
    Ok(())
}

/// Loss between a publisher and us is made good once, upstream, for all viewers.
#[test]
fn a_publisher_sends_again_what_it_lost() -> TestResult {
    let lossy = PublisherOptions { loss: Some(Loss::per_mille(LOSS_PER_MILLE, 2)), ..silent_publisher() };
    let scene = endure(lossy, &[silent_viewer(), silent_viewer()])?;
    let publisher = &scene.stage.publishers[0];
    assert!(publisher.packets_withheld() > 10, "{}", scene.stage);
    assert!(publisher.packets_resent() >= publisher.packets_withheld(), "{}", scene.stage);
    for viewer in &scene.stage.viewers {
        let seen = viewer.seen(Content::Vp8).ok_or_else(|| Failure::new("no video was promised"))?;
        // A packet that was late upstream is behind later ones here, and may have been asked for meanwhile.
        assert_eq!(Faults { disordered: 0, repeated: 0, ..seen.faults.clone() }, Faults::default());
    }
    Ok(())
}

/// Both at once: a retransmission that is lost is asked for again.
#[test]
fn loss_on_both_sides_is_made_good() -> TestResult {
    let publisher = PublisherOptions { loss: Some(Loss::per_mille(LOSS_PER_MILLE, 3)), ..silent_publisher() };
    let viewer = ViewerOptions { loss: Some(Loss::per_mille(LOSS_PER_MILLE, 4)), ..silent_viewer() };
    let scene = endure(publisher, &[viewer])?;
    let seen =
        scene.stage.viewers[0].seen(Content::Vp8).ok_or_else(|| Failure::new("no video was promised"))?;
    assert!(seen.by_retransmission > 10, "{}", scene.stage);
    assert_eq!(Faults { disordered: 0, repeated: 0, ..seen.faults.clone() }, Faults::default());
    Ok(())
}
