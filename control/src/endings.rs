//! Why sessions ended, remembered for a while: whoever asks for one that is gone learns the reason.
//!
//! Pure: time is passed in. Limits: `limits.endings_max` endings, the oldest makes room; each for `limits.endings_kept_s`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use fanlight_protocol::{Inspection, SessionId};

use crate::config::Limits;
use crate::explain::EndReason;
use crate::registry::Session;

/// One session that is no more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// As the registry had it last.
    pub(crate) session: Session,
    pub(crate) ended: SystemTime,
    pub(crate) reason: EndReason,
    /// How it stood inside, where the dataplane told it.
    pub(crate) last: Option<Box<Inspection>>,
}

/// The endings of lately. See the file's head.
#[derive(Debug)]
pub(crate) struct Endings {
    limits: Limits,
    by_session: HashMap<SessionId, Arc<Ending>>,
    /// Oldest first.
    order: VecDeque<(Instant, SessionId)>,
}

impl Endings {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, by_session: HashMap::new(), order: VecDeque::new() }
    }

    /// Remembers an ending. Ids are random, so each comes once.
    pub(crate) fn remember(&mut self, session: SessionId, ending: Ending, now: Instant) {
        self.forget_old(now);
        while self.order.len() >= self.limits.endings_max as usize {
            self.forget_first();
        }
        if self.by_session.insert(session, Arc::new(ending)).is_none() {
            self.order.push_back((now, session));
        }
    }

    /// The ending of `session`, if it was lately.
    pub(crate) fn find(&mut self, session: SessionId, now: Instant) -> Option<Arc<Ending>> {
        self.forget_old(now);
        self.by_session.get(&session).cloned()
    }

    fn forget_old(&mut self, now: Instant) {
        let kept = self.limits.endings_kept();
        while self.order.front().is_some_and(|(ended, _)| now.saturating_duration_since(*ended) >= kept) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, session)) = self.order.pop_front() {
            self.by_session.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fanlight_protocol::{CloseReason, SessionRole, StreamPath};

    use super::*;
    use crate::auth::{Action, Admission};
    use crate::registry::Phase;

    fn ending() -> Ending {
        let reason = EndReason::Closed(CloseReason::NeverConnected);
        let stream = StreamPath { app: "live".into(), name: "camera".into() };
        let session = Session {
            admission: Arc::new(Admission::unknown(stream.clone(), Action::Publish)),
            stream,
            role: SessionRole::Publisher,
            phase: Phase::Connecting,
            ice_tag: "tag".into(),
            tracks: vec![],
            wish: Default::default(),
            muted: Default::default(),
            bitrate_bps_max: None,
            since: SystemTime::UNIX_EPOCH,
            viewers: 0,
        };
        Ending { session, ended: SystemTime::UNIX_EPOCH, reason, last: None }
    }

    /// A flood of failing sessions must cost a fixed amount of memory, and the latest failure is the one that is asked for.
    #[test]
    fn the_oldest_ending_makes_room_and_each_has_its_time() {
        let limits = Limits { endings_max: 3, endings_kept_s: 60, ..Limits::default() };
        let mut endings = Endings::new(limits);
        let begun = Instant::now();
        for (id, second) in (0..5).zip(0..) {
            endings.remember(SessionId(id), ending(), begun + Duration::from_secs(second));
        }
        let now = begun + Duration::from_secs(5);
        let known: Vec<u128> = (0..5).filter(|id| endings.find(SessionId(*id), now).is_some()).collect();
        assert_eq!(known, [2, 3, 4]);
        assert_eq!(endings.by_session.len(), 3);
        let later = begun + Duration::from_secs(63);
        assert_eq!(endings.find(SessionId(3), later), None, "its 60 s are over");
        assert_eq!(endings.find(SessionId(4), later).map(|found| found.reason), Some(ending().reason));
        assert_eq!(endings.find(SessionId(4), later + Duration::from_secs(60)), None);
        assert!(
            endings.by_session.is_empty() && endings.order.is_empty(),
            "what is forgotten holds no memory"
        );
    }
}
