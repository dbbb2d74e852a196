//! Who is not let in, and what is not understood: in the envelope, with Red5's codes.

use super::{ENDPOINTS, busy, call, get, refusal};
use crate::api_v2::{ADMIN, CONTROL, READ, api, ask, stage_with};
use crate::support::request;

/// Every endpoint: without a token, with a wrong one, with one of another scope. Nothing is done for any of them.
#[tokio::test]
async fn every_endpoint_takes_a_token_of_its_scope_and_no_other() {
    let stage = busy().await;
    for (method, path, scope) in ENDPOINTS {
        let at = format!("{method} {path}");
        let mut replies = vec![request(api(&stage), method, &format!("/api/v1{path}"), &[], "").await];
        for token in ["", "wrong", &ADMIN[1..], "undefined"] {
            replies.push(call(&stage, method, path, token, "").await);
        }
        replies.push(
            call(
                &stage,
                method,
                &format!("{path}{}access_token={ADMIN}", if path.contains('?') { '&' } else { '?' }),
                "",
                "",
            )
            .await,
        );
        for reply in replies {
            assert_eq!(reply.status, 401, "{at}");
            if path.starts_with("/log") {
                assert!(reply.json()["errorMessage"].as_str().unwrap().contains("accessToken"), "{at}");
            } else {
                assert!(refusal(&reply).1.contains("accessToken"), "{at}");
            }
        }
        for (token, scopes) in [(READ, "read"), (CONTROL, "read control"), (ADMIN, "read control admin")] {
            let may = scopes.split(' ').any(|mine| mine == scope);
            // Those who may are seen in the other tests: here nothing must change.
            if !may {
                assert_eq!(call(&stage, method, path, token, "").await.status, 403, "{at} {token}");
            }
        }
    }
    assert_eq!(get(&stage, "/applications/live").await["active_connections"], 4);
    let by_header = ask(api(&stage), "GET", "/api/v1/server", READ, "").await;
    assert_eq!(by_header.status, 200, "a token may also come as everywhere else");
}

/// Addresses come before tokens: hosts.txt of Red5.
#[tokio::test]
async fn other_addresses_are_refused_whatever_they_bring() {
    let stage = stage_with(|config| {
        config.api.allow = vec!["192.0.2.0/24".to_owned().try_into().unwrap()];
    })
    .await;
    for (method, path, _) in ENDPOINTS {
        assert_eq!(call(&stage, method, path, ADMIN, "").await.status, 403, "{method} {path}");
    }
}

