//! What each endpoint shows: fields by name, and values that are those of what is there.

use serde_json::json;

use super::{busy, data, get, keys};
use crate::api_v2::{self, stage_with};
use crate::support::until;

const SERVER_STATISTICS: [&str; 23] = [
    "active_connections",
    "active_sub_scopes",
    "architecture",
    "bytes_in",
    "bytes_out",
    "data_unit",
    "fms_version",
    "free_memory",
    "max_connections",
    "max_memory",
    "max_sub_scopes",
    "messages_in",
    "messages_out",
    "num_apps",
    "os_name",
    "os_version",
    "processors",
    "red5_pro_version",
    "total_connections",
    "total_memory",
    "total_sub_scopes",
    "up_time",
    "uptime",
];

const SCOPE: [&str; 16] = [
    "active_connections",
    "active_subscopes",
    "bytes_in",
    "bytes_out",
    "creation_time",
    "data_unit",
    "depth",
    "max_connections",
    "max_subscopes",
    "messages_in",
    "messages_out",
    "name",
    "path",
    "total_connections",
    "total_subscopes",
    "type",
];

const CLIENT: [&str; 4] = ["creation_time", "id", "last_ping", "remote_address"];

/// A server that was asked for nothing yet answers all the same, in the same fields.
#[tokio::test]
async fn the_server_tells_what_it_is_and_what_it_does() {
    let stage = busy().await;
    let server = get(&stage, "/server").await;
    assert_eq!(keys(&server), ["capabilities", "fms_version", "red5_pro_version", "uptime"]);
    assert_eq!(server["red5_pro_version"], concat!("Fanlight ", env!("CARGO_PKG_VERSION")));
    assert!(server["uptime"].as_u64().unwrap() < 600_000, "milliseconds: {server}");
    assert!(get(&stage, "/server/ping").await.as_u64().unwrap() > 1_700_000_000_000);

    let statistics = get(&stage, "/server/statistics").await;
    assert_eq!(keys(&statistics), SERVER_STATISTICS);
    for (field, value) in [
        ("num_apps", json!(1)),
        ("active_sub_scopes", json!(1)),
        ("active_connections", json!(4)),
        ("total_connections", json!(4)),
        ("max_connections", json!(4)),
        ("bytes_in", json!(3_145_728)),
        ("bytes_out", json!(3_145_728)),
        ("messages_in", json!(2_000)),
        ("messages_out", json!(2_000)),
        ("data_unit", json!("b")),
        ("os_name", json!("Linux")),
        ("architecture", json!(std::env::consts::ARCH)),
    ] {
        assert_eq!(statistics[field], value, "{field}");
    }
    assert_eq!(statistics["up_time"], statistics["uptime"]);
    let memory = |field: &str| statistics[field].as_u64().unwrap();
    assert!(
        memory("free_memory") > 1 << 20 && memory("free_memory") < memory("total_memory"),
        "{statistics}"
    );
    let mega = get(&stage, "/server/statistics?unit=mb").await;
    assert_eq!((&mega["bytes_in"], &mega["data_unit"]), (&json!(3.0), &json!("mb")));
    assert!(mega["total_memory"].as_f64().unwrap() < memory("total_memory") as f64 / 1_000_000.0);
}

