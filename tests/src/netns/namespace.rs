//! One network namespace: network_namespaces(7).

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::NetworkError;

/// Brings loopback up, says so, and waits for the end of its input.
const HOLD: &str = "ip link set lo up && echo up && exec cat >/dev/null";

/// A namespace, as long as this value or a process in it lives.
pub struct Namespace {
    holder: Child,
    file: File,
}

impl Namespace {
    /// Makes one that has loopback only.
    ///
    /// # Errors
    /// [`NetworkError::NotAllowed`] in words of the system.
    pub fn new() -> Result<Self, NetworkError> {
        let pipe = Stdio::piped;
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", HOLD])
            .stdin(pipe())
            .stdout(pipe())
            .stderr(pipe())
            .spawn()
            .map_err(|error| NetworkError::NotAllowed(format!("unshare: {error}")))?;
        let mut up = [0; 3];
        let said = holder.stdout.as_mut().map(|output| output.read_exact(&mut up));
        if !matches!(said, Some(Ok(()))) {
            drop(holder.stdin.take());
            let output = holder.wait_with_output()?;
            return Err(NetworkError::NotAllowed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let file = File::open(format!("/proc/{}/ns/net", holder.id()))?;
        Ok(Self { holder, file })
    }

    /// The process that holds it.
    pub(super) fn holder(&self) -> u32 {
        self.holder.id()
    }

    /// Ports that UDP sockets in there are bound to, each once: proc_pid_net(5).
    pub(super) fn udp_ports(&self) -> Result<Vec<u16>, NetworkError> {
        let table = fs::read_to_string(format!("/proc/{}/net/udp", self.holder()))?;
        let port =
            |line: &str| u16::from_str_radix(line.split_whitespace().nth(1)?.split_once(':')?.1, 16).ok();
        let mut ports: Vec<_> = table.lines().filter_map(port).collect();
        ports.sort_unstable();
        ports.dedup();
        Ok(ports)
    }

    /// Does something in there: sockets that are opened and processes that are started meanwhile belong to it.
    ///
    /// # Errors
    /// The thread may not go there.
    pub fn enter<T>(&self, work: impl FnOnce() -> T) -> Result<T, NetworkError> {
        let home = Home(File::open("/proc/thread-self/ns/net")?);
        move_to(&self.file).map_err(|error| NetworkError::NotAllowed(error.to_string()))?;
        let result = work();
        drop(home);
        Ok(result)
    }

    /// Runs a program in there and gives back what it wrote.
    ///
    /// # Errors
    /// There is no such program, or it failed.
    pub fn run(&self, program: &str, arguments: &[&str], input: &str) -> Result<String, NetworkError> {
        let pipe = Stdio::piped;
        let child = self.enter(|| {
            Command::new(program).args(arguments).stdin(pipe()).stdout(pipe()).stderr(pipe()).spawn()
        })?;
        let mut child = child.map_err(|error| NetworkError::NoProgram(format!("{program}: {error}")))?;
        if let Some(mut to) = child.stdin.take() {
            // A program that did not want all of it says why.
            let _ = to.write_all(input.as_bytes());
        }
        let output = child.wait_with_output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let command = format!("{program} {}", arguments.join(" "));
        let error = format!("{}\n{input}", String::from_utf8_lossy(&output.stderr).trim());
        Err(NetworkError::Refused { command, error })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

/// Takes the thread back where it came from, after a panic too.
struct Home(File);

impl Drop for Home {
    fn drop(&mut self) {
        let back = move_to(&self.0);
        assert!(back.is_ok(), "this thread is lost in another network: {back:?}");
    }
}

fn move_to(namespace: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
}
