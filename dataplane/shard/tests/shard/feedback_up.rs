//! What a publisher is told: losses, arrivals, reports, wishes for key frames; and how its streams change.

use std::time::Duration;

use fanlight_shard::limits::{
    GAP_MAX, KEY_FRAME_INTERVAL_MIN, NACK_DELAY, NACK_TRIES_MAX, REBIND_INTERVAL_MIN, TWCC_INTERVAL,
};
use fanlight_shard::{Notable, Reject};
use fanlight_wire::{NtpTime, ReportBlock, Ssrc};

use crate::common::publisher::VIDEO_CLOCK_HZ;
use crate::common::rtcp::{key_frame_requests, nacked};
use crate::common::{Heard, Packet, Publisher, Stage, Told, Viewer, World};

fn payloads<'a>(heard: impl IntoIterator<Item = &'a Heard>) -> Vec<&'a [u8]> {
    heard.into_iter().map(|heard| heard.payload.as_slice()).collect()
}

/// One lost packet of a key frame spoils seconds of video for every viewer, so it is asked for, soon but not at once, under
/// the publisher's own numbers, and reaches the viewers exactly once however often it comes.
#[test]
fn a_lost_packet_is_asked_for_and_fills_its_place() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    publisher.video.index = 65_530;
    let mut viewers = [0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    publisher.deliver_frame(&mut world, true, &[900]);
    let mut frame = publisher.frame(false, &[900; 10]);
    // On both sides of the wrap.
    let lost = [frame.remove(3), frame.remove(5), frame.remove(5)];
    assert_eq!(lost.each_ref().map(Packet::sequence), [65_534, 1, 2]);
    publisher.deliver(&mut world, &frame);
    publisher.receive(&mut world);
    for viewer in &mut viewers {
        assert_eq!(viewer.receive(&mut world).len(), 8);
    }

    world.pass(NACK_DELAY - Duration::from_millis(1));
    assert_eq!(publisher.receive(&mut world), [], "it may be reordering");
    world.pass_ms(1);
    let told = publisher.receive(&mut world);
    assert_eq!(told, [Told::Nack { media: publisher.video.ssrc, sequences: vec![65_534, 1, 2] }]);

    let again = lost.each_ref().map(|packet| publisher.retransmission(packet));
    publisher.deliver(&mut world, &again);
    let before = *world.counters(0);
    publisher.deliver(&mut world, &lost);
    assert_eq!(world.rejects_since(&before), [(Reject::Duplicate, 3)], "the lost packets, late after all");
    for viewer in &mut viewers {
        let heard = viewer.receive(&mut world);
        assert_eq!(payloads(&heard), lost.each_ref().map(|packet| packet.payload.as_slice()));
        assert!(
            heard.iter().all(|heard| heard.header.ssrc == viewer.video_ssrc()),
            "as if it had never been lost"
        );
        assert_eq!((heard[1].index - heard[0].index, heard[2].index - heard[1].index), (3, 1));
    }
    world.pass_ms(500);
    assert_eq!(
        nacked(&publisher.receive(&mut world), publisher.video.ssrc),
        [],
        "nothing is missing any more"
    );
}

/// A publisher that has forgotten a packet would be asked for ever; viewers need a key frame then.
#[test]
fn a_packet_that_does_not_come_is_given_up_for_a_key_frame() {
    let mut stage = Stage::set();
    let lost = stage.publisher.frame(false, &[500]).remove(0);
    stage.publisher.deliver_frame(&mut stage.world, false, &[500]);
    let mut asked = 0;
    for _ in 0..200 {
        stage.world.pass_ms(10);
        let told = stage.publisher.receive(&mut stage.world);
        let sequences = nacked(&told, stage.publisher.video.ssrc);
        assert!(sequences.iter().all(|sequence| *sequence == lost.sequence()));
        asked += sequences.len();
        if key_frame_requests(&told) > 0 {
            assert!((4..=usize::from(NACK_TRIES_MAX)).contains(&asked), "{asked} requests");
            return;
        }
    }
    panic!("no key frame was asked for after {asked} NACKs");
}

/// After an outage a key frame is cheaper than hundreds of retransmissions, and viewers stand still until it comes.
#[test]
fn a_long_outage_asks_for_a_key_frame_at_once() {
    let mut stage = Stage::set();
    stage.world.pass(KEY_FRAME_INTERVAL_MIN);
    stage.publisher.receive(&mut stage.world);
    stage.publisher.video.index += GAP_MAX + 1;
    stage.publisher.deliver_frame(&mut stage.world, false, &[500]);
    stage.world.pass(NACK_DELAY);
    let told = stage.publisher.receive(&mut stage.world);
    assert_eq!(nacked(&told, stage.publisher.video.ssrc), []);
    assert_eq!(key_frame_requests(&told), 1);
}

