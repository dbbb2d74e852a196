//! Looking at sessions and steering them while they run, and telling their owners what happens.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use fanlight_protocol::{LayerWish, Notable, Note, Refusal, ToDataplane, TrackKind};
use serde::Serialize;
use serde_json::Map;

use super::{
    Answer, CloseReason, Ending, Fault, Inspection, Instant, Role, Session, SessionId, SessionInfo,
    SessionRole, Signalling, StreamPath, SystemTime,
};
use crate::events::{Event, Queue, Standing, concerns_viewers};
use crate::explain::notes::told;
use crate::explain::{self, EndReason};
use crate::registry::Phase;

/// Whoever ends a session must not wait long for its obituary.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// Data of the event `ended`.
#[derive(Serialize)]
struct Ended<'a> {
    /// As in the metrics.
    reason: &'static str,
    /// What was seen of it: finer than the reason.
    cause: &'static str,
    text: &'a str,
}

impl Signalling {
    /// All that the dataplane knows of a session.
    pub(crate) async fn inspect(&self, session: SessionId) -> Result<Box<Inspection>, Fault> {
        let answer = self.line.request(None, |request| ToDataplane::Inspect { request, session }).await;
        match unknown_is_gone(answer)? {
            Answer::Inspected(inspection) => Ok(inspection),
            _ => Err(Fault::Internal("the media process did not tell what it was asked for".to_owned())),
        }
    }

    /// A viewer wants no media of `kind` for now, or wants it again.
    pub(crate) async fn pause(&self, session: SessionId, kind: TrackKind, paused: bool) -> Result<(), Fault> {
        let message = |request| ToDataplane::Pause { request, session, kind, paused };
        unknown_is_gone(self.line.request(None, message).await).map(drop)
    }

    /// A viewer wants these layers. The wish is whole: what is not in it is lifted.
    pub(crate) async fn prefer(&self, session: SessionId, wish: LayerWish) -> Result<(), Fault> {
        let message = |request| ToDataplane::Prefer { request, session, wish: wish.clone() };
        unknown_is_gone(self.line.request(None, message).await)?;
        self.registry().wished(session, wish);
        Ok(())
    }

    /// An operator mutes a kind of media: of a publisher for everybody, of a viewer for it; or takes that back.
    pub(crate) async fn mute(&self, session: SessionId, kind: TrackKind, muted: bool) -> Result<(), Fault> {
        let message = |request| ToDataplane::Mute { request, session, kind, muted };
        unknown_is_gone(self.line.request(None, message).await)?;
        self.registry().muted(session, kind, muted);
        Ok(())
    }

    /// An operator limits the media of a session, bit/s, in place of what its grant says. None: as much as the way takes.
    pub(crate) async fn limit(&self, session: SessionId, bitrate_bps_max: Option<u64>) -> Result<(), Fault> {
        let message = |request| ToDataplane::Limit { request, session, bitrate_bps_max };
        unknown_is_gone(self.line.request(None, message).await)?;
        self.registry().limited(session, bitrate_bps_max);
        Ok(())
    }

    /// What is muted in a snapshot lasts, though nobody was told by this control.
    pub(super) fn remember_mutes(&self, muted: Vec<SessionInfo>) {
        let ours = |info: &SessionInfo| self.registry().session(info.session).is_some();
        for info in muted.into_iter().filter(ours) {
            let everybody = info.role == SessionRole::Publisher;
            for kind in info.muted.iter() {
                let what = Notable::Muted { video: kind == TrackKind::Video, everybody };
                self.events.remember(info.session, Note { at_ms: info.age_ms, what });
            }
        }
    }

    /// How a session stands that is about to be ended; None if that does not come at once.
    pub(crate) async fn last_look(&self, session: SessionId) -> Option<Box<Inspection>> {
        tokio::time::timeout(LAST_LOOK, self.inspect(session)).await.ok()?.ok()
    }

    /// The session of that id, whatever its path.
    pub(crate) fn session_by_id(&self, session: SessionId) -> Option<Session> {
        self.registry().session(session).cloned()
    }

    /// How a session ended, if it was lately. `owner`: the role and the path that it must have had.
    pub(crate) fn ending(
        &self,
        session: SessionId,
        owner: Option<(Role, &StreamPath)>,
    ) -> Option<Arc<Ending>> {
        let mut endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        let found = endings.find(session, Instant::now())?;
        let known = &found.session;
        let own =
            owner.is_none_or(|(role, stream)| Role::from(known.role) == role && known.stream == *stream);
        own.then_some(found)
    }

