//! Who is here by name, and shutting people out: now, at the door, and until they are let in again.

use std::fmt::Write;
use std::fs;

use fanlight::roster::{Entry, Key, PasswordHash, Rights, Secret};
use serde_json::{Value, json};

use super::{ADMIN, CONTROL, READ, api, ask, each, get, stage_with};
use crate::support::{OFFER, Reply, Stage};

/// Ann publishes and plays with a password, the encoder with a key, and everybody else plays in another app.
async fn stage() -> (Stage, String) {
    let key = Key::make().unwrap();
    let stage = stage_with(|config| {
        let folder = config.control.socket.with_file_name("apps");
        fs::create_dir(&folder).unwrap();
        let auth = "[auth]\npublish = ['users', 'stream_keys']\nplay = ['users']\n[auth.users]\nfile = 'users'\n\
                    [auth.stream_keys]\nfile = 'keys'\n";
        fs::write(folder.join("live.toml"), auth).unwrap();
        fs::write(folder.join("open.toml"), "[auth]\npublish = ['open']\nplay = ['open']\n").unwrap();
        let mut users = String::new();
        for name in ["ann", "bob"] {
            let password = Secret::Password(PasswordHash::of(&format!("{name}'s password")).unwrap());
            writeln!(users, "{}", Entry::new(name, Rights::Both, password).unwrap()).unwrap();
        }
        fs::write(folder.join("users"), users).unwrap();
        let entry = Entry::new("obs", Rights::Publish, key.secret()).unwrap();
        fs::write(folder.join("keys"), format!("{entry}\n")).unwrap();
        config.apps.folder = folder;
    })
    .await;
    (stage, key.text().to_owned())
}

async fn come(stage: &Stage, user: &str, path: &str) -> Reply {
    stage.post(&format!("{path}?username={user}&password={user}'s%20password"), OFFER).await
}

async fn revoke(stage: &Stage, token: &str, body: &Value) -> Reply {
    ask(api(stage), "POST", "/api/v2/revocations", token, &body.to_string()).await
}

/// All that one user has open is one line, and one request ends it.
#[tokio::test]
async fn clients_are_users_with_all_their_sessions() {
    let (stage, key) = stage().await;
    assert_eq!(come(&stage, "ann", "/live/whip/endpoint/a").await.status, 201);
    for user in ["ann", "bob"] {
        assert_eq!(come(&stage, user, "/live/whep/endpoint/a").await.status, 201);
    }
    assert_eq!(stage.post(&format!("/live/room/whip/endpoint/b?token={key}"), OFFER).await.status, 201);
    assert_eq!(stage.post("/open/whip/endpoint/c", OFFER).await.status, 201);
    let clients = get(&stage, "/clients").await;
    let ann = &clients["items"][0];
    assert_eq!((&ann["user"], &ann["publishing"], &ann["watching"]), (&json!("ann"), &json!(1), &json!(1)));
    assert!(each(&clients, "user").contains(&"bob".to_owned()), "{clients}");
    assert!(!clients.to_string().contains("\"open\""), "who has no name is no client");
    assert_eq!(each(&get(&stage, "/clients?app=open").await, "user"), Vec::<String>::new());
    assert_eq!(get(&stage, "/sessions?user=ann").await["total"], 2);
    let first = get(&stage, "/clients?limit=1").await;
    let next = first["next"].as_str().unwrap();
    assert_ne!(get(&stage, &format!("/clients?limit=1&cursor={next}")).await["items"], first["items"]);

    let path = "/api/v2/clients/ann";
    assert_eq!(ask(api(&stage), "DELETE", path, READ, "").await.status, 403);
    for ended in [2, 0] {
        let reply = ask(api(&stage), "DELETE", path, CONTROL, "").await;
        assert_eq!((reply.status, reply.json()), (200, json!({ "ended": ended })));
    }
    assert_eq!(get(&stage, "/sessions?user=ann").await["total"], 0);
    assert_eq!(come(&stage, "ann", "/live/whip/endpoint/a").await.status, 201, "kicked is not shut out");
}