#[tokio::test]
async fn apps_and_rooms_have_their_statistics() {
    let stage = busy().await;
    assert_eq!(get(&stage, "/applications").await, json!(["live"]));
    let live = get(&stage, "/applications/live?unit=kb").await;
    assert_eq!(keys(&live), SCOPE);
    for (field, value) in [
        ("name", json!("live")),
        ("path", json!("/default")),
        ("depth", json!(1)),
        ("type", json!("APPLICATION")),
        ("active_connections", json!(4)),
        ("active_subscopes", json!(1)),
        ("bytes_in", json!(3_072.0)),
        ("data_unit", json!("kb")),
    ] {
        assert_eq!(live[field], value, "{field}");
    }
    for scope in ["room1", "/room1", "room1/"] {
        let room = get(&stage, &format!("/applications/live?scope={scope}")).await;
        assert_eq!(keys(&room), SCOPE);
        for (field, value) in [
            ("name", json!("room1")),
            ("path", json!("/default/live")),
            ("depth", json!(2)),
            ("type", json!("ROOM")),
            ("active_connections", json!(1)),
            ("bytes_in", json!(1_572_864)),
            ("bytes_out", json!(0)),
            ("messages_in", json!(1_000)),
        ] {
            assert_eq!(room[field], value, "{field}");
        }
        assert!(room["creation_time"].as_u64().unwrap() > 1_700_000_000_000);
    }
    let all = get(&stage, "/applications/statistics").await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["name"]), (1, &json!("live")));
    let chosen = get(&stage, "/applications/statistics?app=live&app=live&unit=gb").await;
    assert_eq!((chosen.as_array().unwrap().len(), &chosen[1]["data_unit"]), (2, &json!("gb")));
}

/// Apps that have a file, or are allowed, are there before anybody comes.
#[tokio::test]
async fn apps_that_are_set_up_are_listed_though_nobody_is_there() {
    let stage = stage_with(|config| config.apps.allowed = vec!["webinar".into(), "live".into()]).await;
    assert_eq!(get(&stage, "/applications").await, json!(["live", "webinar"]));
    let idle = get(&stage, "/applications/webinar").await;
    assert_eq!((&idle["active_connections"], &idle["total_connections"]), (&json!(0), &json!(0)));
    assert_eq!(get(&stage, "/applications/webinar/streams").await, json!([]));
    assert_eq!(get(&stage, "/applications/webinar/clients").await, json!([]));
}

#[tokio::test]
async fn streams_are_named_and_counted() {
    let stage = busy().await;
    assert_eq!(get(&stage, "/applications/live/streams").await, json!(["stream1"]));
    assert_eq!(get(&stage, "/applications/live/streams?scope=room1").await, json!(["stream2"]));
    let invoke = "/applications/live/invoke";
    for (body, names) in [
        ("{\"method\":\"getLiveStreams\",\"parameters\":[]}", "stream1"),
        ("{\"method\":\"getLiveStreams\"}", "stream1"),
        ("{\"method\":\"getLiveStreams\",\"parameters\":[\"room1\"]}", "stream2"),
    ] {
        assert_eq!(data(&stage, "POST", invoke, body).await, json!([names]), "{body}");
    }
    let stream = get(&stage, "/applications/live/streams/stream1").await;
    let fields = "active_subscribers bytes_received creation_time id is_recording max_subscribers name publish_name \
                  scope_path state total_subscribers";
    assert_eq!(keys(&stream).join(" "), fields);
    for (field, value) in [
        ("bytes_received", json!(1_572_864)),
        ("active_subscribers", json!(2)),
        ("total_subscribers", json!(2)),
        ("max_subscribers", json!(2)),
        ("publish_name", json!("stream1")),
        ("scope_path", json!("/default")),
        ("is_recording", json!(false)),
        ("state", json!("PUBLISHING")),
    ] {
        assert_eq!(stream[field], value, "{field}");
    }
    let uuid: Vec<usize> = stream["name"].as_str().unwrap().split('-').map(str::len).collect();
    assert_eq!(uuid, [8, 4, 4, 4, 12]);
    let in_room = get(&stage, "/applications/live/streams/stream2?scope=room1").await;
    assert_eq!(in_room["scope_path"], "/default/live");

    assert_eq!(stage.publish("later").await.status, 201);
    let connecting = get(&stage, "/applications/live/streams/later").await;
    assert_eq!((&connecting["state"], &connecting["active_subscribers"]), (&json!("UNINIT"), &json!(0)));
}

