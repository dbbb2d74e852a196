//! Simulcast: which layer each viewer gets, and that going over to another is without a seam.

use std::time::Duration;

use fanlight_shard::limits::{KEY_FRAME_INTERVAL_MIN, UNWANTED_AFTER};
use fanlight_shard::{Event, LayerSet, LayerWish, Notable, Reject, Rid};
use fanlight_wire::{Ssrc, Vp8Descriptor};

use crate::common::publisher::{RTX_PAYLOAD_TYPE, VIDEO_CLOCK_HZ};
use crate::common::rtcp::{key_frame_requests, nacked};
use crate::common::simulcast::{F, H, Q, REPAIRED_RID, RID, Simulcast, layer_of, prefer};
use crate::common::trace::Order;
use crate::common::world::WorldConfig;
use crate::common::{Heard, Viewer, World};

/// What came of a viewer's video.
fn video(viewer: &mut Viewer, world: &mut World) -> Vec<Heard> {
    let ssrc = viewer.video_ssrc();
    viewer.receive_of(world, ssrc)
}

/// The layers that packets are of, each run of one named once.
fn runs(heard: &[Heard]) -> Vec<usize> {
    let mut layers: Vec<_> = heard.iter().map(|heard| layer_of(&heard.payload)).collect();
    layers.dedup();
    layers
}

fn descriptor(heard: &Heard) -> Vp8Descriptor {
    Vp8Descriptor::parse(&heard.payload).unwrap()
}

fn is_key_frame_start(heard: &Heard) -> bool {
    let descriptor = descriptor(heard);
    descriptor.is_frame_start() && heard.payload[descriptor.len] & 1 == 0
}

/// One stream, whatever layers it is of: no gap in the numbers, time forwards at the pace of the frames, picture ids and their
/// companions one by one, and another layer only with its key frame.
fn assert_seamless(heard: &[Heard]) {
    let frame = i32::try_from(VIDEO_CLOCK_HZ / 30).unwrap();
    for pair in heard.windows(2) {
        let [before, after] = pair else { unreachable!() };
        assert_eq!(after.index, before.index + 1);
        let (old, new) = (descriptor(before), descriptor(after));
        let step = after.header.timestamp.distance_from(before.header.timestamp);
        if after.header.timestamp == before.header.timestamp {
            assert_eq!((old.picture_id, old.key_index), (new.picture_id, new.key_index));
            assert_eq!(layer_of(&before.payload), layer_of(&after.payload));
            continue;
        }
        assert!((1..=2 * frame).contains(&step), "{step} ticks from frame to frame");
        assert!(before.header.marker && new.is_frame_start());
        assert_eq!(new.picture_id.unwrap(), (old.picture_id.unwrap() + 1) & 0x7fff);
        let index = old.tl0_picture_index.unwrap().wrapping_add(1);
        assert_eq!(new.tl0_picture_index.unwrap(), index);
        let key_index = (old.key_index.unwrap() + u8::from(is_key_frame_start(after))) & 0x1f;
        assert_eq!(new.key_index.unwrap(), key_index);
        if layer_of(&before.payload) != layer_of(&after.payload) {
            assert!(is_key_frame_start(after), "another layer begins with a key frame");
        }
    }
}

/// The names of the layers that a session was told of, and of those its publisher was told are wanted.
fn told_layers(world: &mut World, viewer: &Viewer) -> Vec<String> {
    let key = viewer.seat.key;
    let mine = |event: &Event| match event {
        Event::Noted { key: of, note } if *of == key => match note.what {
            Notable::LayerChanged { layer, .. } => {
                Some(String::from_utf8(layer.as_bytes().to_vec()).unwrap())
            }
            _ => None,
        },
        _ => None,
    };
    world.events().iter().filter_map(mine).collect()
}

fn wanted(world: &mut World) -> Vec<LayerSet> {
    let wanted = |event: &Event| match event {
        Event::Noted { note, .. } => match note.what {
            Notable::LayersWanted { layers } => Some(layers),
            _ => None,
        },
        _ => None,
    };
    world.events().iter().filter_map(wanted).collect()
}

fn set(places: &[usize]) -> LayerSet {
    places.iter().copied().collect()
}

fn report(world: &mut World, source: &Simulcast) -> Vec<fanlight_shard::TrackReport> {
    world.report_of(&source.publisher.seat).tracks
}