/// The publisher's bandwidth estimate is made of this: each transport-wide number with its arrival or its loss, once.
#[test]
fn transport_wide_feedback_lists_what_arrived_and_when() {
    let mut stage = Stage::set();
    stage.world.pass(2 * TWCC_INTERVAL);
    stage.publisher.receive(&mut stage.world);
    let first = stage.publisher.transport_sequence;
    let started = stage.world.now;
    for place in 0..20_u64 {
        let packet = stage.publisher.sound(60);
        if place % 7 != 3 {
            stage.publisher.deliver(&mut stage.world, &[packet]);
        }
        stage.world.pass(Duration::from_micros(2250));
    }
    stage.world.pass(2 * TWCC_INTERVAL);
    let lists = stage.publisher.receive(&mut stage.world).into_iter().filter_map(|told| match told {
        Told::Arrivals(packets) => Some(packets),
        _ => None,
    });
    let packets: Vec<(u16, Option<i64>)> = lists.flatten().collect();
    let origin = packets[0].1.unwrap();
    for (place, (sequence, arrival)) in (0_u16..).zip(&packets) {
        assert_eq!(*sequence, first.wrapping_add(place));
        let sent_us = i64::from(place) * 2250;
        let arrived = arrival.map(|us| us - origin);
        let close = arrived.map(|us| (us - sent_us).abs() <= 250);
        assert_eq!(
            close,
            (place % 7 != 3).then_some(true),
            "{place}: {arrived:?} µs after {:?}",
            stage.world.now - started
        );
    }
    assert_eq!(packets.len(), 20);
}

/// Congestion control of old senders and everybody's dashboards read these: RFC 3550 §6.4.1 and appendix A.
#[test]
fn receiver_reports_tell_loss_jitter_and_the_age_of_the_sender_report() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let ntp = NtpTime::from_parts(3_900_000_000, 0x4000_0000);
    let (mut jitter, mut transit_before) = (0.0_f64, None);
    let mut spent = Duration::ZERO;
    for place in 0..100_u64 {
        let packet = publisher.frame(place == 0, &[300]).remove(0);
        // The network holds every third packet back for 3 ms.
        let gap = Duration::from_millis(if place % 3 == 2 { 9 } else { 6 });
        world.pass(gap);
        spent += gap;
        if place % 10 == 5 {
            continue;
        }
        publisher.deliver(&mut world, std::slice::from_ref(&packet));
        let transit =
            spent.as_secs_f64() * f64::from(VIDEO_CLOCK_HZ) - (f64::from(VIDEO_CLOCK_HZ / 30) * place as f64);
        if let Some(before) = transit_before.replace(transit) {
            jitter += (f64::abs(transit - before) - jitter) / 16.0;
        }
    }
    publisher.tell_time(&mut world, publisher.video.ssrc, ntp, publisher.video.timestamp);
    assert!(spent < Duration::from_secs(1));
    world.pass(Duration::from_secs(1) - spent);
    let reports: Vec<ReportBlock> = publisher
        .receive(&mut world)
        .into_iter()
        .filter_map(|told| match told {
            Told::ReceiverReport { blocks, .. } => Some(blocks),
            _ => None,
        })
        .flatten()
        .collect();
    let [block] = reports[..] else { panic!("{reports:?}") };
    assert_eq!(block.ssrc, publisher.video.ssrc);
    assert_eq!(block.cumulative_lost, 10);
    assert_eq!(block.fraction_lost, 25, "10 of 100, in 1/256");
    assert_eq!(block.extended_highest_sequence, 1099);
    assert_eq!(block.last_sender_report, ntp.middle());
    let delay = (Duration::from_secs(1) - spent).as_secs_f64() * 65_536.0;
    assert!((f64::from(block.delay_since_last_sender_report) - delay).abs() <= 1.0);
    assert!((f64::from(block.jitter) - jitter).abs() <= 2.0, "{} is not {jitter}", block.jitter);

    world.pass_ms(1000);
    let told = publisher.receive(&mut world);
    let losses = told.iter().find_map(|told| match told {
        Told::ReceiverReport { blocks, .. } => {
            blocks.first().map(|block| (block.fraction_lost, block.cumulative_lost))
        }
        _ => None,
    });
    assert_eq!(losses, Some((0, 10)), "the fraction is of this interval, the sum of all");
}

/// A thousand viewers that stutter together must not make the publisher send nothing but key frames.
#[test]
fn a_storm_of_key_frame_wishes_becomes_a_few_requests() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers: Vec<Viewer> =
        (0..10).map(|place| Viewer::join(&mut world, place % 2, &publisher)).collect();
    publisher.deliver_frame(&mut world, true, &[500]);
    world.pass(KEY_FRAME_INTERVAL_MIN);
    publisher.receive(&mut world);
    for wish in 0..1000 {
        viewers[wish % 10].pli(&mut world);
        world.pass_ms(1);
    }
    let requests = key_frame_requests(&publisher.receive(&mut world));
    assert!((2..=3).contains(&requests), "{requests} requests in a second");
    publisher.deliver_frame(&mut world, true, &[500]);
    world.pass_ms(5000);
    assert_eq!(key_frame_requests(&publisher.receive(&mut world)), 0, "the key frame came");
}

