//! Opening, changing and ending sessions: where the registry, the line to the dataplane and the counters meet.
//!
//! The registry sits behind one `std` mutex: every operation on it is a few map look-ups, nothing waits while it is held,
//! and events of the dataplane must be applied in their order relative to answers, which the link task does.

mod administration;
mod closing;
pub(crate) mod expiry;
mod watching;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use fanlight_protocol::{
    CloseReason, Inspection, SessionId, SessionInfo, SessionRole, StatsReport, StreamPath, ToDataplane,
    TrackInfo,
};

use crate::app::Apps;
use crate::auth::Admission;
use crate::auth::revocations::Revocations;
use crate::config::{Config, Limits};
use crate::dataplane::{Answer, Line};
use crate::drain::Draining;
use crate::endings::{Ending, Endings};
use crate::events::Events;
use crate::explain::EndReason;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::log_budget::LogBudget;
use crate::metrics::Metrics;
use crate::registry::{Registry, Rules, Session};
use crate::stats::Stats;
use crate::tally::Tallies;
use closing::Closings;

/// Which of the two protocols a request speaks, and so what its session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    /// WHIP, RFC 9725.
    Publisher,
    /// WHEP, draft-ietf-wish-whep.
    Viewer,
}

impl Role {
    /// Stable name for logs, metrics and JSON.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Viewer => "viewer",
        }
    }
}

impl From<SessionRole> for Role {
    fn from(role: SessionRole) -> Self {
        match role {
            SessionRole::Publisher => Self::Publisher,
            SessionRole::Viewer { .. } => Self::Viewer,
        }
    }
}

/// A session that was just opened.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: SessionId,
    /// SDP: the answer to the client's offer, or an offer of ours.
    pub(crate) description: String,
    pub(crate) ice_tag: String,
}

/// How a session begins.
#[derive(Debug)]
pub(crate) enum Opening {
    /// An offer to publish.
    Publish(String),
    /// An offer to watch.
    Watch(String),
    /// A viewer that asks for an offer of ours.
    WatchOurOffer,
}

impl Opening {
    const fn role(&self) -> Role {
        match self {
            Self::Publish(_) => Role::Publisher,
            Self::Watch(_) | Self::WatchOurOffer => Role::Viewer,
        }
    }
}

/// What a trickle ICE fragment came to.
#[derive(Debug)]
pub(crate) enum Trickled {
    /// Its candidates are heard.
    Taken,
    /// It restarted ICE.
    Restarted {
        ice_tag: String,
        /// Our new credentials and candidates.
        fragment: String,
    },
}

/// One line of a listing.
#[derive(Debug)]
pub(crate) struct LiveStream {
    pub(crate) publisher: SessionId,
    pub(crate) session: Session,
}

/// The signalling of one server.
pub(crate) struct Signalling {
    pub(crate) line: Line,
    pub(crate) stats: Stats,
    pub(crate) metrics: Metrics,
    pub(crate) events: Events,
    pub(crate) draining: Draining,
    limits: Limits,
    registry: Mutex<Registry>,
    revocations: Arc<Revocations>,
    /// Those who granted a session are told of its end.
    apps: Arc<Apps>,
    pub(crate) journal: Journal,
    endings: Mutex<Endings>,
    closings: Closings,
    failure_lines: Mutex<LogBudget>,
}

impl Signalling {
    pub(crate) fn new(
        config: &Config,
        revocations: Arc<Revocations>,
        apps: Arc<Apps>,
        journal: Journal,
    ) -> Self {
        Self {
            line: Line::new(config.limits.clone()),
            stats: Stats::default(),
            metrics: Metrics::default(),
            events: Events::default(),
            draining: Draining::default(),
            limits: config.limits.clone(),
            registry: Mutex::new(Registry::new(config.limits.clone(), SystemTime::now())),
            revocations,
            apps,
            journal,
            endings: Mutex::new(Endings::new(config.limits.clone())),
            closings: Closings::default(),
            failure_lines: Mutex::default(),
        }
    }