/// The point of simulcast: one publisher, and for each viewer as much of it as it asked for, here and on another shard.
#[test]
fn viewers_of_different_wishes_get_different_layers() {
    let mut world = World::of_two();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 30);
    let mut viewers: Vec<Viewer> = [0, 1, 0, 1].map(|shard| source.watch(&mut world, shard)).into();
    prefer(&mut world, &viewers[0], Some("q"));
    prefer(&mut world, &viewers[1], Some("h"));
    let small = LayerWish { max_width: Some(640), ..LayerWish::default() };
    world.order(viewers[2].seat.shard, Order::Prefer { key: viewers[2].seat.key, wish: small });
    source.pass_frames(&mut world, 90);
    let heard: Vec<_> = viewers.iter_mut().map(|viewer| video(viewer, &mut world)).collect();
    heard.iter().for_each(|heard| assert_seamless(heard));
    let runs: Vec<_> = heard.iter().map(|heard| runs(heard)).collect();
    assert_eq!(runs, [vec![Q], vec![Q, H], vec![Q, H], vec![Q, F]]);
    let events = told_layers(&mut world, &viewers[2]);
    assert_eq!(events, ["q", "h"], "it is told what it gets");
    for viewer in &viewers {
        world.order(viewer.seat.shard, Order::Close(viewer.seat.key, fanlight_shard::EndReason::Deleted));
    }
    world.settle();
    let reports = [0, 1].map(|shard| world.report(fanlight_shard::ShardId(shard)));
    assert_eq!(reports.map(|report| report.tracks), [4, 0], "no mirror is left behind");
}

/// By the publisher's own clocks, once it has told them: a picture is shown when it was taken, whichever layer it is of. Each
/// switch costs nothing: a player's buffer does not grow by it.
#[test]
fn time_goes_on_exactly_where_the_clocks_are_known() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frame(&mut world);
    source.tell_time(&mut world);
    let mut viewer = source.watch(&mut world, 0);
    let mut heard = Vec::new();
    for round in 0..12 {
        prefer(&mut world, &viewer, Some(["q", "f", "h"][round % 3]));
        for _ in 0..45 {
            source.send_frame(&mut world);
            // Frames come as a network brings them.
            world.pass_ms(15 + u64::try_from(round).unwrap() * 3);
            source.listen(&mut world);
            heard.extend(video(&mut viewer, &mut world));
        }
    }
    assert_seamless(&heard);
    let layers = runs(&heard);
    assert_eq!(layers[1..].iter().filter(|layer| **layer == F).count(), 4, "{layers:?}");
    let frames = heard.iter().filter(|heard| heard.header.marker).count();
    let (first, last) = (heard.first().unwrap().header.timestamp, heard.last().unwrap().header.timestamp);
    let expected = i32::try_from(VIDEO_CLOCK_HZ / 30 * u32::try_from(frames - 1).unwrap()).unwrap();
    // A better layer's key frame shows the picture that the last frame before has shown already.
    let twice = layers.windows(2).filter(|pair| pair[1] > pair[0]).count();
    let twice = i32::try_from(VIDEO_CLOCK_HZ / 30 * u32::try_from(twice).unwrap()).unwrap();
    let late = last.distance_from(first) - expected + twice;
    assert!(late.abs() <= 900, "{late} ticks late after {} switches", layers.len() - 1);
}

/// What a viewer lost of an edited packet comes again as it was: other numbers in its descriptor would be of another picture.
#[test]
fn what_is_sent_again_shows_the_same_numbers() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 5);
    let mut viewer = source.watch(&mut world, 0);
    source.pass_frames(&mut world, 60);
    let heard = video(&mut viewer, &mut world);
    assert_eq!(runs(&heard), [Q, F]);
    let lost = &heard[heard.len() - 4];
    let ssrc = viewer.video_ssrc();
    viewer.nack(&mut world, ssrc, &[lost.header.sequence.0]);
    let rtx = viewer.rtx_ssrc();
    let again = viewer.receive_of(&mut world, rtx);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].payload[..2], lost.header.sequence.0.to_be_bytes());
    assert_eq!(again[0].payload[2..], lost.payload);
    assert_ne!(
        descriptor(lost).picture_id,
        Some(source.layers[F].picture_id),
        "which are not the layer's own"
    );
}

