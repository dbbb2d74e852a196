//! The HTTP of WHIP (RFC 9725) and WHEP: offers posted, sessions deleted. Blocking, for threads that may wait.
//!
//! Limits: 20 s for a request, answers of at most 1 MiB.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::TlsConfig;

const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A server did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0} is no URL of the form http://host:port/path")]
    Url(String),
    #[error("{0} has no address: {1}")]
    NoAddress(String, #[source] io::Error),
    #[error("{method} {url}: {cause}")]
    Request { method: &'static str, url: String, cause: Box<ureq::Error> },
    /// The server said no, and why.
    #[error("{url}: {status} {body}")]
    Refused { url: String, status: u16, body: String },
    #[error("{0}: 201 without a Location")]
    NoLocation(String),
}

/// An SDP answer and the session's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub sdp: String,
    pub session: String,
}

/// A client with what each of its requests carries.
#[derive(Debug, Clone)]
pub struct Http {
    agent: Agent,
    headers: Vec<(String, String)>,
}

impl Http {
    /// `insecure`: certificates of any issuer are taken.
    #[must_use]
    pub fn new(headers: Vec<(String, String)>, insecure: bool) -> Self {
        let tls = TlsConfig::builder().disable_verification(insecure).build();
        let agent = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .tls_config(tls)
            // Each viewer is a client of its own: what is pooled is not what is measured.
            .max_idle_connections(0)
            .build();
        Self { agent: agent.into(), headers }
    }

    /// Posts an offer.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn offer(&self, url: &str, sdp: &str) -> Result<Answer, HttpError> {
        let failed =
            |cause| HttpError::Request { method: "POST", url: url.to_owned(), cause: Box::new(cause) };
        let mut request = self.agent.post(url).header("content-type", "application/sdp");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(sdp).map_err(failed)?;
        let location =
            response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body =
            response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_string().map_err(failed)?;
        if response.status().as_u16() != 201 {
            let body = body.chars().take(300).collect();
            return Err(HttpError::Refused { url: url.to_owned(), status: response.status().as_u16(), body });
        }
        let location = location.ok_or_else(|| HttpError::NoLocation(url.to_owned()))?;
        Ok(Answer { sdp: body, session: join(url, &location)? })
    }

    /// Deletes a session. One that is gone already is as good.
    pub fn end(&self, session: &str) {
        let mut request = self.agent.delete(session);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        drop(request.call());
    }

    /// The status of a GET, if there was an answer.
    #[must_use]
    pub fn status(&self, url: &str) -> Option<u16> {
        self.agent.get(url).call().ok().map(|response| response.status().as_u16())
    }
}

/// The first address of a URL's host.
///
/// # Errors
/// It is no URL, or the name cannot be resolved.
pub fn address(url: &str) -> Result<SocketAddr, HttpError> {
    let uri = parse(url)?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let failed = |cause| HttpError::NoAddress(url.to_owned(), cause);
    let mut addresses = (host.as_str(), port).to_socket_addrs().map_err(failed)?;
    addresses.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

fn parse(url: &str) -> Result<Uri, HttpError> {
    let wrong = || HttpError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    if is_http && uri.host().is_some_and(|host| !host.is_empty()) { Ok(uri) } else { Err(wrong()) }
}

/// What a `Location` header names (RFC 9110 §10.2.2): a URL, an absolute path, or a path beside the URL's own.
fn join(url: &str, location: &str) -> Result<String, HttpError> {
    if location.contains("://") {
        return parse(location).map(|_| location.to_owned());
    }
    let uri = parse(url)?;
    let scheme = uri.scheme_str().unwrap_or("http");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if location.starts_with("//") {
        let whole = format!("{scheme}:{location}");
        return parse(&whole).map(|_| whole);
    }
    if location.starts_with('/') {
        return Ok(format!("{scheme}://{authority}{location}"));
    }
    let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
    Ok(format!("{scheme}://{authority}{folder}/{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers name the session in all of these ways (RFC 9725 §4.2, RFC 9110 §10.2.2).
    #[test]
    fn a_location_is_resolved_against_the_endpoint() {
        let endpoint = "http://[::1]:8080/live/whep/endpoint/a?x=1";
        let joined = |location| join(endpoint, location).unwrap();
        assert_eq!(joined("/s/1"), "http://[::1]:8080/s/1");
        assert_eq!(joined("http://other/s/1"), "http://other/s/1");
        assert_eq!(joined("//other/s"), "http://other/s");
        assert_eq!(joined("b/1"), "http://[::1]:8080/live/whep/endpoint/b/1");
        assert!(join(endpoint, "ftp://other/s").is_err());
    }

    /// A port left out is the scheme's; the colons of an IPv6 address are no port.
    #[test]
    fn the_address_of_a_url_has_a_port() {
        let text = |url| address(url).unwrap().to_string();
        assert_eq!(text("http://127.0.0.1"), "127.0.0.1:80");
        assert_eq!(text("https://127.0.0.1"), "127.0.0.1:443");
        assert_eq!(text("http://127.0.0.1:9/x"), "127.0.0.1:9");
        assert_eq!(text("http://[::1]:9/x"), "[::1]:9");
        for wrong in ["127.0.0.1:80", "rtmp://127.0.0.1/x", "http://", ""] {
            assert!(matches!(address(wrong), Err(HttpError::Url(_))), "{wrong}");
        }
    }
}