/// A user who is shut out is out at once, stays out whatever comes, and is in again when that is taken back.
#[tokio::test]
async fn a_revocation_ends_sessions_and_shuts_the_door_until_it_is_taken_back() {
    let (stage, key) = stage().await;
    assert_eq!(get(&stage, "/revocations").await["items"], json!([]));
    assert_eq!(come(&stage, "bob", "/live/whip/endpoint/a").await.status, 201);
    let ann = come(&stage, "ann", "/live/whep/endpoint/a").await;
    assert_eq!(revoke(&stage, CONTROL, &json!({ "user": "ann" })).await.status, 403);
    let revoked =
        revoke(&stage, ADMIN, &json!({ "user": "ann", "app": "live", "until": "2099-01-01T00:00:00Z" }))
            .await;
    assert_eq!((revoked.status, &revoked.json()["ended"]), (201, &json!(1)), "{revoked:?}");
    assert_eq!(stage.state(ann.location()).await.status, 410);
    assert_eq!(come(&stage, "ann", "/live/whep/endpoint/a").await.status, 401);
    assert_eq!(come(&stage, "bob", "/live/whep/endpoint/a").await.status, 201, "nobody else is");

    let obs = stage.post(&format!("/live/whip/endpoint/b?token={key}"), OFFER).await;
    let handle = each(&get(&stage, "/sessions?stream=b").await, "handle").remove(0);
    assert_eq!(revoke(&stage, ADMIN, &json!({ "session": handle })).await.json()["ended"], 1);
    assert_eq!(stage.state(obs.location()).await.status, 410);
    assert_eq!(stage.post(&format!("/live/whip/endpoint/b?token={key}"), OFFER).await.status, 401);
    let listed = get(&stage, "/revocations").await;
    assert_eq!(listed["total"], 2);
    let of_ann = &listed["items"][0];
    assert_eq!((&of_ann["user"], &of_ann["app"]), (&json!("ann"), &json!("live")));
    assert_eq!((&of_ann["credential"], &of_ann["until"]), (&Value::Null, &json!("2099-01-01T00:00:00Z")));
    assert_eq!(*of_ann, revoked.json()["revocation"]);

    let path = format!("/api/v2/revocations/{}", of_ann["id"].as_str().unwrap());
    assert_eq!(ask(api(&stage), "DELETE", &path, CONTROL, "").await.status, 403);
    for _ in 0..2 {
        assert_eq!(ask(api(&stage), "DELETE", &path, ADMIN, "").await.status, 204);
    }
    assert_eq!(
        ask(api(&stage), "DELETE", "/api/v2/revocations/ann", ADMIN, "").await.reason(),
        "bad_parameter"
    );
    assert_eq!(get(&stage, "/revocations").await["total"], 1);
    assert_eq!(come(&stage, "ann", "/live/whep/endpoint/a").await.status, 201);
}

/// Whom nobody can name cannot be shut out, and a body that means two things means none.
#[tokio::test]
async fn a_revocation_names_exactly_one() {
    let (stage, _key) = stage().await;
    stage.post("/open/whip/endpoint/c", OFFER).await;
    let handle = each(&get(&stage, "/sessions").await, "handle").remove(0);
    let long = "x".repeat(257);
    for (body, status, reason) in [
        (json!({ "session": handle }), 409, "names_nobody"),
        (json!({ "session": "0123456789abcdef" }), 404, "not_there"),
        (json!({ "session": "ann" }), 400, "bad_parameter"),
        (json!({}), 400, "bad_body"),
        (json!({ "app": "live" }), 400, "bad_body"),
        (json!({ "user": "ann", "credential": "x" }), 400, "bad_body"),
        (json!({ "user": "" }), 400, "bad_body"),
        (json!({ "user": long }), 400, "bad_body"),
        (json!({ "user": "ann", "app": "" }), 400, "bad_body"),
        (json!({ "user": "ann", "until": "soon" }), 400, "bad_body"),
        (json!({ "usr": "ann" }), 400, "bad_body"),
    ] {
        let reply = revoke(&stage, ADMIN, &body).await;
        assert_eq!((reply.status, reply.reason().as_str()), (status, reason), "{body}");
    }
    assert_eq!(get(&stage, "/revocations").await["total"], 0, "nothing of it is in force");
}
