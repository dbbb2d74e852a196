//! Which process on this machine listens on a TCP port: so that a server is charged without being asked for its number.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Of a socket that listens, in `/proc/net/tcp`.
const LISTENS: &str = "0A";

/// The oldest ancestor of the listener that runs the same program: a supervisor answers for its children. None: nobody that
/// may be seen listens there, or the address is not of this machine's loopback.
#[must_use]
pub fn process_at(address: SocketAddr) -> Option<u32> {
    if !address.ip().is_loopback() {
        return None;
    }
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<_> = tables.iter().flat_map(|table| listening(table, address.port())).collect();
    let mut process = processes().find(|process| has_any(*process, &sockets))?;
    while let Some(parent) = parent(process).filter(|parent| program(*parent) == program(process)) {
        process = parent;
    }
    Some(process)
}

/// The inodes of the sockets that listen on a port.
fn listening(table: &str, port: u16) -> Vec<String> {
    let inode = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let (_, local) = fields.get(1)?.rsplit_once(':')?;
        let fits = u16::from_str_radix(local, 16) == Ok(port) && *fields.get(3)? == LISTENS;
        fits.then(|| format!("socket:[{}]", fields.get(9).copied().unwrap_or_default()))
    };
    table.lines().filter_map(inode).collect()
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn has_any(process: u32, sockets: &[String]) -> bool {
    let files = fs::read_dir(folder(process).join("fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| fs::read_link(file.path()).ok())
        .any(|to| sockets.iter().any(|socket| to == Path::new(socket)))
}

fn parent(process: u32) -> Option<u32> {
    let status = fs::read_to_string(folder(process).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    line.trim().parse().ok().filter(|parent| *parent > 1)
}

fn program(process: u32) -> Option<PathBuf> {
    fs::read_link(folder(process).join("exe")).ok()
}

fn folder(process: u32) -> PathBuf {
    PathBuf::from(format!("/proc/{process}"))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// The wrong process charged would make any server look cheap.
    #[test]
    fn a_listener_of_our_own_is_found_and_others_are_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let found = process_at(address).unwrap();
        assert_eq!(program(found), program(std::process::id()));
        drop(listener);
        assert_eq!(process_at(address), None);
        assert_eq!(process_at("192.0.2.1:80".parse().unwrap()), None);
    }
}
