//! A network namespace for the generator, joined to this one by a virtual cable: network_namespaces(7), veth(4).
//!
//! ```text
//!   server  198.18.N.1 ── fb<pid> ══ cable ══ bench ── 198.18.N.2  publishers and viewers
//! ```
//!
//! What the server sends leaves through an interface with a route, as on a real network, in place of loopback; and the books
//! of the kernel (`/proc/net/snmp`) are the generator's own. The addresses are those of RFC 2544 for benchmarks. Only the
//! threads that open sockets enter it. A server that runs already must listen on, and announce, the address of its end.
//!
//! Takes root and iproute2. Nothing outlives the run: the namespace is held by a process that waits for the end of its input.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Says that it is there, and waits for the end of its input.
const HOLD: &str = "echo up && exec cat >/dev/null";
/// The cable's end inside.
const INSIDE: &str = "bench";

/// There is no namespace.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    #[error("no network namespaces here ({0}): it takes root and the programs unshare and ip")]
    NotAllowed(String),
    #[error("`{0}`: {1}")]
    Refused(String, String),
    #[error("a network namespace: {0}")]
    Io(#[from] io::Error),
}

/// See the file's head.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
    file: File,
    outside: Ipv4Addr,
}

impl Namespace {
    /// Makes one, with its cable.
    ///
    /// # Errors
    /// [`NamespaceError`], in words of the system.
    pub fn make() -> Result<Self, NamespaceError> {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", HOLD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| NamespaceError::NotAllowed(format!("unshare: {error}")))?;
        let mut up = [0; 3];
        let said = holder.stdout.as_mut().map(|output| output.read_exact(&mut up));
        if !matches!(said, Some(Ok(()))) {
            drop(holder.stdin.take());
            let output = holder.wait_with_output()?;
            return Err(NamespaceError::NotAllowed(
                String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            ));
        }
        let file = File::open(format!("/proc/{}/ns/net", holder.id()))?;
        let [.., net] = std::process::id().to_be_bytes();
        let outside = Ipv4Addr::new(198, 18, net, 1);
        let namespace = Self { holder, file, outside };
        namespace.lay_cable(Ipv4Addr::new(198, 18, net, 2))?;
        Ok(namespace)
    }

    /// The server's end.
    #[must_use]
    pub fn outside(&self) -> Ipv4Addr {
        self.outside
    }

    /// A process in it.
    pub(crate) fn holder(&self) -> u32 {
        self.holder.id()
    }

    /// From here on the calling thread opens its sockets in there.
    pub(crate) fn enter(&self) -> io::Result<()> {
        Ok(move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }

    fn lay_cable(&self, inside: Ipv4Addr) -> Result<(), NamespaceError> {
        let holder = self.holder.id().to_string();
        let (name, address) = (format!("fb{}", std::process::id()), format!("{}/30", self.outside));
        ip(&["link", "add", &name, "type", "veth", "peer", "name", INSIDE, "netns", &holder])?;
        ip(&["address", "add", &address, "dev", &name])?;
        ip(&["link", "set", &name, "up"])?;
        let address = format!("{inside}/30");
        let enter =
            |arguments: &[&str]| run("nsenter", &[&["--target", &holder, "--net", "ip"], arguments].concat());
        enter(&["address", "add", &address, "dev", INSIDE])?;
        enter(&["link", "set", INSIDE, "up"])?;
        enter(&["link", "set", "lo", "up"])
    }
}

impl Drop for Namespace {
    /// With the namespace its end of the cable goes, and the other with it.
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn ip(arguments: &[&str]) -> Result<(), NamespaceError> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), NamespaceError> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| NamespaceError::NotAllowed(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(NamespaceError::Refused(format!("{program} {}", arguments.join(" ")), error))
}
