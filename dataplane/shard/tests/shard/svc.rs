//! Streams in layers: each viewer gets its operating point and no more, under numbers without a gap.

use fanlight_shard::limits::HOLE_AGE_MAX;
use fanlight_shard::{Command, LayerWish, Notable, Rid};
use fanlight_wire::ExtensionKind;
use fanlight_wire::codec::Codec;

use crate::common::rtcp::key_frame_requests;
use crate::common::svc::{Layered, LayeredFilm};
use crate::common::{Heard, Publisher, Viewer, World};

const EVERYTHING: (u8, u8) = (3, 3);

/// A publisher at home on shard 0, and its viewers.
struct Scene {
    world: World,
    publisher: Publisher,
    film: LayeredFilm,
}

impl Scene {
    fn of(codec: Codec) -> Self {
        let mut world = World::of_two();
        let publisher = Publisher::join_with(&mut world, 0, LayeredFilm::spec(codec));
        Self { world, publisher, film: LayeredFilm::new(codec) }
    }

    fn viewer(&mut self, shard: u16) -> Viewer {
        Viewer::join_with(&mut self.world, shard, &self.publisher, |spec| {
            assert!(spec.extensions.insert(10, ExtensionKind::DependencyDescriptor));
        })
    }

    fn play(&mut self, pictures: usize, begins_with_key: bool) -> Vec<Layered> {
        self.film.play(&mut self.world, &mut self.publisher, pictures, begins_with_key)
    }

    fn wish(&mut self, viewer: &Viewer, layer: Option<&[u8]>) {
        let wish = LayerWish { layer: layer.and_then(Rid::new), ..LayerWish::default() };
        self.world.command(viewer.seat.shard, Command::Prefer { key: viewer.seat.key, wish });
        self.world.settle();
    }

    fn video(&mut self, viewer: &mut Viewer) -> Vec<Heard> {
        let ssrc = viewer.video_ssrc();
        viewer.receive_of(&mut self.world, ssrc)
    }

    fn ask(&mut self, viewer: &mut Viewer, sequence: u16) -> Vec<Heard> {
        let (media, rtx) = (viewer.video_ssrc(), viewer.rtx_ssrc());
        viewer.nack(&mut self.world, media, &[sequence]);
        viewer.receive_of(&mut self.world, rtx)
    }

    /// Two seconds from a key picture on, in which viewers come to be live and layers to be known.
    fn warm_up(&mut self, viewers: &mut [&mut Viewer]) -> Vec<Option<Heard>> {
        self.play(60, true);
        self.publisher.receive(&mut self.world);
        viewers.iter_mut().map(|viewer| self.video(viewer).pop()).collect()
    }
}

/// Of each payload as much as tells it from others.
fn payloads<'a>(sent: impl IntoIterator<Item = &'a Layered>) -> Vec<&'a [u8]> {
    sent.into_iter().map(|layered| tail(&layered.packet.payload)).collect()
}

fn heard_payloads(heard: &[Heard]) -> Vec<&[u8]> {
    heard.iter().map(|heard| tail(&heard.payload)).collect()
}

fn tail(payload: &[u8]) -> &[u8] {
    &payload[payload.len() - 8..]
}

/// Whether each packet is the next, behind `last`.
fn is_consecutive(last: &Heard, heard: &[Heard]) -> bool {
    heard.iter().zip(last.index + 1..).all(|(heard, index)| heard.index == index)
}

/// Whether a player at the point ends its pictures where they end: with the last packet of each that it gets.
fn markers_are_right(heard: &[Heard], highest_spatial: u8, sent: &[&Layered]) -> bool {
    heard
        .iter()
        .zip(sent)
        .all(|(heard, sent)| heard.header.marker == (sent.ends_layer && sent.spatial == highest_spatial))
}

