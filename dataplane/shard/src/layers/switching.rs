//! From one layer to another: the viewer subscribes to the target too, asks for a key frame of it through the track's desk, and
//! goes over on the first packet of that. Until then the old layer flows. Where there is no old layer to flow, because its
//! publisher stopped it or the viewer still waits for its first picture, it goes over at once.

use std::time::Instant;

use rustc_hash::FxHashMap;

use super::LayerSet;
use super::layering::{Layering, ToldLayer};
use super::selection::{Situation, select};
use super::view::View;
use crate::limits::{LADDER_TOLD_INTERVAL, SELECT_INTERVAL};
use crate::notes::Notable;
use crate::rng::Rng;
use crate::session::Viewer;
use crate::shard::Shard;
use crate::spec::{LayerWish, SessionKey, TrackId};
use crate::subscription::{Flow, Subscription};
use crate::track::{Subscriber, Track};
use crate::turn::Outputs;

/// What selection came to for one subscription.
struct Choice {
    next: usize,
    /// The next is a better layer than the current one.
    is_better: bool,
    /// The current one is far more than the link takes.
    is_too_much: bool,
    source: TrackId,
    wanted_before: LayerSet,
    wants: LayerSet,
}

impl Shard {
    /// A subscription to a source in layers begins: with the layer it was given, or if that does not flow with one that does.
    pub(crate) fn enter_layers(&mut self, key: SessionKey, place: usize) {
        let now = self.now;
        let Self { sessions, sources, .. } = self;
        let viewer = sessions.find(key).and_then(|session| session.viewer_mut());
        let Some(subscription) = viewer.and_then(|viewer| viewer.subscriptions.get_mut(place)) else {
            return;
        };
        let spec = &mut subscription.spec;
        let Some(first) = spec.layers.first().filter(|_| spec.layers.len() > 1) else { return };
        let (source, home) = (first.track, spec.home);
        let given = spec.layers.iter().position(|layer| layer.track == spec.track).unwrap_or_default();
        let still = Situation { estimate_bps: None, current: given, may_rise: false };
        let start = sources
            .get(&source)
            .map_or(given, |source| select(&source.ladder, &LayerWish::default(), None, &still));
        if let Some(layer) = spec.layers.get(start) {
            spec.track = layer.track;
        }
        subscription.layering = Some(Box::new(Layering::new(source, start, now)));
        self.enter_source(source, home);
    }

    /// A subscription is no longer to the source in layers that it was to.
    pub(crate) fn leave_layers(
        &mut self,
        subscriber: Subscriber,
        layering: &Layering,
        target: Option<TrackId>,
        outputs: &mut Outputs<'_>,
    ) {
        if let Some(target) = target {
            self.unsubscribe(subscriber, target, outputs);
        }
        self.leave_source(layering.source, layering.wants, outputs);
    }

    /// A viewer says which layers it wants.
    pub(crate) fn prefer(&mut self, key: SessionKey, wish: LayerWish) {
        let now = self.now;
        let Some(viewer) = self.sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        viewer.wish = wish;
        for layering in viewer.subscriptions.iter_mut().filter_map(|s| s.layering.as_deref_mut()) {
            layering.due = now;
        }
        self.arm(key);
    }

    /// Looks at what each subscription of a viewer should get, where it is time to.
    pub(crate) fn select_layers(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(viewer) = self.sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        for place in 0..viewer.subscriptions.len() {
            let Some(choice) = self.choose(now, key, place) else { continue };
            self.change_wants(choice.source, choice.wanted_before, choice.wants, outputs);
            self.aim(key, place, &choice, outputs);
            self.tell_layer(key, place, outputs);
        }
    }

