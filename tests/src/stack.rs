//! Other WebRTC stacks as peers: scripts of `tests/stacks`, each a process of its own.
//!
//! A script is called with `publish` or `watch`, the endpoint's URL and a codec, writes what it has counted as a line of JSON
//! some times a second, and deletes its session and ends when its input is closed.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::{ServerError, target_folder};

const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// From the closing of its input to its end.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// Which implementation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    /// GStreamer's webrtcbin (libnice, OpenSSL, libsrtp), through the system's Python.
    Gstreamer,
    /// aiortc, in the Python environment that `tests/run` makes.
    Aiortc,
}

/// What the peer is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Publish,
    Watch,
}

/// What a script has counted last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Of the peer connection: `connected` and others.
    pub state: String,
    /// Decoded.
    pub video_frames: u64,
    /// Pixels.
    pub size: (u64, u64),
    /// Decoded, of the codec's own length.
    pub audio_frames: u64,
}

/// The stack is not there, or does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    #[error("{stack:?} is missing: {advice}")]
    Missing { stack: Stack, advice: &'static str },
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Target(#[from] ServerError),
    #[error("not within {after:?}; it counted {counted:?} and said: {said}")]
    TimedOut { after: Duration, counted: Counted, said: String },
}

/// A running script. It ends with this value.
pub struct Peer {
    process: Child,
    /// None once it is closed.
    input: Option<ChildStdin>,
    counted: Arc<Mutex<Counted>>,
    said: Arc<Mutex<String>>,
}

impl Stack {
    /// Starts a peer.
    ///
    /// # Errors
    /// [`StackError::Missing`], with what to do about it.
    pub fn start(self, role: Role, url: &str, codec: &str) -> Result<Peer, StackError> {
        let (python, module, script, advice) = self.needs()?;
        let import = Command::new(&python).args(["-c", module]).stderr(Stdio::null()).status();
        if !import.is_ok_and(|status| status.success()) {
            return Err(StackError::Missing { stack: self, advice });
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks").join(script);
        let role = if role == Role::Publish { "publish" } else { "watch" };
        let mut process = Command::new(python)
            .arg(script)
            .args([role, url, codec])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (counted, said) = (Arc::default(), Arc::default());
        follow(&mut process, &counted, &said);
        Ok(Peer { input: process.stdin.take(), process, counted, said })
    }

    /// The interpreter, a program that fails where a module is missing, the script, and what to do then.
    fn needs(self) -> Result<(PathBuf, &'static str, &'static str, &'static str), StackError> {
        Ok(match self {
            Self::Gstreamer => (
                "/usr/bin/python3".into(),
                "import gi; gi.require_version('GstWebRTC', '1.0'); gi.require_version('Gst', '1.0');\
                 from gi.repository import Gst; Gst.init(None);\
                 assert all(Gst.ElementFactory.find(name) for name in ('webrtcbin', 'nicesrc', 'vp8enc', 'x264enc'))",
                "gstreamer.py",
                "run tests/run as root on Debian once, or install the packages that it names",
            ),
            Self::Aiortc => (
                target_folder()?.join("stacks/bin/python"),
                "import aiortc",
                "aiortc_peer.py",
                "run tests/run once: it makes an environment for it in target/stacks with python3 -m venv and pip",
            ),
        })
    }
}

impl Peer {
    /// What it has counted last.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until what it has counted is so.
    ///
    /// # Errors
    /// [`StackError::TimedOut`], with what it wrote on its standard error.
    pub fn wait_for(
        &self,
        timeout: Duration,
        is_enough: impl Fn(&Counted) -> bool,
    ) -> Result<Counted, StackError> {
        let end = Instant::now() + timeout;
        loop {
            let counted = self.counted();
            if is_enough(&counted) {
                return Ok(counted);
            }
            if end <= Instant::now() {
                let said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
                return Err(StackError::TimedOut { after: timeout, counted, said });
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.input.take());
        let end = Instant::now() + END_TIMEOUT;
        while Instant::now() < end {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads both outputs, each in a thread that ends with the process.
fn follow(process: &mut Child, counted: &Arc<Mutex<Counted>>, said: &Arc<Mutex<String>>) {
    if let Some(output) = process.stdout.take() {
        let counted = Arc::clone(counted);
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
                let number = |name: &str| line[name].as_u64().unwrap_or_default();
                *counted.lock().unwrap_or_else(PoisonError::into_inner) = Counted {
                    state: line["state"].as_str().unwrap_or_default().to_owned(),
                    video_frames: number("video_frames"),
                    size: (number("width"), number("height")),
                    audio_frames: number("audio_frames"),
                };
            }
        });
    }
    if let Some(mut errors) = process.stderr.take() {
        let said = Arc::clone(said);
        thread::spawn(move || {
            let mut text = [0; 4096];
            while let Ok(len @ 1..) = errors.read(&mut text) {
                let text = String::from_utf8_lossy(text.get(..len).unwrap_or_default()).into_owned();
                said.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
    }
}
