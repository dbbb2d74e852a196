//! Layers: a viewer wishes for one by PATCH, hears which it gets, and a publisher hears which are watched.

use fanlight_protocol::{LayerState, LayerWish, Notable, ToDataplane};
use serde_json::{Value, json};

use crate::support::{EventStream, OFFER, Reply, Stage, request, session_of, until};

async fn patch(stage: &Stage, location: &str, body: &str) -> Reply {
    request(stage.address(), "PATCH", location, &[("Content-Type", "application/json")], body).await
}

/// Publishes in the layers q, h and f.
async fn publish_layers(stage: &Stage, name: &str) -> Reply {
    let opened =
        stage.post(&format!("/live/whip/endpoint/{name}"), &format!("{OFFER}a=x-test:simulcast\r\n")).await;
    assert_eq!(opened.status, 201);
    opened
}

async fn until_live(stage: &Stage) {
    until("the stream", || async { stage.get("/streams").await.body != "[]" }).await;
}

fn wishes(stage: &Stage) -> Vec<LayerWish> {
    let heard = stage.dataplane.heard().into_iter();
    let wishes = heard.filter_map(|message| match message {
        ToDataplane::Prefer { wish, .. } => Some(wish),
        _ => None,
    });
    wishes.collect()
}

fn wish(layer: Option<&str>, max_width: Option<u16>, max_height: Option<u16>) -> LayerWish {
    LayerWish { layer: layer.map(str::to_owned), max_width, max_height }
}

fn gets(layer: &str) -> Notable {
    let state = |layer: &str, width, active| LayerState {
        layer: layer.to_owned(),
        width,
        height: width.map(|width| width * 9 / 16),
        active,
    };
    let layers = vec![state("q", Some(320), true), state("h", Some(640), true), state("f", None, false)];
    let found = layers.iter().find(|state| state.layer == layer).unwrap().clone();
    Notable::Layer { layer: found.layer, width: found.width, height: found.height, layers }
}

