//! The fan-out at the end of a turn: for each track whose packets leave now, each of its viewers gets them as trains. And what
//! a viewer is behind by, whenever its pace allows.
//!
//! Viewer outer, packet inner: a viewer's key, path and numbering stay hot for the whole frame, and the packets come from
//! one store that all share. What leaves of other tracks of the viewer in the same turn goes along, so that its audio rides as
//! the tail of its video's train.

use std::time::Instant;

use fanlight_wire::abs_send_time;

use crate::delivery::Delivery;
use crate::equalise::equalise;
use crate::hold::Terms;
use crate::layers::switching::go_over;
use crate::notes::Notable;
use crate::session::{Activity, Viewer};
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::subscription::Subscription;
use crate::track::{Subscriber, Track};
use crate::train::Train;
use crate::turn::Outputs;

impl Shard {
    /// Video first, with the audio that its viewers watch it with; then the audio of those who have none.
    pub(crate) fn fan_out(&mut self, outputs: &mut Outputs<'_>) {
        self.release();
        // Out of the map while their viewers are served, so that tracks and sessions can be used side by side.
        let mut leaving = std::mem::take(&mut self.leaving);
        for track in &leaving {
            for place in 0..track.subscribers.len() {
                if let Some(subscriber) = track.subscribers.get(place) {
                    self.serve(track, *subscriber, &leaving, outputs);
                }
            }
        }
        for mut track in leaving.drain(..) {
            track.fresh.clear();
            self.tracks.insert(track.id, track);
        }
        self.leaving = leaving;
    }

    /// Takes the tracks whose packets leave now out of the map: video first. The others wait, and their time is noted.
    fn release(&mut self) {
        let terms =
            Terms { now: self.now, hold_max: self.config.trains.hold_max, is_loaded: self.is_loaded() };
        self.held_until = None;
        for video in [true, false] {
            for place in (0..self.fresh.len()).rev() {
                let Some(id) = self.fresh.get(place).copied() else { continue };
                let Some(track) = self.tracks.get(&id) else {
                    // It ended.
                    self.fresh.swap_remove(place);
                    continue;
                };
                if track.is_video != video {
                    continue;
                }
                match self.waits_until(track, &terms) {
                    Some(until) => {
                        self.held_until = Some(self.held_until.map_or(until, |first| first.min(until)));
                    }
                    None => self.release_track(place, id),
                }
            }
        }
    }

    fn waits_until(&self, track: &Track, terms: &Terms) -> Option<Instant> {
        if track.is_video {
            return track.hold.video_until(terms);
        }
        let video = track.rides_on?;
        if self.leaving.iter().any(|leaving| leaving.id == video) {
            return None;
        }
        track.hold.audio_until(terms, &self.tracks.get(&video)?.hold)
    }

    fn release_track(&mut self, place: usize, id: TrackId) {
        self.fresh.swap_remove(place);
        let Some(mut track) = self.tracks.remove(&id) else { return };
        track.release();
        if track.is_video {
            let Track { store, fresh, .. } = &mut *track;
            equalise(store, fresh, self.config.trains.padding_bytes_max);
        }
        self.leaving.push(track);
    }

    /// Sends a viewer what it is behind by, where that is due.
    pub(crate) fn go_on(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(viewer) = self.sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        let due =
            viewer.subscriptions.iter().enumerate().filter(|(_, s)| s.due.is_some_and(|due| due <= now));
        let due: arrayvec::ArrayVec<_, { crate::limits::TRACKS_PER_SESSION_MAX }> =
            due.map(|(place, subscription)| (place, subscription.spec.track)).collect();
        for (place, id) in due {
            let Some(mut track) = self.tracks.remove(&id) else { continue };
            // What waits for its fan-out is not to be sent before.
            let fresh = std::mem::take(&mut track.fresh);
            self.serve(&track, Subscriber { viewer: key, place }, &[], outputs);
            track.fresh = fresh;
            self.tracks.insert(id, track);
        }
    }

    /// Sends a viewer what leaves of a track, and of its others among `leaving`.
    fn serve(
        &mut self,
        track: &Track,
        subscriber: Subscriber,
        leaving: &[Box<Track>],
        outputs: &mut Outputs<'_>,
    ) {
        let (now, turn) = (self.now, self.counters.turns);
        let send_time = abs_send_time(now.saturating_duration_since(self.config.started));
        let Some(session) = self.sessions.find(subscriber.viewer) else { return };
        let (Some(srtp), Some(path)) = (session.srtp.as_deref(), session.path) else { return };
        let Activity::Viewing(viewer) = &mut session.activity else { return };
        let Viewer { subscriptions, extensions, pace, bandwidth, constraint, first_frame_since, .. } =
            &mut **viewer;
        let Some(subscription) = subscriptions.get_mut(subscriber.place) else { return };
        if !leaving.is_empty() {
            // In the turn of a switch both layers leave, and sound may have gone with video.
            let is_served = !track.is_video && subscription.served == turn;
            subscription.served = turn;
            if is_served {
                return;
            }
        }
        if subscription.spec.track != track.id {
            let others = |id| leaving.iter().find(|track| track.id == id).or_else(|| self.tracks.get(&id));
            let others = |id| others(id).map(|track| &**track);
            let speed = self.config.catch_up_speed;
            let old = go_over(now, track, subscription, others, speed, &mut self.rng);
            let Some(old) = old else { return };
            self.left.push((subscriber, old));
        }
        if track.is_video {
            pace.fill(now, constraint.pace_bps(now, track.rate.bps(now)));
        }
        let mut delivery = Delivery {
            now,
            train: Train::new(outputs.egress, &mut self.counters, srtp, path)
                .measured(now, bandwidth.as_deref_mut()),
            extensions,
            send_time: &send_time,
            pace,
            rng: &mut self.rng,
            sent: 0,
            note: None,
        };
        let sent = delivery.serve(track, subscription);
        let from_store = subscription.restarts > 0;
        let is_behind = subscription.due.is_some() | ride_along(&mut delivery, subscriptions, turn, leaving);
        let (all_sent, note) = (delivery.sent, delivery.note);
        drop(delivery);
        self.counters.media_packets_out += all_sent;
        let begun = if sent > 0 && track.is_video { first_frame_since.take() } else { None };
        for what in begun.map(|since| first_frame(now, since, from_store)).into_iter().chain(note) {
            session.note(now, what, outputs.events);
        }
        if is_behind {
            self.arm(subscriber.viewer);
        }
    }
}

/// Sends along what leaves of the viewer's sound, once a turn. Returns whether it is behind with some of it.
fn ride_along(
    delivery: &mut Delivery<'_>,
    subscriptions: &mut [Subscription],
    turn: u64,
    leaving: &[Box<Track>],
) -> bool {
    let mut is_behind = false;
    if leaving.len() < 2 {
        return is_behind;
    }
    for subscription in subscriptions.iter_mut().filter(|subscription| subscription.served != turn) {
        let sound = leaving.iter().find(|track| track.id == subscription.spec.track && !track.is_video);
        if let Some(track) = sound {
            delivery.serve(track, subscription);
            subscription.served = turn;
            is_behind |= subscription.due.is_some();
        }
    }
    is_behind
}

fn first_frame(now: Instant, since: Instant, from_store: bool) -> Notable {
    let waited = now.saturating_duration_since(since).as_millis();
    Notable::FirstFrame { waited_ms: u32::try_from(waited).unwrap_or(u32::MAX), from_store }
}
