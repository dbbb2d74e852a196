//! Headless Chromium, driven over the DevTools protocol: <https://chromedevtools.github.io/devtools-protocol/>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::pipe::Pipe;
use super::{BrowserError, Engine, WINDOW, text};

const PACKAGE: &str = "chromium";
/// Messages kept of a page's console.
const CONSOLE_MAX: usize = 50;

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

/// A window is named by its target; the session is how commands reach the page in it.
pub(super) struct Chromium {
    pipe: Pipe,
    /// By window.
    sessions: BTreeMap<String, String>,
    /// By session.
    console: BTreeMap<String, Vec<String>>,
}

impl Chromium {
    pub(super) fn start(arguments: &[&str]) -> Result<Self, BrowserError> {
        let program = std::env::var("FANLIGHT_CHROMIUM").unwrap_or_else(|_| PACKAGE.to_owned());
        let pipe = Pipe::start(&program, PACKAGE, FLAGS.iter().chain(arguments).copied())?;
        let mut chromium = Self { pipe, sessions: BTreeMap::new(), console: BTreeMap::new() };
        chromium.version()?;
        Ok(chromium)
    }

    fn call(&mut self, window: Option<&str>, method: &str, parameters: Value) -> Result<Value, BrowserError> {
        let Self { pipe, sessions, console } = self;
        let session = window.map(|window| session_of(sessions, window)).transpose()?;
        pipe.call(session, method, parameters, |message| note(console, message))
    }
}

impl Engine for Chromium {
    fn version(&mut self) -> Result<String, BrowserError> {
        let version = self.call(None, "Browser.getVersion", json!({}))?;
        Ok(text(&version["product"]).replace("Headless", "").replace("Chrome/", "Chromium "))
    }

    fn open(&mut self) -> Result<String, BrowserError> {
        let (width, height) = WINDOW;
        let window = json!({"url": "about:blank", "newWindow": true, "width": width, "height": height});
        let target = self.call(None, "Target.createTarget", window)?;
        let target = text(&target["targetId"]);
        let session =
            self.call(None, "Target.attachToTarget", json!({"targetId": target, "flatten": true}))?;
        self.sessions.insert(target.clone(), text(&session["sessionId"]));
        self.call(Some(&target), "Page.enable", json!({}))?;
        self.call(Some(&target), "Runtime.enable", json!({}))?;
        self.call(Some(&target), "Emulation.setFocusEmulationEnabled", json!({"enabled": true}))?;
        Ok(target)
    }

    fn navigate(&mut self, window: &str, url: &str) -> Result<(), BrowserError> {
        self.call(Some(window), "Page.navigate", json!({"url": url})).map(drop)
    }

    fn evaluate(&mut self, window: &str, script: &str) -> Result<Value, BrowserError> {
        let parameters =
            json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut result = self.call(Some(window), "Runtime.evaluate", parameters)?;
        if let Some(details) = result.get("exceptionDetails") {
            let error = details["exception"]["description"].as_str().unwrap_or("it threw").to_owned();
            return Err(BrowserError::Script { script: script.to_owned(), error });
        }
        Ok(result["result"]["value"].take())
    }

    fn screenshot(&mut self, window: &str) -> Result<String, BrowserError> {
        let shot = self.call(Some(window), "Page.captureScreenshot", json!({"format": "png"}))?;
        Ok(text(&shot["data"]))
    }

    fn console(&mut self, window: &str) -> Vec<String> {
        let session = self.sessions.get(window);
        session.and_then(|session| self.console.get(session)).cloned().unwrap_or_default()
    }

    fn close(&mut self, window: &str) -> Result<(), BrowserError> {
        self.sessions.remove(window);
        self.pipe.send(None, "Target.closeTarget", json!({"targetId": window})).map(drop)
    }

    fn crash(&mut self, window: &str) -> Result<(), BrowserError> {
        let session = session_of(&self.sessions, window)?;
        // The dying page answers nothing.
        self.pipe.send(Some(session), "Page.crash", json!({})).map(drop)
    }
}

fn session_of<'a>(sessions: &'a BTreeMap<String, String>, window: &str) -> Result<&'a str, BrowserError> {
    let session = sessions.get(window).map(String::as_str);
    session.ok_or_else(|| BrowserError::Gone("its window is closed".to_owned()))
}

/// Keeps what a page complains of.
fn note(console: &mut BTreeMap<String, Vec<String>>, message: &Value) {
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
        let lines = console.entry(session.to_owned()).or_default();
        if lines.len() < CONSOLE_MAX {
            lines.push(text);
        }
    }
}
