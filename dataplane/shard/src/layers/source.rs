//! A source in layers on one shard: how its layers stand, and which of them anybody wants.
//!
//! At home the layers are measured and told to the shards that mirror one of them; those tell what their viewers want. What
//! nobody has wanted for [`UNWANTED_AFTER`] is told to the publisher, which can stop sending it, and at once when it is wanted
//! again. The lowest layer is always wanted: newcomers begin with something.

use std::time::Instant;

use arrayvec::ArrayVec;

use super::LayerSet;
use super::ladder::{Ladder, Rung};
use super::meter::Meter;
use crate::lane::LaneMessage;
use crate::limits::{LAYERS_MAX, MEASURE_INTERVAL, UNWANTED_AFTER};
use crate::notes::Notable;
use crate::publisher::Publisher;
use crate::shard::Shard;
use crate::spec::{SessionKey, ShardId, TrackId};
use crate::turn::Outputs;

/// See the file's head.
pub(crate) struct Source {
    pub(crate) ladder: Ladder,
    /// How many viewers here want each layer.
    wanting: [u32; LAYERS_MAX],
    side: Side,
}

enum Side {
    Home(Box<Home>),
    /// `told`: to its home.
    Mirror {
        home: ShardId,
        viewers: usize,
        told: LayerSet,
    },
}

struct Home {
    publisher: SessionKey,
    layers: ArrayVec<HomeLayer, LAYERS_MAX>,
    /// What other shards want.
    elsewhere: Vec<(ShardId, LayerSet)>,
    /// To the publisher.
    told: LayerSet,
}

struct HomeLayer {
    track: TrackId,
    /// In the publisher's list.
    place: usize,
    meter: Meter,
    wanted: Instant,
}

impl Source {
    fn wanted_here(&self) -> LayerSet {
        self.wanting.iter().enumerate().filter(|(_, viewers)| **viewers > 0).map(|(place, _)| place).collect()
    }

    fn home_mut(&mut self) -> Option<&mut Home> {
        match &mut self.side {
            Side::Home(home) => Some(home),
            Side::Mirror { .. } => None,
        }
    }
}

/// The sources of a publisher that have layers: the name of each, and what of it lives at its home.
pub(crate) fn sources_of(
    key: SessionKey,
    publisher: &Publisher,
    now: Instant,
) -> impl Iterator<Item = (TrackId, Source)> {
    let layered = publisher.tracks.iter().enumerate().filter(|(_, track)| track.spec.rid.is_some());
    let firsts = layered.clone().filter(move |(place, track)| {
        !publisher.tracks.iter().take(*place).any(|before| before.spec.mid == track.spec.mid)
    });
    firsts.map(move |(_, first)| {
        let own = layered.clone().filter(|(_, track)| track.spec.mid == first.spec.mid).take(LAYERS_MAX);
        let layers: ArrayVec<_, LAYERS_MAX> = own
            .map(|(place, track)| HomeLayer {
                track: track.spec.track,
                place,
                meter: Meter::new(),
                wanted: now,
            })
            .collect();
        let told = (0..layers.len()).collect();
        let ladder = Ladder(layers.iter().map(|_| Rung::default()).collect());
        let home = Home { publisher: key, layers, elsewhere: Vec::new(), told };
        (first.spec.track, Source { ladder, wanting: [0; LAYERS_MAX], side: Side::Home(Box::new(home)) })
    })
}

impl Shard {
    /// A viewer here watches the source from now on.
    pub(crate) fn enter_source(&mut self, id: TrackId, home: ShardId) {
        let is_elsewhere = home != self.config.id;
        if is_elsewhere {
            self.sources.entry(id).or_insert_with(|| Source {
                ladder: Ladder::default(),
                wanting: [0; LAYERS_MAX],
                side: Side::Mirror { home, viewers: 0, told: LayerSet::default() },
            });
        }
        if let Some(Side::Mirror { viewers, .. }) = self.sources.get_mut(&id).map(|source| &mut source.side) {
            *viewers += 1;
        }
    }

    /// A viewer here, which wanted these layers, watches the source no more.
    pub(crate) fn leave_source(&mut self, id: TrackId, wanted: LayerSet, outputs: &mut Outputs<'_>) {
        self.change_wants(id, wanted, LayerSet::default(), outputs);
        let Some(source) = self.sources.get_mut(&id) else { return };
        if let Side::Mirror { viewers, .. } = &mut source.side {
            *viewers = viewers.saturating_sub(1);
            if *viewers == 0 {
                self.sources.remove(&id);
            }
        }
    }

    /// A viewer here wants other layers than before.
    pub(crate) fn change_wants(
        &mut self,
        id: TrackId,
        before: LayerSet,
        after: LayerSet,
        outputs: &mut Outputs<'_>,
    ) {
        if before == after {
            return;
        }
        let Some(source) = self.sources.get_mut(&id) else { return };
        for (place, viewers) in source.wanting.iter_mut().enumerate() {
            *viewers += u32::from(after.contains(place));
            *viewers = viewers.saturating_sub(u32::from(before.contains(place)));
        }
        let wanted = source.wanted_here();
        match &mut source.side {
            Side::Home(_) => self.judge_wants(id, outputs),
            Side::Mirror { home, told, .. } => {
                if std::mem::replace(told, wanted) != wanted {
                    let home = *home;
                    self.tell(home, LaneMessage::Wanted { source: id, layers: wanted }, outputs);
                }
            }
        }
    }

