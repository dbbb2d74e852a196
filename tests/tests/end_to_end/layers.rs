//! Simulcast from end to end: three layers in, the one that a viewer wishes for out, and the publisher told of the wishes.

use fanlight_tests::TestResult;
use fanlight_tests::client::{Content, PublisherOptions, Viewer, ViewerOptions};
use fanlight_tests::server::Settings;
use serde_json::{Value, json};

use crate::scene::{SOON, Scene, silent_publisher};

/// Packets of a layer that show that it flows.
const PACKETS: u64 = 40;

/// 640 × 360, 320 × 180 and 160 × 90.
const LAYERS: [&str; 3] = ["f", "h", "q"];

fn in_layers() -> PublisherOptions {
    PublisherOptions { layers: LAYERS.to_vec(), ..silent_publisher() }
}

impl Scene {
    /// Runs until the viewer gets this layer.
    fn run_until_layer(&mut self, viewer: usize, layer: &str) -> TestResult {
        let place = LAYERS.iter().position(|name| *name == layer).map(u8::try_from).transpose()?;
        self.stage.run_until(&format!("viewer {viewer} gets the layer {layer}"), SOON, |stage| {
            let seen = stage.viewers[viewer].seen(Content::Vp8);
            seen.is_some_and(|seen| seen.layered.current == place && seen.layered.packets >= PACKETS)
        })?;
        Ok(())
    }

    fn control(&self, viewer: usize, changes: &str) -> TestResult {
        Ok(self.stage.viewers[viewer].resource().control(changes)?)
    }

    /// Runs until what the server tells of a publisher's layers that are watched is this.
    fn run_until_wanted(&mut self, layers: &[&str]) -> TestResult {
        let told = |report: &Value| report["layers_wanted"] == json!(layers);
        self.stage.run_until(&format!("layers_wanted is {layers:?}"), SOON, |stage| {
            stage.publishers[0].resource().report().is_ok_and(|report| told(&report))
        })?;
        Ok(())
    }
}

/// Whole: each packet promised, no sequence number passed over, each layer begun with a key frame.
fn assert_seamless(viewer: &Viewer, switches: u64) {
    assert_eq!(viewer.packets_unknown(), 0);
    for seen in viewer.tracks() {
        assert_eq!((seen.faults.promise, seen.faults.mid), (0, 0), "{seen:?}");
        assert_eq!((seen.layered.torn, seen.layered.holes), (0, 0), "{:?}", seen.layered);
        assert!(seen.layered.switches >= switches, "{:?}", seen.layered);
    }
}

/// The menu of a player: a viewer gets the layer that it names, or one of the size that it names, without a seam, and may read
/// which it is; another viewer of the same stream gets another.
#[test]
fn a_viewer_gets_the_layer_that_it_wishes_for() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", in_layers())?;
    for _ in 0..2 {
        scene.watch("stage", ViewerOptions { audio: false, ..ViewerOptions::default() })?;
    }
    scene.control(1, r#"{"layer": "q"}"#)?;
    for (changes, layer) in [
        (r#"{"layer": "q"}"#, "q"),
        (r#"{"layer": "h"}"#, "h"),
        (r#"{"layer": "q"}"#, "q"),
        (r#"{"layer": "auto", "max_height": 180}"#, "h"),
        (r#"{"max_width": 160}"#, "q"),
        (r#"{"max_width": null, "max_height": null}"#, "f"),
    ] {
        scene.control(0, changes)?;
        scene.run_until_layer(0, layer)?;
        scene.run_until_layer(1, "q")?;
    }
    let report = scene.stage.viewers[1].resource().report()?;
    assert_eq!((&report["layer"], &report["layer_wish"]["layer"]), (&json!("q"), &json!("q")));
    let names: Vec<&Value> = report["layers"].as_array().unwrap().iter().map(|one| &one["layer"]).collect();
    assert_eq!(names, LAYERS);
    assert_eq!(report["layers"][2]["width"], 160);
    for (viewer, switches) in [(0, 5), (1, 0)] {
        assert_seamless(&scene.stage.viewers[viewer], switches);
    }
    let refused = scene.stage.viewers[0].resource().control(r#"{"layer": "m"}"#).unwrap_err();
    assert_eq!(refused.status(), Some(409));
    assert!(refused.to_string().contains("there are f, h, q"), "{refused}");
    Ok(())
}

/// A publisher's uplink is the scarcest: what nobody watches it may stop to send, and is told when somebody does.
#[test]
fn a_publisher_hears_which_layers_are_watched() -> TestResult {
    let mut scene = Scene::start(&Settings::default())?;
    scene.publish("stage", in_layers())?;
    scene.watch("stage", ViewerOptions { audio: false, ..ViewerOptions::default() })?;
    scene.control(0, r#"{"layer": "q"}"#)?;
    scene.run_until_layer(0, "q")?;
    scene.run_until_wanted(&["q"])?;
    scene.control(0, r#"{"layer": "h"}"#)?;
    scene.run_until_layer(0, "h")?;
    scene.run_until_wanted(&["h", "q"])?;
    assert_seamless(&scene.stage.viewers[0], 1);
    Ok(())
}

/// A publisher without layers is replaced by one with them: its viewers go on, and may choose from now on.
#[test]
fn a_takeover_brings_layers_to_viewers_who_had_none() -> TestResult {
    let settings = Settings { more: "[apps]\non_name_in_use = \"replace\"", ..Settings::default() };
    let mut scene = Scene::start(&settings)?;
    scene.publish("stage", PublisherOptions { stream: 2, ..silent_publisher() })?;
    scene.watch("stage", ViewerOptions { audio: false, ..ViewerOptions::default() })?;
    scene.stage.run_until("media of the first publisher", SOON, |stage| {
        stage.viewers[0].seen(Content::Vp8).is_some_and(|seen| seen.faults.strange >= PACKETS)
    })?;
    assert_eq!(scene.stage.viewers[0].resource().report()?["layers"], json!([]));
    scene.publish("stage", in_layers())?;
    scene.stage.run_until("the layers are told", SOON, |stage| {
        let report = stage.viewers[0].resource().report();
        report.is_ok_and(|report| report["layers"].as_array().is_some_and(|layers| layers.len() == 3))
    })?;
    for layer in ["q", "f", "h"] {
        scene.control(0, &format!("{{\"layer\": \"{layer}\"}}"))?;
        scene.run_until_layer(0, layer)?;
    }
    assert!(scene.stage.viewers[0].is_live());
    Ok(())
}
