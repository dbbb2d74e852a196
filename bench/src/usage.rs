//! What a process and its descendants use, as Linux shows it under `/proc`.
//!
//! CPU time is the scheduler's own count in nanoseconds (`schedstat`), of all threads alive; what a thread used that ended
//! between two readings is lost, and a thread on another core is behind by at most a scheduler tick. Resident memory is
//! summed over the processes: pages that they share count for each, which differences do not see.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::PathBuf;

/// One thread's use since it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thread {
    /// As the thread calls itself; at most 15 bytes.
    pub name: String,
    /// The arguments of its process.
    pub arguments: Vec<String>,
    pub spent: Spent,
}

/// CPU time and context switches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub cpu_ns: u64,
    /// Ticks of the scheduler, usually 10 ms: coarse, and good for the share of the kernel alone.
    pub user_ticks: u64,
    pub kernel_ticks: u64,
    /// The thread slept.
    pub voluntary_switches: u64,
    /// It was made to wait for another.
    pub involuntary_switches: u64,
}

/// A process and its descendants at one moment.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// By process and thread id.
    threads: BTreeMap<(u32, u32), Thread>,
    pub resident_bytes: u64,
    /// Open files and sockets; 0 where they may not be seen.
    pub descriptors: u64,
}

/// A process could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    #[error("process {0} cannot be watched: {1}")]
    NoProcess(u32, #[source] io::Error),
    #[error("the kernel does not account for the CPU time of process {0} (no schedstat under /proc)")]
    NoAccounting(u32),
}

impl Usage {
    /// Reads a process and its descendants. Those that end meanwhile are left out.
    ///
    /// # Errors
    /// The process itself is gone, or the kernel does not account for its time.
    pub fn read(process: u32) -> Result<Self, UsageError> {
        let mut usage = Self::default();
        let mut waiting = BTreeSet::from([process]);
        while let Some(pid) = waiting.pop_first() {
            match usage.read_process(pid) {
                Ok(children) => waiting.extend(children),
                Err(error) if pid == process => return Err(UsageError::NoProcess(pid, error)),
                Err(_) => {}
            }
        }
        if usage.threads.is_empty() { Err(UsageError::NoAccounting(process)) } else { Ok(usage) }
    }

    /// What the chosen threads used between an earlier reading and this one.
    #[must_use]
    pub fn spent_since(&self, earlier: &Self, chosen: impl Fn(&Thread) -> bool) -> Spent {
        let mut sum = Spent::default();
        for (id, thread) in self.threads.iter().filter(|(_, thread)| chosen(thread)) {
            let before = earlier.threads.get(id).map(|thread| thread.spent).unwrap_or_default();
            let now = thread.spent;
            sum.cpu_ns += now.cpu_ns.saturating_sub(before.cpu_ns);
            sum.user_ticks += now.user_ticks.saturating_sub(before.user_ticks);
            sum.kernel_ticks += now.kernel_ticks.saturating_sub(before.kernel_ticks);
            sum.voluntary_switches += now.voluntary_switches.saturating_sub(before.voluntary_switches);
            sum.involuntary_switches += now.involuntary_switches.saturating_sub(before.involuntary_switches);
        }
        sum
    }

    #[must_use]
    pub fn threads(&self) -> u64 {
        self.threads.len() as u64
    }

    /// Whether there is such a thread.
    #[must_use]
    pub fn has(&self, chosen: impl Fn(&Thread) -> bool) -> bool {
        self.threads.values().any(chosen)
    }

    /// Adds a process; gives back its children.
    fn read_process(&mut self, pid: u32) -> io::Result<Vec<u32>> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let line = fs::read(folder.join("cmdline"))?;
        let arguments: Vec<_> = line
            .split(|byte| *byte == 0)
            .map(|argument| String::from_utf8_lossy(argument).into_owned())
            .collect();
        self.resident_bytes += resident_bytes(&fs::read_to_string(folder.join("status"))?).unwrap_or(0);
        self.descriptors += fs::read_dir(folder.join("fd")).map_or(0, |entries| entries.count() as u64);
        let mut children = Vec::new();
        for entry in fs::read_dir(folder.join("task"))?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let text = |name| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            children
                .extend(text("children").split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            if let Some(spent) = spent(&text("schedstat"), &text("status"), &text("stat")) {
                let name = text("comm").trim_end().to_owned();
                self.threads.insert((pid, id), Thread { name, arguments: arguments.clone(), spent });
            }
        }
        Ok(children)
    }
}

