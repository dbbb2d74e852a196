//! What a viewer's link carries, as the shard finds out from transport-wide feedback.

use fanlight_wire::ExtensionKind;

use crate::common::link::Link;
use crate::common::{Heard, Publisher, Viewer, World};

/// The extension's id for viewers.
const TRANSPORT_SEQUENCE: u8 = 12;

struct Scene {
    world: World,
    publisher: Publisher,
    viewer: Viewer,
    link: Link,
}

impl Scene {
    fn set(bps: u64) -> Self {
        let mut world = World::small();
        let mut publisher = Publisher::join(&mut world, 0);
        publisher.deliver_frame(&mut world, true, &[1000; 8]);
        let viewer = Viewer::join_with(&mut world, 0, &publisher, |spec| {
            assert!(spec.extensions.insert(TRANSPORT_SEQUENCE, ExtensionKind::TransportSequence));
        });
        let link = Link::new(&world, bps);
        Self { world, publisher, viewer, link }
    }

    /// So many frames of 30 a second with that many packets of 1,000 bytes, a key frame each second, and sound; what arrived.
    fn pass_frames(&mut self, frames: usize, packets: usize) -> Vec<Heard> {
        let mut heard = Vec::new();
        for frame in 0..frames {
            let is_key = frame % 30 == 0;
            let lens = vec![1000; if is_key { packets * 3 } else { packets }];
            self.publisher.deliver_frame(&mut self.world, is_key, &lens);
            self.publisher.deliver_sound(&mut self.world);
            for _ in 0..11 {
                self.world.pass_ms(3);
                heard.extend(self.link.step(&mut self.world, &mut self.viewer));
            }
        }
        heard
    }

    fn estimate_bps(&mut self) -> Option<u64> {
        let seat = self.viewer.seat;
        self.world.report_of(&seat).estimate_bps
    }
}

/// What is told of a number must be told of one packet: of media, of sound and of what is sent again.
#[test]
fn every_packet_to_a_viewer_has_a_number_of_its_own() {
    let mut scene = Scene::set(50_000_000);
    let mut heard = scene.pass_frames(30, 4);
    let lost = heard.iter().find(|heard| heard.header.ssrc == scene.viewer.video_ssrc()).unwrap();
    let (media, sequence) = (scene.viewer.video_ssrc(), lost.header.sequence.0);
    scene.viewer.nack(&mut scene.world, media, &[sequence]);
    heard.extend(scene.pass_frames(30, 4));
    let numbers = heard.iter().map(|heard| heard.element(ExtensionKind::TransportSequence).unwrap());
    let mut numbers: Vec<_> = numbers.map(|number| u16::from_be_bytes(number.try_into().unwrap())).collect();
    assert!(heard.iter().any(|heard| heard.header.ssrc == scene.viewer.rtx_ssrc()));
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..u16::try_from(heard.len()).unwrap()), "{numbers:?}");
}

/// It costs 8 kB a viewer and two bytes a packet: who does not speak it has neither.
#[test]
fn a_viewer_without_transport_wide_numbers_gets_none() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    publisher.deliver_frame(&mut world, true, &[1000; 4]);
    let heard = viewer.receive(&mut world);
    assert!(heard.iter().all(|heard| heard.element(ExtensionKind::TransportSequence).is_none()));
    let seat = viewer.seat;
    viewer.say(&mut world, |rtcp| {
        rtcp.twcc(
            fanlight_wire::Ssrc(1),
            fanlight_wire::Ssrc(2),
            0,
            fanlight_wire::Sequence(0),
            &[Some(1); 4],
        )
        .map(|_| ())
    });
    assert_eq!(world.report_of(&seat).estimate_bps, None);
}

/// 1 Mbit/s under a stream of 1.3: what is told to the viewer's owner, and to the choice of layers, has to be the link.
#[test]
fn a_narrow_link_is_estimated_as_it_is() {
    let mut scene = Scene::set(1_000_000);
    scene.pass_frames(60, 5);
    let mut estimates = Vec::new();
    for _ in 0..40 {
        scene.pass_frames(15, 5);
        estimates.push(scene.estimate_bps().unwrap());
    }
    let mean = estimates.iter().sum::<u64>() / 40;
    assert!((700_000..=1_050_000).contains(&mean), "{mean}: {estimates:?}");
}

/// Where there is nothing to choose, no padding is sent, and a wide link is known by what passes.
#[test]
fn a_wide_link_is_estimated_by_what_passes_and_is_not_probed() {
    let mut scene = Scene::set(50_000_000);
    scene.pass_frames(300, 5);
    let estimate = scene.estimate_bps().unwrap();
    assert!((1_200_000..=2_300_000).contains(&estimate), "{estimate}");
    assert_eq!(scene.world.counters(0).padding_packets_out, 0);
}
