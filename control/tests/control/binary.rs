//! The binary itself: configuration commands, and the supervisor with its children.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::Scratch;

fn fanlight(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanlight"));
    command.args(arguments).env_remove("FANLIGHT_CONFIG").stdin(Stdio::null());
    // Its port would be that of every other server on this machine.
    command.env("FANLIGHT_HTTPS__CERTIFICATE", "off");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

/// What an operator does before a restart.
#[test]
fn config_check_says_ok_or_tells_every_fault() {
    let scratch = Scratch::new();
    let file = scratch.path().join("fanlight.toml");
    std::fs::write(&file, "[http]\nport = 9000\n").unwrap();
    let path = file.to_str().unwrap();
    let good = run(&mut fanlight(&["config", "check", "--config", path]));
    assert!(good.status.success());
    assert!(text(&good.stdout).starts_with("# OK."), "{good:?}");
    assert!(text(&good.stdout).contains("port = 9000"), "{good:?}");

    std::fs::write(&file, "[http]\nprot = 9000\n[limits]\nstreams_max = -1\n").unwrap();
    let bad = run(fanlight(&["config", "check", "--config", path]).env("FANLIGHT_LOG__FORMAT", "xml"));
    let told = text(&bad.stderr);
    assert_eq!(bad.status.code(), Some(78), "{told}");
    for fault in [
        "http.prot = 9000 (from ",
        "there is no such key; the nearest is http.port",
        "limits.streams_max = -1",
        "a whole number from 1 to 50000 (streams)",
        "(from FANLIGHT_LOG__FORMAT)",
    ] {
        assert!(told.contains(fault), "{fault} is missing in\n{told}");
    }
    let level = run(fanlight(&["config", "check"]).env("FANLIGHT_LOG__LEVEL", "fanlight=loud"));
    assert_eq!(level.status.code(), Some(78), "{level:?}");
    assert!(text(&level.stderr).contains("log.level"), "{level:?}");
}

/// What `config show` prints can be loaded, and means the same.
#[test]
fn config_show_prints_a_file_that_can_be_loaded() {
    let scratch = Scratch::new();
    let file = scratch.path().join("shown.toml");
    let shown = run(fanlight(&["config", "show"]).env("FANLIGHT_LIMITS__STREAMS_MAX", "77"));
    std::fs::write(&file, &shown.stdout).unwrap();
    let again = run(&mut fanlight(&["config", "show", "--config", file.to_str().unwrap()]));
    assert_eq!(text(&again.stdout), text(&shown.stdout));
    assert!(text(&again.stdout).contains("streams_max = 77"));
}

#[test]
fn a_port_that_is_taken_is_told_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let scratch = Scratch::new();
    let failed = run(fanlight(&["control"])
        .env("FANLIGHT_HTTP__BIND", "127.0.0.1")
        .env("FANLIGHT_HTTP__PORT", &port)
        .env("FANLIGHT_CONTROL__SOCKET", scratch.path().join("s")));
    assert_eq!(failed.status.code(), Some(78));
    assert!(text(&failed.stderr).contains("free the port, or set http.port to another"), "{failed:?}");
}

/// A supervisor of the test's own, killed with the value.
struct Supervisor {
    child: Child,
    port: u16,
    _scratch: Scratch,
}

