//! Padding that finds out whether a better layer fits, and what must not happen on the way to it.

use std::collections::BTreeSet;

use fanlight_wire::ExtensionKind;

use crate::common::link::Link;
use crate::common::simulcast::{F, FRAME, H, Simulcast, layer_of, prefer};
use crate::common::viewer::RTX_PAYLOAD_TYPE;
use crate::common::{Heard, Viewer, World};

/// The extension's id for viewers.
const TRANSPORT_SEQUENCE: u8 = 12;

struct Scene {
    world: World,
    source: Simulcast,
    viewer: Viewer,
    link: Link,
}

impl Scene {
    fn set(bps: u64) -> Self {
        let mut world = World::small();
        let mut source = Simulcast::join(&mut world, 0);
        source.pass_frames(&mut world, 10);
        let viewer = source.watch_with(&mut world, 0, |spec| {
            assert!(spec.extensions.insert(TRANSPORT_SEQUENCE, ExtensionKind::TransportSequence));
        });
        let link = Link::new(&world, bps);
        Self { world, source, viewer, link }
    }

    /// What arrives in so many frames' time. Each frame of all layers and its sound come in one turn.
    fn live(&mut self, frames: usize) -> Vec<Heard> {
        let mut heard = Vec::new();
        for _ in 0..frames {
            for place in 0..self.source.layers.len() {
                let packets = self.source.frame(place);
                self.source.publisher.send(&mut self.world, &packets);
            }
            self.source.publisher.deliver_sound(&mut self.world);
            for _ in 0..10 {
                self.world.pass(FRAME / 10);
                heard.extend(self.link.step(&mut self.world, &mut self.viewer));
            }
            self.source.listen(&mut self.world);
        }
        heard
    }

    /// The layers of the video among them.
    fn layers(&self, heard: &[Heard]) -> BTreeSet<usize> {
        let video = heard.iter().filter(|heard| heard.header.ssrc == self.viewer.video_ssrc());
        video.map(|heard| layer_of(&heard.payload)).collect()
    }
}

/// From the least layer to the best in seconds: nothing but padding can tell that the link carries sixteen times as much.
#[test]
fn padding_leads_from_the_least_layer_to_the_best() {
    let mut scene = Scene::set(20_000_000);
    let heard = scene.live(6 * 30);
    let padding: Vec<_> = heard.iter().filter(|heard| heard.payload.is_empty()).collect();
    assert!(!padding.is_empty());
    for packet in &padding {
        assert_eq!(packet.header.ssrc, scene.viewer.rtx_ssrc());
        assert_eq!(packet.header.payload_type.value(), RTX_PAYLOAD_TYPE);
        assert!(packet.element(ExtensionKind::Mid).is_some());
    }
    assert_eq!(scene.world.counters(0).padding_packets_out, padding.len() as u64);
    let last = scene.live(30);
    assert_eq!(scene.layers(&last), [F].into());
    assert!(last.iter().all(|heard| !heard.payload.is_empty()), "there is nothing more to find out");
}

/// Whoever wants no better layer than it has is not probed, however wide its link may be.
#[test]
fn nothing_is_probed_that_is_not_wished_for() {
    let mut scene = Scene::set(20_000_000);
    prefer(&mut scene.world, &scene.viewer, Some("h"));
    scene.live(6 * 30);
    scene.link.padding_bytes = 0;
    let heard = scene.live(10 * 30);
    assert_eq!(scene.layers(&heard), [H].into());
    assert_eq!(scene.link.padding_bytes, 0);
}

/// A link that carries no more is asked again and again, and must not be filled by the asking.
#[test]
fn probes_of_a_full_link_are_a_small_part_of_what_it_carries() {
    let mut scene = Scene::set(1_000_000);
    scene.live(10 * 30);
    scene.link.padding_bytes = 0;
    scene.live(30 * 30);
    let share = scene.link.padding_bytes as f64 * 8.0 / 30e6;
    assert!((0.002..0.05).contains(&share), "{share} of the link");
}

/// Two layers and the sound leave in one turn when a viewer goes from one to the other: each packet of the sound once. It was
/// twice, under one nonce, until the guard before the seal ended the shard.
#[test]
fn sound_leaves_once_in_the_turn_of_a_switch() {
    let mut scene = Scene::set(20_000_000);
    let mut sounds = 0;
    for round in 0..20 {
        prefer(&mut scene.world, &scene.viewer, Some(["h", "f", "q"][round % 3]));
        let heard = scene.live(30);
        sounds += heard.iter().filter(|heard| heard.header.ssrc == scene.viewer.audio_ssrc()).count();
    }
    // One may be on its way.
    assert!((599..=600).contains(&sounds), "{sounds}");
}