/// The point of it all, for both codecs, at home and on a mirror: exactly the packets of the point, numbers that follow one another,
/// pictures that end.
#[test]
fn each_viewer_gets_its_point_and_no_more() {
    for (codec, top) in [(Codec::Vp9, 2), (Codec::Av1, 1)] {
        for shard in [0, 1] {
            let mut scene = Scene::of(codec);
            let mut viewers = [(); 4].map(|()| scene.viewer(shard));
            let points = [None, Some((0, 2)), Some((0, 0)), Some((1, 1))];
            let [a, b, c, d] = &mut viewers;
            let last = scene.warm_up(&mut [a, b, c, d]);
            for (viewer, point) in viewers.iter().zip(points) {
                let name = point.map(|(spatial, temporal)| format!("S{spatial}T{temporal}"));
                scene.wish(viewer, name.as_ref().map(String::as_bytes));
            }
            let sent = [scene.play(16, false), scene.play(16, true)].concat();
            for ((viewer, point), last) in viewers.iter_mut().zip(points).zip(last) {
                let heard = scene.video(viewer);
                let point = point.unwrap_or(EVERYTHING);
                let expected: Vec<_> = sent.iter().filter(|layered| layered.is_in(point)).collect();
                let what = format!("{codec:?} at {point:?} on shard {shard}");
                assert_eq!(heard_payloads(&heard), payloads(expected.iter().copied()), "{what}");
                assert!(is_consecutive(&last.unwrap(), &heard), "{what}");
                assert!(markers_are_right(&heard, point.0.min(top), &expected), "{what}");
                let described =
                    heard.iter().all(|h| h.element(ExtensionKind::DependencyDescriptor).is_some());
                assert_eq!(described, codec == Codec::Av1, "a decoder of AV1 goes by the descriptors");
            }
        }
    }
}

/// A viewer goes down with the next picture, since links become narrow at any time, and up again when a decoder can follow: in time
/// where a picture says so, in size with a key picture, which is asked for. Its numbers never show it.
#[test]
fn a_viewer_goes_down_at_once_and_up_where_it_can() {
    for codec in [Codec::Vp9, Codec::Av1] {
        let mut scene = Scene::of(codec);
        let mut viewer = scene.viewer(0);
        let mut last = scene.warm_up(&mut [&mut viewer]).remove(0).unwrap();
        let mut expect =
            |scene: &mut Scene, viewer: &mut Viewer, expected: Option<Vec<&[u8]>>, what: &str| {
                let heard = scene.video(viewer);
                if let Some(expected) = expected {
                    assert_eq!(heard_payloads(&heard), expected, "{codec:?} {what}");
                }
                assert!(is_consecutive(&last, &heard), "{codec:?} {what}");
                last = heard.last().unwrap().clone();
            };
        scene.wish(&viewer, Some(b"S0T0"));
        let sent = scene.play(8, false);
        expect(&mut scene, &mut viewer, Some(payloads(sent.iter().filter(|l| l.is_in((0, 0))))), "down");
        assert_eq!(key_frame_requests(&scene.publisher.receive(&mut scene.world)), 0);

        scene.wish(&viewer, Some(b"S0T2"));
        scene.play(40, false);
        expect(&mut scene, &mut viewer, None, "patience on the way up");
        let sent = scene.play(8, false);
        expect(
            &mut scene,
            &mut viewer,
            Some(payloads(sent.iter().filter(|l| l.is_in((0, 2))))),
            "up in time",
        );
        assert_eq!(key_frame_requests(&scene.publisher.receive(&mut scene.world)), 0);

        scene.wish(&viewer, None);
        let sent = scene.play(40, false);
        expect(&mut scene, &mut viewer, Some(payloads(sent.iter().filter(|l| l.is_in((0, 2))))), "not yet");
        assert!(key_frame_requests(&scene.publisher.receive(&mut scene.world)) >= 1, "{codec:?}");
        let sent = scene.play(8, true);
        expect(&mut scene, &mut viewer, Some(payloads(&sent)), "up in size");
        assert_eq!(key_frame_requests(&scene.publisher.receive(&mut scene.world)), 0, "it has what it wants");
    }
}

/// RFC 4588: whatever a viewer lost comes again, at any point and from both sides of a change of the point.
#[test]
fn every_number_is_answered_with_its_packet() {
    for shard in [0, 1] {
        let mut scene = Scene::of(Codec::Vp9);
        let mut viewer = scene.viewer(shard);
        scene.warm_up(&mut [&mut viewer]);
        scene.wish(&viewer, Some(b"S1T2"));
        scene.play(4, false);
        let mut heard = scene.video(&mut viewer);
        scene.wish(&viewer, Some(b"S0T0"));
        scene.play(12, false);
        heard.extend(scene.video(&mut viewer));
        assert!(heard.len() > 20);
        for packet in &heard {
            let resent = scene.ask(&mut viewer, packet.header.sequence.0);
            let [resent] = resent.as_slice() else { panic!("{} answers", resent.len()) };
            let original = packet.header.sequence.0.to_be_bytes();
            assert_eq!(resent.payload, [&original, packet.payload.as_slice()].concat());
            assert_eq!(resent.header.marker, packet.header.marker);
            assert_eq!(resent.header.timestamp, packet.header.timestamp);
        }
    }
}