impl Supervisor {
    fn start() -> Self {
        let scratch = Scratch::new();
        // A port that was free a moment ago.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = fanlight(&[])
            .env("FANLIGHT_HTTP__BIND", "127.0.0.1")
            .env("FANLIGHT_HTTP__PORT", port.to_string())
            .env("FANLIGHT_MEDIA__BIND", "127.0.0.1")
            .env("FANLIGHT_MEDIA__PORT_BASE", "0")
            .env("FANLIGHT_MEDIA__TCP_PORT", "0")
            .env("FANLIGHT_MEDIA__SHARDS", "1")
            .env("FANLIGHT_CONTROL__SOCKET", scratch.path().join("dataplane.sock"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port, _scratch: scratch }
    }

    /// The processes it started, by their command.
    fn children(&self) -> Vec<(u32, String)> {
        let pid = self.child.id();
        let children =
            std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let named = |pid: &str| {
            let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
            Some((pid.parse().ok()?, command.split('\0').rfind(|part| !part.is_empty())?.to_owned()))
        };
        children.split_whitespace().filter_map(named).collect()
    }

    fn pid_of(&self, name: &str) -> Option<u32> {
        self.children().into_iter().find(|(_, command)| command == name).map(|(pid, _)| pid)
    }

    fn answers(&self) -> bool {
        use std::io::{Read, Write};
        let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        stream.write_all(b"GET /streams HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.0 200")
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} did not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Control may crash: it is back in a moment, and nothing else was touched.
#[test]
fn a_child_that_dies_is_started_again() {
    let supervisor = Supervisor::start();
    wait_for("the first answer", || supervisor.answers());
    let first = supervisor.pid_of("control").unwrap();
    let others: Vec<_> = supervisor.children().into_iter().filter(|(_, name)| name != "control").collect();
    signal(first, rustix::process::Signal::KILL);
    wait_for("another control", || supervisor.pid_of("control").is_some_and(|pid| pid != first));
    wait_for("an answer again", || supervisor.answers());
    let still: Vec<_> = supervisor.children().into_iter().filter(|(_, name)| name != "control").collect();
    assert_eq!(still, others, "the media process lives on");
}

/// A closed terminal, or an operator who says so: the apps are read anew, and nothing ends.
#[test]
fn a_hangup_reads_the_apps_anew_and_ends_nothing() {
    let supervisor = Supervisor::start();
    wait_for("the first answer", || supervisor.answers());
    let children = supervisor.children();
    signal(supervisor.child.id(), rustix::process::Signal::HUP);
    std::thread::sleep(Duration::from_millis(300));
    assert!(supervisor.answers());
    assert_eq!(supervisor.children(), children);
}

/// Ctrl-C and `systemctl stop` leave nothing running.
#[test]
fn sigterm_ends_the_supervisor_and_its_children() {
    let mut supervisor = Supervisor::start();
    wait_for("the first answer", || supervisor.answers());
    let children = supervisor.children();
    assert!(!children.is_empty());
    let begun = Instant::now();
    signal(supervisor.child.id(), rustix::process::Signal::TERM);
    assert!(supervisor.child.wait().unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    for (pid, name) in children {
        assert!(!is_alive(pid), "{name} is still there");
    }
}

/// A supervisor that is killed takes its children along: nobody would look after them.
#[test]
fn children_do_not_outlive_a_killed_supervisor() {
    let mut supervisor = Supervisor::start();
    wait_for("the first answer", || supervisor.answers());
    let children = supervisor.children();
    supervisor.child.kill().unwrap();
    supervisor.child.wait().unwrap();
    wait_for("the children's end", || children.iter().all(|(pid, _)| !is_alive(*pid)));
}

/// A port that is taken will not be free by trying: the supervisor says so and ends.
#[test]
fn a_child_that_cannot_start_ends_the_supervisor() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let failed = run(fanlight(&[])
        .env("FANLIGHT_HTTP__BIND", "127.0.0.1")
        .env("FANLIGHT_HTTP__PORT", taken.local_addr().unwrap().port().to_string())
        .env("FANLIGHT_MEDIA__BIND", "127.0.0.1")
        .env("FANLIGHT_MEDIA__PORT_BASE", "0")
        .env("FANLIGHT_MEDIA__TCP_PORT", "0")
        .env("FANLIGHT_MEDIA__SHARDS", "1")
        .env("FANLIGHT_CONTROL__SOCKET", scratch.path().join("dataplane.sock")));
    assert_eq!(failed.status.code(), Some(78));
    let told = text(&failed.stderr);
    assert!(told.contains("free the port") && told.contains("control cannot start"), "{told}");
}
