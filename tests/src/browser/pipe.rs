//! The browser's process and the pipe to it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::BrowserError;
use crate::temporary::TemporaryFolder;

/// Longest wait for an answer. A busy machine of two cores may need some seconds for a screenshot.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// From closing the pipe to the end of the process.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Messages kept of a page's console.
const CONSOLE_MAX: usize = 50;

/// The shell gives the browser its two descriptors: a program without `unsafe` cannot.
const START: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null";

/// Media plays and captures without a user; loopback is a network like others; nothing slows down for being in the
/// background; no hardware is asked for.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
];

pub(super) struct Pipe {
    process: Child,
    /// None once it is closed.
    input: Option<ChildStdin>,
    messages: Receiver<Value>,
    id: u64,
    /// By session.
    console: BTreeMap<String, Vec<String>>,
    _profile: TemporaryFolder,
}

impl Pipe {
    pub(super) fn start() -> Result<Self, BrowserError> {
        let profile = TemporaryFolder::new("chromium").map_err(BrowserError::Start)?;
        let program = std::env::var("FANLIGHT_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
        let mut process = Command::new("sh")
            .args(["-c", START, &program])
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(BrowserError::Start)?;
        let input = process.stdin.take();
        let output = process.stdout.take();
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
        let mut pipe = Self { process, input, messages, id: 0, console: BTreeMap::new(), _profile: profile };
        pipe.call(None, "Browser.getVersion", json!({}))?;
        Ok(pipe)
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
        let gone = || BrowserError::Gone(format!("it does not take {method}"));
        let input = self.input.as_mut().ok_or_else(gone)?;
        let bytes = format!("{message}\0");
        input.write_all(bytes.as_bytes()).and_then(|()| input.flush()).map_err(|_| gone())?;
        Ok(self.id)
    }

    /// Sends a command and waits for its result.
    pub(super) fn call(
        &mut self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, BrowserError> {
        let id = self.send(session, method, parameters)?;
        let end = Instant::now() + ANSWER_TIMEOUT;
        loop {
            let mut message = match self.messages.recv_timeout(end.saturating_duration_since(Instant::now()))
            {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(BrowserError::NoAnswer(method.to_owned(), ANSWER_TIMEOUT));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(BrowserError::Gone(self.last_words())),
            };
            if message["id"] != id {
                self.note(&message);
            } else if let Some(error) = message.get("error") {
                return Err(BrowserError::Protocol { method: method.to_owned(), error: error.to_string() });
            } else {
                return Ok(message["result"].take());
            }
        }
    }

    pub(super) fn console(&self, session: &str) -> Vec<String> {
        self.console.get(session).cloned().unwrap_or_default()
    }

    /// Keeps what a page complains of.
    fn note(&mut self, message: &Value) {
        let parameters = &message["params"];
        let text = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                parameters["exceptionDetails"]["exception"]["description"].as_str().map(str::to_owned)
            }
            Some("Runtime.consoleAPICalled")
                if matches!(parameters["type"].as_str(), Some("error" | "warning")) =>
            {
                let arguments = parameters["args"].as_array().into_iter().flatten();
                let words = arguments.filter_map(|one| one["value"].as_str().or(one["description"].as_str()));
                Some(words.collect::<Vec<_>>().join(" "))
            }
            _ => None,
        };
        if let (Some(text), Some(session)) = (text, message["sessionId"].as_str()) {
            let lines = self.console.entry(session.to_owned()).or_default();
            if lines.len() < CONSOLE_MAX {
                lines.push(text);
            }
        }
    }

    fn last_words(&mut self) -> String {
        match self.process.try_wait() {
            Ok(Some(status)) => format!("it ended with {status}; is chromium installed?"),
            _ => "it closed its pipe".to_owned(),
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        drop(self.input.take());
        let end = Instant::now() + END_TIMEOUT;
        while Instant::now() < end {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // A browser that does not end by itself is ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
