//! How a subscription begins: from the store if that has what a decoder needs, else with the next key frame. The same at a
//! viewer's beginning, after a pause, when its decoder lost its way, and when its publisher is replaced.

use crate::lane::LaneMessage;
use crate::limits::{GOP_AGE_MAX, RESTART_AGE_MAX, RESTART_GRACE, RESTART_INTERVAL_MIN};
use crate::notes::Notable;
use crate::shard::Shard;
use crate::spec::{Layers, SessionKey, ShardId, SubscriptionSpec, TrackId};
use crate::subscription::{Flow, Subscription};
use crate::track::{Origin, Subscriber, Track};
use crate::turn::{EndReason, Outputs};

impl Shard {
    /// Puts a viewer that has just connected on its tracks. Returns why it is over, if the stream is.
    pub(crate) fn start_subscriptions(
        &mut self,
        key: SessionKey,
        outputs: &mut Outputs<'_>,
    ) -> Option<EndReason> {
        let viewer = self.sessions.find(key)?.viewer_mut()?;
        for place in 0..viewer.subscriptions.len() {
            if !self.subscribe(key, place, outputs) {
                return Some(EndReason::StreamEnded);
            }
        }
        None
    }

    /// Puts one subscription on its track. False: the track is gone.
    fn subscribe(&mut self, key: SessionKey, place: usize, outputs: &mut Outputs<'_>) -> bool {
        self.enter_layers(key, place);
        self.subscribe_to_current(key, place, false, outputs)
    }

    /// Puts one subscription on the track that it names. `is_there`: among the track's subscribers. False: the track is gone.
    pub(crate) fn subscribe_to_current(
        &mut self,
        key: SessionKey,
        place: usize,
        is_there: bool,
        outputs: &mut Outputs<'_>,
    ) -> bool {
        let viewer = self.sessions.find(key).and_then(|session| session.viewer_mut());
        let subscription = viewer.and_then(|viewer| viewer.subscriptions.get(place));
        let Some(id) = subscription.map(|subscription| subscription.spec.track) else { return false };
        let Some(is_new) = self.join_track(key, place, id, outputs) else { return false };
        if let Some(track) = self.tracks.get_mut(&id).filter(|_| !is_there) {
            track.subscribers.push(Subscriber { viewer: key, place });
        }
        self.learn_to_ride(key);
        // A new mirror gets the group of pictures from home, or home asks for a key frame.
        if !is_new || self.is_stopped(key, place) {
            self.begin(key, place, outputs);
        }
        true
    }

    /// Sees to it that a track of the subscription's source is on this shard. Returns whether it has only just been joined; None:
    /// it is gone.
    pub(crate) fn join_track(
        &mut self,
        key: SessionKey,
        place: usize,
        id: TrackId,
        outputs: &mut Outputs<'_>,
    ) -> Option<bool> {
        let viewer = self.sessions.find(key)?.viewer_mut()?;
        let spec = &viewer.subscriptions.get(place)?.spec;
        if self.tracks.contains_key(&id) {
            return Some(false);
        }
        let home = Some(spec.home).filter(|home| *home != self.config.id)?;
        let track = Track::new(id, spec.codec, spec.clock_rate_hz, Origin::Mirror { home }, self.now);
        self.tracks.insert(id, Box::new(track));
        self.tell(home, LaneMessage::Join { track: id }, outputs);
        Some(true)
    }

    /// A viewer's audio can ride on its video.
    pub(crate) fn learn_to_ride(&mut self, key: SessionKey) {
        let Self { sessions, tracks, .. } = self;
        let Some(viewer) = sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        let video = viewer.subscriptions.iter().find(|subscription| subscription.is_video());
        let Some(video) = video.map(|subscription| subscription.spec.track) else { return };
        for audio in viewer.subscriptions.iter().filter(|subscription| !subscription.is_video()) {
            if let Some(track) = tracks.get_mut(&audio.spec.track) {
                track.rides_on = Some(video);
            }
        }
    }

    /// Whether a subscription's kind is paused or muted.
    fn is_stopped(&mut self, key: SessionKey, place: usize) -> bool {
        let viewer = self.sessions.find(key).and_then(|session| session.viewer_mut());
        viewer
            .is_some_and(|viewer| viewer.subscriptions.get(place).is_some_and(|s| viewer.stops(s.is_video())))
    }

    /// Lets a subscription begin, or begin anew, where neither its viewer nor an operator is against it.
    pub(crate) fn begin(&mut self, key: SessionKey, place: usize, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Self { sessions, tracks, rng, config, .. } = self;
        let Some(viewer) = sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        let stops = viewer.subscriptions.get(place).is_some_and(|s| viewer.stops(s.is_video()));
        let Some(subscription) = viewer.subscriptions.get_mut(place) else { return };
        if stops {
            subscription.flow = Flow::Paused;
            subscription.due = None;
            return;
        }
        let Some(track) = tracks.get(&subscription.spec.track) else { return };
        match track.servable_gop(GOP_AGE_MAX).zip(track.newest()) {
            Some((gop, (_, newest))) if track.is_video => {
                let beginning = (gop, track.points());
                subscription.begin_from_store(now, beginning, newest, config.catch_up_speed, rng);
                self.arm(key);
            }
            _ => {
                let (id, is_video) = (track.id, track.is_video);
                subscription.wait(now);
                if is_video {
                    self.wish_key_frame(id, outputs);
                }
            }
        }
    }