    /// Another shard's viewers want these layers.
    pub(crate) fn hear_wants(
        &mut self,
        from: ShardId,
        id: TrackId,
        layers: LayerSet,
        outputs: &mut Outputs<'_>,
    ) {
        let Some(home) = self.sources.get_mut(&id).and_then(Source::home_mut) else { return };
        home.elsewhere.retain(|(shard, _)| *shard != from);
        if layers != LayerSet::default() {
            home.elsewhere.push((from, layers));
        }
        self.judge_wants(id, outputs);
    }

    /// Tells the publisher which layers are wanted, if that has changed.
    fn judge_wants(&mut self, id: TrackId, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let Some(source) = self.sources.get_mut(&id) else { return };
        let lowest: LayerSet = source.ladder.ascending().first().copied().into_iter().collect();
        let wanted = source.wanted_here().union(lowest);
        let Some(home) = source.home_mut() else { return };
        let wanted = home.elsewhere.iter().fold(wanted, |all, (_, layers)| all.union(*layers));
        for (place, layer) in home.layers.iter_mut().enumerate() {
            if wanted.contains(place) {
                layer.wanted = now;
            }
        }
        let lately = home.layers.iter().enumerate().filter(|(place, layer)| {
            wanted.contains(*place) || home.told.contains(*place) && now < layer.wanted + UNWANTED_AFTER
        });
        let layers = lately.map(|(place, _)| place).collect();
        if std::mem::replace(&mut home.told, layers) != layers {
            let publisher = home.publisher;
            self.note(publisher, Notable::LayersWanted { layers }, outputs);
        }
    }

    /// Looks at the layers of a publisher, if it is time to, and tells the shards that mirror one of them how they stand.
    pub(crate) fn measure_layers(&mut self, key: SessionKey, outputs: &mut Outputs<'_>) {
        let now = self.now;
        let due = self.config.lazily(now + MEASURE_INTERVAL);
        let Self { sessions, sources, tracks, .. } = self;
        let Some(publisher) = sessions.find(key).and_then(|session| session.publisher_mut()) else { return };
        if publisher.measure_due.is_none_or(|due| due > now) {
            return;
        }
        publisher.measure_due = Some(due);
        let mut measured = ArrayVec::<TrackId, { crate::limits::TRACKS_PER_SESSION_MAX }>::new();
        for (id, source) in sources.iter_mut() {
            let Side::Home(home) = &mut source.side else { continue };
            if home.publisher != key {
                continue;
            }
            let heard =
                |layer: &HomeLayer| publisher.tracks.get(layer.place).and_then(|track| track.last_passed());
            let newest = home.layers.iter().filter_map(heard).max();
            let rungs = home.layers.iter_mut().map(|layer| {
                let heard = heard(layer);
                let size = publisher.tracks.get(layer.place).map(|track| track.size).unwrap_or_default();
                let bps = tracks.get(&layer.track).map(|track| track.rate.bps(now)).unwrap_or_default();
                layer.meter.look(now, bps, size, heard, newest)
            });
            source.ladder = Ladder(rungs.collect());
            measured.push(*id);
        }
        for id in measured {
            self.judge_wants(id, outputs);
            self.tell_standing(id, None, outputs);
        }
    }

    /// Tells one shard that mirrors a layer of the source how all of them stand, or every such.
    fn tell_standing(&mut self, id: TrackId, only: Option<ShardId>, outputs: &mut Outputs<'_>) {
        let Some(source) = self.sources.get(&id) else { return };
        let Side::Home(home) = &source.side else { return };
        let ladder = source.ladder.clone();
        let mut mirrors = Vec::new();
        for layer in &home.layers {
            let shards =
                self.tracks.get(&layer.track).map(|track| track.mirrors.as_slice()).unwrap_or_default();
            mirrors.extend(shards.iter().copied().filter(|shard| only.is_none_or(|only| only == *shard)));
        }
        mirrors.sort_unstable();
        mirrors.dedup();
        for mirror in mirrors {
            self.tell(mirror, LaneMessage::Standing { source: id, ladder: ladder.clone() }, outputs);
        }
    }

    /// A shard has joined a track: if that is a layer, the shard learns how the others stand.
    pub(crate) fn tell_newcomer_standing(
        &mut self,
        track: TrackId,
        from: ShardId,
        outputs: &mut Outputs<'_>,
    ) {
        let is_of = |source: &Source| match &source.side {
            Side::Home(home) => home.layers.iter().any(|layer| layer.track == track),
            Side::Mirror { .. } => false,
        };
        let id = self.sources.iter().find(|(_, source)| is_of(source)).map(|(id, _)| *id);
        if let Some(id) = id {
            self.tell_standing(id, Some(from), outputs);
        }
    }

    /// How the layers of a mirrored source stand at its home.
    pub(crate) fn hear_standing(&mut self, id: TrackId, ladder: Ladder) {
        if let Some(source) = self.sources.get_mut(&id) {
            source.ladder = ladder;
        }
    }
}
