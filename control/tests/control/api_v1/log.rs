//! The log from afar: only where the operator lets it be read, for a while, and without secrets.

use std::io::Write;
use std::sync::Arc;

use fanlight::{LogLevel, LogTail, Server};
use serde_json::Value;

use super::keys;
use crate::api_v2::{ADMIN, stage_with, tokens};
use crate::support::{Reply, Scratch, request};

/// Faults have a shape of their own there.
fn refusal(reply: &Reply) -> (u16, String) {
    let fault: Value = reply.json();
    assert_eq!(keys(&fault), ["errorMessage", "timestamp"], "{fault}");
    assert!(fault["timestamp"].as_u64().unwrap() > 1_700_000_000_000);
    (reply.status, fault["errorMessage"].as_str().unwrap().to_owned())
}

/// Off unless it is asked for; and an embedding program's log is its own.
#[tokio::test]
async fn the_log_is_not_shown_unless_the_operator_says_so() {
    for (log_access, said) in [(false, "api.log_access"), (true, "in its own hands")] {
        let stage = stage_with(|config| config.api.log_access = log_access).await;
        for path in ["/log", "/log/fanlight.log", "/log/nothing"] {
            let (code, message) = refusal(&super::call(&stage, "GET", path, ADMIN, "").await);
            assert_eq!(code, 409, "{path}");
            assert!(message.contains(said), "{path}: {message}");
        }
    }
}

#[tokio::test]
async fn a_file_of_the_log_is_asked_for_and_then_fetched() {
    let scratch = Scratch::new();
    let mut config = fanlight::Config::default();
    config.http.bind = "127.0.0.1".parse().unwrap();
    config.http.port = 0;
    config.control.socket = scratch.path().join("dataplane.sock");
    config.api.port = 0;
    config.api.tokens = tokens();
    config.api.log_access = true;
    let tail = Arc::<LogTail>::default();
    (&*tail).write_all("INFO control is listening\n".as_bytes()).unwrap();
    let log = LogLevel::new("info", |_| Ok(())).with_tail(tail);
    let server = Server::start_with(config, log).await.unwrap();
    let at = server.api_address().unwrap();
    let call =
        async |path: &str| request(at, "GET", &format!("/api/v1{path}?accessToken={ADMIN}"), &[], "").await;

    let files = call("/log").await.json()["data"].clone();
    assert_eq!(keys(&files[0]), ["last_modified", "name", "size"]);
    assert_eq!((&files[0]["name"], &files[0]["size"]), (&"fanlight.log".into(), &26.into()));
    let file = call("/log/fanlight.log").await.json()["data"].clone();
    assert_eq!(keys(&file), ["comment", "lastModified", "name", "path", "size"]);
    assert_eq!(file["lastModified"], files[0]["last_modified"]);
    let (path, name) = (file["path"].as_str().unwrap(), file["name"].as_str().unwrap());
    assert!(path.starts_with("/tmplogs/") && path.ends_with('/') && path.len() == 42, "{path}");
    let fetched = request(at, "GET", &format!("{path}{name}"), &[], "").await;
    assert_eq!((fetched.status, fetched.body.as_str()), (200, "INFO control is listening\n"));
    assert_eq!(fetched.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(fetched.header("x-content-type-options"), Some("nosniff"));

    assert_eq!(refusal(&call("/log/%2e%2e%2ffanlight.log").await).0, 404);
    assert_eq!(refusal(&call("/log/other.log").await).0, 404);
    for path in [
        format!("{path}other"),
        "/tmplogs/0123456789abcdef0123456789abcdef/fanlight.log".into(),
        "/tmplogs/".into(),
    ] {
        assert_eq!(request(at, "GET", &path, &[], "").await.status, 404, "{path}");
    }
    let public = request(server.address(), "GET", &format!("{path}{name}"), &[], "").await;
    assert_eq!(public.status, 404, "the public listener has no part in it");
    server.shutdown().await;
}