/// RFC 8852: an SSRC that names a layer which was not negotiated is nobody's, and one that names none of an m-section in layers
/// neither: to guess would mix two pictures.
#[test]
fn what_names_no_layer_is_dropped_by_name() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 3);
    let mut viewer = source.watch(&mut world, 0);
    video(&mut viewer, &mut world);
    let mut frame = source.frame(Q);
    for packet in &mut frame {
        packet.ssrc = Ssrc(0xbad);
        packet.elements[1].1 = b"x".to_vec();
    }
    source.publisher.deliver(&mut world, &frame);
    assert_eq!(world.rejected(Reject::UnknownRid), 1);
    frame[0].elements.remove(1);
    source.publisher.deliver(&mut world, &frame);
    assert_eq!(world.rejected(Reject::Unbound), 1);
    assert_eq!(video(&mut viewer, &mut world).len(), 0);
    // A forged packet with a rid that there is moves nothing at all.
    let mut forged = source.frame(H).remove(0);
    forged.ssrc = Ssrc(0xf0_0d);
    let mut sealed = source.publisher.seal(&forged);
    *sealed.last_mut().unwrap() ^= 1;
    let (shard, address) = (source.publisher.seat.shard, source.publisher.seat.address);
    world.hand(shard, address, sealed);
    world.settle();
    assert_eq!(world.rejected(Reject::NotAuthentic), 1);
    let frame = source.frame(H);
    let before = *world.counters(0);
    source.publisher.deliver(&mut world, &frame);
    assert_eq!(world.rejects_since(&before), [], "h is bound as it was");
}

/// A browser that begins its encodings anew gives each a new SSRC: each layer goes on by itself, at most once a second, and an
/// SSRC that claims another layer in mid-stream stays what it is.
#[test]
fn each_layer_takes_a_new_ssrc_by_itself_and_not_too_often() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 40);
    let mut viewer = source.watch(&mut world, 0);
    prefer(&mut world, &viewer, Some("h"));
    source.pass_frames(&mut world, 40);
    video(&mut viewer, &mut world);
    let before = *world.counters(0);
    for (place, layer) in source.layers.iter_mut().enumerate() {
        layer.source.ssrc = Ssrc(0x5000 + u32::try_from(place).unwrap());
        layer.source.index = 9;
    }
    source.pass_frames(&mut world, 10);
    assert_eq!(world.rejects_since(&before), [], "all three at once");
    let heard = video(&mut viewer, &mut world);
    assert_eq!(runs(&heard), [H]);
    assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    let mut swapped = source.frame(Q);
    swapped.iter_mut().for_each(|packet| packet.elements[1].1 = b"h".to_vec());
    source.publisher.deliver(&mut world, &swapped);
    assert_eq!(video(&mut viewer, &mut world).len(), 0, "what is bound as q is q");
    let mut soon = source.frame(F);
    soon.iter_mut().for_each(|packet| packet.ssrc = Ssrc(0x6000));
    source.publisher.deliver(&mut world, &soon);
    assert_eq!(world.rejects_since(&before), [(Reject::RebindTooSoon, soon.len() as u64)]);
}

/// Once a receiver report says that an SSRC was seen, browsers stop naming the layer: the binding has to last. And each layer
/// has its own losses, reports and retransmissions.
#[test]
fn feedback_goes_to_the_layer_that_it_is_about() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 40);
    let mut lost = source.frame(H);
    for packet in &mut lost {
        packet.elements.retain(|(id, _)| *id != RID);
    }
    let missing = lost.remove(0);
    source.publisher.deliver(&mut world, &lost);
    let mut told = Vec::new();
    for _ in 0..3 {
        source.send_frame(&mut world);
        world.pass_ms(15);
        told.extend(source.listen(&mut world));
    }
    let asked = source.layers.iter().map(|layer| nacked(&told, layer.source.ssrc));
    let [q, h, f] = asked.collect::<Vec<_>>().try_into().unwrap();
    assert!(q.is_empty() && f.is_empty());
    assert!(!h.is_empty() && h.iter().all(|sequence| *sequence == missing.sequence()), "{h:?}");
    // Its retransmission comes on a stream that names what it repairs.
    let mut again = missing.retransmitted(Ssrc(0x7777), RTX_PAYLOAD_TYPE, 40);
    again.elements.push((REPAIRED_RID, b"h".to_vec()));
    let before = *world.counters(0);
    source.publisher.deliver(&mut world, &[again]);
    assert_eq!(world.rejects_since(&before), []);
    let recovered: Vec<_> = report(&mut world, &source).iter().map(|track| track.retransmitted).collect();
    assert_eq!(recovered, [0, 0, 1, 0], "of q, sound, h and f");
    assert!(report(&mut world, &source).iter().all(|track| track.packets_lost == 0));
}

