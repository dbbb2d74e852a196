//! Who gets in: by address, by token, by scope.

use fanlight::Server;

use super::{ADMIN, CONTROL, READ, api, ask, stage, stage_with, tokens};
use crate::support::{Scratch, Stage, request};

/// A50: whoever comes by the public address finds nothing of it, unless the operator wants that; without tokens it is nowhere.
#[tokio::test]
async fn the_api_is_not_on_the_public_listener_unless_it_is_asked_for() {
    let off = Stage::new().await;
    assert_eq!(off.server.api_address(), None);
    let apart = stage().await;
    for stage in [&off, &apart] {
        for path in
            ["/api/v2/server", "/api/v1/server/ping", "/api/openapi.json", "/api/docs/", "/api/v2", "/api"]
        {
            let reply = ask(stage.address(), "GET", path, ADMIN, "").await;
            assert_eq!((reply.status, reply.reason().as_str()), (404, "unknown_path"), "{path}");
        }
    }
    assert_ne!(api(&apart), apart.address());
    assert_eq!(ask(api(&apart), "GET", "/api/v2/server", READ, "").await.status, 200);
    assert_eq!(request(api(&apart), "GET", "/publish", &[], "").await.status, 404, "nothing else is there");

    let both = stage_with(|config| config.api.on_public = true).await;
    assert_eq!(ask(both.address(), "GET", "/api/v2/server", READ, "").await.status, 200);
    assert_eq!(ask(both.address(), "GET", "/api/v2/server", "", "").await.status, 401);
    assert_eq!(both.publish("a").await.status, 201, "the public paths are there as before");
}

/// An address that is not listed learns nothing, whatever it asks and brings.
#[tokio::test]
async fn other_addresses_are_refused_before_all_else() {
    let stage = stage_with(|config| {
        config.api.allow = vec!["192.0.2.0/24".to_owned().try_into().unwrap()];
    })
    .await;
    for path in ["/api/v2/server", "/api/v1/server/ping", "/api/openapi.json", "/api/docs/", "/nowhere", "/"]
    {
        for token in [ADMIN, ""] {
            let reply = ask(api(&stage), "GET", path, token, "").await;
            assert_eq!((reply.status, reply.reason().as_str()), (403, "address_not_allowed"), "{path}");
        }
    }
}

/// Missing, wrong, doubled, in the wrong place: one answer.
#[tokio::test]
async fn without_a_valid_token_every_answer_is_the_same() {
    let stage = stage().await;
    let bearer = |token: &str| ("Authorization", format!("Bearer {token}"));
    let mut answers = Vec::new();
    for (headers, query) in [
        (vec![], String::new()),
        (vec![bearer("")], String::new()),
        (vec![bearer("wrong")], String::new()),
        (vec![bearer(&READ[1..])], String::new()),
        (vec![bearer(READ), bearer(READ)], String::new()),
        (vec![("Authorization", format!("Basic {READ}"))], String::new()),
        (vec![("Authorization", READ.to_owned())], String::new()),
        (vec![], "?access_token=".to_owned()),
        (vec![], format!("?access_token={READ}&access_token={READ}")),
        (vec![], format!("?accessToken={READ}")),
        (vec![], format!("?token={READ}")),
    ] {
        for path in ["/api/v2/server", "/api/v2/nowhere"] {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let reply = request(api(&stage), "GET", &format!("{path}{query}"), &headers, "").await;
            assert_eq!(
                (reply.status, reply.reason().as_str()),
                (401, "token_not_allowed"),
                "{path} {headers:?}"
            );
            assert_eq!(reply.header("www-authenticate"), Some("Bearer realm=\"fanlight\""));
            answers.push(reply.body);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    for query in [format!("?access_token={READ}"), format!("?x-unknown=&access_token={READ}")] {
        let reply = request(api(&stage), "GET", &format!("/api/v2/server{query}"), &[], "").await;
        assert_ne!(reply.status, 401, "{query}");
    }
    assert_eq!(stage.metric("fanlight_http_faults_total{reason=\"token_not_allowed\"}").await, Some(22.0));
}

/// Whoever guesses is sent away (A41), with the same answer whether the next guess were right or wrong.
#[tokio::test]
async fn guesses_count_against_the_address() {
    let stage = stage_with(|config| config.auth.refusals_per_minute_max = 3).await;
    for _ in 0..3 {
        let valid = ask(api(&stage), "GET", "/api/v2/server", READ, "").await;
        assert_eq!(valid.status, 200, "the valid cost nothing");
        assert_eq!(ask(api(&stage), "GET", "/api/v2/server", "guess", "").await.status, 401);
    }
    for token in ["guess", READ, ""] {
        let reply = ask(api(&stage), "GET", "/api/v2/server", token, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (429, "too_many_refusals"));
        assert!(reply.header("retry-after").unwrap().parse::<u32>().unwrap() <= 21, "{reply:?}");
    }
}

/// Unknown paths and methods are told apart once the caller is known, and by whoever it is.
#[tokio::test]
async fn unknown_paths_and_methods_are_told_with_what_there_is() {
    let stage = stage().await;
    for token in [READ, CONTROL, ADMIN] {
        let reply = ask(api(&stage), "GET", "/api/v2/nowhere", token, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (404, "unknown_path"));
        let reply = ask(api(&stage), "PUT", "/api/v2/server", token, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (405, "method_not_allowed"));
        assert_eq!(reply.header("allow"), Some("GET,HEAD"));
        assert_eq!(ask(api(&stage), "HEAD", "/api/v2/nowhere", token, "").await.status, 404);
        assert_eq!(ask(api(&stage), "GET", "/nowhere", token, "").await.reason(), "unknown_path");
    }
}

/// A page of another origin must not read answers, nor be let ask with more than a simple request (A50).
#[tokio::test]
async fn pages_of_other_origins_are_not_let_in() {
    let stage = stage().await;
    let authorization = format!("Bearer {READ}");
    let headers = [("Authorization", authorization.as_str()), ("Origin", "https://example.org")];
    let reply = request(api(&stage), "GET", "/api/v2/server", &headers, "").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, None));
    let headers = [("Origin", "https://example.org"), ("Access-Control-Request-Method", "DELETE")];
    let preflight = request(api(&stage), "OPTIONS", "/api/v2/server", &headers, "").await;
    assert_eq!(preflight.status, 401);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
    assert_eq!(preflight.header("access-control-allow-methods"), None);
}

