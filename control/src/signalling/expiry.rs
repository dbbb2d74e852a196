//! Grants that end: sessions end with them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fanlight_protocol::{CloseReason, SessionId, ToDataplane};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::Signalling;
use crate::auth::revocations::Target;
use crate::registry::Session;

/// A session outlives its grant by so much at most.
const INTERVAL: Duration = Duration::from_millis(500);

/// Ends what is over until `stop`'s sender is gone.
pub(crate) async fn run(signalling: Arc<Signalling>, mut stop: watch::Receiver<()>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => signalling.end_expired(SystemTime::now()),
            _ = stop.changed() => return,
        }
    }
}

impl Signalling {
    /// What was revoked while this control, or the one before, could not say so: closes for the dataplane.
    pub(super) fn shut_out(&self, now: SystemTime) -> Vec<ToDataplane> {
        let registry = self.registry();
        let is_revoked = |session: &Session| {
            let grant = &session.admission.grant;
            self.revocations.forbid(&grant.stream().app, grant.claim(), now)
        };
        let revoked = registry.sessions().filter(|(_, session)| is_revoked(session)).map(|(id, _)| id);
        let revoked: Vec<SessionId> = revoked.collect();
        drop(registry);
        let reason = CloseReason::Revoked;
        for session in &revoked {
            self.end(*session, reason, None);
        }
        revoked.into_iter().map(|session| ToDataplane::Close { session, reason }).collect()
    }

    fn end_expired(&self, now: SystemTime) {
        let expired = self.registry().expired(now);
        for session in expired {
            self.end(session, CloseReason::Expired, None);
        }
    }

    /// Ends every session that `target` names, and tells how many.
    pub(crate) fn end_revoked(&self, target: &Target) -> usize {
        let registry = self.registry();
        let named = registry.sessions().filter(|(_, session)| {
            let grant = &session.admission.grant;
            target.matches(&grant.stream().app, grant.claim())
        });
        let named: Vec<_> = named.map(|(session, _)| session).collect();
        drop(registry);
        for session in &named {
            self.end(*session, CloseReason::Revoked, None);
        }
        named.len()
    }
}
