//! The description against what the server does: every operation that it names is there, guarded, and strict.

use serde_json::Value;

use super::{ADMIN, CONTROL, READ, api, ask, stage, stage_with};
use crate::support::{Stage, request};

/// One operation of the description.
struct Operation {
    method: String,
    /// With its variables filled in.
    path: String,
    scope: String,
    description: Value,
}

async fn operations(stage: &Stage) -> Vec<Operation> {
    let reply = request(api(stage), "GET", "/api/openapi.json", &[], "").await;
    assert_eq!(reply.status, 200);
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let base = document["servers"][0]["url"].as_str().unwrap();
    let mut found = Vec::new();
    let paths = document["paths"].as_object().unwrap().iter();
    for (path, item) in paths.filter(|(path, _)| path.starts_with("/v2/")) {
        for (method, description) in item.as_object().unwrap() {
            let path = path
                .replace("{handle}", "0123456789abcdef")
                .replace("{id}", "0123456789abcdef")
                .replace(['{', '}'], "");
            found.push(Operation {
                method: method.to_uppercase(),
                path: format!("{base}{path}"),
                scope: description["security"][0]["bearer"][0].as_str().unwrap().to_owned(),
                description: description.clone(),
            });
        }
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

/// A path that somebody adds must be guarded as the others are, which no list of paths kept by hand would notice.
#[tokio::test]
async fn every_operation_asks_for_a_token_of_its_scope() {
    let stage = stage().await;
    let mut by_scope = std::collections::BTreeMap::<String, usize>::new();
    for Operation { method, path, scope, .. } in operations(&stage).await {
        let reply = ask(api(&stage), &method, &path, "none", "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (401, "token_not_allowed"), "{method} {path}");
        for (token, scopes) in [(READ, vec!["read"]), (CONTROL, vec!["read", "control"])] {
            if !scopes.contains(&scope.as_str()) {
                let reply = ask(api(&stage), &method, &path, token, "").await;
                assert_eq!(
                    (reply.status, reply.reason().as_str()),
                    (403, "scope_missing"),
                    "{method} {path}"
                );
            }
        }
        let reads = method == "GET";
        assert_eq!(scope == "read", reads, "{method} {path}: what changes nothing is to read, and only that");
        *by_scope.entry(scope).or_default() += 1;
    }
    assert_eq!(by_scope.keys().collect::<Vec<_>>(), ["admin", "control", "read"]);
}

#[tokio::test]
async fn every_operation_is_refused_to_other_addresses() {
    let elsewhere = |config: &mut fanlight::Config| {
        config.api.allow = vec!["192.0.2.1".to_owned().try_into().unwrap()];
    };
    let (open, shut) = (stage().await, stage_with(elsewhere).await);
    for Operation { method, path, .. } in operations(&open).await {
        let reply = ask(api(&shut), &method, &path, ADMIN, "").await;
        assert_eq!((reply.status, reply.reason().as_str()), (403, "address_not_allowed"), "{method} {path}");
    }
}

/// A misspelt filter must not show, or end, everything.
#[tokio::test]
async fn every_operation_refuses_parameters_that_it_does_not_know() {
    let stage = stage().await;
    for Operation { method, path, description, .. } in operations(&stage).await {
        let body = description.get("requestBody").map_or("", |_| "{}");
        let reply = ask(api(&stage), &method, &format!("{path}?limt=1"), ADMIN, body).await;
        assert_eq!((reply.status, reply.reason().as_str()), (400, "unknown_parameter"), "{method} {path}");
        let named = description["parameters"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one["name"] == "limit"));
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert_eq!(detail.contains("the nearest is limit"), named, "{method} {path}: {detail}");
    }
}

/// Bodies that are no JSON, too large, of another type, or with a field that is not known: 4xx with a reason, before anything happens.
#[tokio::test]
async fn every_body_is_read_strictly() {
    let stage = stage().await;
    let authorization = format!("Bearer {ADMIN}");
    let large = format!("{{\"x\": \"{}\"}}", "x".repeat(70_000));
    let deep = "[".repeat(50_000);
    let mut bodies = 0;
    for Operation { method, path, description, .. } in operations(&stage).await {
        if description.get("requestBody").is_none() {
            continue;
        }
        bodies += 1;
        for (content_type, body, reason) in [
            ("application/json", "", "bad_body"),
            ("application/json", "{", "bad_body"),
            ("application/json", "[]", "bad_body"),
            ("application/json", "null", "bad_body"),
            ("application/json", "{\"nonsense\": 1}", "bad_body"),
            ("application/json", "{}{}", "bad_body"),
            ("application/json", deep.as_str(), "bad_body"),
            ("application/json", large.as_str(), "body_too_large"),
            ("application/json", "{\"a\": \"\u{1}\"}", "not_text"),
            ("text/plain", "{}", "wrong_content_type"),
            ("application/x-www-form-urlencoded", "a=b", "wrong_content_type"),
        ] {
            let headers = [("Authorization", authorization.as_str()), ("Content-Type", content_type)];
            let reply = request(api(&stage), &method, &path, &headers, body).await;
            let shown = &body[..body.len().min(20)];
            // A session that is not there is found out before the body is read.
            let expected = if path.contains("/sessions/") { "not_there" } else { reason };
            let found = reply.reason();
            assert!(
                found == expected || found == reason,
                "{method} {path} {content_type} {shown}: {reply:?}"
            );
            assert!((400..500).contains(&reply.status) && reply.body.len() < 1_500, "{reply:?}");
        }
    }
    assert!(bodies >= 4, "{bodies}");
}

/// The description is what integrators read: each operation says what it does, what it takes, and how it says no.
#[tokio::test]
async fn every_operation_is_described() {
    let stage = stage().await;
    let mut names = Vec::new();
    for Operation { method, path, description, .. } in operations(&stage).await {
        let at = format!("{method} {path}");
        assert!(
            description["summary"].as_str().is_some_and(|text| text.ends_with('.') && text.len() > 8),
            "{at}"
        );
        assert!(description["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{at}");
        names.push(description["operationId"].as_str().unwrap().to_owned());
        let responses = description["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{at}");
        for status in ["400", "401", "403", "405"] {
            let schema = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{at} {status}");
        }
        for (status, response) in responses {
            assert!(response["description"].as_str().is_some_and(|text| text.len() > 3), "{at} {status}");
        }
        for parameter in description["parameters"].as_array().unwrap_or(&Vec::new()) {
            assert!(parameter["schema"].is_object(), "{at} {parameter}");
            let told = [&parameter["description"], &parameter["schema"]["description"]];
            assert!(told.iter().any(|text| text.is_string()), "{at} {parameter}");
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "an operation's name is its own");
}

/// The page needs nothing from elsewhere, and may not be framed or run what is not its own.
#[tokio::test]
async fn the_page_is_served_with_all_that_it_needs_and_guarded() {
    let stage = stage().await;
    let page = request(api(&stage), "GET", "/api/docs/", &[], "").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!page.body.contains("https://") && !page.body.contains("<script>"), "{}", page.body);
    for (_, rest) in page.body.match_indices("src=\"").map(|(at, _)| page.body.split_at(at + 5)) {
        let file = rest.split('"').next().unwrap().trim_start_matches("./");
        let reply = request(api(&stage), "GET", &format!("/api/docs/{file}"), &[], "").await;
        assert_eq!(reply.status, 200, "{file}");
    }
    let folder = request(api(&stage), "GET", "/api/docs", &[], "").await;
    assert_eq!((folder.status, folder.header("location")), (303, Some("/api/docs/")));
    for path in ["/api/docs/nothing", "/api/docs/../../etc/passwd", "/api/docs/%2e%2e%2f"] {
        assert_eq!(request(api(&stage), "GET", path, &[], "").await.status, 404, "{path}");
    }
}
