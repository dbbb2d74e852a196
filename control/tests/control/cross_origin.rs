//! Pages of other origins: preflights, real OPTIONS, and answers that the page may read, errors included.

use crate::support::{OFFER, SDP, Stage, request};

const EXPOSED: &str = "Location, Link, ETag, Accept-Patch, Retry-After";

/// A page calls OPTIONS itself; the browser asks first, and both come as OPTIONS.
#[tokio::test]
async fn a_preflight_is_told_from_a_real_options() {
    let stage = Stage::with(|config| {
        let server = |url: &str| fanlight::config::IceServer {
            urls: vec![url.to_owned()],
            username: String::new(),
            credential: String::new(),
        };
        config.ice.servers = vec![server("stun:one.example:3478"), server("stun:two.example:3478")];
    })
    .await;
    let path = "/live/whip/endpoint/camera?signal=true";
    let asked = [
        ("Origin", "https://page.example"),
        ("Access-Control-Request-Method", "OPTIONS"),
        ("Access-Control-Request-Headers", "content-type,if-match"),
    ];
    let preflight = request(stage.address(), "OPTIONS", path, &asked, "").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert_eq!(
        preflight.header("access-control-allow-methods"),
        Some("OPTIONS, HEAD, GET, POST, PUT, PATCH, DELETE")
    );
    assert_eq!(preflight.header("access-control-allow-headers"), Some("content-type,if-match"));
    assert_eq!(preflight.header("access-control-max-age"), Some("3600"));
    assert!(preflight.headers("link").is_empty(), "a preflight is the browser's, not the page's");

    let real = request(stage.address(), "OPTIONS", path, &[("Origin", "https://page.example")], "").await;
    assert_eq!((real.status, real.header("allow")), (204, Some("OPTIONS, POST")));
    assert_eq!(real.header("accept-post"), Some("application/sdp"));
    let links =
        ["<stun:one.example:3478>; rel=\"ice-server\"", "<stun:two.example:3478>; rel=\"ice-server\""];
    assert_eq!(real.headers("link"), links);
    assert_eq!(real.header("access-control-expose-headers"), Some(EXPOSED));

    let opened = request(stage.address(), "POST", path, &[SDP], OFFER).await;
    let resource = request(stage.address(), "OPTIONS", opened.location(), &[], "").await;
    assert_eq!((resource.status, resource.header("allow")), (204, Some("OPTIONS, PATCH, DELETE")));
    assert_eq!(resource.header("accept-patch"), Some("application/trickle-ice-sdpfrag"));
    let viewer = stage.ask_for_offer("camera").await;
    let resource = request(stage.address(), "OPTIONS", viewer.location(), &[], "").await;
    assert_eq!(
        resource.header("accept-patch"),
        Some("application/sdp, application/trickle-ice-sdpfrag, application/json"),
        "a viewer may answer an offer of the server's, and steer"
    );
}

/// A page that cannot read an error shows "network error", and nobody knows why.
#[tokio::test]
async fn errors_can_be_read_across_origins_too() {
    let stage = Stage::new().await;
    for (method, path, status) in [
        ("POST", "/live/whip/endpoint/camera", 400),
        ("POST", "/live/whep/endpoint/..", 400),
        ("GET", "/nowhere", 404),
        ("GET", "/live/whip/endpoint/camera", 405),
        ("DELETE", "/live/whip/resource/camera/0123456789abcdef0123456789abcdef", 404),
        ("GET", "/streams", 200),
        ("GET", "/metrics", 200),
    ] {
        let reply = request(stage.address(), method, path, &[("Origin", "null")], "").await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{method} {path}");
        assert_eq!(reply.header("access-control-expose-headers"), Some(EXPOSED), "{method} {path}");
    }
}

/// An operator may name the pages that are welcome; others get no permission, and caches keep the two apart.
#[tokio::test]
async fn listed_origins_are_echoed_and_others_are_not() {
    let stage = Stage::with(|config| config.http.cors_origins = vec!["https://good.example".into()]).await;
    for (origin, allowed) in [
        ("https://good.example", Some("https://good.example")),
        ("https://evil.example", None),
        ("https://good.example.evil.example", None),
        ("null", None),
    ] {
        let reply = request(stage.address(), "GET", "/streams", &[("Origin", origin)], "").await;
        assert_eq!(reply.header("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(reply.header("vary"), Some("Origin"), "{origin}");
    }
}