/// Datagrams that a process's network namespace threw away because a socket's receive buffer was full, since it began.
///
/// # Errors
/// `/proc` cannot be read.
pub fn receive_buffer_errors(process: u32) -> io::Result<u64> {
    Ok(udp_counter(&fs::read_to_string(format!("/proc/{process}/net/snmp"))?, "RcvbufErrors").unwrap_or(0))
}

/// `schedstat` is time on the CPU, time waiting for it, and turns; None if it is empty: the thread is gone.
fn spent(schedstat: &str, status: &str, stat: &str) -> Option<Spent> {
    let (user_ticks, kernel_ticks) = ticks(stat)?;
    Some(Spent {
        cpu_ns: schedstat.split_whitespace().next()?.parse().ok()?,
        user_ticks,
        kernel_ticks,
        voluntary_switches: field(status, "voluntary_ctxt_switches")?,
        involuntary_switches: field(status, "nonvoluntary_ctxt_switches")?,
    })
}

/// Fields 14 and 15 of `stat`. The name, field 2, may hold anything: what counts begins behind its last parenthesis.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn resident_bytes(status: &str) -> Option<u64> {
    Some(field(status, "VmRSS")? * 1_024)
}

/// The number behind a name and a colon; kilobytes where there is a unit.
fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// `/proc/net/snmp` has a line of names and a line of values for each protocol.
fn udp_counter(snmp: &str, name: &str) -> Option<u64> {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next()?, lines.next()?);
    let at = names.split_whitespace().position(|one| one == name)?;
    values.split_whitespace().nth(at)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::{Command, Stdio};
    use std::time::Instant;

    use super::*;

    const STATUS: &str = "Name:\tshard-0\nVmHWM:\t  9000 kB\nVmRSS:\t  1608 kB\nThreads:\t1\n\
                          voluntary_ctxt_switches:\t17\nnonvoluntary_ctxt_switches:\t4\n";

    /// The headline number of every report is read here.
    #[test]
    fn times_switches_and_memory_are_read_as_the_kernel_writes_them() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 90 0 0 0 31 12 0 0 20 0";
        let expected = Spent {
            cpu_ns: 167_063,
            user_ticks: 31,
            kernel_ticks: 12,
            voluntary_switches: 17,
            involuntary_switches: 4,
        };
        assert_eq!(spent("167063 52 1\n", STATUS, stat), Some(expected));
        assert_eq!(resident_bytes(STATUS), Some(1_608 * 1_024));
        assert_eq!(spent("", STATUS, stat), None);
        assert_eq!(spent("1 2 3", "", stat), None);
    }

    /// Columns of this file differ from kernel to kernel: they are found by name.
    #[test]
    fn lost_datagrams_are_found_by_their_name() {
        let snmp = "Tcp: A RcvbufErrors\nTcp: 1 2\nUdp: InDatagrams RcvbufErrors Mem\nUdp: 9 1266 3\n";
        assert_eq!(udp_counter(snmp, "RcvbufErrors"), Some(1_266));
        assert_eq!(udp_counter(snmp, "Absent"), None);
    }

    /// Against the real kernel: a thread that works is charged, and one that began meanwhile counts from zero.
    #[test]
    fn the_work_of_a_thread_is_found_in_the_difference_of_two_readings() {
        let start = Instant::now();
        let earlier = Usage::read(std::process::id()).unwrap();
        let (report, reported) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::Builder::new().name("bench-worker".to_owned()).spawn(move || {
            let mut sum = 0_u64;
            for _ in 0..20_000_000 {
                sum = std::hint::black_box(sum.wrapping_mul(3).wrapping_add(1));
            }
            report.send(()).unwrap();
            let _ = released.recv();
        });
        reported.recv().unwrap();
        let later = Usage::read(std::process::id()).unwrap();
        drop(release);
        worker.unwrap().join().unwrap();
        let spent = later.spent_since(&earlier, |thread| thread.name == "bench-worker");
        // Twenty million steps take no processor less than a millisecond, and no thread more than the time that passed.
        assert!((1_000_000..start.elapsed().as_nanos()).contains(&spent.cpu_ns.into()), "{spent:?}");
        assert!(later.resident_bytes > 100_000);
    }

    /// The server is a supervisor with children: all of them cost.
    #[test]
    fn children_belong_to_a_process() {
        // A process has its arguments some time after it was started: certainly once it has spoken.
        let script = "echo ready; read line";
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
        let usage = Usage::read(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let is_child = |thread: &Thread| thread.arguments.iter().any(|argument| argument == script);
        assert!(usage.has(is_child));
        assert!(matches!(Usage::read(child.id()), Err(UsageError::NoProcess(..))));
    }
}
