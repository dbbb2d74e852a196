//! The real `fanlight` binary, with its supervisor and both processes, on free ports: of loopback, unless a test has another
//! network.
//!
//! One server at a time, also over several test programs ([`Turn`]): tests on two cores must not starve each other. Those that
//! mostly wait may share the time.

mod binary;
mod process;
mod turn;

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use crate::client::Endpoint;
use crate::http::{self, HttpError};
use crate::metrics::{Metrics, NoSample};
use crate::temporary::TemporaryFolder;

pub use binary::target_folder;
pub use turn::Turn;

/// From the start of the process to the first good `/healthz`.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// From SIGTERM to the end.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Lines of the server's log that a failed test shows.
const LOG_LINES: usize = 60;

/// The apps' folder, beside the configuration.
const APPS: &str = "apps";

/// What differs from test to test.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Threads that move media.
    pub shards: u16,
    /// Where HTTP and media listen.
    pub address: IpAddr,
    /// Where peers are told to send media to; None = the same.
    pub public_address: Option<IpAddr>,
    /// `auto`, `io_uring` or `plain`.
    pub io: &'static str,
    /// Whether HTTPS listens too, with a development certificate.
    pub https: bool,
    /// Further lines of the configuration file.
    pub more: &'static str,
    /// No other server runs meanwhile.
    pub alone: bool,
    /// Files of the apps' folder by name; none: there is no such folder.
    pub apps: Vec<(&'static str, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            shards: 1,
            address: Ipv4Addr::LOCALHOST.into(),
            public_address: None,
            io: "auto",
            https: false,
            more: "",
            alone: true,
            apps: vec![],
        }
    }
}