    /// The group of pictures of a mirrored track is on its way from home: who waits for it begins.
    pub(crate) fn begin_all_that_wait(&mut self, id: TrackId) {
        let now = self.now;
        let Self { sessions, tracks, rng, config, .. } = self;
        let Some(track) = tracks.get(&id) else { return };
        let Some((gop, (_, newest))) = track.gop.zip(track.newest()) else { return };
        let mut begun = Vec::new();
        for subscriber in &track.subscribers {
            let viewer = sessions.find(subscriber.viewer).and_then(|session| session.viewer_mut());
            let subscription = viewer.and_then(|viewer| viewer.subscriptions.get_mut(subscriber.place));
            let waits = |s: &&mut Subscription| s.spec.track == id && matches!(s.flow, Flow::Waiting { .. });
            if let Some(subscription) = subscription.filter(waits) {
                let beginning = (gop, track.points());
                subscription.begin_from_store(now, beginning, newest, config.catch_up_speed, rng);
                begun.push(subscriber.viewer);
            }
        }
        for viewer in begun {
            self.arm(viewer);
        }
    }

    /// A viewer's decoder lost its way: it begins anew from the store where that is cheap, else a key frame is asked for.
    pub(crate) fn restart(&mut self, key: SessionKey, place: usize, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(session) = self.sessions.find(key) else { return };
        let is_new = session.connected.is_some_and(|at| now < at + RESTART_GRACE);
        let viewer = session.viewer_mut();
        let Some(subscription) = viewer.and_then(|viewer| viewer.subscriptions.get(place)) else { return };
        let id = subscription.spec.track;
        if subscription.restarted.is_some_and(|at| now < at + RESTART_GRACE) {
            if is_new && subscription.restarts == 1 {
                self.begin(key, place, outputs);
            }
            return;
        }
        let lately = subscription.restarted.is_some_and(|at| now < at + RESTART_INTERVAL_MIN);
        let young = self.tracks.get(&id).and_then(|track| track.servable_gop(RESTART_AGE_MAX)).is_some();
        match subscription.flow {
            Flow::Live | Flow::Behind(_) if young && !lately => self.begin(key, place, outputs),
            // It is on its way through a group of pictures already.
            Flow::Behind(_) if young => {}
            // What a hushed one is going over to has been asked for.
            Flow::Paused | Flow::Hushed => {}
            Flow::Live | Flow::Behind(_) | Flow::Waiting { .. } => self.wish_key_frame(id, outputs),
        }
    }

    /// A viewer goes on with the source `to`, on the shard `home`, where it watched `from`.
    pub(crate) fn switch(
        &mut self,
        key: SessionKey,
        from: TrackId,
        to: &Layers,
        home: ShardId,
        outputs: &mut Outputs<'_>,
    ) {
        let Self { sessions, tracks, .. } = self;
        let Some(viewer) = sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        let has = |spec: &SubscriptionSpec| spec.layers.iter().any(|layer| layer.track == from);
        let place = viewer.subscriptions.iter().position(|subscription| has(&subscription.spec));
        let Some(place) = place else { return };
        let Some(subscription) = viewer.subscriptions.get_mut(place) else { return };
        let video = subscription.is_video();
        let old = subscription.spec.track;
        let current = subscription.spec.layers.iter().position(|layer| layer.track == old);
        // The layer that stands where its own stood, or the last before.
        let Some(next) = to.iter().take(current.unwrap_or_default() + 1).next_back() else { return };
        let layering = subscription.layering.take();
        let target = layering.as_deref().and_then(|layering| layering.target);
        let target = target.and_then(|place| subscription.spec.layers.get(place)).map(|layer| layer.track);
        subscription.leave_track(tracks.get(&old).map(|track| &**track));
        subscription.spec.track = next.track;
        subscription.spec.layers = to.clone();
        subscription.spec.home = home;
        subscription.change_clock();
        subscription.wait(self.now);
        if !sessions.find(key).is_some_and(|session| session.is_connected()) {
            return; // it subscribes when it connects
        }
        let subscriber = Subscriber { viewer: key, place };
        self.unsubscribe(subscriber, old, outputs);
        if let Some(layering) = layering {
            self.leave_layers(subscriber, &layering, target, outputs);
        }
        if !self.subscribe(key, place, outputs) {
            return self.end(key, EndReason::StreamEnded, outputs);
        }
        self.note(key, Notable::Switched { video }, outputs);
    }
}