    /// Opens the session that was admitted, in an app of these rules.
    pub(crate) async fn open(
        &self,
        admission: Admission,
        rules: Rules,
        opening: Opening,
    ) -> Result<Opened, Fault> {
        self.draining.check(self.limits.retry_after_s)?;
        let session = fresh_session_id()?;
        let admission = Arc::new(admission);
        let stream = admission.grant.stream().clone();
        let now = SystemTime::now();
        let role = opening.role();
        let publisher = match role {
            Role::Publisher => {
                self.reserve_publisher(session, Arc::clone(&admission), &rules, now)?;
                session
            }
            Role::Viewer => self.registry().reserve_viewer(session, Arc::clone(&admission), &rules, now)?,
        };
        // From here on the place is given back unless the dataplane says yes: on refusals, on the deadline, and when the
        // client leaves and this future is dropped.
        let reservation = Reservation { signalling: self, session, admission: &admission };
        let path = stream.clone();
        let replaces = self.registry().replaced_by(session);
        let terms = admission.terms();
        let outcome = self.line.request(Some(session), |request| match opening {
            Opening::Publish(offer) => {
                ToDataplane::Publish { request, session, stream, offer, replaces, terms }
            }
            Opening::Watch(offer) => ToDataplane::Watch { request, session, stream, publisher, offer, terms },
            Opening::WatchOurOffer => ToDataplane::Offer { request, session, stream, publisher, terms },
        });
        match outcome.await {
            Ok(Answer::Accepted { description, ice_tag }) => {
                reservation.keep();
                self.metrics.joined(role);
                tracing::info!(?session, role = role.name(), stream = %path, "session opened");
                Ok(Opened { session, description, ice_tag })
            }
            Ok(Answer::Done | Answer::Restarted { .. } | Answer::Inspected(_)) => {
                Err(Fault::Internal("the media process gave no description of the session".to_owned()))
            }
            // The publisher that was to be watched has just ended.
            Err(Fault::Refused(fanlight_protocol::Refusal::UnknownSession)) => Err(Fault::NotLive(path)),
            Err(fault) => Err(fault),
        }
    }

    fn reserve_publisher(
        &self,
        session: SessionId,
        admission: Arc<Admission>,
        rules: &Rules,
        now: SystemTime,
    ) -> Result<(), Fault> {
        // The newest is what the user wants: a challenger that has not connected yet makes way.
        let challenger = self.registry().challenger(admission.grant.stream()).filter(|_| rules.may_replace);
        if let Some(challenger) = challenger {
            self.end(challenger, CloseReason::Replaced, None);
        }
        self.registry().reserve_publisher(session, admission, rules, now)
    }

    /// Hands on a viewer's answer to an offer of ours.
    pub(crate) async fn answer(&self, session: SessionId, answer: String) -> Result<(), Fault> {
        let message = |request| ToDataplane::Answer { request, session, answer };
        match self.line.request(None, message).await {
            Ok(_) => Ok(()),
            Err(Fault::Refused(fanlight_protocol::Refusal::UnknownSession)) => Err(Fault::UnknownSession),
            Err(fault) => Err(fault),
        }
    }

    /// Hands a trickle ICE fragment on; one with new credentials restarts ICE, if it may.
    pub(crate) async fn trickle(
        &self,
        session: SessionId,
        fragment: String,
        may_restart: bool,
    ) -> Result<Trickled, Fault> {
        let message = |request| ToDataplane::Trickle { request, session, fragment, may_restart };
        match self.line.request(None, message).await {
            Ok(Answer::Restarted { ice_tag, fragment }) => {
                tracing::info!(?session, "ICE restarted");
                Ok(Trickled::Restarted { ice_tag, fragment })
            }
            Ok(_) => Ok(Trickled::Taken),
            Err(Fault::Refused(fanlight_protocol::Refusal::UnknownSession)) => Err(Fault::UnknownSession),
            Err(fault) => Err(fault),
        }
    }

    /// Ends a session. Its name is free when this returns, even while the dataplane is away. False: there is no such session.
    pub(crate) fn end(&self, session: SessionId, reason: CloseReason, last: Option<Box<Inspection>>) -> bool {
        let known = self.registry().doom(session);
        let was_there = known.is_some();
        if let Some(known) = known {
            self.line.tell(ToDataplane::Close { session, reason });
            self.ended(session, known, EndReason::Closed(reason), last);
        }
        was_there
    }

    /// The session behind a resource URL, if path and role are its own: another's URL must not open it.
    pub(crate) fn session(
        &self,
        role: Role,
        stream: &StreamPath,
        session: SessionId,
    ) -> Result<Session, Fault> {
        let registry = self.registry();
        let found = registry.session(session);
        let own = found.filter(|found| Role::from(found.role) == role && found.stream == *stream);
        own.cloned().ok_or_else(|| self.unknown_session())
    }

    /// Before the dataplane has told what is, a session that is not known may well be.
    pub(crate) fn unknown_session(&self) -> Fault {
        if self.line.is_open() {
            return Fault::UnknownSession;
        }
        Fault::DataplaneAway { retry_after_s: self.limits.retry_after_s }
    }