/// Each with the code that Red5 gives it, and words that say what to do.
#[tokio::test]
async fn what_is_not_understood_or_not_there_is_told_with_its_code() {
    let stage = busy().await;
    let invoke = "/applications/live/invoke";
    let long = format!("/applications/{}", "x".repeat(129));
    let large = format!("{{\"method\": \"{}\"}}", "x".repeat(70_000));
    for (method, path, body, status, said) in [
        ("GET", "/server/statistics?unit=tb", "", 400, "unit is b, kb, mb or gb"),
        ("GET", "/server/statistics?unit=b&unit=kb", "", 400, "unit is there twice"),
        ("GET", "/applications/statistics?app=nowhere", "", 404, "no such application"),
        ("GET", "/applications/statistics?app=live&app=..", "", 404, "no such application"),
        ("GET", "/applications/statistics?unit=1", "", 400, "unit is"),
        ("GET", "/applications/nowhere", "", 404, "no such application"),
        ("GET", "/applications/api", "", 404, "no such application"),
        ("GET", "/applications/%2e%2e", "", 404, "no such application"),
        ("GET", "/applications/live%2Froom1", "", 404, "no such application"),
        ("GET", "/applications/%ff", "", 400, ""),
        ("GET", long.as_str(), "", 404, "no such application"),
        ("GET", "/applications/live?scope=nowhere", "", 404, "no such scope"),
        ("GET", "/applications/live?scope=..", "", 404, "no such scope"),
        ("GET", "/applications/live?scope=a%2Fb%2Fc%2Fd%2Fe", "", 404, "no such scope"),
        ("GET", "/applications/live?scope=a&scope=b", "", 400, "scope is there twice"),
        ("GET", "/applications/live/streams?scope=nowhere", "", 404, "no such scope"),
        ("GET", "/applications/live/streams/nothing", "", 404, "no such stream"),
        ("GET", "/applications/live/streams/stream2", "", 404, "no such stream"),
        ("GET", "/applications/live/streams/..%2Fx", "", 404, "no such stream"),
        ("GET", "/applications/nowhere/streams/stream1/action/unpublish", "", 404, "no such application"),
        ("GET", "/applications/live/streams/nothing/action/unpublish", "", 404, "no such stream"),
        ("POST", "/applications/live/streams/nothing/action/unpublish", "", 404, "no such stream"),
        ("GET", "/applications/live/streams/stream1/action/explode", "", 404, "no such path"),
        ("GET", "/applications/live/streams/nothing/action/startrecord", "", 404, "no such stream"),
        (
            "GET",
            "/applications/live/streams/stream1/action/startrecord?append=maybe",
            "",
            400,
            "append is true or false",
        ),
        (
            "GET",
            "/applications/live/streams/stream1/action/startrecord?saveas=a&append=true",
            "",
            409,
            "no recorder",
        ),
        ("POST", "/applications/live/streams/stream1/action/startrecord", "", 409, "no recorder"),
        ("GET", "/applications/live/streams/stream1/action/stoprecord", "", 409, "no recorder"),
        ("GET", "/applications/live/clients?scope=nowhere", "", 404, "no such scope"),
        ("GET", "/applications/live/clients/0123456789abcdef", "", 404, "no such client"),
        ("GET", "/applications/live/clients/7", "", 404, "no such client"),
        ("DELETE", "/applications/live/clients/0123456789abcdef", "", 404, "no such client"),
        ("DELETE", "/applications/nowhere/clients", "", 404, "no such application"),
        ("GET", "/applications/live/sharedobjects/BallControl", "", 404, "no such shared object"),
        ("GET", "/applications/nowhere/sharedobjects", "", 404, "no such application"),
        ("GET", "/applications/nowhere/media", "", 404, "no such application"),
        ("DELETE", "/applications/live/media", "", 400, "filename is missing"),
        ("DELETE", "/applications/live/media?filename=stream1&extension=flv", "", 404, "no such file"),
        ("POST", invoke, "", 415, "application/json"),
        ("POST", invoke, "{", 400, "body"),
        ("POST", invoke, "[]", 400, "body"),
        ("POST", invoke, "{\"parameters\":[]}", 400, "method"),
        ("POST", invoke, "{\"method\":\"getLiveStreams\",\"parameters\":{}}", 400, "body"),
        (
            "POST",
            invoke,
            "{\"method\":\"getLiveStreams\",\"parameters\":[1,2]}",
            404,
            "no such method with such parameters",
        ),
        ("POST", invoke, "{\"method\":\"shutdown\",\"parameters\":[]}", 404, "no such method"),
        (
            "POST",
            "/applications/nowhere/invoke",
            "{\"method\":\"getLiveStreams\"}",
            404,
            "no such application",
        ),
        ("POST", invoke, large.as_str(), 413, "larger than"),
        ("GET", "/nowhere", "", 404, "no such path"),
        ("PUT", "/server", "", 405, "method"),
        ("POST", "/applications/live/streams", "", 405, "method"),
        ("DELETE", "/applications/live", "", 405, "method"),
    ] {
        let reply = call(&stage, method, path, ADMIN, body).await;
        let (code, message) = refusal(&reply);
        assert_eq!(code, status, "{method} {path}: {message}");
        assert!(message.contains(said), "{method} {path}: {message}");
        assert!(message.len() > 10 && message.len() < 400, "{method} {path}: {message}");
    }
    assert_eq!(get(&stage, "/applications/live").await["active_connections"], 4, "nothing was done");
    // Scripts send parameters that are for others.
    assert_eq!(call(&stage, "GET", "/server/statistics?unit=&_=1&foo=bar", ADMIN, "").await.status, 200);
}

/// Whoever only looks at an action's head does not want it done.
#[tokio::test]
async fn an_action_is_not_done_by_head() {
    let stage = busy().await;
    let path = "/applications/live/streams/stream1/action/unpublish";
    assert_eq!(call(&stage, "HEAD", path, ADMIN, "").await.status, 405);
    assert_eq!(get(&stage, "/applications/live/streams").await, serde_json::json!(["stream1"]));
}
