//! A viewer whose link becomes narrow gets a lower layer, and a better one when it is wide again: with the estimator, the pace, the
//! probes and the choice of layers together, against a link with a queue.

use std::time::{Duration, Instant};

use fanlight_wire::ExtensionKind;

use crate::common::link::Link;
use crate::common::player::Player;
use crate::common::simulcast::{F, H, Simulcast};
use crate::common::world::WorldConfig;
use crate::common::{Viewer, World};

/// The extension's id for viewers.
const TRANSPORT_SEQUENCE: u8 = 12;

const WIDE_BPS: u64 = 20_000_000;
const NARROW_BPS: u64 = 1_000_000;

struct Seat {
    viewer: Viewer,
    link: Link,
    player: Player,
}

struct Scene {
    world: World,
    source: Simulcast,
    seats: Vec<Seat>,
}

impl Scene {
    /// Two viewers, each behind a wide link of its own.
    fn set(seed: u64, shard: u16) -> Self {
        let mut world = World::new(WorldConfig { shards: 2, seed, ..WorldConfig::default() });
        let mut source = Simulcast::join(&mut world, 0);
        source.pass_frames(&mut world, 10);
        let seat = |world: &mut World| {
            let viewer = source.watch_with(world, shard, |spec| {
                assert!(spec.extensions.insert(TRANSPORT_SEQUENCE, ExtensionKind::TransportSequence));
            });
            let link = Link::new(world, WIDE_BPS);
            Seat { viewer, link, player: Player::default() }
        };
        let seats = vec![seat(&mut world), seat(&mut world)];
        Self { world, source, seats }
    }

    fn live(&mut self, duration: Duration) {
        let end = self.world.now + duration;
        while self.world.now < end {
            self.source.send_frame(&mut self.world);
            for _ in 0..11 {
                self.world.pass_ms(3);
                for seat in &mut self.seats {
                    let came = seat.link.step(&mut self.world, &mut seat.viewer);
                    seat.player.step(&mut self.world, &mut seat.viewer, came);
                }
            }
            self.source.listen(&mut self.world);
        }
    }

    fn now(&self) -> Instant {
        self.world.now
    }
}

/// The promise of simulcast: within 2 s a layer lower, no picture stands still for more than 500 ms, and within 10 s of better
/// times it is back; whoever has a link of its own sees nothing of it.
#[test]
fn a_narrow_link_gets_a_lower_layer_soon_and_a_wide_one_the_best_again() {
    for (seed, shard) in [(1, 0), (2, 1)] {
        let mut scene = Scene::set(seed, shard);
        scene.live(Duration::from_secs(15));
        let narrowed = scene.now();
        for seat in &scene.seats {
            assert_eq!(seat.player.shown.last().unwrap().layer, F, "it begins with the best");
        }
        scene.seats[0].link.bps = NARROW_BPS;
        scene.live(Duration::from_secs(20));
        let widened = scene.now();
        scene.seats[0].link.bps = WIDE_BPS;
        scene.live(Duration::from_secs(12));
        let end = scene.now();

        let [narrow, other] = [&scene.seats[0].player, &scene.seats[1].player];
        let left = narrow.left(F, narrowed).unwrap();
        assert!(left <= Duration::from_secs(2), "seed {seed}: after {left:?}");
        let freeze = narrow.freeze(narrowed, end);
        assert!(freeze <= Duration::from_millis(500), "seed {seed}: {freeze:?}");
        assert!(narrow.shown.iter().rfind(|shown| shown.at <= widened).unwrap().layer <= H);
        let back = narrow.reached(F, widened).unwrap();
        assert!(back <= Duration::from_secs(10), "seed {seed}: back after {back:?}");
        let freeze = other.freeze(narrowed, end);
        assert!(freeze <= Duration::from_millis(100), "seed {seed}: {freeze:?} for the other");
        assert_eq!(other.left(F, narrowed), None, "the other's layer");
    }
}

/// It rises only where that is so: a link that carries no more than it gets now is not tried again and again.
#[test]
fn a_link_that_stays_narrow_is_left_in_peace() {
    let mut scene = Scene::set(3, 0);
    scene.live(Duration::from_secs(8));
    scene.seats[0].link.bps = NARROW_BPS;
    scene.live(Duration::from_secs(5));
    let settled = scene.now();
    scene.live(Duration::from_secs(40));
    let player = &scene.seats[0].player;
    let best = player.shown.iter().filter(|shown| shown.at > settled && shown.layer == F).count();
    assert_eq!(best, 0, "of 1,200 pictures");
    let freeze = player.freeze(settled, scene.now());
    assert!(freeze <= Duration::from_millis(500), "{freeze:?}");
}
