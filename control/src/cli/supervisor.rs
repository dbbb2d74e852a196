//! Both processes as children of this one: started, started again when they die, ended together.
//!
//! A child that cannot start at all (its first life ends with [`CANNOT_START`](super::CANNOT_START)) ends the whole: it has
//! said why, and would say so for ever. One that dies later comes back, after 100 ms to 5 s.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use fanlight::Config;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{CANNOT_START, Fault, asked_to_end, banner};

const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// A child that lived this long had started well: its next restart is quick again.
const LIVED_WELL: Duration = Duration::from_secs(10);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

pub(super) async fn run(config: Config, file: Option<PathBuf>) -> Result<(), Fault> {
    let asked_to_end = asked_to_end()?;
    let program = std::env::current_exe()?;
    let children = if cfg!(feature = "dataplane") { vec!["dataplane", "control"] } else { vec!["control"] };
    let (stop, stopped) = watch::channel(());
    let (hang_up, hung_up) = watch::channel(());
    let mut kept = tokio::task::JoinSet::new();
    for name in children {
        let recipe = Recipe { program: program.clone(), file: file.clone(), name };
        kept.spawn(keep(recipe, stopped.clone(), hung_up.clone()));
    }
    let outcome = tokio::select! {
        () = asked_to_end => Ok(()),
        // Ends only with a child that cannot start.
        Some(Ok(failed)) = kept.join_next() => failed,
        never = banner::show_when_ready(&config) => match never {},
        never = pass_on(hang_up) => match never {},
    };
    drop(stop);
    while kept.join_next().await.is_some() {}
    outcome
}

/// Hands every SIGHUP to the children: it means that the apps' files are to be read anew.
async fn pass_on(hang_up: watch::Sender<()>) -> Infallible {
    if let Ok(mut hangups) = signal(SignalKind::hangup()) {
        while hangups.recv().await.is_some() {
            hang_up.send_replace(());
        }
    }
    std::future::pending().await
}

/// How to start a child.
struct Recipe {
    program: PathBuf,
    file: Option<PathBuf>,
    name: &'static str,
}

impl Recipe {
    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        // Not by the environment: a child must not mistake an outer supervisor for its own.
        command.arg("--supervisor").arg(std::process::id().to_string());
        if let Some(file) = &self.file {
            command.arg("--config").arg(file);
        }
        command.arg(self.name).kill_on_drop(true).spawn()
    }

    /// Control alone has something to read anew.
    fn hang_up(&self, child: &Child) {
        if let Some(pid) = pid_of(child).filter(|_| self.name == "control") {
            // It may have ended this moment.
            let _ = kill_process(pid, Signal::HUP);
        }
    }
}

/// Runs one child until `stop`'s sender is gone.
async fn keep(
    recipe: Recipe,
    mut stop: watch::Receiver<()>,
    mut hung_up: watch::Receiver<()>,
) -> Result<(), Fault> {
    let mut backoff = BACKOFF_MIN;
    let mut first_life = true;
    loop {
        let born = Instant::now();
        let mut child = recipe.spawn()?;
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = stop.changed() => return Ok(end(child).await?),
                Ok(()) = hung_up.changed() => recipe.hang_up(&child),
            }
        };
        if first_life && status.code() == Some(i32::from(CANNOT_START)) {
            return Err(Fault::Start(format!("{} cannot start; see above", recipe.name)));
        }
        first_life = false;
        if born.elapsed() >= LIVED_WELL {
            backoff = BACKOFF_MIN;
        }
        tracing::error!(process = recipe.name, %status, again_in = ?backoff, "a process died and is started again");
        tokio::select! {
            () = sleep(backoff) => {}
            _ = stop.changed() => return Ok(()),
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

async fn end(mut child: Child) -> io::Result<()> {
    if let Some(pid) = pid_of(&child) {
        // It may have ended by itself: Ctrl-C reaches the children too.
        let _ = kill_process(pid, Signal::TERM);
    }
    let ended: Result<io::Result<ExitStatus>, _> = timeout(GRACE, child.wait()).await;
    match ended {
        Ok(status) => status.map(drop),
        Err(_) => child.kill().await,
    }
}

fn pid_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}
