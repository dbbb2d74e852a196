//! A small blocking HTTP/1.1 client: one request a connection. RFC 9112.
//!
//! Limits: plain TCP, no redirects, no chunked answers; 10 s for each read and write.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

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
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the answer is no HTTP: {0}")]
    Malformed(String),
}

impl Response {
    /// The value of the first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::from_str(&self.body)
    }
}

/// Sends one request and reads its answer.
///
/// # Errors
/// The connection's faults, and answers that are no HTTP.
pub fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response, HttpError> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&String::from_utf8_lossy(&answer))
}

/// A GET without further headers.
///
/// # Errors
/// As [`request`].
pub fn get(server: SocketAddr, path: &str) -> Result<Response, HttpError> {
    request(server, "GET", path, &[], "")
}

fn parse(answer: &str) -> Result<Response, HttpError> {
    let malformed = || HttpError::Malformed(answer.chars().take(80).collect());
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|rest| rest.get(..3));
    let status = status.and_then(|digits| digits.parse().ok()).ok_or_else(malformed)?;
    let headers = lines
        .map(|line| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(malformed)?;
    let response = Response { status, headers, body: body.to_owned() };
    if let Some(length) = response.header("content-length")
        && length.parse() != Ok(body.len())
    {
        return Err(HttpError::Malformed(format!("{length} bytes announced, {} came", body.len())));
    }
    if response.header("transfer-encoding").is_some() {
        return Err(HttpError::Malformed("a transfer coding".to_owned()));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tests judge the server by what this reads.
    #[test]
    fn an_answer_is_read_with_its_headers_and_body() {
        let answer = parse("HTTP/1.1 201 Created\r\nLocation: /a:b\r\nContent-Length: 3\r\n\r\nv=0").unwrap();
        assert_eq!(
            (answer.status, answer.header("location"), answer.body.as_str()),
            (201, Some("/a:b"), "v=0")
        );
    }

    /// A cut answer must not pass for a short one.
    #[test]
    fn an_answer_that_ends_early_is_an_error() {
        assert!(parse("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nv=0").is_err());
        assert!(parse("HTTP/1.1 200 OK\r\nContent").is_err());
        assert!(parse("SSH-2.0\r\n\r\n").is_err());
    }
}
