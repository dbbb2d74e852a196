//! The DevTools protocol on a pipe: `--remote-debugging-pipe` puts one JSON message after the other, each with a NUL behind
//! it, on file descriptors 3 (to the browser) and 4 (from it). Closing the pipe ends the browser.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::process::Process;
use super::{ANSWER_TIMEOUT, BrowserError};
use crate::temporary::TemporaryFolder;

/// The shell gives the browser its two descriptors: a program without `unsafe` cannot.
const START: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";

pub(super) struct Pipe {
    /// Dropped first: its end is how the browser learns of its own.
    input: ChildStdin,
    messages: Receiver<Value>,
    id: u64,
    process: Process,
}

impl Pipe {
    pub(super) fn start<'a>(
        program: &str,
        package: &'static str,
        arguments: impl Iterator<Item = &'a str>,
    ) -> Result<Self, BrowserError> {
        let failed = |error| BrowserError::Start { program: program.to_owned(), package, error };
        let profile = TemporaryFolder::new("chromium").map_err(failed)?;
        let folder = profile.path().display().to_string();
        let mut command = Command::new("sh");
        command.args(["-c", START, program]).args(arguments).arg(format!("--user-data-dir={folder}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::start(&mut command, package, profile)?;
        let input = process.child.stdin.take();
        let input = input.ok_or_else(|| BrowserError::Gone("it has no input".to_owned()))?;
        let output = process.child.stdout.take();
        let (told, messages) = channel();
        thread::spawn(move || {
            let mut output = BufReader::new(output?);
            let mut message = Vec::new();
            // The end of the pipe is the end of the browser; a receiver that is gone wants no more.
            while output.read_until(0, &mut message).is_ok_and(|len| len > 0) {
                let json = serde_json::from_slice(message.strip_suffix(&[0])?).ok()?;
                told.send(json).ok()?;
                message.clear();
            }
            Some(())
        });
        Ok(Self { input, messages, id: 0, process })
    }

    /// Sends a command without waiting; gives back its number.
    pub(super) fn send(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<u64, BrowserError> {
        self.id += 1;
        let mut message = json!({"id": self.id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let bytes = format!("{message}\0");
        let sent = self.input.write_all(bytes.as_bytes()).and_then(|()| self.input.flush());
        sent.map_err(|_| BrowserError::Gone(format!("it does not take {method}")))?;
        Ok(self.id)
    }

    /// Sends a command and waits for its result. What else comes meanwhile goes to `note`.
    pub(super) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
        mut note: impl FnMut(&Value),
    ) -> Result<Value, BrowserError> {
        let id = self.send(session, method, parameters)?;
        let end = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let mut message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(BrowserError::NoAnswer(method.to_owned(), ANSWER_TIMEOUT));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(BrowserError::Gone(self.process.last_words()));
                }
            };
            if message["id"] != id {
                note(&message);
            } else if let Some(error) = message.get("error") {
                return Err(BrowserError::Protocol { method: method.to_owned(), error: error.to_string() });
            } else {
                return Ok(message["result"].take());
            }
        }
    }
}