    /// What lasts of a session: pauses, silence, a connection that is too slow.
    pub(crate) fn standing(&self, session: SessionId, inspection: Option<&Inspection>) -> Standing {
        let known = self.events.standing(session);
        match inspection {
            // After a start of control the dataplane's notes know more.
            Some(inspection) if known.is_empty() => inspection.notes.iter().cloned().collect(),
            _ => known,
        }
    }

    /// Begins a stream of events of `session`, with what lasts.
    pub(crate) fn listen(
        &self,
        id: SessionId,
        session: &Session,
        only: Option<Vec<String>>,
    ) -> Result<Queue, Fault> {
        let mut first = Vec::new();
        if let SessionRole::Viewer { publisher } = session.role
            && let Some(published) = self.session_by_id(publisher)
        {
            if published.phase == Phase::Connected {
                first.push(Event::new("active", &Map::new()));
            }
            let standing = self.events.standing(publisher);
            let notes = standing.notes().filter(|note| concerns_viewers(&note.what));
            first.extend(notes.map(|note| for_viewer(note, &published, session)));
        }
        let standing = self.events.standing(id);
        first.extend(standing.notes().map(|note| of_note(note, Role::from(session.role), session)));
        let queue = self.events.listen(id, only, &first, &self.limits)?;
        // One that ended in between has told its end already.
        self.session_by_id(id).map(|_| queue).ok_or(Fault::UnknownSession)
    }

    pub(crate) fn session_noted(&self, id: SessionId, note: Note) {
        let registry = self.registry();
        let Some(noted) = registry.session(id) else { return };
        if let Notable::Layer { layer, .. } = &note.what {
            let is_another = |(before, _): (&str, _)| before != layer;
            if self.events.standing(id).layer().is_some_and(is_another) {
                self.metrics.changed_layer();
            }
        }
        self.events.remember(id, note.clone());
        let watches = SessionRole::Viewer { publisher: id };
        self.events.tell(|listener| {
            if listener == id {
                return Some(of_note(&note, Role::from(noted.role), noted));
            }
            let viewer = registry.session(listener).filter(|viewer| viewer.role == watches)?;
            concerns_viewers(&note.what).then(|| for_viewer(&note, noted, viewer))
        });
    }

    /// A session is over, and the registry has let go of it: whoever asks or listens is told why.
    pub(super) fn ended(
        &self,
        id: SessionId,
        session: Session,
        reason: EndReason,
        last: Option<Box<Inspection>>,
    ) {
        self.apps.left(&session.admission.grant);
        self.journal.ended(id, reason.name(), SystemTime::now());
        let why = explain::ending(reason, last.as_deref());
        let (role, stream) = (Role::from(session.role).name(), &session.stream);
        if explain::is_failure(reason, last.as_deref()) {
            self.metrics.failed(why.cause);
            let line =
                self.failure_lines.lock().unwrap_or_else(PoisonError::into_inner).spend(Instant::now());
            if let Some(left_out) = line {
                let (reason, cause) = (reason.name(), why.cause);
                tracing::warn!(session = ?id, role, %stream, reason, cause, left_out, "session failed: {}", why.text);
            }
        } else {
            tracing::info!(session = ?id, role, %stream, reason = reason.name(), "session closed");
        }
        let mut farewell = Vec::new();
        if reason == EndReason::Closed(CloseReason::StreamEnded) {
            farewell.push(Event::new("inactive", &Map::new()));
        }
        farewell
            .push(Event::new("ended", &Ended { reason: reason.name(), cause: why.cause, text: &why.text }));
        // Remembered first: whoever hears of the end may ask at once.
        let ending = Ending { session, ended: SystemTime::now(), reason, last };
        let mut endings = self.endings.lock().unwrap_or_else(PoisonError::into_inner);
        endings.remember(id, ending, Instant::now());
        drop(endings);
        self.events.end(id, &farewell);
    }
}

fn of_note(note: &Note, role: Role, session: &Session) -> Event {
    let told = told(note, role, session.since);
    Event::new(&told.event, &told)
}

/// A publisher's note in its viewer's words and times.
fn for_viewer(note: &Note, publisher: &Session, viewer: &Session) -> Event {
    let at = publisher.since + Duration::from_millis(note.at_ms);
    let since_viewer = at.duration_since(viewer.since).unwrap_or_default();
    let at_ms = u64::try_from(since_viewer.as_millis()).unwrap_or(u64::MAX);
    of_note(&Note { at_ms, what: note.what.clone() }, Role::Viewer, viewer)
}

/// The dataplane knows better what is.
fn unknown_is_gone(answer: Result<Answer, Fault>) -> Result<Answer, Fault> {
    answer.map_err(|fault| match fault {
        Fault::Refused(Refusal::UnknownSession) => Fault::UnknownSession,
        fault => fault,
    })
}
