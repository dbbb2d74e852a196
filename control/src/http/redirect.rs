//! From plain HTTP to HTTPS, where the operator wants that, and what keeps browsers there.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};

use super::{Site, cors, names_one_host, problem};
use crate::config::{CertificateSource, Config};
use crate::fault::Fault;

/// What watches over the server asks by plain HTTP, mostly by address, for which no certificate is made.
const EXEMPT: [&str; 2] = ["/healthz", "/metrics"];

/// The ports that URLs have without naming them.
const USUAL: (u16, u16) = (80, 443);

/// RFC 6797: a browser that has seen it comes by HTTPS alone for half a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// What the plain listener answers: `router`, or the way to HTTPS.
pub(crate) fn plain(router: axum::Router, site: &Arc<Site>) -> axum::Router {
    match site.https_port {
        Some(port) if site.config.http.redirect_to_https => {
            router.layer(from_fn_with_state((Arc::clone(site), port), send_on))
        }
        _ => router,
    }
}

/// What the HTTPS listener answers.
pub(crate) fn over_tls(router: axum::Router, config: &Config) -> axum::Router {
    if !is_strict(config) {
        return router;
    }
    router.layer(map_response(async |mut response: Response| {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
        response
    }))
}

/// A browser that is told so takes every `http://` of the host for `https://`, on the very port that is named: it must be told
/// where that leads somewhere, and by a certificate that it does not warn of, since it lets nobody go on then.
fn is_strict(config: &Config) -> bool {
    let trusted = matches!(config.https.certificate, CertificateSource::Files | CertificateSource::Acme);
    config.http.redirect_to_https && trusted && (config.http.port, config.https.port) == USUAL
}

async fn send_on(State((site, port)): State<(Arc<Site>, u16)>, request: Request, next: Next) -> Response {
    // A browser does not follow a redirect of a preflight, but asks again at the new address.
    if EXEMPT.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let (head, _) = request.into_parts();
    let mut response = match target(&head, port) {
        // The method and the body stay: offers are sent on too.
        Some(target) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, target)]).into_response(),
        None => problem::response(&Fault::BadHost, &head.headers),
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    cors::apply(&site.config.http.cors_origins, &head.headers, response.headers_mut());
    site.signalling.metrics.request("redirect", response.status().as_u16());
    response
}

/// The same on the HTTPS port.
fn target(head: &Parts, port: u16) -> Option<HeaderValue> {
    if !names_one_host(head) {
        return None;
    }
    let host: Authority = head.headers.get(header::HOST)?.to_str().ok()?.parse().ok()?;
    // With a user in it the address could look like another's.
    if host.as_str().contains('@') {
        return None;
    }
    let port = if port == USUAL.1 { String::new() } else { format!(":{port}") };
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    HeaderValue::from_str(&format!("https://{}{port}{path}", host.host())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target_of(host: &str, path: &str, port: u16) -> Option<String> {
        let request = axum::http::Request::get(path).header("host", host).body(()).unwrap();
        target(&request.into_parts().0, port).map(|value| value.to_str().unwrap().to_owned())
    }

    /// An address, a name, a port of its own: each leads to the same place on the other port. What is no host leads nowhere.
    #[test]
    fn a_request_is_sent_to_the_same_host_and_path() {
        let to = |host: &str| target_of(host, "/watch?stream=a%20b", 8443);
        assert_eq!(to("live.example.org").unwrap(), "https://live.example.org:8443/watch?stream=a%20b");
        assert_eq!(to("192.0.2.1:8080").unwrap(), "https://192.0.2.1:8443/watch?stream=a%20b");
        assert_eq!(to("[2001:db8::1]:8080").unwrap(), "https://[2001:db8::1]:8443/watch?stream=a%20b");
        assert_eq!(target_of("live.example.org", "/", 443).unwrap(), "https://live.example.org/");
        for host in ["", "live.example.org@evil.example", "a b", "evil.example/"] {
            assert_eq!(to(host), None, "{host}");
        }
    }

    /// Told by a development certificate, or on unusual ports, it would lock people out for half a year.
    #[test]
    fn browsers_are_bound_to_https_only_where_that_cannot_lock_them_out() {
        let mut config = Config::default();
        config.http.redirect_to_https = true;
        config.https.certificate = CertificateSource::Acme;
        (config.http.port, config.https.port) = (80, 443);
        assert!(is_strict(&config));
        let but = |change: fn(&mut Config)| {
            let mut changed = config.clone();
            change(&mut changed);
            is_strict(&changed)
        };
        assert!(!but(|config| config.https.certificate = CertificateSource::Development));
        assert!(!but(|config| config.http.port = 8080));
        assert!(!but(|config| config.https.port = 8443));
        assert!(!but(|config| config.http.redirect_to_https = false));
    }
}
