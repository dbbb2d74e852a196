//! Layers under whatever can happen to them at once: losses, layers that stop and begin, wishes, pauses, estimates, publishers that
//! take over, clocks that are set, full lanes, joins and leaves.

use std::time::Duration;

use fanlight_shard::{EndReason, LayerSpec, LayerWish, Rid, ShardId};
use fanlight_wire::{NtpTime, Sequence, Ssrc, Vp8Descriptor};

use crate::common::script::Script;
use crate::common::simulcast::{F, Simulcast, layer_of};
use crate::common::trace::{Order, replay};
use crate::common::world::{Seat, WorldConfig};
use crate::common::{Heard, Viewer, World};

/// Frames in which all is well again: viewers are patient for half a minute after they rose and fell in vain.
const CALM_FRAMES: usize = 1_100;

/// A viewer, the source that it watches, and the newest packet of video that it got.
struct Watcher {
    viewer: Viewer,
    source: usize,
    newest: Option<Heard>,
}

impl Watcher {
    /// Whatever comes, in the order of its numbers time never goes backwards, nor do picture ids from layer to layer.
    fn look(&mut self, world: &mut World) -> Vec<Heard> {
        let ssrc = self.viewer.video_ssrc();
        let heard = self.viewer.receive_of(world, ssrc);
        for heard in &heard {
            let Some(newest) = self.newest.as_ref().filter(|newest| newest.index < heard.index) else {
                self.newest.get_or_insert(heard.clone());
                continue;
            };
            let ahead = heard.header.timestamp.distance_from(newest.header.timestamp);
            assert!(ahead >= 0, "{ahead} ticks");
            let [old, new] = [newest, heard].map(|heard| Vp8Descriptor::parse(&heard.payload).unwrap());
            let pictures = new.picture_id.unwrap().wrapping_sub(old.picture_id.unwrap()) & 0x7fff;
            // Who begins anew from the store gets pictures again that it has had.
            let is_key_frame = new.is_frame_start() && heard.payload[new.len] & 1 == 0;
            let is_again = is_key_frame && layer_of(&heard.payload) == layer_of(&newest.payload);
            assert!(is_again || pictures < 0x4000, "{pictures} pictures on");
            self.newest = Some(heard.clone());
        }
        heard
    }
}

struct Storm {
    script: Script,
    world: World,
    sources: Vec<Simulcast>,
    watchers: Vec<Watcher>,
}

impl Storm {
    fn new(seed: u64) -> Self {
        let mut script = Script(seed);
        let lane_depth = if script.happens(2) { 12 } else { 1024 };
        let mut world = World::new(WorldConfig { shards: 2, seed, lane_depth, ..WorldConfig::default() });
        let sources = vec![Simulcast::join(&mut world, 0)];
        Self { script, world, sources, watchers: Vec::new() }
    }

    fn step(&mut self) {
        for place in 0..self.sources.len() {
            self.send(place);
        }
        let ms = 1 + self.script.draw(60);
        self.world.pass_ms(ms);
        for source in &mut self.sources {
            source.listen(&mut self.world);
        }
        for place in 0..self.watchers.len() {
            self.answer(place);
        }
        match self.script.draw(24) {
            0..4 if self.watchers.len() < 6 => self.join(),
            4..9 => self.wish(),
            9..12 => self.pause(),
            12..15 => self.toggle(),
            15 => self.take_over(),
            16 => self.leave(),
            17 => self.tell_time(),
            _ => {}
        }
    }

    fn send(&mut self, place: usize) {
        for layer in 0..3 {
            let packets = self.sources[place].frame(layer);
            let kept: Vec<_> = packets.into_iter().filter(|_| !self.script.happens(25)).collect();
            self.sources[place].publisher.deliver(&mut self.world, &kept);
        }
        self.sources[place].publisher.deliver_sound(&mut self.world);
    }

    fn answer(&mut self, place: usize) {
        let Self { script, world, watchers, .. } = self;
        let watcher = &mut watchers[place];
        let heard = watcher.look(world);
        let media = watcher.viewer.video_ssrc();
        let lost = heard.iter().filter(|_| script.happens(30)).map(|heard| heard.header.sequence);
        let lost: Vec<Sequence> = lost.collect();
        let (pli, remb) = (script.happens(60), script.happens(15).then(|| 50_000 << script.draw(8)));
        watcher.viewer.say(world, |rtcp| {
            rtcp.receiver_report(Ssrc(1), &[])?;
            rtcp.nack(Ssrc(1), media, lost.iter().copied())?;
            remb.map_or(Ok(()), |bps| rtcp.remb(Ssrc(1), bps, &[media]))?;
            if pli { rtcp.pli(Ssrc(1), media) } else { Ok(()) }
        });
    }

    fn join(&mut self) {
        let (shard, source) = (self.script.pick(2), self.sources.len() - 1);
        let viewer = self.sources[source].watch(&mut self.world, u16::try_from(shard).unwrap());
        self.watchers.push(Watcher { viewer, source, newest: None });
    }