/// The server is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("no server binary: {0}")]
    NoBinary(String),
    #[error("the server: {0}")]
    Io(#[from] io::Error),
    #[error("the server is not up after {START_TIMEOUT:?}")]
    NotUp,
    #[error("the server ended: {0}")]
    Ended(ExitStatus),
    #[error("the server still runs {STOP_TIMEOUT:?} after it was asked to end")]
    StillRuns,
    #[error("the server has no process `{0}`")]
    NoProcess(&'static str),
    #[error("fanlight {0}: {1}")]
    Command(String, String),
    #[error("GET {0}: {1}")]
    Http(&'static str, #[source] HttpError),
    #[error("GET {0}: {1}")]
    Status(&'static str, u16),
    #[error(transparent)]
    Metrics(#[from] NoSample),
    #[error("GET /streams: {0}")]
    Json(#[from] serde_json::Error),
}

/// One line of `/streams`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveStream {
    pub app: String,
    pub name: String,
    pub viewers: u64,
    /// Codec names.
    pub codecs: Vec<String>,
}

/// See the file's head. The server ends with this value.
pub struct Server {
    address: SocketAddr,
    /// Free, or taken by its HTTPS.
    https_address: SocketAddr,
    supervisor: Child,
    log: PathBuf,
    /// Ended already, with this.
    status: Option<ExitStatus>,
    /// Fields are dropped in this order, after [`Drop::drop`].
    folder: TemporaryFolder,
    _turn: Turn,
}

impl Server {
    /// Starts the server and waits until it serves.
    ///
    /// # Errors
    /// No binary, or it does not come up.
    pub fn start(settings: &Settings) -> Result<Self, ServerError> {
        let turn = if settings.alone { Turn::take()? } else { Turn::share()? };
        let binary = binary::find()?;
        let folder = TemporaryFolder::new("server")?;
        // Free now; nobody else on this machine is after it in the next milliseconds.
        let (http, https) =
            (TcpListener::bind((settings.address, 0))?, TcpListener::bind((settings.address, 0))?);
        let (address, https_address) = (http.local_addr()?, https.local_addr()?);
        drop((http, https));
        let configuration = folder.path().join("fanlight.toml");
        let socket = folder.path().join("control").join("dataplane.sock");
        let Settings { shards, address: ip, public_address, io, https, more, apps, alone: _ } = settings;
        if !apps.is_empty() {
            fs::create_dir(folder.path().join(APPS))?;
        }
        for (name, text) in apps {
            fs::write(folder.path().join(APPS).join(name), text)?;
        }
        let apps = if apps.is_empty() { String::new() } else { format!("[apps]\nfolder = \"{APPS}\"\n") };
        let told = public_address.unwrap_or(*ip);
        let certificate = if *https { "development" } else { "off" };
        let text = format!(
            "[http]\nbind = \"{ip}\"\nport = {}\n[https]\ncertificate = \"{certificate}\"\nbind = \"{ip}\"\nport = {}\n\
             [control]\nstate_folder = \"state\"\nsocket = {:?}\n[media]\nbind = \"{ip}\"\nport_base = 0\ntcp_port = 0\n\
             public_addresses = [\"{told}\"]\npin = false\nshards = {shards}\nio = \"{io}\"\n{apps}{more}\n",
            address.port(),
            https_address.port(),
            socket.display().to_string(),
        );
        fs::write(&configuration, text)?;
        let log = folder.path().join("log");
        let output = File::create(&log)?;
        let mut supervisor = Command::new(binary);
        // Such variables are settings too, and these are our own or those of whoever runs the tests.
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANLIGHT_")) {
            supervisor.env_remove(name);
        }
        let supervisor = supervisor
            .arg("--config")
            .arg(&configuration)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let mut server = Self { address, https_address, supervisor, log, status: None, folder, _turn: turn };
        server.wait_until_healthy()?;
        Ok(server)
    }

    /// Where its HTTP listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` without a final slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its HTTPS listens, if [`Settings::https`] is set.
    #[must_use]
    pub fn https_address(&self) -> SocketAddr {
        self.https_address
    }

    /// The development certificate, PEM.
    ///
    /// # Errors
    /// The server has made none.
    pub fn certificate(&self) -> Result<String, ServerError> {
        Ok(fs::read_to_string(self.folder.path().join("state/tls/development-certificate.pem"))?)
    }

    /// Where a stream of the app `live` is published.
    #[must_use]
    pub fn whip(&self, stream: &str) -> Endpoint {
        self.endpoint("live/whip", stream)
    }

    /// Where a stream of the app `live` is watched.
    #[must_use]
    pub fn whep(&self, stream: &str) -> Endpoint {
        self.endpoint("live/whep", stream)
    }

    /// Where offers for a stream of an app go: `live/whip`.
    #[must_use]
    pub fn endpoint(&self, app_and_protocol: &str, stream: &str) -> Endpoint {
        Endpoint {
            server: self.address,
            path: format!("/{app_and_protocol}/endpoint/{stream}"),
            bearer: None,
        }
    }

    /// A file of the apps' folder.
    #[must_use]
    pub fn app_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(APPS).join(name)
    }

    /// The output of another subcommand of the binary, run with this server's configuration: standard output alone.
    ///
    /// # Errors
    /// It cannot be run, or says no: the error holds what it wrote.
    pub fn run(&self, arguments: &[&str]) -> Result<String, ServerError> {
        let configuration = self.folder.path().join("fanlight.toml").display().to_string();
        command(&[&["--config", &configuration], arguments].concat(), "")
    }

    /// Whether sessions can be opened now.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        http::get(self.address, "/healthz").is_ok_and(|response| response.status == 200)
    }

    /// `/metrics` now. The media process reports once a second.
    ///
    /// # Errors
    /// No answer, or one that cannot be read.
    pub fn metrics(&self) -> Result<Metrics, ServerError> {
        Ok(Metrics::parse(&self.get("/metrics")?)?)
    }

    /// What is live now.
    ///
    /// # Errors
    /// No answer, or one that is not as it should be.
    pub fn streams(&self) -> Result<Vec<LiveStream>, ServerError> {
        let json: serde_json::Value = serde_json::from_str(&self.get("/streams")?)?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let stream = |one: &serde_json::Value| LiveStream {
            app: text(&one["app"]),
            name: text(&one["name"]),
            viewers: one["viewers"].as_u64().unwrap_or_default(),
            codecs: one["tracks"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|track| text(&track["codec"]))
                .collect(),
        };
        Ok(json.as_array().into_iter().flatten().map(stream).collect())
    }

    /// Kills the process of that subcommand as `kill -9` does. The supervisor starts it again.
    ///
    /// # Errors
    /// There is no such process.
    pub fn kill(&self, subcommand: &'static str) -> Result<(), ServerError> {
        let process = self.process(subcommand)?;
        rustix::process::kill_process(process, Signal::KILL).map_err(io::Error::from)?;
        Ok(())
    }

    /// The process of that subcommand.
    ///
    /// # Errors
    /// There is none.
    pub fn process(&self, subcommand: &'static str) -> Result<Pid, ServerError> {
        let of = |pid: &Pid| process::arguments(*pid).iter().any(|argument| argument == subcommand);
        self.processes().into_iter().skip(1).find(of).ok_or(ServerError::NoProcess(subcommand))
    }

    /// The supervisor and its children.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let supervisor = Pid::from_child(&self.supervisor);
        std::iter::once(supervisor).chain(process::children(supervisor)).collect()
    }

    /// Sends the supervisor a signal and waits for its end.
    ///
    /// # Errors
    /// It still runs after the time-out.
    pub fn stop(&mut self, signal: Signal) -> Result<ExitStatus, ServerError> {
        rustix::process::kill_process(Pid::from_child(&self.supervisor), signal).map_err(io::Error::from)?;
        let end = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < end {
            if let Some(status) = self.supervisor.try_wait()? {
                self.status = Some(status);
                return Ok(status);
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Err(ServerError::StillRuns)
    }

    /// What the server has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn get(&self, path: &'static str) -> Result<String, ServerError> {
        let response = http::get(self.address, path).map_err(|error| ServerError::Http(path, error))?;
        if response.status == 200 {
            Ok(response.body)
        } else {
            Err(ServerError::Status(path, response.status))
        }
    }

    #[expect(clippy::print_stdout, reason = "the harness keeps it, and shows it with a failed test only")]
    fn show_log(&self) {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        println!(
            "--- the server's last words\n{}",
            lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
        );
    }

    fn wait_until_healthy(&mut self) -> Result<(), ServerError> {
        let end = Instant::now() + START_TIMEOUT;
        while Instant::now() < end {
            if let Some(status) = self.supervisor.try_wait()? {
                self.status = Some(status);
                return Err(ServerError::Ended(status));
            }
            if self.is_healthy() {
                return Ok(());
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Err(ServerError::NotUp)
    }
}

/// What the binary says on standard output to these arguments and this standard input.
///
/// # Errors
/// It cannot be run, or says no: the error holds what it wrote.
pub fn command(arguments: &[&str], input: &str) -> Result<String, ServerError> {
    let mut child = Command::new(binary::find()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read what it is given has ended.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(ServerError::Command(arguments.join(" "), text(output.stderr)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let processes = self.processes();
        if self.status.is_none() && self.stop(Signal::TERM).is_err() {
            for process in processes {
                // Gone already is as good.
                let _ = rustix::process::kill_process(process, Signal::KILL);
            }
            let _ = self.supervisor.wait();
        }
        self.show_log();
    }
}