/// A page says one thing at a time; the media process is told the whole wish, and anybody may read what it is.
#[tokio::test]
async fn a_viewer_wishes_for_layers_and_sizes() {
    let stage = Stage::new().await;
    publish_layers(&stage, "camera").await;
    let viewer = stage.watch("camera").await;
    let expected = [
        (r#"{"layer": "h"}"#, wish(Some("h"), None, None)),
        (r#"{"max_width": 640, "max_height": 360}"#, wish(Some("h"), Some(640), Some(360))),
        (r#"{"layer": "auto", "max_height": null}"#, wish(None, Some(640), None)),
        (r#"{"layer": "f", "max_width": null, "video": "paused"}"#, wish(Some("f"), None, None)),
    ];
    for (body, whole) in &expected {
        let reply = patch(&stage, viewer.location(), body).await;
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{body}");
        assert_eq!(wishes(&stage).last(), Some(whole), "{body}");
        let state = stage.state(viewer.location()).await.json();
        assert_eq!(state["layer_wish"], serde_json::to_value(whole).unwrap(), "{body}");
    }
    assert_eq!(wishes(&stage).len(), expected.len());
    let state = stage.state(viewer.location()).await.json();
    assert_eq!(state["layer"], Value::Null, "none has been told");
    let names: Vec<&Value> =
        state["layers"].as_array().unwrap().iter().map(|layer| &layer["layer"]).collect();
    assert_eq!(names, ["q", "h", "f"]);
    assert_eq!(state["paused"], json!(["video"]), "the same PATCH may pause");
    // A pause alone says nothing of layers.
    assert_eq!(patch(&stage, viewer.location(), r#"{"video": "playing"}"#).await.status, 204);
    assert_eq!(wishes(&stage).len(), expected.len());
}

/// The next control must not forget what was wished, or a later PATCH would lift it.
#[tokio::test]
async fn a_wish_outlives_control() {
    let stage = Stage::new().await;
    publish_layers(&stage, "camera").await;
    let viewer = stage.watch("camera").await;
    assert_eq!(patch(&stage, viewer.location(), r#"{"layer": "q"}"#).await.status, 204);
    let stage = stage.restart_control().await;
    until("the snapshot", || async { stage.state(viewer.location()).await.status == 200 }).await;
    assert_eq!(patch(&stage, viewer.location(), r#"{"max_width": 320}"#).await.status, 204);
    assert_eq!(wishes(&stage).last(), Some(&wish(Some("q"), Some(320), None)));
}

/// A wish without effect is taken for a broken server: the fault says which layers there are.
#[tokio::test]
async fn a_layer_that_is_not_there_is_refused_with_those_that_are() {
    let stage = Stage::new().await;
    let publisher = publish_layers(&stage, "camera").await;
    stage.publish("plain").await;
    let (viewer, of_one) = (stage.watch("camera").await, stage.watch("plain").await);
    for (location, body, status, reason, said) in [
        (viewer.location(), r#"{"layer": "m"}"#, 409, "no_such_layer", "there are q, h, f, and \"auto\""),
        (viewer.location(), r#"{"layer": "S0T1"}"#, 409, "no_such_layer", "there are q, h, f"),
        (viewer.location(), r#"{"video": "paused", "layer": ""}"#, 409, "no_such_layer", "there are q"),
        (of_one.location(), r#"{"layer": "q"}"#, 409, "no_such_layer", "does not use simulcast"),
        (viewer.location(), r#"{"max_width": 0}"#, 400, "bad_control", "max_width cannot be 0"),
        (viewer.location(), r#"{"max_height": 1e9}"#, 400, "bad_control", "max_height cannot be"),
        (publisher.location(), r#"{"layer": "q"}"#, 409, "not_a_viewer", "at its source"),
    ] {
        let reply = patch(&stage, location, body).await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{body}");
        assert!(reply.body.contains(&said.replace('"', "\\\"")), "{body}: {}", reply.body);
    }
    assert_eq!(wishes(&stage), []);
    let paused = stage.dataplane.heard().iter().any(|message| matches!(message, ToDataplane::Pause { .. }));
    assert!(!paused, "all or nothing");
    // A size is no name: a stream of one layer may get others.
    assert_eq!(patch(&stage, of_one.location(), r#"{"max_width": 320}"#).await.status, 204);
    let radio = format!("{OFFER}a=x-test:audio-only\r\n");
    stage.post("/live/whip/endpoint/radio", &radio).await;
    let listener = stage.post("/live/whep/endpoint/radio", &radio).await;
    let reply = patch(&stage, listener.location(), r#"{"max_width": 320}"#).await;
    assert_eq!((reply.status, reply.reason().as_str()), (409, "no_such_track"));
}

/// The menu of a player: which layer it has, and which there are, told at once and to whoever asks later.
#[tokio::test]
async fn a_viewer_is_told_which_layer_it_gets() {
    let stage = Stage::new().await;
    publish_layers(&stage, "camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    until_live(&stage).await;
    let mut stream = EventStream::open(stage.address(), viewer.location()).await;
    stream.expect("active").await;
    stage.dataplane.note(session_of(&viewer), 700, gets("h"));
    let told = stream.expect("layer").await;
    assert_eq!((&told["layer"], &told["width"], &told["height"]), (&json!("h"), &json!(640), &json!(360)));
    assert_eq!(
        told["layers"],
        json!([
            {"layer": "q", "width": 320, "height": 180, "active": true},
            {"layer": "h", "width": 640, "height": 360, "active": true},
            {"layer": "f", "width": null, "height": null, "active": false},
        ])
    );
    assert_eq!(told["text"], "You get the layer h now: 640 × 360.");
    stage.dataplane.note(session_of(&viewer), 900, gets("f"));
    assert_eq!(stream.expect("layer").await["text"], "You get the layer f now.");
    let state = stage.state(viewer.location()).await.json();
    assert_eq!((&state["layer"], &state["layers"][1]["width"]), (&json!("f"), &json!(640)));
    assert_eq!(state["layers"][2], json!({"layer": "f", "width": null, "height": null, "active": false}));
    stage.dataplane.note(session_of(&viewer), 950, gets("f"));
    stream.expect("layer").await;
    let changes = stage.metric("fanlight_layer_changes_total").await;
    assert_eq!(changes, Some(1.0), "the first layer is no change, nor is news of the same");
    let mut later = EventStream::open(stage.address(), viewer.location()).await;
    later.expect("active").await;
    assert_eq!(later.expect("layer").await["layer"], "f");
}

/// A publisher's page stops to encode what nobody watches; its session names what of it is which layer.
#[tokio::test]
async fn a_publisher_is_told_which_layers_are_watched() {
    let stage = Stage::new().await;
    let publisher = publish_layers(&stage, "camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    until_live(&stage).await;
    let state = stage.state(publisher.location()).await.json();
    assert_eq!((&state["layers"], &state["layers_wanted"]), (&json!(["q", "h", "f"]), &Value::Null));
    let mut stream = EventStream::open(stage.address(), publisher.location()).await;
    let mut viewers = EventStream::open(stage.address(), viewer.location()).await;
    let wanted = |names: &[&str]| Notable::LayersWanted {
        layers: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    stage.dataplane.note(session_of(&publisher), 50, wanted(&["q", "h"]));
    let told = stream.expect("layers_wanted").await;
    assert_eq!(told["layers"], json!(["q", "h"]));
    assert_eq!(told["text"], "Layers that are watched: q, h. The others need not be sent.");
    let state = stage.state(publisher.location()).await.json();
    assert_eq!(state["layers_wanted"], json!(["q", "h"]));
    assert_eq!(state.get("layer_wish"), None, "wishes are viewers'");
    stage.dataplane.note(session_of(&publisher), 60, wanted(&[]));
    assert_eq!(stream.expect("layers_wanted").await["text"], "Nobody watches any layer.");
    // Viewers are not told of each other.
    stage.dataplane.note(session_of(&viewer), 70, gets("q"));
    viewers.expect("active").await;
    viewers.expect("layer").await;
    let link = viewer.header("link").unwrap_or_default().to_owned();
    assert!(link.contains(",layer,") && !link.contains("layers_wanted"), "{link}");
}

/// After a takeover the layers are the new publisher's: a menu with the old names would offer what is gone.
#[tokio::test]
async fn a_takeover_brings_its_own_layers() {
    let stage =
        Stage::with(|config| config.apps.on_name_in_use = fanlight::config::OnNameInUse::Replace).await;
    stage.publish("camera").await;
    let viewer = stage.watch("camera").await;
    stage.dataplane.connect_all();
    let layers = async || stage.state(viewer.location()).await.json()["layers"].clone();
    assert_eq!(layers().await, json!([]));
    let second = publish_layers(&stage, "camera").await;
    stage.dataplane.take_over(session_of(&second), &[]);
    until("the takeover", || async { layers().await != json!([]) }).await;
    assert_eq!(layers().await[2]["layer"], "f");
    assert_eq!(patch(&stage, viewer.location(), r#"{"layer": "h"}"#).await.status, 204);
}