    fn wish(&mut self) {
        if self.watchers.is_empty() {
            return;
        }
        let seat = self.watchers[self.script.pick(self.watchers.len())].viewer.seat;
        let rid = [Some("q"), Some("h"), Some("f"), None, Some("x")][self.script.pick(5)];
        let max_width = [None, Some(100), Some(640)][self.script.pick(3)];
        let wish =
            LayerWish { layer: rid.and_then(|rid| Rid::new(rid.as_bytes())), max_width, max_height: None };
        self.world.order(seat.shard, Order::Prefer { key: seat.key, wish });
    }

    fn pause(&mut self) {
        if self.watchers.is_empty() {
            return;
        }
        let seat = self.watchers[self.script.pick(self.watchers.len())].viewer.seat;
        let (video, paused) = (!self.script.happens(4), self.script.happens(2));
        self.world.order(seat.shard, Order::Pause { key: seat.key, video, paused });
    }

    fn toggle(&mut self) {
        let (source, layer) = (self.script.pick(self.sources.len()), self.script.pick(3));
        let is_on = &mut self.sources[source].layers[layer].is_on;
        *is_on = !*is_on;
    }

    /// A second publisher joins and takes all viewers over; the first leaves.
    fn take_over(&mut self) {
        if self.sources.len() > 1 {
            return;
        }
        let shard = u16::try_from(self.script.pick(2)).unwrap();
        let latter = Simulcast::join(&mut self.world, shard);
        let former = &self.sources[0];
        for watcher in &mut self.watchers {
            watcher.source = 1;
            let (key, home) = (watcher.viewer.seat.key, latter.publisher.seat.shard);
            let sound = |source: &Simulcast| source.publisher.audio_track();
            let audio = [LayerSpec { track: sound(&latter), rid: None }].into_iter().collect();
            let orders = [(former.specs()[2].track, latter.specs()), (sound(former), audio)];
            for (from, to) in orders {
                self.world.order(watcher.viewer.seat.shard, Order::Switch { key, from, to, home });
            }
        }
        self.world.settle();
        let seat = former.publisher.seat;
        self.world.order(seat.shard, Order::Close(seat.key, EndReason::Replaced));
        self.sources.push(latter);
    }

    fn leave(&mut self) {
        if self.watchers.len() > 2 {
            let watcher = self.watchers.remove(0);
            let seat = watcher.viewer.seat;
            self.world.order(seat.shard, Order::Close(seat.key, EndReason::Deleted));
        }
    }

    fn tell_time(&mut self) {
        let source = self.sources.last_mut().unwrap();
        if self.script.happens(3) {
            let layer = &source.layers[self.script.pick(3)].source;
            let (ssrc, ntp) = (layer.ssrc, NtpTime(self.script.draw(u64::MAX >> 2)));
            source.publisher.tell_time(&mut self.world, ssrc, ntp, 7);
        } else {
            source.tell_time(&mut self.world);
        }
    }

    /// Everything is as it should be, for a while: what did each viewer get last?
    fn calm(&mut self) -> Vec<Option<usize>> {
        for layer in self.sources.iter_mut().flat_map(|source| &mut source.layers) {
            layer.is_on = true;
        }
        for watcher in &self.watchers {
            let Seat { key, shard, .. } = watcher.viewer.seat;
            self.world.order(shard, Order::Prefer { key, wish: LayerWish::default() });
            self.world.order(shard, Order::Pause { key, video: true, paused: false });
        }
        for _ in 0..CALM_FRAMES {
            self.sources.iter_mut().for_each(|source| source.pass_frame(&mut self.world));
            self.watchers.iter_mut().for_each(|watcher| drop(watcher.look(&mut self.world)));
        }
        let now = self.world.now;
        self.sources.iter_mut().for_each(|source| source.pass_frame(&mut self.world));
        assert!(self.world.now > now);
        let last = self.watchers.iter_mut().map(|watcher| watcher.look(&mut self.world));
        last.map(|heard| heard.last().map(|heard| layer_of(&heard.payload))).collect()
    }

    fn end(mut self) -> World {
        self.world.settle();
        let publishers = self.sources.iter().map(|source| source.publisher.seat);
        for seat in self.watchers.iter().map(|watcher| watcher.viewer.seat).chain(publishers) {
            self.world.order(seat.shard, Order::Close(seat.key, EndReason::Shutdown));
        }
        self.world.pass(Duration::from_secs(5));
        self.world
    }
}

/// No order of events may send a viewer's time or picture ids backwards, use a nonce twice, leave it without the best layer once
/// all is well, leave a track or a mirror behind, or depend on anything but the turns.
#[test]
fn whatever_happens_to_layers_every_viewer_sees_one_stream() {
    for seed in 0..4 {
        let mut storm = Storm::new(seed);
        (0..200).for_each(|_| storm.step());
        let last = storm.calm();
        // A lane of few places never carries a whole key frame of the best.
        let is_wide = storm.world.config.lane_depth > 100;
        let all_best = last.len() > 1 && last.iter().all(|layer| *layer == Some(F));
        assert!(all_best || !is_wide, "seed {seed}: {last:?}");
        let mut world = storm.end();
        for shard in [0, 1] {
            assert_eq!(world.session_count(shard), 0, "seed {seed}");
            assert_eq!(world.report(ShardId(shard)).tracks, 0, "seed {seed}: a track is left on {shard}");
        }
        let again = replay(&world.config, world.started, world.turns());
        assert_eq!(again, world.digest(), "seed {seed}: the same turns, other outputs");
    }
}
