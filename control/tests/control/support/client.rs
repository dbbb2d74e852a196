//! HTTP by hand: what is sent is exactly what the test wrote.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    /// Reads one answer off `stream`; None if the server closed without one.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin), is_head: bool) -> Option<Self> {
        let mut bytes = Vec::new();
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                assert!(bytes.is_empty(), "half a head: {:?}", String::from_utf8_lossy(&bytes));
                return None;
            }
        };
        let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
        let mut body = bytes.split_off(head_end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Self { status, headers, body: String::new() };
        let length =
            if is_head { 0 } else { reply.header("content-length").map_or(0, |text| text.parse().unwrap()) };
        while body.len() < length {
            assert_ne!(stream.read_buf(&mut body).await.unwrap(), 0, "the body ends early");
        }
        assert_eq!(body.len(), length, "more than one answer");
        reply.body = String::from_utf8(body).unwrap();
        Some(reply)
    }

    /// The value of a header that occurs once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.headers(name);
        assert!(all.len() <= 1, "{name}: {all:?}");
        all.first().copied()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 201, "{self:?}");
        self.header("location").unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The stable name of the fault in a problem.
    pub(crate) fn reason(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert!(problem["detail"].as_str().unwrap().len() > 10, "a detail says what to do: {self:?}");
        problem["reason"].as_str().unwrap().to_owned()
    }
}

/// One well-formed request on a connection of its own.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Reply {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    text += &format!("\r\n{body}");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    Reply::read(&mut stream, method == "HEAD").await.expect("an answer")
}

/// Any bytes; the answer, if there is one.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    exchange_slowly(address, &[bytes], Duration::ZERO).await
}

/// Any bytes with pauses between them.
pub(crate) async fn exchange_slowly(address: SocketAddr, pieces: &[&[u8]], pause: Duration) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    write_slowly(&mut stream, pieces, pause).await
}

/// The same on a connection that is open.
pub(crate) async fn write_slowly(stream: &mut TcpStream, pieces: &[&[u8]], pause: Duration) -> Option<Reply> {
    for piece in pieces {
        // The server may have had enough already: whoever writes on then gets a reset, and no answer.
        if stream.write_all(piece).await.is_err() {
            break;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stream.readable() => break,
        }
    }
    Reply::read(stream, false).await
}