/// The last packet of each layer of a picture is lost on the way to us, and comes again: whose point has it gets it, late, under the number
/// that was kept free; others see a hole there, and are told that there is nothing.
#[test]
fn what_comes_late_takes_its_number_or_leaves_it_empty() {
    let mut scene = Scene::of(Codec::Vp9);
    let (mut low, mut high) = (scene.viewer(0), scene.viewer(0));
    scene.warm_up(&mut [&mut low, &mut high]);
    scene.wish(&low, Some(b"S0T2"));
    scene.play(4, false);
    let before = [&mut low, &mut high].map(|viewer| scene.video(viewer).pop().unwrap());

    let picture = scene.film.picture(&mut scene.publisher, false);
    let (lost_low, lost_high) = (&picture[1].packet, &picture[3].packet);
    for place in [0, 2, 4, 5] {
        scene.publisher.deliver(&mut scene.world, std::slice::from_ref(&picture[place].packet));
    }
    let [low_base, high_base] = [before[0].index, before[1].index];
    let at = |heard: &[Heard], base: u64| heard.iter().map(|heard| heard.index - base).collect::<Vec<_>>();
    assert_eq!(at(&scene.video(&mut high), high_base), [1, 3, 5, 6]);
    assert_eq!(at(&scene.video(&mut low), low_base), [1]);

    let sequence = |offset: u64| u16::try_from((low_base + offset) & 0xffff).unwrap();
    assert!(scene.ask(&mut low, sequence(2)).is_empty(), "it may still come");
    for lost in [lost_high, lost_low] {
        let again = scene.publisher.retransmission(lost);
        scene.publisher.deliver(&mut scene.world, &[again]);
    }
    assert_eq!(at(&scene.video(&mut high), high_base), [4, 2]);
    let late = scene.video(&mut low);
    assert_eq!((at(&late, low_base), &late[0].payload), (vec![2], &lost_low.payload));
    assert!(late[0].header.marker, "it ends the picture at this point");

    let next = scene.play(1, false);
    let heard = scene.video(&mut low);
    assert_eq!(at(&heard, low_base), [4, 5], "a number was kept free for what is of a higher layer");
    assert_eq!(heard_payloads(&heard), payloads(&next[..2]));
    scene.world.pass_ms(30);
    let empty = scene.ask(&mut low, sequence(3));
    assert_eq!(empty.len(), 1);
    assert_eq!(empty[0].payload, sequence(3).to_be_bytes(), "the number and nothing else");
}

/// What is lost for good must not be asked for for ever.
#[test]
fn what_never_comes_is_told_to_be_nothing_in_the_end() {
    let mut scene = Scene::of(Codec::Av1);
    let mut low = scene.viewer(0);
    scene.warm_up(&mut [&mut low]);
    scene.wish(&low, Some(b"S0T2"));
    scene.play(4, false);
    let base = scene.video(&mut low).pop().unwrap().index;
    let picture = scene.film.picture(&mut scene.publisher, false);
    for place in [0, 1, 3] {
        scene.publisher.deliver(&mut scene.world, std::slice::from_ref(&picture[place].packet));
    }
    let lost = u16::try_from((base + 3) & 0xffff).unwrap();
    scene.play(4, false);
    assert!(scene.ask(&mut low, lost).is_empty());
    scene.play(usize::try_from(HOLE_AGE_MAX.as_millis() / 33).unwrap(), false);
    let empty = scene.ask(&mut low, lost);
    assert_eq!((empty.len(), empty[0].payload.as_slice()), (1, lost.to_be_bytes().as_slice()));
}

/// A page offers what there is by its names, and shows what it gets.
#[test]
fn a_viewer_is_told_its_point_and_those_that_there_are() {
    let mut scene = Scene::of(Codec::Vp9);
    let mut viewer = scene.viewer(1);
    scene.warm_up(&mut [&mut viewer]);
    scene.wish(&viewer, Some(b"S1T2"));
    scene.play(16, false);
    let notes = scene.world.inspect(viewer.seat.shard, viewer.seat.key).unwrap().notes;
    let told: Vec<_> = notes
        .iter()
        .filter_map(|note| match note.what {
            Notable::PointChanged { point, size, points, .. } => {
                let names = points.iter().flatten().map(|point| point.name()).collect::<Vec<_>>();
                Some((point.name(), (size.width, size.height), names))
            }
            _ => None,
        })
        .collect();
    let names = [*b"S0T0", *b"S0T2", *b"S1T2", *b"S2T2"].to_vec();
    let last_two: Vec<_> = told.iter().rev().take(2).rev().cloned().collect();
    assert_eq!(last_two, [(*b"S2T2", (1280, 720), names.clone()), (*b"S1T2", (640, 360), names)]);
}
