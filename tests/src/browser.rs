//! Headless browsers behind one door: Chromium over its DevTools pipe, Firefox over Marionette. No driver process, no WebSocket.
//!
//! ```text
//!   Browser ── Page, Page, …        what tests see
//!      └────────┴── Engine          what a browser must be able to do: chromium::Chromium, firefox::Firefox
//! ```

mod base64;
mod chromium;
mod firefox;
mod marionette;
mod pipe;
mod process;

use std::cell::RefCell;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{ServerError, target_folder};
use chromium::Chromium;
use firefox::Firefox;

const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// Longest wait for an answer. A busy machine of two cores may need some seconds for a screenshot.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Until a page of this machine has loaded.
const LOAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Width and height of a window, pixels.
const WINDOW: (u32, u32) = (1280, 800);

/// Whose browser it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Make {
    Chromium,
    Firefox,
}

impl fmt::Display for Make {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The browser does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    #[error("{program} does not start: {error}. Install it: apt-get install {package}")]
    Start {
        program: String,
        package: &'static str,
        #[source]
        error: std::io::Error,
    },
    #[error("the browser is gone: {0}")]
    Gone(String),
    #[error("{method}: {error}")]
    Protocol { method: String, error: String },
    #[error("no answer to {0} within {1:?}")]
    NoAnswer(String, Duration),
    #[error("{0} cannot {1} on demand")]
    Unable(Make, &'static str),
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

/// What each make of browser does in its own way. A window is named by a text of the engine's own.
trait Engine {
    /// Name and version as the browser tells them.
    fn version(&mut self) -> Result<String, BrowserError>;
    /// Opens an empty window of its own, so that its page counts as visible.
    fn open(&mut self) -> Result<String, BrowserError>;
    /// Begins to load a page.
    fn navigate(&mut self, window: &str, url: &str) -> Result<(), BrowserError>;
    /// The value of an expression; a promise is awaited.
    fn evaluate(&mut self, window: &str, script: &str) -> Result<Value, BrowserError>;
    /// A PNG in Base64.
    fn screenshot(&mut self, window: &str) -> Result<String, BrowserError>;
    /// What the page has complained of.
    fn console(&mut self, window: &str) -> Vec<String>;
    fn close(&mut self, window: &str) -> Result<(), BrowserError>;
    /// Lets the page's process die.
    fn crash(&mut self, window: &str) -> Result<(), BrowserError>;
}

/// A browser with a fresh profile. It ends with this value and its pages.
pub struct Browser {
    make: Make,
    engine: Rc<RefCell<dyn Engine>>,
}

/// One page in a window of its own.
pub struct Page {
    engine: Rc<RefCell<dyn Engine>>,
    window: String,
}

impl Browser {
    /// Starts the browser.
    ///
    /// # Errors
    /// There is none, or it ends at once.
    pub fn start(make: Make) -> Result<Self, BrowserError> {
        Self::start_with(make, &[])
    }

    /// Starts the browser with further arguments on its command line.
    ///
    /// # Errors
    /// There is none, or it ends at once.
    pub fn start_with(make: Make, arguments: &[&str]) -> Result<Self, BrowserError> {
        let engine: Rc<RefCell<dyn Engine>> = match make {
            Make::Chromium => Rc::new(RefCell::new(Chromium::start(arguments)?)),
            Make::Firefox => Rc::new(RefCell::new(Firefox::start(arguments)?)),
        };
        Ok(Self { make, engine })
    }

    /// Whose it is.
    #[must_use]
    pub fn make(&self) -> Make {
        self.make
    }

    /// Name and version as the browser tells them.
    ///
    /// # Errors
    /// The protocol's.
    pub fn version(&self) -> Result<String, BrowserError> {
        self.engine.borrow_mut().version()
    }

    /// Opens a page and waits until it has loaded.
    ///
    /// # Errors
    /// The protocol's.
    pub fn open(&self, url: &str) -> Result<Page, BrowserError> {
        let window = self.engine.borrow_mut().open()?;
        let page = Page { engine: Rc::clone(&self.engine), window };
        self.engine.borrow_mut().navigate(&page.window, url)?;
        page.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'", LOAD_TIMEOUT)?;
        Ok(page)
    }
}

impl Page {
    /// The value of a JavaScript expression; a promise is awaited.
    ///
    /// # Errors
    /// The expression throws, or the page is gone.
    pub fn evaluate(&self, script: &str) -> Result<Value, BrowserError> {
        self.engine.borrow_mut().evaluate(&self.window, script)
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

    /// Exceptions nobody caught, and in Chromium also errors and warnings that the page has written.
    #[must_use]
    pub fn console(&self) -> Vec<String> {
        self.engine.borrow_mut().console(&self.window)
    }

    /// Saves what the page shows as `screenshots/<name>.png` in Cargo's target folder.
    ///
    /// # Errors
    /// The protocol's and the file system's.
    pub fn screenshot(&self, name: &str) -> Result<PathBuf, BrowserError> {
        let shot = self.engine.borrow_mut().screenshot(&self.window)?;
        let png = base64::decode(&shot)
            .ok_or_else(|| BrowserError::Screenshot("the browser's answer holds none".to_owned()))?;
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
    /// The page is gone already, or the browser has no such command.
    pub fn crash(self) -> Result<(), BrowserError> {
        self.engine.borrow_mut().crash(&self.window)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have crashed, and the browser closes its pages anyway.
        let _ = self.engine.borrow_mut().close(&self.window);
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
