//! What ends by Red5's calls, and is seen to be gone.

use fanlight_protocol::{CloseReason, ToDataplane};
use serde_json::json;

use super::{busy, call, data, get, keys};
use crate::api_v2::{ADMIN, CONTROL};
use crate::support::{OFFER, session_of};

/// By GET as in Red5's documents, and by POST; the answer is the stream as it was, closed, and by then it is.
#[tokio::test]
async fn unpublish_ends_a_stream_with_its_viewers() {
    for method in ["GET", "POST"] {
        let stage = busy().await;
        let path = "/applications/live/streams/stream1/action/unpublish";
        let before = get(&stage, "/applications/live/streams/stream1").await;
        let closed = data(&stage, method, path, "").await;
        let fields = "creation_time id is_recording name publish_name scope_path state";
        assert_eq!(keys(&closed).join(" "), fields);
        assert_eq!(closed["state"], "CLOSED");
        for field in ["id", "name", "publish_name", "creation_time", "scope_path"] {
            assert_eq!(closed[field], before[field], "{field}");
        }
        assert_eq!(get(&stage, "/applications/live/streams").await, json!([]));
        assert_eq!(stage.dataplane.sessions().len(), 1, "the room's stream goes on");
        assert_eq!(call(&stage, method, path, ADMIN, "").await.status, 404, "it is ended once");
        let live = get(&stage, "/applications/live").await;
        assert_eq!((&live["active_connections"], &live["max_connections"]), (&json!(1), &json!(4)));
        assert_eq!(stage.publish("stream1").await.status, 201, "the name is free");
    }
}

#[tokio::test]
async fn unpublish_reaches_into_rooms_by_scope() {
    let stage = busy().await;
    get(&stage, "/applications/live/streams/stream2/action/unpublish?scope=room1").await;
    assert_eq!(get(&stage, "/applications/live/streams?scope=room1").await, json!([]));
    assert_eq!(get(&stage, "/applications/live/streams").await, json!(["stream1"]));
}

/// The one that is meant, and nobody else.
#[tokio::test]
async fn a_client_is_kicked_by_its_id() {
    let stage = busy().await;
    let watching = stage.watch("stream1").await;
    let list = get(&stage, "/applications/live/clients").await;
    let newest = &list[4];
    let path = format!("/applications/live/clients/{}", newest["id"].as_str().unwrap());
    let kicked = call(&stage, "DELETE", &path, CONTROL, "").await;
    assert_eq!(kicked.json()["data"], *newest);
    let closed = stage.dataplane.heard().into_iter().filter_map(|message| match message {
        ToDataplane::Close { session, reason } => Some((session, reason)),
        _ => None,
    });
    assert_eq!(closed.collect::<Vec<_>>(), [(session_of(&watching), CloseReason::Kicked)]);
    assert_eq!(call(&stage, "DELETE", &path, CONTROL, "").await.status, 404);
    assert_eq!(get(&stage, "/applications/live/clients").await.as_array().unwrap().len(), 4);
}

/// A client of another app must not be reached through this one, nor others by ending an app's.
#[tokio::test]
async fn ending_all_clients_ends_those_of_the_scope_alone() {
    let stage = busy().await;
    assert_eq!(stage.post("/other/whip/endpoint/a", OFFER).await.status, 201);
    let other = get(&stage, "/applications/other/clients").await;
    let through_live = format!("/applications/live/clients/{}", other[0]["id"].as_str().unwrap());
    assert_eq!(call(&stage, "DELETE", &through_live, ADMIN, "").await.status, 404);

    assert_eq!(data(&stage, "DELETE", "/applications/live/clients?scope=room1", "").await, json!({}));
    assert_eq!(get(&stage, "/applications/live/clients").await.as_array().unwrap().len(), 3);
    assert_eq!(data(&stage, "DELETE", "/applications/live/clients", "").await, json!({}));
    assert_eq!(get(&stage, "/applications/live/clients").await, json!([]));
    assert_eq!(get(&stage, "/applications/other/clients").await, other);
}
