//! The little of HTTP that WHIP and WHEP take: one blocking request a connection.
//!
//! Requests are HTTP/1.0, so that answers end with their connection and have no transfer coding (RFC 9112 §6.1). Limits:
//! `http://` URLs only, no redirects, 10 s for each read and write, answers of at most 1 MiB.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// `http://authority/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    authority: String,
    path: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// No answer that could be read.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0} is no URL of the form http://host:port/path")]
    Url(String),
    #[error("{0} has no address")]
    NoAddress(String),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the answer is no HTTP: {0}")]
    Malformed(String),
}

impl std::str::FromStr for Url {
    type Err = HttpError;

    fn from_str(text: &str) -> Result<Self, HttpError> {
        let rest = text.strip_prefix("http://").ok_or_else(|| HttpError::Url(text.to_owned()))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() || authority.contains('@') {
            return Err(HttpError::Url(text.to_owned()));
        }
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { authority: authority.to_owned(), path: path.to_owned() })
    }
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

impl Url {
    /// What a `Location` header of an answer from here names: a URL, or a path on the same server.
    ///
    /// # Errors
    /// It is neither.
    pub fn join(&self, location: &str) -> Result<Self, HttpError> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Ok(Self { authority: self.authority.clone(), path: location.to_owned() });
        }
        location.parse()
    }

    /// The first address of the server. Port 80 unless the URL says another.
    ///
    /// # Errors
    /// The name cannot be resolved.
    pub fn address(&self) -> Result<SocketAddr, HttpError> {
        let port_at = self.authority.rfind(']').unwrap_or(0);
        let has_port = self.authority[port_at..].contains(':');
        let name = if has_port { self.authority.clone() } else { format!("{}:80", self.authority) };
        name.to_socket_addrs()?.next().ok_or(HttpError::NoAddress(name))
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// The connection's faults, and answers that are no HTTP.
    pub fn request(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Result<Response, HttpError> {
        let mut stream = TcpStream::connect_timeout(&self.address()?, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut head = format!("{method} {} HTTP/1.0\r\nHost: {}\r\n", self.path, self.authority);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Response::parse(&String::from_utf8_lossy(&answer))
    }
}

impl Response {
    /// The value of the first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn parse(answer: &str) -> Result<Self, HttpError> {
        let malformed = || HttpError::Malformed(answer.chars().take(80).collect());
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
        let mut lines = head.split("\r\n");
        let status =
            lines.next().and_then(|line| line.strip_prefix("HTTP/1.")).and_then(|rest| rest.get(2..5));
        let status = status.and_then(|digits| digits.parse().ok()).ok_or_else(malformed)?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        let headers = lines.map(header).collect::<Option<Vec<_>>>().ok_or_else(malformed)?;
        let response = Self { status, headers, body: body.to_owned() };
        match response.header("content-length") {
            Some(length) if length.parse() != Ok(body.len()) => Err(malformed()),
            _ => Ok(response),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Servers name the session either way (RFC 9725 §4.2).
    #[test]
    fn a_location_is_a_path_or_a_whole_url() {
        let endpoint: Url = "http://[::1]:8080/live/whep/endpoint/a".parse().unwrap();
        assert_eq!(endpoint.join("/s/1").unwrap().to_string(), "http://[::1]:8080/s/1");
        assert_eq!(endpoint.join("http://other/s/1").unwrap().to_string(), "http://other/s/1");
        for wrong in ["//other/s", "https://other/s", "s/1", ""] {
            assert!(endpoint.join(wrong).is_err(), "{wrong}");
        }
    }

    /// A port left out is 80; the colons of an IPv6 address are no port.
    #[test]
    fn the_address_of_a_url_has_a_port() {
        let address = |url: &str| url.parse::<Url>().unwrap().address().unwrap().to_string();
        assert_eq!(address("http://127.0.0.1"), "127.0.0.1:80");
        assert_eq!(address("http://127.0.0.1:9/x"), "127.0.0.1:9");
        assert_eq!(address("http://[::1]/x"), "[::1]:80");
        assert_eq!(address("http://[::1]:9/x"), "[::1]:9");
    }

    /// A cut answer must not pass for a short one.
    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let answer =
            Response::parse("HTTP/1.1 201 Created\r\nLocation: /a:b\r\nContent-Length: 3\r\n\r\nv=0")
                .unwrap();
        assert_eq!(
            (answer.status, answer.header("location"), answer.body.as_str()),
            (201, Some("/a:b"), "v=0")
        );
        for wrong in ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nv=0", "HTTP/1.1 200", "SSH-2.0\r\n\r\n"] {
            assert!(Response::parse(wrong).is_err(), "{wrong}");
        }
    }
}