    /// None: it is not due, or the source is gone.
    fn choose(&mut self, now: Instant, key: SessionKey, place: usize) -> Option<Choice> {
        let due = self.config.lazily(now + SELECT_INTERVAL);
        let Self { sessions, sources, tracks, .. } = self;
        let viewer = sessions.find(key)?.viewer_mut()?;
        let others_bps = others_bps(now, viewer, place, tracks);
        let (link_bps, is_unsure) = (viewer.link_bps(now), viewer.is_unsure());
        let Viewer { subscriptions, bandwidth, constraint, wish, .. } = viewer;
        let subscription = subscriptions.get_mut(place)?;
        let newest = tracks.get(&subscription.spec.track).and_then(|track| track.newest());
        let is_paused = subscription.flow == Flow::Paused;
        let is_catching_up = newest.is_some_and(|(_, newest)| subscription.is_catching_up(newest));
        let Subscription { spec, layering, .. } = &mut *subscription;
        let layering = layering.as_deref_mut().filter(|layering| layering.due <= now)?;
        layering.due = due;
        let ladder = &sources.get(&layering.source)?.ladder;
        let named = |rid| spec.layers.iter().position(|layer| layer.rid == Some(rid));
        let estimate_bps = link_bps.map(|bps| bps.saturating_sub(others_bps));
        let view = View { ladder, wish, wished: wish.layer.and_then(named), estimate_bps };
        if let Some(bandwidth) = bandwidth {
            let of_use_bps = view.of_use_bps(layering.current).map(|bps| bps + others_bps);
            bandwidth.want(of_use_bps.filter(|bps| constraint.allows(*bps)));
        }
        // Until something is measured there is no reason to go up.
        let mut next = view.choose(now, layering, is_unsure);
        let wanted_before = layering.wants;
        layering.wants = [layering.current, next, view.ideal(layering.current)].into_iter().collect();
        if is_paused {
            next = layering.current;
            layering.wants = LayerSet::default();
        } else if is_catching_up && view.flows(layering.current) {
            // Its time is not the publisher's.
            next = layering.target.unwrap_or(layering.current);
        }
        Some(Choice {
            next,
            is_better: view.rank(next) > view.rank(layering.current),
            is_too_much: view.is_too_much(layering.current),
            source: layering.source,
            wanted_before,
            wants: layering.wants,
        })
    }

    /// Goes for the chosen layer, or gives up one that was gone for.
    fn aim(&mut self, key: SessionKey, place: usize, choice: &Choice, outputs: &mut Outputs<'_>) {
        let viewer = self.sessions.find(key).and_then(|session| session.viewer_mut());
        let Some(subscription) = viewer.and_then(|viewer| viewer.subscriptions.get_mut(place)) else {
            return;
        };
        let Subscription { spec, layering: Some(layering), flow, due, .. } = &mut *subscription else {
            return;
        };
        let target = Some(choice.next).filter(|next| *next != layering.current);
        let Some(next) = spec.layers.get(choice.next).map(|layer| layer.track) else { return };
        let current_flows = self
            .sources
            .get(&layering.source)
            .and_then(|source| source.ladder.rung(layering.current))
            .is_some_and(|rung| rung.flows);
        let is_at_once = target.is_some() && (!current_flows || matches!(flow, Flow::Waiting { .. }));
        let is_moving = matches!(flow, Flow::Live | Flow::Behind(_));
        if target.is_some() && !choice.is_better && choice.is_too_much && is_moving {
            *flow = Flow::Hushed;
            *due = None;
        }
        let goes_on = target.is_none() && *flow == Flow::Hushed;
        if layering.target == target && !is_at_once {
            return;
        }
        let former = layering.target.and_then(|place| spec.layers.get(place)).map(|layer| layer.track);
        layering.target = target;
        layering.is_rising = target.is_some() && choice.is_better;
        if is_at_once {
            self.move_at_once(key, place, choice.next, former, outputs);
            return;
        }
        let subscriber = Subscriber { viewer: key, place };
        if target.is_some()
            && let Some(track) =
                self.join_track(key, place, next, outputs).and_then(|_| self.tracks.get_mut(&next))
        {
            track.subscribers.push(subscriber);
            self.wish_key_frame(next, outputs);
        }
        if let Some(former) = former {
            self.unsubscribe(subscriber, former, outputs);
        }
        if goes_on {
            self.begin(key, place, outputs);
        }
    }

    /// Goes over without a key frame of the target in sight: from the store, or waiting for one.
    fn move_at_once(
        &mut self,
        key: SessionKey,
        place: usize,
        next: usize,
        former: Option<TrackId>,
        outputs: &mut Outputs<'_>,
    ) {
        let now = self.now;
        let Self { sessions, tracks, .. } = self;
        let viewer = sessions.find(key).and_then(|session| session.viewer_mut());
        let Some(subscription) = viewer.and_then(|viewer| viewer.subscriptions.get_mut(place)) else {
            return;
        };
        let Some(to) = subscription.spec.layers.get(next).map(|layer| layer.track) else { return };
        let old = subscription.spec.track;
        subscription.leave_track(tracks.get(&old).map(|track| &**track));
        subscription.spec.track = to;
        subscription.change_clock();
        subscription.wait(now);
        if let Some(layering) = subscription.layering.as_deref_mut() {
            layering.arrive(now, next);
        }
        let subscriber = Subscriber { viewer: key, place };
        // The new one first: a mirror of the source stays one.
        self.subscribe_to_current(key, place, former == Some(to), outputs);
        self.unsubscribe(subscriber, old, outputs);
        if let Some(former) = former.filter(|former| *former != to) {
            self.unsubscribe(subscriber, former, outputs);
        }
        self.arm(key);
    }