    /// Live streams of `app`, or of all apps, by app and name.
    pub(crate) fn live_streams(&self, app: Option<&str>) -> Vec<LiveStream> {
        let registry = self.registry();
        let wanted = registry.live().filter(|(_, session)| app.is_none_or(|app| session.stream.app == app));
        let mut streams: Vec<LiveStream> =
            wanted.map(|(publisher, session)| LiveStream { publisher, session: session.clone() }).collect();
        drop(registry);
        streams.sort_unstable_by(|a, b| a.session.stream.cmp(&b.session.stream));
        streams
    }

    /// Publishers and viewers now.
    pub(crate) fn counts(&self) -> (usize, usize) {
        self.registry().counts()
    }

    pub(crate) fn session_accepted(&self, session: SessionId, ice_tag: String, tracks: Vec<TrackInfo>) {
        if !self.registry().accept(session, ice_tag, tracks) {
            tracing::debug!(?session, "opened for a client that has left; closing");
            self.line.tell(ToDataplane::Close { session, reason: CloseReason::NeverConnected });
        }
    }

    pub(crate) fn session_restarted(&self, session: SessionId, ice_tag: String) {
        self.registry().restarted(session, ice_tag);
    }

    pub(crate) fn publisher_replaced(&self, publisher: SessionId, former: SessionId, viewers: &[SessionId]) {
        let known = self.registry().replaced(publisher, former, viewers);
        tracing::info!(?publisher, ?former, viewers = viewers.len(), "publisher replaced");
        if let Some(known) = known {
            self.ended(former, known, EndReason::Closed(CloseReason::Replaced), None);
        }
    }

    pub(crate) fn session_connected(&self, session: SessionId) {
        let mut registry = self.registry();
        registry.connected(session);
        if let Some(known) = registry.session(session) {
            self.journal.connected(session, known, SystemTime::now());
        }
        drop(registry);
        tracing::info!(?session, "session connected");
    }

    pub(crate) fn session_closed(
        &self,
        session: SessionId,
        reason: CloseReason,
        last: Option<Box<Inspection>>,
    ) {
        self.metrics.closed(reason);
        self.closings.closed(session);
        let known = self.registry().closed(session);
        match known {
            Some(known) => self.ended(session, known, EndReason::Closed(reason), last),
            // Its end was told when it was given up.
            None => tracing::debug!(?session, reason = reason.name(), "session closed"),
        }
    }

    /// Takes over a snapshot and returns the closes it calls for.
    pub(crate) fn reconcile(&self, snapshot: Vec<SessionInfo>) -> Vec<ToDataplane> {
        let now = SystemTime::now();
        let muted = snapshot.iter().filter(|info| info.muted.iter().next().is_some()).cloned().collect();
        let outcome = self.registry().reconcile(snapshot, now);
        self.remember_mutes(muted);
        tracing::info!(
            adopted = outcome.adopted,
            gone = outcome.gone.len(),
            closing = outcome.close.len(),
            "snapshot taken"
        );
        for (session, known) in outcome.gone {
            self.ended(session, known, EndReason::Unseen, None);
        }
        self.journal.reconcile(self.registry().sessions(), now);
        let close = |session| ToDataplane::Close { session, reason: CloseReason::Kicked };
        outcome.close.into_iter().map(close).chain(self.shut_out(now)).collect()
    }

    /// The connection to the dataplane ended. True if it had been open.
    pub(crate) fn line_lost(&self) -> bool {
        let was_open = self.line.is_open();
        self.stats.clear();
        self.closings.line_lost();
        // Whether these came to be is unknown, and their clients get an error: the next snapshot decides.
        for session in self.line.close() {
            self.registry().doom(session);
        }
        was_open
    }

    /// The dataplane's report of every second.
    pub(crate) fn reported(&self, report: StatsReport) {
        self.registry().tallies.record(&report);
        self.stats.record(report);
    }

    /// Something of what has been counted.
    pub(crate) fn tallied<T>(&self, read: impl FnOnce(&Tallies) -> T) -> T {
        read(&self.registry().tallies)
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A panic while it is held is a bug that the panic's message tells; the next reconciliation repairs the registry.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the registry that is given back unless kept.
struct Reservation<'a> {
    signalling: &'a Signalling,
    session: SessionId,
    admission: &'a Admission,
}

impl Reservation<'_> {
    fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if self.signalling.registry().release(self.session) {
            let (session, reason) = (self.session, CloseReason::NeverConnected);
            self.signalling.line.tell(ToDataplane::Close { session, reason });
            self.signalling.apps.left(&self.admission.grant);
        }
    }
}

fn fresh_session_id() -> Result<SessionId, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::Internal(format!("the system's randomness is not there: {error}")))?;
    Ok(SessionId(u128::from_le_bytes(bytes)))
}
