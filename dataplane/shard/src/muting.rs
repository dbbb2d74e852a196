//! Kinds of media that do not pass: what a viewer does not want for now, and what an operator has muted, for one viewer or at a
//! publisher for everybody. A viewer's own wish and an operator's word are two things: media flows when neither is against it.
//!
//! ```text
//!   publisher muted ─► dropped once observed (Reject::Muted) ─► track cut ─► its viewers, here and elsewhere, wait
//!   and unmuted     ─► key frame asked for ─► passes from the next packet on ─► viewers begin a new run with it
//! ```
//!
//! A muted publisher's session goes on as it was: its losses are counted and asked for, its feedback is sent.

use arrayvec::ArrayVec;

use crate::lane::LaneMessage;
use crate::limits::TRACKS_PER_SESSION_MAX;
use crate::notes::Notable;
use crate::session::Activity;
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::subscription::Flow;
use crate::turn::Outputs;

/// Of audio and video, either, both or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kinds {
    audio: bool,
    video: bool,
}

impl Kinds {
    pub(crate) const fn has(self, video: bool) -> bool {
        if video { self.video } else { self.audio }
    }

    /// Returns whether that is a change.
    fn set(&mut self, video: bool, value: bool) -> bool {
        let kind = if video { &mut self.video } else { &mut self.audio };
        std::mem::replace(kind, value) != value
    }
}

impl Shard {
    /// A viewer wants one kind of media no more for now, or again.
    pub(crate) fn pause(&mut self, key: SessionKey, video: bool, paused: bool, outputs: &mut Outputs<'_>) {
        let viewer = self.sessions.find(key).and_then(|session| session.viewer_mut());
        let Some(viewer) = viewer.filter(|viewer| viewer.watches(video)) else { return };
        if viewer.paused.set(video, paused) {
            let what = if paused { Notable::Paused { video } } else { Notable::Resumed { video } };
            self.note(key, what, outputs);
            self.stop_or_go_on(key, video, outputs);
        }
    }

    /// An operator mutes one kind of a session's media, or lets it be heard and seen again.
    pub(crate) fn mute(&mut self, key: SessionKey, video: bool, muted: bool, outputs: &mut Outputs<'_>) {
        let Some(session) = self.sessions.find(key) else { return };
        let is_publisher = matches!(session.activity, Activity::Publishing(_));
        if is_publisher {
            self.mute_publisher(key, video, muted, outputs);
        } else {
            self.mute_viewer(key, video, muted, outputs);
        }
    }

    fn mute_viewer(&mut self, key: SessionKey, video: bool, muted: bool, outputs: &mut Outputs<'_>) {
        let viewer = self.sessions.find(key).and_then(|session| session.viewer_mut());
        if viewer.is_some_and(|viewer| viewer.muted.set(video, muted)) {
            self.note(key, muted_note(video, muted, false), outputs);
            self.stop_or_go_on(key, video, outputs);
        }
    }

    /// Brings a viewer's subscriptions of one kind in line with what is paused and muted.
    fn stop_or_go_on(&mut self, key: SessionKey, video: bool, outputs: &mut Outputs<'_>) {
        let viewer = self.sessions.find(key).and_then(|session| session.viewer_mut());
        let Some(viewer) = viewer else { return };
        let stops = viewer.stops(video);
        let mut changed = ArrayVec::<usize, TRACKS_PER_SESSION_MAX>::new();
        for (place, subscription) in viewer.subscriptions.iter_mut().enumerate() {
            let is_stopped = subscription.flow == Flow::Paused;
            if subscription.is_video() == video && is_stopped != stops {
                subscription.flow = Flow::Paused;
                subscription.due = None;
                changed.push(place);
            }
        }
        if video && !changed.is_empty() {
            self.give_targets_up(key, outputs);
        }
        for place in changed.into_iter().filter(|_| !stops) {
            self.begin(key, place, outputs);
        }
    }

    fn mute_publisher(&mut self, key: SessionKey, video: bool, muted: bool, outputs: &mut Outputs<'_>) {
        let Some(publisher) = self.sessions.find(key).and_then(|session| session.publisher_mut()) else {
            return;
        };
        let own = publisher.tracks.iter_mut().filter(|track| track.spec.codec.is_video() == video);
        let changed = own.filter_map(|track| track.mute(muted).then_some(track.spec.track));
        let changed: ArrayVec<TrackId, TRACKS_PER_SESSION_MAX> = changed.collect();
        if changed.is_empty() {
            return;
        }
        for track in changed.into_iter().filter(|_| muted) {
            self.cut(track, outputs);
        }
        self.note(key, muted_note(video, muted, true), outputs);
        self.arm(key);
    }

    /// Nothing of a track passes for now. Who watches it begins anew with what passes next: an own run of numbers, without the
    /// hole; video with a key frame. What was shown before is not shown to newcomers.
    pub(crate) fn cut(&mut self, id: TrackId, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Self { sessions, tracks, fresh, backfills, .. } = self;
        let Some(track) = tracks.get_mut(&id) else { return };
        track.cut();
        fresh.retain(|waiting| *waiting != id);
        backfills.retain(|backfill| backfill.track != id);
        for subscriber in &track.subscribers {
            let viewer = sessions.find(subscriber.viewer).and_then(|session| session.viewer_mut());
            let subscription = viewer.and_then(|viewer| viewer.subscriptions.get_mut(subscriber.place));
            let flows = |flow| matches!(flow, Flow::Live | Flow::Behind(_));
            if let Some(subscription) = subscription.filter(|s| s.spec.track == id && flows(s.flow)) {
                subscription.wait(now);
            }
        }
        let mirrors = std::mem::take(&mut track.mirrors);
        for mirror in &mirrors {
            self.tell(*mirror, LaneMessage::Cut { track: id }, outputs);
        }
        if let Some(track) = self.tracks.get_mut(&id) {
            track.mirrors = mirrors;
        }
    }
}

/// `everybody`: a publisher's, not one viewer's.
fn muted_note(video: bool, muted: bool, everybody: bool) -> Notable {
    if muted { Notable::Muted { video, everybody } } else { Notable::Unmuted { video, everybody } }
}