/// A browser whose uplink is short stops its best layer: who watched it goes on with the next at once, without waiting for
/// anybody, and returns when it is back.
#[test]
fn a_layer_that_dies_is_left_and_one_that_returns_is_taken_again() {
    for shard in [0, 1] {
        let mut world = World::of_two();
        let mut source = Simulcast::join(&mut world, 0);
        source.pass_frames(&mut world, 10);
        let mut viewer = source.watch(&mut world, shard);
        source.pass_frames(&mut world, 60);
        assert_eq!(runs(&video(&mut viewer, &mut world)).last(), Some(&F));
        source.layers[F].is_on = false;
        source.pass_frames(&mut world, 30);
        let heard = video(&mut viewer, &mut world);
        assert_eq!(runs(&heard).last(), Some(&H), "shard {shard}");
        assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
        let times: Vec<_> = heard.iter().map(|heard| heard.header.timestamp).collect();
        assert!(times.windows(2).all(|pair| pair[1].distance_from(pair[0]) >= 0), "time goes forwards");
        source.layers[F].is_on = true;
        source.pass_frames(&mut world, 90);
        let heard = video(&mut viewer, &mut world);
        assert_eq!(runs(&heard).last(), Some(&F), "shard {shard}");
        assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    }
}

/// A publisher has to know what it sends for nobody, wherever its viewers are; and at once when somebody wants it again.
#[test]
fn a_publisher_is_told_which_layers_are_wanted() {
    let mut world = World::of_two();
    let mut source = Simulcast::join(&mut world, 0);
    let seconds = |duration: Duration| usize::try_from(duration.as_millis() / 33).unwrap();
    source.pass_frames(&mut world, seconds(UNWANTED_AFTER) + 30);
    assert_eq!(wanted(&mut world), [set(&[Q])], "newcomers begin with something");
    let viewers = [0, 1].map(|shard| source.watch(&mut world, shard));
    prefer(&mut world, &viewers[0], Some("q"));
    prefer(&mut world, &viewers[1], Some("h"));
    source.pass_frames(&mut world, seconds(UNWANTED_AFTER) + 30);
    assert_eq!(wanted(&mut world).last(), Some(&set(&[Q, H])));
    // The publisher obeys; what it does not send is wanted all the same.
    source.layers[F].is_on = false;
    source.pass_frames(&mut world, 60);
    prefer(&mut world, &viewers[0], Some("f"));
    assert_eq!(wanted(&mut world), [set(&[Q, H, F])], "at once");
    source.layers[F].is_on = true;
    source.pass_frames(&mut world, 60);
    world.order(viewers[1].seat.shard, Order::Close(viewers[1].seat.key, fanlight_shard::EndReason::Deleted));
    let [mut first, _] = viewers;
    assert_eq!(runs(&video(&mut first, &mut world)).last(), Some(&F));
    source.pass_frames(&mut world, seconds(UNWANTED_AFTER) + 10);
    assert_eq!(wanted(&mut world), [set(&[Q, F])]);
    world.order(first.seat.shard, Order::Pause { key: first.seat.key, video: true, paused: true });
    source.pass_frames(&mut world, seconds(UNWANTED_AFTER) + 10);
    assert_eq!(wanted(&mut world), [set(&[Q])], "who looks away wants nothing");
}

/// A thousand viewers that change their minds together must cost the publisher a key frame, not a thousand.
#[test]
fn a_thousand_switches_are_one_request_an_interval() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 30);
    let mut viewers: Vec<_> = (0..1000).map(|_| source.watch(&mut world, 0)).collect();
    viewers.iter().for_each(|viewer| prefer(&mut world, viewer, Some("q")));
    source.pass_frames(&mut world, 2);
    let before: Vec<_> = source.layers.iter().map(|layer| layer.asked).collect();
    viewers.iter().for_each(|viewer| prefer(&mut world, viewer, Some("h")));
    // The publisher does not answer for a while.
    let mut requests = 0;
    let patience = KEY_FRAME_INTERVAL_MIN * 4;
    for _ in 0..20 {
        world.pass(patience / 20);
        requests += key_frame_requests(&source.publisher.receive(&mut world));
    }
    assert!((3..=5).contains(&requests), "{requests} in {patience:?}, {before:?} before");
    source.layers[H].is_on = true;
    source.pass_frames(&mut world, 30);
    let runs: Vec<_> = viewers.iter_mut().map(|viewer| runs(&video(viewer, &mut world))).collect();
    assert!(runs.iter().all(|runs| runs.last() == Some(&H)), "{:?}", &runs[..3]);
}