/// A viewer sees nothing before the first key frame, and asks for none itself: it does not know that there is video.
#[test]
fn a_viewer_for_whom_the_store_has_nothing_gets_a_key_frame_asked_for() {
    for shard in [0, 1] {
        let mut world = World::of_two();
        let mut publisher = Publisher::join(&mut world, 0);
        publisher.deliver_frame(&mut world, false, &[500]);
        let mut viewer = Viewer::join(&mut world, shard, &publisher);
        let pli = Told::Pli { media: publisher.video.ssrc };
        assert_eq!(publisher.receive(&mut world), [pli], "shard {shard}");
        world.pass_ms(30);
        publisher.deliver_frame(&mut world, true, &[500]);
        assert_eq!(viewer.receive(&mut world).len(), 1);
        let notes = world.inspect(viewer.seat.shard, viewer.seat.key).unwrap().notes;
        let first = notes.iter().find(|note| matches!(note.what, Notable::FirstFrame { .. })).unwrap();
        assert_eq!(first.what, Notable::FirstFrame { waited_ms: 30, from_store: false });
    }
}

/// Browsers change SSRC when a track is replaced or a transceiver starts anew. Viewers must see one stream that goes on.
#[test]
fn a_publisher_that_changes_its_ssrc_goes_on_for_its_viewers() {
    let mut stage = Stage::set();
    stage.world.pass(2 * REBIND_INTERVAL_MIN);
    stage.publisher.receive(&mut stage.world);
    stage.assert_unharmed();
    let before = stage.last.1.clone();
    stage.world.pass_ms(100);
    stage.publisher.receive(&mut stage.world);
    stage.publisher.video.ssrc = Ssrc(0x00c0_ffee);
    stage.publisher.video.index = 40_000;
    stage.publisher.video.timestamp = 17;
    let (_, heard) = stage.pass_packet();
    assert_eq!(heard.index, before.index + 1, "no gap");
    assert_eq!(heard.header.ssrc, before.header.ssrc);
    let passed = heard.header.timestamp.distance_from(before.header.timestamp);
    assert_eq!(passed, 100 * 90, "time goes on as it did");
    let told = stage.publisher.receive(&mut stage.world);
    assert_eq!(told, [Told::Pli { media: Ssrc(0x00c0_ffee) }], "another encoder began");
    let second = stage.pass_packet().1;
    assert_eq!(second.index, heard.index + 1);

    stage.publisher.video.ssrc = Ssrc(0x00c0_ffef);
    stage.publisher.video.index = 9;
    let rejects = *stage.world.counters(0);
    stage.publisher.deliver_frame(&mut stage.world, false, &[100]);
    assert_eq!(stage.world.rejects_since(&rejects), [(Reject::RebindTooSoon, 1)], "churn must cost nothing");
    assert!(stage.viewer.receive(&mut stage.world).is_empty());
    stage.world.pass(REBIND_INTERVAL_MIN);
    assert!(stage.viewer.told(&mut stage.world).is_empty());
    assert_eq!(stage.pass_packet().1.index, second.index + 1);
}

/// The first packets after a change may arrive in any order, and the track may be young: an index below the first one of the
/// new SSRC must lead neither below zero nor out of the store.
#[test]
fn reordering_right_after_a_change_of_ssrc_harms_nothing() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    publisher.video.index = 0;
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    publisher.deliver_frame(&mut world, true, &[500]);
    world.pass(REBIND_INTERVAL_MIN);
    publisher.video.ssrc = Ssrc(0x00c0_ffee);
    publisher.video.index = 60_000;
    let mut frame = publisher.frame(true, &[500; 10]);
    frame.rotate_left(7);
    publisher.deliver(&mut world, &frame);
    let next = publisher.deliver_frame(&mut world, false, &[500]);
    let heard = viewer.receive(&mut world);
    let last = heard.last().unwrap();
    assert_eq!(last.payload, next[0].payload);
    assert_eq!(last.index, heard[0].index + 4, "one frame of one packet, then the three that came in order");
}

/// The offer need not name SSRCs: a stream is bound by its MID, and until then a wish for a key frame has nobody to go to.
/// The shard must wait for the first packet without turning in a circle.
#[test]
fn a_wish_for_a_stream_that_has_not_begun_waits_for_its_first_packet() {
    let mut world = World::small();
    let mut publisher = Publisher::join_with(&mut world, 0, |spec| {
        for track in &mut spec.tracks {
            (track.ssrc, track.rtx_ssrc) = (None, None);
        }
    });
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    let turns = world.counters(0).turns;
    world.pass_ms(900);
    assert!(world.counters(0).turns <= turns + 2, "{} turns for nothing", world.counters(0).turns - turns);
    publisher.deliver_frame(&mut world, false, &[500]);
    assert_eq!(publisher.receive(&mut world), [Told::Pli { media: publisher.video.ssrc }]);
    let sent = publisher.deliver_frame(&mut world, true, &[500]);
    assert_eq!(viewer.receive(&mut world)[0].payload, sent[0].payload);
}
