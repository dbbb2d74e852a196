//! The server that is loaded: where it is published to and watched, and which process is charged.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use crate::http::{self, Http, HttpError};

/// A URL with places to fill in: `{stream}` (the publisher's stream), `{publisher}` and `{viewer}` (numbers from 0).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl std::str::FromStr for Template {
    type Err = HttpError;

    fn from_str(text: &str) -> Result<Self, HttpError> {
        let template = Self(text.to_owned());
        // A slip is found before the first of a thousand viewers: the host is no place to fill in.
        http::address(&template.fill("bench0", 0, 0))?;
        Ok(template)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Template {
    /// Where the server is.
    ///
    /// # Errors
    /// Its name cannot be resolved.
    pub fn address(&self) -> Result<SocketAddr, HttpError> {
        http::address(&self.fill("", 0, 0))
    }

    /// The same on another address, if it is on loopback.
    #[must_use]
    pub fn moved_to(&self, address: Ipv4Addr) -> Self {
        let there = format!("://{address}");
        let hosts = ["://127.0.0.1", "://localhost", "://[::1]"];
        Self(hosts.iter().fold(self.0.clone(), |url, here| url.replacen(here, &there, 1)))
    }

    fn fill(&self, stream: &str, publisher: usize, viewer: usize) -> String {
        let filled = self.0.replace("{stream}", stream);
        filled.replace("{publisher}", &publisher.to_string()).replace("{viewer}", &viewer.to_string())
    }
}

/// See the file's head.
#[derive(Debug, Clone)]
pub struct Target {
    pub whip: Template,
    pub whep: Template,
    /// Streams are called by this and the publisher's number.
    pub stream: String,
    /// Of each request.
    pub headers: Vec<(String, String)>,
    /// Certificates of any issuer are taken.
    pub insecure: bool,
    /// The server's process on this machine, charged with its descendants.
    pub process: Option<u32>,
}

impl Target {
    /// A server by its two templates.
    #[must_use]
    pub fn new(whip: Template, whep: Template) -> Self {
        let stream = "bench".to_owned();
        Self { whip, whep, stream, headers: Vec::new(), insecure: false, process: None }
    }

    pub(crate) fn http(&self) -> Http {
        Http::new(self.headers.clone(), self.insecure)
    }

    pub(crate) fn publish_url(&self, publisher: usize) -> String {
        self.whip.fill(&format!("{}{publisher}", self.stream), publisher, 0)
    }

    pub(crate) fn watch_url(&self, publisher: usize, viewer: usize) -> String {
        self.whep.fill(&format!("{}{publisher}", self.stream), publisher, viewer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each server has its own paths.
    #[test]
    fn templates_are_filled_for_each_publisher_and_viewer() {
        let whip: Template = "http://127.0.0.1:1/{stream}/whip".parse().unwrap();
        let whep: Template = "http://127.0.0.1:1/whep?of={stream}&n={publisher}&v={viewer}".parse().unwrap();
        let target = Target::new(whip, whep);
        assert_eq!(target.publish_url(3), "http://127.0.0.1:1/bench3/whip");
        assert_eq!(target.watch_url(3, 41), "http://127.0.0.1:1/whep?of=bench3&n=3&v=41");
        assert!("127.0.0.1/{stream}".parse::<Template>().is_err());
        let moved = target.whip.moved_to(Ipv4Addr::new(198, 18, 0, 1));
        assert_eq!(moved.to_string(), "http://198.18.0.1:1/{stream}/whip");
    }
}