/// Pausing in mid-switch must leave nothing behind that sends, and resuming begins where the viewer was.
#[test]
fn a_viewer_that_pauses_while_it_goes_over_gets_nothing_until_it_resumes() {
    let mut world = World::of_two();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 10);
    let mut viewer = source.watch(&mut world, 1);
    prefer(&mut world, &viewer, Some("q"));
    source.pass_frames(&mut world, 10);
    prefer(&mut world, &viewer, Some("f"));
    world.pass_ms(1);
    let key = viewer.seat.key;
    video(&mut viewer, &mut world);
    world.order(viewer.seat.shard, Order::Pause { key, video: true, paused: true });
    source.pass_frames(&mut world, 30);
    assert_eq!(video(&mut viewer, &mut world).len(), 0);
    assert_eq!(world.report(viewer.seat.shard).tracks, 2, "q and sound");
    world.order(viewer.seat.shard, Order::Pause { key, video: true, paused: false });
    source.pass_frames(&mut world, 60);
    let heard = video(&mut viewer, &mut world);
    assert_eq!(runs(&heard), [Q, F]);
    assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
}

/// A publisher that takes over brings layers of its own: the viewer goes on with the one in the same place, in one stream.
#[test]
fn a_replaced_publisher_is_followed_layer_by_layer() {
    let mut world = World::new(WorldConfig { shards: 2, ..WorldConfig::default() });
    let mut former = Simulcast::join(&mut world, 0);
    former.pass_frames(&mut world, 10);
    let mut viewer = former.watch(&mut world, 0);
    prefer(&mut world, &viewer, Some("h"));
    former.pass_frames(&mut world, 40);
    let mut heard = video(&mut viewer, &mut world);
    assert_eq!(runs(&heard).last(), Some(&H));
    let mut latter = Simulcast::join(&mut world, 1);
    latter.pass_frames(&mut world, 10);
    let (key, home) = (viewer.seat.key, latter.publisher.seat.shard);
    let from = former.specs()[0].track;
    world.order(viewer.seat.shard, Order::Switch { key, from, to: latter.specs(), home });
    let sound = |source: &Simulcast| source.publisher.audio_track();
    let to = [fanlight_shard::LayerSpec { track: sound(&latter), rid: None }].into_iter().collect();
    world.order(viewer.seat.shard, Order::Switch { key, from: sound(&former), to, home });
    world.settle();
    let former_key = former.publisher.seat.key;
    world.order(former.publisher.seat.shard, Order::Close(former_key, fanlight_shard::EndReason::Replaced));
    latter.pass_frames(&mut world, 30);
    let after = video(&mut viewer, &mut world);
    assert_eq!(runs(&after), [H]);
    heard.extend(after);
    let seam = heard.windows(2).find(|pair| descriptor(&pair[0]).key_index != descriptor(&pair[1]).key_index);
    assert!(seam.is_some());
    for pair in heard.windows(2) {
        assert_eq!(pair[1].index, pair[0].index + 1);
        assert!(pair[1].header.timestamp.distance_from(pair[0].header.timestamp) >= 0);
        let step =
            descriptor(&pair[1]).picture_id.unwrap().wrapping_sub(descriptor(&pair[0]).picture_id.unwrap());
        assert!(step & 0x7fff <= 1, "picture ids go on by one");
    }
    prefer(&mut world, &viewer, Some("f"));
    latter.pass_frames(&mut world, 40);
    assert_eq!(runs(&video(&mut viewer, &mut world)), [H, F]);
}

/// A name that the source does not have is no wish, and no reason to fail.
#[test]
fn a_wish_for_a_layer_that_there_is_not_changes_nothing() {
    let mut world = World::small();
    let mut source = Simulcast::join(&mut world, 0);
    source.pass_frames(&mut world, 10);
    let mut viewer = source.watch(&mut world, 0);
    assert!(Rid::new(b"").is_none() && Rid::new(&[b'x'; 17]).is_none());
    prefer(&mut world, &viewer, Some("nonesuch"));
    source.pass_frames(&mut world, 60);
    assert_eq!(runs(&video(&mut viewer, &mut world)).last(), Some(&F));
}
