//! The administration API: who gets in, and what each path of v2 shows and does.

mod access;
mod clients;
mod described;
mod maintenance;
mod sessions;
mod streams;

use std::net::SocketAddr;

use fanlight::config::{ApiToken, Scope};

use crate::support::{Reply, Stage, request};

pub(crate) const READ: &str = "reader-0123456789abcdef0123456789abcdef";
const READ_SHA256: &str = "11a21445dab18a8dac92c165872b754196685f769b926c9424c4311956011abc";
pub(crate) const CONTROL: &str = "controller-0123456789abcdef0123456789abcdef";
const CONTROL_SHA256: &str = "28f73bf5beef83b63241e3cc1aac52f2a795881a10b542cc691fb992d62eb9b0";
pub(crate) const ADMIN: &str = "admin-0123456789abcdef0123456789abcdef";
const ADMIN_SHA256: &str = "8f0becd4e2d8bbda113b8b4dc9613712c3a3f6c7cdca39922a4e4ef529a414f1";

/// A server whose API is on, with a token for each scope.
pub(crate) async fn stage() -> Stage {
    stage_with(|_| {}).await
}

pub(crate) async fn stage_with(adjust: impl FnOnce(&mut fanlight::Config)) -> Stage {
    Stage::with(|config| {
        config.api.port = 0;
        config.api.tokens = tokens();
        config.auth.refusals_per_minute_max = 10_000;
        adjust(config);
    })
    .await
}

pub(crate) fn tokens() -> Vec<ApiToken> {
    let token = |name: &str, sha256: &str, scopes: &[Scope]| ApiToken {
        name: name.into(),
        sha256: sha256.into(),
        token_file: Default::default(),
        scopes: scopes.to_vec(),
    };
    vec![
        token("reader", READ_SHA256, &[Scope::Read]),
        token("controller", CONTROL_SHA256, &[Scope::Read, Scope::Control]),
        token("admin", ADMIN_SHA256, &[Scope::Read, Scope::Control, Scope::Admin]),
    ]
}

/// One request to the API, with these headers.
pub(crate) async fn ask(at: SocketAddr, method: &str, path: &str, token: &str, body: &str) -> Reply {
    let authorization = format!("Bearer {token}");
    let mut headers = vec![("Authorization", authorization.as_str())];
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    request(at, method, path, &headers, body).await
}

/// The answer's body; the request must succeed.
pub(crate) async fn get(stage: &Stage, path: &str) -> serde_json::Value {
    let reply = ask(api(stage), "GET", &format!("/api/v2{path}"), READ, "").await;
    assert_eq!(reply.status, 200, "{path}: {reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    reply.json()
}

/// What each item of a list says at `field`, in its order.
pub(crate) fn each(list: &serde_json::Value, field: &str) -> Vec<String> {
    let text = |item: &serde_json::Value| item[field].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(text).collect()
}

pub(crate) fn api(stage: &Stage) -> SocketAddr {
    stage.server.api_address().expect("the API is on")
}
