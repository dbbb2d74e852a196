//! Pages and SDK as files: types, caching, headers, and nothing but them.

use crate::support::{Stage, exchange, request};

#[tokio::test]
async fn pages_and_sdk_are_served_with_their_types_and_under_a_strict_policy() {
    let stage = Stage::new().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/publish?app=live&stream=x", "text/html; charset=utf-8"),
        ("/watch", "text/html; charset=utf-8"),
        ("/sdk/fanlight.js", "text/javascript; charset=utf-8"),
    ] {
        let page = stage.get(path).await;
        assert_eq!((page.status, page.header("content-type")), (200, Some(kind)), "{path}");
        assert!(page.body.len() > 100, "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self'; connect-src *;"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-cache"));
    }
}

/// A page that has not changed costs a few bytes.
#[tokio::test]
async fn an_unchanged_page_is_not_sent_again() {
    let stage = Stage::new().await;
    let page = stage.get("/").await;
    let tag = page.header("etag").unwrap();
    for known in [tag.to_owned(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
        let again = request(stage.address(), "GET", "/", &[("If-None-Match", &known)], "").await;
        assert_eq!(
            (again.status, again.body.as_str(), again.header("etag")),
            (304, "", Some(tag)),
            "{known}"
        );
    }
    let changed = request(stage.address(), "GET", "/", &[("If-None-Match", "\"other\"")], "").await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body, page.body);
    let head = request(stage.address(), "HEAD", "/", &[], "").await;
    assert_eq!(head.header("content-length"), Some(page.body.len().to_string().as_str()));
}

/// Builds for debugging read from the source folder: nothing outside it, and none of its tests, may be had.
#[tokio::test]
async fn no_path_leads_out_of_the_pages_folder() {
    let stage = Stage::new().await;
    for path in [
        "/sdk/../../Cargo.toml",
        "/sdk/..%2f..%2fCargo.toml",
        "/sdk/%2e%2e/%2e%2e/Cargo.toml",
        "/assets/%2e%2e%2f%2e%2e%2fsrc/main.rs",
        "/assets/..%5c..%5cCargo.toml",
        "/sdk//etc/passwd",
        "/sdk/%2fetc%2fpasswd",
        "/sdk/./fanlight.js",
        "/sdk/fanlight.js%00.html",
        "/sdk/",
        "/sdk",
        "/assets",
        "/index.html/",
        "/tests/index.html",
        "/Cargo.toml",
        "/sdk/none.js",
        "/sdk/\u{2024}\u{2024}/x",
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let reply = exchange(stage.address(), head.as_bytes()).await.unwrap();
        assert!(matches!(reply.status, 404 | 400), "{path}: {reply:?}");
        assert!(!reply.body.contains("[package]") && !reply.body.contains("root:"), "{path}");
    }
}
