//! A Fanlight server of our own: started on loopback with a configuration made for measuring, ended by its process id.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{process, thread};

use rustix::process::{Pid, Signal, kill_process};

use crate::http::{Http, HttpError};
use crate::target::Target;

/// From the start of the process to the first good `/healthz`.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// From SIGTERM to SIGKILL. The supervisor gives its children five seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// The server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error("{0}: {1}")]
    Start(PathBuf, #[source] io::Error),
    #[error("the server's files: {0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Url(#[from] HttpError),
    #[error("the server ended ({0}); it said:\n{1}")]
    Ended(ExitStatus, String),
    #[error("the server is not up after {START_TIMEOUT:?}; it said:\n{0}")]
    NotUp(String),
}

/// Lines of a configuration beside those that every server of ours has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct More<'a> {
    pub(crate) http: &'a str,
    /// With their headings.
    pub(crate) sections: &'a str,
}

/// See the file's head. The server ends with this value.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    child: Child,
    /// Configuration, socket and log; removed at the end.
    folder: PathBuf,
}

impl Server {
    /// Starts a binary with one shard, kept on the first core, at an address of this machine, and waits until it serves. `io` is
    /// what `media.io` takes.
    ///
    /// # Errors
    /// [`ServerError`], with what the server wrote.
    pub fn start(binary: &Path, io: &str, at: Ipv4Addr) -> Result<Self, ServerError> {
        Self::start_with(binary, io, at, &More::default(), |_| Ok(()))
    }

    /// The same with more of a configuration, and whatever `prepare` puts into its folder: if that is a folder `apps`, it has
    /// the server's apps.
    pub(crate) fn start_with(
        binary: &Path,
        io: &str,
        at: Ipv4Addr,
        more: &More<'_>,
        prepare: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, ServerError> {
        // Free now; nobody else on this machine is after it in the next milliseconds.
        let address = TcpListener::bind((at, 0))?.local_addr()?;
        let folder =
            std::env::temp_dir().join(format!("fanlight-bench-{}-{}", process::id(), address.port()));
        fs::create_dir(&folder)?;
        let configuration = folder.join("fanlight.toml");
        prepare(&folder)?;
        let mut text = settings(address, &folder.join("control.sock"), io, more);
        if folder.join("apps").exists() {
            text += "[apps]\nfolder = \"apps\"\n";
        }
        fs::write(&configuration, text)?;
        let log = File::create(folder.join("log"))?;
        let child = Command::new(binary)
            .arg("--config")
            .arg(&configuration)
            // It ends with us, even if we are killed.
            .args(["--supervisor", &process::id().to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|cause| ServerError::Start(binary.to_owned(), cause))?;
        let mut server = Self { address, child, folder };
        server.wait_until_healthy()?;
        Ok(server)
    }

    /// The process that started all others.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is published to and watched, and whom to charge.
    ///
    /// # Errors
    /// The address makes no URL.
    pub fn target(&self) -> Result<Target, ServerError> {
        let url = |kind| format!("http://{}/live/{kind}/endpoint/{{stream}}", self.address).parse();
        let target = Target::new(url("whip")?, url("whep")?);
        Ok(Target { process: Some(self.id()), ..target })
    }

    fn wait_until_healthy(&mut self) -> Result<(), ServerError> {
        let (http, health) = (Http::new(Vec::new(), false), format!("http://{}/healthz", self.address));
        let deadline = Instant::now() + START_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Err(ServerError::Ended(status, self.log()));
            }
            if http.status(&health) == Some(200) {
                return Ok(());
            }
            thread::sleep(LOOK_INTERVAL);
        }
        Err(ServerError::NotUp(self.log()))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Whether the process has ended within the time-out.
    fn ends_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(LOOK_INTERVAL);
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do in any of these steps.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        if !self.ends_within(STOP_TIMEOUT) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn settings(address: SocketAddr, socket: &Path, io: &str, more: &More<'_>) -> String {
    let More { http, sections } = more;
    format!(
        "[http]\nbind = \"{0}\"\nport = {1}\n{http}[https]\ncertificate = \"off\"\n[control]\nsocket = {2:?}\n[media]\nbind = \"{0}\"\nport_base = 0\ntcp_port = 0\n\
         public_addresses = [\"{0}\"]\nshards = 1\npin = true\nio = \"{io}\"\n[log]\nlevel = \"warn\"\n{sections}",
        address.ip(),
        address.port(),
        socket.display().to_string(),
    )
}