type Spoil = fn(&mut fanlight::Config, &std::path::Path);

/// A47: what would leave the API open, or shut to all, must not start.
#[tokio::test]
async fn a_configuration_that_is_no_protection_does_not_start() {
    let scratch = Scratch::new();
    let file = scratch.path().join("token");
    std::fs::write(&file, "short\n").unwrap();
    let faulty: [(&str, Spoil); 8] = [
        ("set either sha256 or token_file", |config, _| config.api.tokens[0].sha256.clear()),
        ("set either sha256 or token_file", |config, file| config.api.tokens[0].token_file = file.into()),
        ("64 hexadecimal digits", |config, _| config.api.tokens[0].sha256.truncate(63)),
        ("that of an empty token", |config, _| {
            config.api.tokens[0].sha256 =
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into();
        }),
        ("another token has that name", |config, _| config.api.tokens[1].name = "reader".into()),
        ("it has no scopes", |config, _| config.api.tokens[2].scopes.clear()),
        ("name at least one address", |config, _| config.api.allow.clear()),
        ("the token in", |config, file| {
            config.api.tokens[0].sha256.clear();
            config.api.tokens[0].token_file = file.into();
        }),
    ];
    for (said, spoil) in faulty {
        let mut config = fanlight::Config::default();
        config.http.bind = "127.0.0.1".parse().unwrap();
        config.http.port = 0;
        config.https.certificate = fanlight::config::CertificateSource::Off;
        config.control.socket = scratch.path().join("dataplane.sock");
        config.api.port = 0;
        config.api.tokens = tokens();
        spoil(&mut config, &file);
        let fault = Server::start(config).await.unwrap_err().to_string();
        assert!(fault.contains(said), "{fault}");
    }
}

/// The command line says the same, with the key (A47).
#[test]
fn a_misspelt_scope_is_told_with_those_that_there_are() {
    let scratch = Scratch::new();
    let file = scratch.path().join("fanlight.toml");
    let hash = "8f005480bdc9145c04cc1ebe5dd198e058c3351a7f0752daf253dd658caae363";
    std::fs::write(&file, format!("[[api.tokens]]\nname = 'a'\nsha256 = '{hash}'\nscopes = ['reed']\n"))
        .unwrap();
    let faults = fanlight::Config::load(Some(&file), []).unwrap_err().to_string();
    assert!(faults.contains("api.tokens") && faults.contains("`read`, `control`, `admin`"), "{faults}");
}
