//! One session looked at from inside, for whoever asks why it does what it does.

use fanlight_srtp::Profile;
use rustc_hash::FxHashMap;

use crate::checks::Checked;
use crate::notes::Note;
use crate::report::{SessionReport, report_session};
use crate::session::Session;
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::track::Track;

/// All that a shard knows of a session and may tell.
#[derive(Debug, Clone)]
pub struct Inspection {
    pub report: SessionReport,
    /// Where connectivity checks came from; the flag says that media goes there.
    pub checked: Vec<(Checked, bool)>,
    /// None: DTLS is not up.
    pub profile: Option<Profile>,
    /// The latest, oldest first.
    pub notes: Vec<Note>,
}

impl Inspection {
    pub(crate) fn of(session: &Session, tracks: &FxHashMap<TrackId, Box<Track>>) -> Self {
        let checked = session.checks.iter().map(|known| (*known, session.path == Some(known.remote)));
        Self {
            report: report_session(session, tracks),
            checked: checked.collect(),
            profile: session.srtp.as_ref().map(|srtp| srtp.profile),
            notes: session.notes.iter().copied().collect(),
        }
    }
}

impl Shard {
    pub(crate) fn inspect(&mut self, key: SessionKey) -> Option<Inspection> {
        let Self { sessions, tracks, .. } = self;
        sessions.find(key).map(|session| Inspection::of(session, tracks))
    }
}