/// The ids that a list shows lead to a client's own numbers.
#[tokio::test]
async fn clients_are_publishers_and_viewers_by_their_handles() {
    let stage = busy().await;
    let all = get(&stage, "/applications/live/clients").await;
    assert_eq!(all.as_array().unwrap().len(), 4);
    assert_eq!(get(&stage, "/applications/live/clients?scope=room1").await.as_array().unwrap().len(), 1);
    for (client, publishes) in all.as_array().unwrap().iter().zip([true, true, false, false]) {
        assert_eq!(keys(client), CLIENT);
        assert_eq!((&client["last_ping"], &client["remote_address"]), (&json!(42), &json!("127.0.0.1")));
        let id = client["id"].as_str().unwrap();
        assert!(id.len() == 16 && !stage.dataplane.sessions().keys().any(|known| known.to_string() == id));
        let one = get(&stage, &format!("/applications/live/clients/{id}")).await;
        let fields = "bytes_in bytes_out connection_protocol creation_time host id last_ping messages_dropped \
                      messages_pending messages_read messages_written path remote_address remote_port";
        assert_eq!(keys(&one).join(" "), fields);
        let (bytes_in, bytes_out, protocol) =
            if publishes { (1_572_864, 0, "whip") } else { (0, 1_572_864, "whep") };
        assert_eq!((&one["bytes_in"], &one["bytes_out"]), (&json!(bytes_in), &json!(bytes_out)));
        assert_eq!(one["connection_protocol"], protocol);
        assert_eq!((&one["remote_port"], &one["host"]), (&json!(50_000), &json!("192.0.2.1")));
        assert_eq!(one["id"], client["id"]);
    }
    // Not yet reported on: what is not known is said to be so.
    assert_eq!(stage.watch("stream1").await.status, 201);
    let all = get(&stage, "/applications/live/clients").await;
    assert_eq!(all[4]["last_ping"], -1);
}

#[tokio::test]
async fn there_are_no_shared_objects_and_no_recordings_yet() {
    let stage = busy().await;
    assert_eq!(get(&stage, "/applications/live/sharedobjects").await, json!([]));
    assert_eq!(get(&stage, "/applications/live/sharedobjects?scope=room1").await, json!([]));
    assert_eq!(get(&stage, "/applications/live/media?extension=flv").await, json!([]));
}

/// Numbers outlast those who made them, and a control that is started anew knows who is there.
#[tokio::test]
async fn counts_go_on_when_sessions_end_and_connections_are_lost() {
    let mut stage = busy().await;
    stage.restart_dataplane(1).await;
    let statistics = get(&stage, "/server/statistics").await;
    assert_eq!((&statistics["total_connections"], &statistics["bytes_in"]), (&json!(4), &json!(3_145_728)));
    stage.dataplane.say(&super::report(&stage));
    stage.restart_dataplane(2).await;
    let live = get(&stage, "/applications/live").await;
    assert_eq!((&live["active_connections"], &live["max_connections"]), (&json!(0), &json!(4)));
    assert_eq!(live["bytes_in"], 3_145_728, "the same report twice is counted once");

    let stage = busy().await.restart_control().await;
    until("the sessions", || async { get(&stage, "/applications").await == json!(["live"]) }).await;
    assert_eq!(get(&stage, "/applications/live").await["active_connections"], 4);
    assert_eq!(get(&stage, "/applications/live/streams").await, json!(["stream1"]));
}

/// Pages poll it, of whatever origin, and it tells no more than the app does elsewhere.
#[tokio::test]
async fn streams_jsp_lists_names_alone() {
    let stage = busy().await;
    for (path, names) in [
        ("/live/streams.jsp", "stream1"),
        ("/live/room1/streams.jsp", "stream2"),
        ("/live/streams.jsp?x=1", "stream1"),
    ] {
        let reply = stage.get(path).await;
        assert_eq!((reply.status, reply.json()), (200, json!([{ "name": names }])), "{path}");
    }
    assert_eq!(stage.get("/other/streams.jsp").await.json(), json!([]));
    let idle = api_v2::stage().await;
    assert_eq!(idle.get("/live/streams.jsp").await.body, "[]");
}
