//! Which operating point each viewer of a stream in layers is to be at: the same selection as among the layers of simulcast
//! ([`crate::layers`]), from rungs that are points of one track.
//!
//! A shard measures the layers of what it mirrors by itself: unlike the tracks of simulcast all of them come to it.

use std::time::Instant;

use super::layer::Point;
use super::stream::LayeredStream;
use crate::layers::layering::{Layering, ToldLayer};
use crate::layers::view::View;
use crate::limits::{LADDER_TOLD_INTERVAL, LAYERS_MAX, SELECT_INTERVAL};
use crate::notes::Notable;
use crate::session::{Activity, Viewer};
use crate::shard::Shard;
use crate::spec::{SessionKey, TrackId};
use crate::subscription::{Flow, Subscription};
use crate::track::Track;
use crate::turn::Outputs;

impl Shard {
    /// Looks at the operating points of a viewer's subscriptions, where it is time to.
    pub(crate) fn select_points(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let Some(viewer) = self.sessions.find(key).and_then(|session| session.viewer_mut()) else { return };
        for place in 0..viewer.subscriptions.len() {
            let (needs_key_frame, news) = self.select_point(key, place).unwrap_or_default();
            if let Some(track) = needs_key_frame {
                self.wish_key_frame(track, outputs);
            }
            if let Some(what) = news {
                self.note(key, what, outputs);
            }
        }
    }

    /// Returns the track, if a key frame of it is needed to go up, and what the viewer is to be told. None: nothing is due.
    fn select_point(&mut self, key: SessionKey, place: usize) -> Option<(Option<TrackId>, Option<Notable>)> {
        let now = self.now;
        let Self { sessions, tracks, .. } = self;
        let session = sessions.find(key)?;
        let Activity::Viewing(viewer) = &mut session.activity else { return None };
        let (link_bps, is_unsure) = (viewer.link_bps(now), viewer.is_unsure());
        let others = viewer.subscriptions.iter().enumerate().filter(|(other, _)| *other != place);
        let others = others.filter(|(_, subscription)| subscription.flow != Flow::Paused);
        let others = others.filter_map(|(_, subscription)| tracks.get(&subscription.spec.track));
        let others_bps: u64 = others.map(|track| track.rate.bps(now)).sum();
        let Viewer { subscriptions, bandwidth, constraint, wish, .. } = &mut **viewer;
        let subscription =
            subscriptions.get_mut(place).filter(|subscription| subscription.spec.layers.len() <= 1)?;
        let track = tracks.get_mut(&subscription.spec.track)?;
        let Track { id, layers: Some(stream), .. } = &mut **track else { return None };
        let ladder = stream.ladder(now).clone();
        let (point, _) = subscription.point();
        let current = stream.place_of(point)?;
        let source = *id;
        let Subscription { layering, flow, .. } = &mut *subscription;
        let layering = layering.get_or_insert_with(|| Box::new(Layering::new(source, current, now)));
        if layering.due > now {
            return None;
        }
        if layering.current != current {
            layering.arrive(now, current);
        }
        layering.due = now + SELECT_INTERVAL;
        let news = news(now, layering, stream, point);
        if *flow == Flow::Paused {
            return Some((None, news));
        }
        let named = wish.layer.and_then(|name| Point::from_name(name.as_bytes()));
        let wished = named.and_then(|point| stream.place_of(point));
        let estimate_bps = link_bps.map(|bps| bps.saturating_sub(others_bps));
        let view = View { ladder: &ladder, wish, wished, estimate_bps };
        if let Some(bandwidth) = bandwidth {
            let of_use_bps = view.of_use_bps(current).map(|bps| bps + others_bps);
            bandwidth.want(of_use_bps.filter(|bps| constraint.allows(*bps)));
        }
        let next = view.choose(now, layering, is_unsure);
        layering.target = None;
        layering.is_rising = view.rank(next) > view.rank(current);
        let is_top = stream.rung(next + 1).is_none();
        let chosen = if is_top { Point::TOP } else { stream.rung(next)? };
        let chosen = named.map_or(chosen, |named| chosen.min(named));
        subscription.aim(chosen);
        let goes_up = chosen.spatial().min(stream.highest_spatial()) > point.spatial();
        let needs_key_frame = goes_up && matches!(subscription.flow, Flow::Live | Flow::Behind(_));
        Some((needs_key_frame.then_some(source), news))
    }
}

/// What a viewer at that point is to be told of it and of the others, if it has not been.
fn news(now: Instant, layering: &mut Layering, stream: &LayeredStream, point: Point) -> Option<Notable> {
    let ladder = stream.last_ladder();
    let told = ToldLayer { place: layering.current, sizes: ladder.sizes(), flowing: ladder.flowing() };
    let is_news = layering.told.is_none_or(|(before, at)| {
        before.place != told.place || before != told && now >= at + LADDER_TOLD_INTERVAL
    });
    if !is_news {
        return None;
    }
    layering.told = Some((told, now));
    let rung = stream.rung(told.place)?;
    let size = ladder.rung(told.place)?.size;
    let mut points = [None; LAYERS_MAX];
    for (place, named) in points.iter_mut().enumerate() {
        *named = stream.rung(place);
    }
    let (sizes, flowing) = (told.sizes, told.flowing);
    Some(Notable::PointChanged { point: point.min(rung), size, points, sizes, flowing })
}
