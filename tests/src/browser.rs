//! Headless Chromium, driven over the DevTools protocol on a pipe: no port, no WebSocket, no driver process.
//!
//! <https://chromedevtools.github.io/devtools-protocol/>; `--remote-debugging-pipe` puts one JSON message after the other,
//! each with a NUL behind it, on file descriptors 3 (to the browser) and 4 (from it). Closing the pipe ends the browser.

mod base64;
mod pipe;

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{ServerError, target_folder};
use pipe::Pipe;

const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Width and height of a window, pixels.
const WINDOW: (u32, u32) = (1280, 800);

/// The browser does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    #[error("Chromium does not start: {0}. Install it: apt-get install chromium")]
    Start(#[source] std::io::Error),
    #[error("the browser is gone: {0}")]
    Gone(String),
    #[error("{method}: {error}")]
    Protocol { method: String, error: String },
    #[error("no answer to {0} within {1:?}")]
    NoAnswer(String, Duration),
    /// The script threw, or gave back what JSON cannot hold.
    #[error("{script}: {error}")]
    Script { script: String, error: String },
    /// What should have happened on the page did not.
    #[error("not within {after:?}: {script}. The page: {state}. Its console: {console:?}")]
    TimedOut { script: String, after: Duration, state: String, console: Vec<String> },
    #[error("a screenshot: {0}")]
    Screenshot(String),
    #[error(transparent)]
    Target(#[from] ServerError),
}

/// A browser with a fresh profile. It ends with this value and its pages.
pub struct Browser {
    pipe: Rc<RefCell<Pipe>>,
}

/// One page in a window of its own, so that it counts as visible.
pub struct Page {
    pipe: Rc<RefCell<Pipe>>,
    target: String,
    session: String,
}

impl Browser {
    /// Starts the browser.
    ///
    /// # Errors
    /// There is none, or it ends at once.
    pub fn start() -> Result<Self, BrowserError> {
        let pipe = Rc::new(RefCell::new(Pipe::start()?));
        Ok(Self { pipe })
    }

    /// Opens a page and waits until it has loaded.
    ///
    /// # Errors
    /// The protocol's.
    pub fn open(&self, url: &str) -> Result<Page, BrowserError> {
        let (width, height) = WINDOW;
        let window = json!({"url": "about:blank", "newWindow": true, "width": width, "height": height});
        let target = self.call("Target.createTarget", window)?;
        let target = text(&target["targetId"]);
        let session = self.call("Target.attachToTarget", json!({"targetId": target, "flatten": true}))?;
        let page = Page { pipe: Rc::clone(&self.pipe), target, session: text(&session["sessionId"]) };
        page.call("Page.enable", json!({}))?;
        page.call("Runtime.enable", json!({}))?;
        page.call("Emulation.setFocusEmulationEnabled", json!({"enabled": true}))?;
        page.call("Page.navigate", json!({"url": url}))?;
        page.wait_for(
            "location.href !== 'about:blank' && document.readyState === 'complete'",
            Duration::from_secs(20),
        )?;
        Ok(page)
    }

    fn call(&self, method: &str, parameters: Value) -> Result<Value, BrowserError> {
        self.pipe.borrow_mut().call(None, method, parameters)
    }
}

impl Page {
    /// The value of a JavaScript expression; a promise is awaited.
    ///
    /// # Errors
    /// The expression throws, or the page is gone.
    pub fn evaluate(&self, script: &str) -> Result<Value, BrowserError> {
        let parameters =
            json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut result = self.call("Runtime.evaluate", parameters)?;
        if let Some(details) = result.get("exceptionDetails") {
            let error = details["exception"]["description"].as_str().unwrap_or("it threw").to_owned();
            return Err(BrowserError::Script { script: script.to_owned(), error });
        }
        Ok(result["result"]["value"].take())
    }

    /// Waits until the expression is true.
    ///
    /// # Errors
    /// [`BrowserError::TimedOut`], with `window.fanlight` and the console.
    pub fn wait_for(&self, script: &str, timeout: Duration) -> Result<(), BrowserError> {
        let end = Instant::now() + timeout;
        // Navigation takes away the context that an expression runs in: that is not yet, and not never.
        while !matches!(self.evaluate(script), Ok(Value::Bool(true))) {
            if end <= Instant::now() {
                let state = self.evaluate(
                    "JSON.stringify({at: location.href, fanlight: window.fanlight}, \
                    (key, value) => key === 'viewer' || key === 'publisher' ? undefined : value)",
                );
                let state = state.map_or_else(|error| error.to_string(), |value| text(&value));
                let script = script.to_owned();
                return Err(BrowserError::TimedOut {
                    script,
                    after: timeout,
                    state,
                    console: self.console(),
                });
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Errors and warnings that the page has written, and exceptions nobody caught.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        self.pipe.borrow().console(&self.session)
    }

    /// Saves what the page shows as `screenshots/<name>.png` in Cargo's target folder.
    ///
    /// # Errors
    /// The protocol's and the file system's.
    pub fn screenshot(&self, name: &str) -> Result<PathBuf, BrowserError> {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png"}))?;
        let png = shot["data"].as_str().and_then(base64::decode);
        let png =
            png.ok_or_else(|| BrowserError::Screenshot("the browser's answer holds none".to_owned()))?;
        let folder = target_folder()?.join("screenshots");
        let path = folder.join(format!("{name}.png"));
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&path, png))
            .map_err(|error| BrowserError::Screenshot(error.to_string()))?;
        Ok(path)
    }

    /// Lets the page's process die, as a crash does: no script of it runs any more.
    ///
    /// # Errors
    /// The page is gone already.
    pub fn crash(self) -> Result<(), BrowserError> {
        // The dying page answers nothing.
        self.pipe.borrow_mut().send(Some(&self.session), "Page.crash", json!({})).map(drop)
    }

    fn call(&self, method: &str, parameters: Value) -> Result<Value, BrowserError> {
        self.pipe.borrow_mut().call(Some(&self.session), method, parameters)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have crashed, and the browser closes its pages anyway.
        let _ = self.pipe.borrow_mut().send(None, "Target.closeTarget", json!({"targetId": self.target}));
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