    /// Gives up the layers that viewers were going over to: they want no picture for now.
    pub(crate) fn give_targets_up(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(viewer) = self.sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        let mut given_up = arrayvec::ArrayVec::<_, { crate::limits::TRACKS_PER_SESSION_MAX }>::new();
        for (place, subscription) in viewer.subscriptions.iter_mut().enumerate() {
            let Some(layering) = subscription.layering.as_deref_mut() else { continue };
            layering.due = now;
            let target = layering.target.take().and_then(|target| subscription.spec.layers.get(target));
            given_up.extend(target.map(|layer| (Subscriber { viewer: key, place }, layer.track)));
        }
        for (subscriber, track) in given_up {
            self.unsubscribe(subscriber, track, outputs);
        }
        self.arm(key);
    }

    /// Takes viewers that went over in this turn off the layers that they left.
    pub(crate) fn finish_switches(&mut self, outputs: &mut Outputs<'_>) {
        while let Some((subscriber, old)) = self.left.pop() {
            self.unsubscribe(subscriber, old, outputs);
            self.learn_to_ride(subscriber.viewer);
            self.arm(subscriber.viewer);
        }
    }

    /// Tells a viewer which layer it gets and what there is, if that is news.
    fn tell_layer(&mut self, key: SessionKey, place: usize, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Self { sessions, sources, .. } = self;
        let Some(session) = sessions.find(key) else { return };
        let Some(subscription) = session.viewer_mut().and_then(|viewer| viewer.subscriptions.get_mut(place))
        else {
            return;
        };
        let Some(layering) = subscription.layering.as_deref_mut() else { return };
        let Some(ladder) = sources.get(&layering.source).map(|source| &source.ladder) else { return };
        let Some(rung) = ladder.rung(layering.current) else { return };
        let Some(layer) = subscription.spec.layers.get(layering.current).and_then(|layer| layer.rid) else {
            return;
        };
        let (sizes, flowing) = (ladder.sizes(), ladder.flowing());
        let told = ToldLayer { place: layering.current, sizes, flowing };
        let is_news = layering.told.is_none_or(|(before, at)| {
            before.place != told.place || before != told && now >= at + LADDER_TOLD_INTERVAL
        });
        if is_news {
            layering.told = Some((told, now));
            let what = Notable::LayerChanged { layer, size: rung.size, sizes, flowing };
            session.note(now, what, outputs.events);
        }
    }
}

/// What else goes over the viewer's link, bit/s.
fn others_bps(now: Instant, viewer: &Viewer, place: usize, tracks: &FxHashMap<TrackId, Box<Track>>) -> u64 {
    let others = viewer.subscriptions.iter().enumerate();
    let others = others.filter(|(other, subscription)| *other != place && subscription.flow != Flow::Paused);
    let others = others.filter_map(|(_, subscription)| tracks.get(&subscription.spec.track));
    others.map(|track| track.rate.bps(now)).sum()
}

/// Goes over to a track whose fresh packets begin a key frame, if that is what the subscription waits for. Returns the track
/// that it has left.
pub(crate) fn go_over<'t>(
    now: Instant,
    track: &Track,
    subscription: &mut Subscription,
    track_of: impl FnOnce(TrackId) -> Option<&'t Track>,
    speed: u32,
    rng: &mut Rng,
) -> Option<TrackId> {
    let target = subscription.layering.as_deref().and_then(|layering| layering.target)?;
    let is_target = subscription.spec.layers.get(target).is_some_and(|layer| layer.track == track.id);
    if !is_target || subscription.flow == Flow::Paused {
        return None;
    }
    let gop = track.gop.filter(|gop| track.fresh.contains(&gop.first))?;
    let old = subscription.spec.track;
    subscription.go_over(now, track, track_of(old), gop, speed, rng);
    if let Some(layering) = subscription.layering.as_deref_mut() {
        layering.arrive(now, target);
    }
    Some(old)
}
