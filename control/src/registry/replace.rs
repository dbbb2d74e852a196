//! One publisher after another under one name, where the policy lets a newer one replace the one that is there.
//!
//! The newer one is a *challenger* until its media can flow; the name and the viewers are the old one's until then, so that a
//! challenger that never connects costs nobody anything. The dataplane says when it has taken over and whom it carried along.

use fanlight_protocol::{SessionId, SessionRole, StreamPath, TrackKind};

use super::{Registry, Session};

impl Registry {
    /// Whom a publisher that is about to be opened is to replace.
    pub(crate) fn replaced_by(&self, session: SessionId) -> Option<SessionId> {
        let stream = &self.sessions.get(&session)?.stream;
        (self.challengers.get(stream) == Some(&session)).then(|| self.publishers.get(stream).copied())?
    }

    /// Who is about to replace the publisher of that name: a newer one needs its place.
    pub(crate) fn challenger(&self, stream: &StreamPath) -> Option<SessionId> {
        self.challengers.get(stream).copied()
    }

    /// `publisher` has taken over from `former`, with these of its viewers. The others, and the former itself, end by events
    /// of their own; returned is what the former was.
    pub(crate) fn replaced(
        &mut self,
        publisher: SessionId,
        former: SessionId,
        viewers: &[SessionId],
    ) -> Option<Session> {
        if !self.sessions.contains_key(&publisher) {
            return None; // it was given up meanwhile, and its viewers end with it
        }
        for viewer in viewers {
            self.move_viewer(*viewer, publisher);
        }
        // The name passes on: the challenger steps in where its holder goes.
        self.remove(former)
    }

    /// The viewer watches that publisher from now on.
    pub(super) fn move_viewer(&mut self, viewer: SessionId, publisher: SessionId) {
        let source = self.sessions.get(&publisher);
        let new = source.and_then(|source| source.video().cloned());
        let Some(entry) = self.sessions.get_mut(&viewer) else { return };
        let SessionRole::Viewer { publisher: former } = entry.role else { return };
        if former == publisher {
            return;
        }
        entry.role = SessionRole::Viewer { publisher };
        let video = entry.tracks.iter_mut().find(|track| track.kind == TrackKind::Video);
        if let Some((video, new)) = video.zip(new) {
            (video.layers, video.scalable) = (new.layers, new.scalable);
        }
        if let Some(former) = self.sessions.get_mut(&former) {
            former.viewers -= 1;
        }
        if let Some(publisher) = self.sessions.get_mut(&publisher) {
            publisher.viewers += 1;
        }
    }
}
