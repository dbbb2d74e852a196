//! A reader of Server-Sent Events (WHATWG HTML §9.2) over chunked HTTP/1.1 (RFC 9112 §7.1), by hand.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Reply;

/// A stream of events that was accepted.
pub(crate) struct EventStream {
    stream: TcpStream,
    /// As it came, chunks and all.
    raw: Vec<u8>,
    /// The body so far, of which the events taken are gone.
    text: String,
    over: bool,
    pub(crate) head: String,
}

impl EventStream {
    /// Opens the stream at `path`.
    pub(crate) async fn open(address: SocketAddr, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n");
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut raw = Vec::new();
        let head_end = loop {
            if let Some(at) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert_ne!(stream.read_buf(&mut raw).await.unwrap(), 0, "no answer to {path}");
        };
        let head = String::from_utf8(raw.drain(..head_end).collect()).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        let mut opened = Self { stream, raw, text: String::new(), over: false, head };
        // The first events often come along with the head.
        opened.unwrap_chunks();
        opened
    }

    /// What is said instead of a stream.
    pub(crate) async fn refused(address: SocketAddr, path: &str) -> Reply {
        super::request(address, "GET", path, &[("Accept", "text/event-stream")], "").await
    }

    /// The next event: its name and data. None: the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            if self.over {
                assert_eq!(self.text, "", "half an event");
                return None;
            }
            self.read().await;
        }
    }

    /// The next event's data; it must be of that name.
    pub(crate) async fn expect(&mut self, name: &str) -> Value {
        let (found, data) = self.next().await.unwrap_or_else(|| panic!("the stream ended before {name}"));
        assert_eq!(found, name, "{data}");
        data
    }

    async fn read(&mut self) {
        let count = self.stream.read_buf(&mut self.raw).await.unwrap_or(0);
        self.unwrap_chunks();
        self.over |= count == 0;
    }

    /// Takes the chunks that are whole.
    fn unwrap_chunks(&mut self) {
        while let Some(line_end) = self.raw.windows(2).position(|window| window == b"\r\n") {
            let length = std::str::from_utf8(&self.raw[..line_end]).unwrap();
            let length = usize::from_str_radix(length, 16).unwrap();
            let Some(chunk) = self.raw.get(line_end + 2..line_end + 2 + length) else { break };
            if self.raw.len() < line_end + 4 + length {
                break;
            }
            self.text += std::str::from_utf8(chunk).unwrap();
            self.raw.drain(..line_end + 4 + length);
            self.over |= length == 0;
        }
    }
}

/// None: a comment.
fn parse(block: &str) -> Option<(String, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ")?;
    Some((field("event: ").unwrap_or("message").to_owned(), serde_json::from_str(data).unwrap()))
}
