//! The fan-out at the end of a turn: for each track with fresh packets, each of its viewers gets them as trains. And what a
//! viewer is behind by, whenever its pace allows.
//!
//! Viewer outer, packet inner: a viewer's key, path and numbering stay hot for the whole frame, and the packets come from
//! one store that all share.

use std::time::Instant;

use fanlight_wire::abs_send_time;

use crate::delivery::Delivery;
use crate::notes::Notable;
use crate::session::{Activity, Viewer};
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::track::{Subscriber, Track};
use crate::train::Train;
use crate::turn::Outputs;

impl Shard {
    /// Audio first: it is small, and its loss is heard.
    pub(crate) fn fan_out(&mut self, outputs: &mut Outputs<'_>) {
        let mut ids = std::mem::take(&mut self.fresh);
        for video in [false, true] {
            for id in &ids {
                if self.tracks.get(id).is_some_and(|track| track.is_video == video) {
                    self.fan_out_track(*id, outputs);
                }
            }
        }
        ids.clear();
        self.fresh = ids;
    }

    fn fan_out_track(&mut self, id: TrackId, outputs: &mut Outputs<'_>) {
        // Out of the map while its viewers are served, so that track and sessions can be used side by side.
        let Some(mut track) = self.tracks.remove(&id) else { return };
        for place in 0..track.subscribers.len() {
            if let Some(subscriber) = track.subscribers.get(place).copied() {
                self.serve(&track, subscriber, outputs);
            }
        }
        track.fresh.clear();
        self.tracks.insert(id, track);
    }

    /// Sends a viewer what it is behind by, where that is due. Only after the fan-out of the turn: see [`Delivery::behind`].
    pub(crate) fn go_on(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(viewer) = self.sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        let due =
            viewer.subscriptions.iter().enumerate().filter(|(_, s)| s.due.is_some_and(|due| due <= now));
        let due: arrayvec::ArrayVec<_, { crate::limits::TRACKS_PER_SESSION_MAX }> =
            due.map(|(place, subscription)| (place, subscription.spec.track)).collect();
        for (place, id) in due {
            let Some(track) = self.tracks.remove(&id) else { continue };
            debug_assert!(track.fresh.is_empty(), "the fan-out comes first");
            self.serve(&track, Subscriber { viewer: key, place }, outputs);
            self.tracks.insert(id, track);
        }
    }

    fn serve(&mut self, track: &Track, subscriber: Subscriber, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let send_time = abs_send_time(now.saturating_duration_since(self.config.started));
        let Some(session) = self.sessions.find(subscriber.viewer) else { return };
        let (Some(srtp), Some(path)) = (session.srtp.as_deref(), session.path) else { return };
        let Activity::Viewing(viewer) = &mut session.activity else { return };
        let Viewer { subscriptions, extensions, pace, constraint, first_frame_since, .. } = &mut **viewer;
        let Some(subscription) = subscriptions.get_mut(subscriber.place) else { return };
        if track.is_video {
            pace.fill(now, constraint.pace_bps(track.rate.bps(now)));
        }
        let (sent, note) = {
            let mut delivery = Delivery {
                now,
                train: Train::new(outputs.egress, &mut self.counters, srtp, path),
                extensions,
                send_time: &send_time,
                pace,
                rng: &mut self.rng,
                sent: 0,
                note: None,
            };
            delivery.fresh(track, subscription);
            delivery.behind(track, subscription);
            (delivery.sent, delivery.note)
        };
        self.counters.media_packets_out += sent;
        let is_behind = subscription.due.is_some();
        let begun = if sent > 0 && track.is_video { first_frame_since.take() } else { None };
        let from_store = subscription.restarts > 0;
        for what in begun.map(|since| first_frame(now, since, from_store)).into_iter().chain(note) {
            session.note(now, what, outputs.events);
        }
        if is_behind {
            self.arm(subscriber.viewer);
        }
    }
}

fn first_frame(now: Instant, since: Instant, from_store: bool) -> Notable {
    let waited = now.saturating_duration_since(since).as_millis();
    Notable::FirstFrame { waited_ms: u32::try_from(waited).unwrap_or(u32::MAX), from_store }
}
