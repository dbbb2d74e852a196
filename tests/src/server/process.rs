//! Processes as Linux shows them under `/proc`.

use std::fs;

use rustix::process::Pid;

/// Living children of a process.
pub(super) fn children(parent: Pid) -> Vec<Pid> {
    let parent = parent.as_raw_pid();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).filter_map(Pid::from_raw).collect()
}

/// The command line of a process; empty when it is gone.
pub(super) fn arguments(process: Pid) -> Vec<String> {
    let line = fs::read(format!("/proc/{}/cmdline", process.as_raw_pid())).unwrap_or_default();
    line.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

/// Field 4 of `/proc/<pid>/stat`; the name before it stands in brackets and may hold anything. A zombie has no parent here.
fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z").then_some(parent)
}
