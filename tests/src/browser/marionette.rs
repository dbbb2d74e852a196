//! Marionette, the protocol that Firefox is driven by: JSON over loopback TCP, each message with its length in bytes and a colon
//! before it.
//!
//! <https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html>. Firefox says hello first; then each command
//! `[0, id, name, parameters]` gets one answer `[1, id, error, result]`, in order.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};

use serde_json::{Value, json};

use super::{ANSWER_TIMEOUT, BrowserError};

/// Bytes of a message; a screenshot of a large window is some hundreds of kB.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

pub(super) struct Marionette {
    stream: BufReader<TcpStream>,
    id: u64,
}

impl Marionette {
    /// Connects and takes the greeting.
    pub(super) fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        // An answer that waits for a script may come only after that script's own time-out.
        stream.set_read_timeout(Some(ANSWER_TIMEOUT * 2))?;
        let mut marionette = Self { stream: BufReader::new(stream), id: 0 };
        marionette.receive()?;
        Ok(marionette)
    }

    /// Sends a command and waits for its result.
    pub(super) fn call(&mut self, name: &str, parameters: &Value) -> Result<Value, BrowserError> {
        self.id += 1;
        let message = json!([0, self.id, name, parameters]).to_string();
        let sent = write!(self.stream.get_mut(), "{}:{message}", message.len());
        let answer = sent.and_then(|()| self.receive()).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                BrowserError::NoAnswer(name.to_owned(), ANSWER_TIMEOUT * 2)
            }
            _ => BrowserError::Gone(format!("{name}: {error}")),
        })?;
        if answer[1] != self.id {
            return Err(BrowserError::Protocol {
                method: name.to_owned(),
                error: format!("the answer is another's: {answer}"),
            });
        }
        if answer[2].is_null() {
            Ok(answer[3].clone())
        } else {
            Err(BrowserError::Protocol { method: name.to_owned(), error: answer[2].to_string() })
        }
    }

    fn receive(&mut self) -> io::Result<Value> {
        let mut length = Vec::new();
        self.stream.read_until(b':', &mut length)?;
        let length = length.strip_suffix(b":").ok_or(ErrorKind::UnexpectedEof)?;
        let length: Option<usize> = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
        let length = length.filter(|length| *length <= MESSAGE_BYTES_MAX).ok_or(ErrorKind::InvalidData)?;
        let mut message = vec![0; length];
        self.stream.read_exact(&mut message)?;
        Ok(serde_json::from_slice(&message)?)
    }
}
