//! Reading the apps anew when a file changes, or at SIGHUP.
//!
//! By looking once a second, which is cheap for a few files, works on every file system, and does not miss the files that an
//! editor puts in the place of others.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Apps;

const INTERVAL: Duration = Duration::from_secs(1);

/// Watches until `stop`'s sender is gone.
pub(crate) async fn run(apps: Arc<Apps>, mut stop: watch::Receiver<()>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A process without signals is still watched by the clock.
    let mut hangups = signal(SignalKind::hangup()).ok();
    let hangup = async |hangups: &mut Option<tokio::signal::unix::Signal>| match hangups {
        Some(hangups) => hangups.recv().await,
        None => std::future::pending().await,
    };
    // A bad file is told once, not every second.
    let mut told = None;
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            _ = hangup(&mut hangups) => true,
            _ = stop.changed() => return,
        };
        if !asked && !apps.is_stale() {
            continue;
        }
        let outcome = apps.reload().err();
        if let Some(error) = outcome.as_ref().filter(|_| asked || outcome != told) {
            tracing::error!("{error}\nthe app stays as it was");
        }
        told = outcome;
    }
}
