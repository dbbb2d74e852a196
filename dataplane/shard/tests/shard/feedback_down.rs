//! What viewers ask for and are told: retransmissions, sender reports, round trips.

use std::time::Duration;

use fanlight_shard::limits::{
    CNAME, KEY_FRAME_INTERVAL_MIN, RESEND_BYTES_START, RESEND_INTERVAL_MIN, RESENDS_PER_NACK_MAX,
};
use fanlight_wire::{ExtensionKind, NtpTime, ReportBlock, Sequence, Ssrc, Timestamp};

use crate::common::publisher::{AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ};
use crate::common::viewer::RTX_PAYLOAD_TYPE;
use crate::common::{Heard, Packet, Publisher, Stage, Told, Viewer, World};

/// Passes a frame of `count` packets; each as sent and as the viewer got it.
fn frame(stage: &mut Stage, count: usize) -> Vec<(Packet, Heard)> {
    stage.world.pass_ms(40); // as frames come: so many at once would be paced
    let sent = stage.publisher.deliver_frame(&mut stage.world, false, &vec![600; count]);
    let heard = stage.viewer.receive(&mut stage.world);
    assert_eq!(heard.len(), count);
    sent.into_iter().zip(heard).collect()
}

/// Asks for packets of the video and returns what comes.
fn ask(stage: &mut Stage, sequences: &[u16]) -> Vec<Heard> {
    let media = stage.viewer.video_ssrc();
    stage.viewer.nack(&mut stage.world, media, sequences);
    stage.viewer.receive(&mut stage.world)
}

fn is_retransmission_of(resent: &Heard, (sent, heard): &(Packet, Heard)) -> bool {
    let original = heard.header.sequence.0.to_be_bytes();
    resent.payload == [&original, sent.payload.as_slice()].concat()
        && resent.header.timestamp == heard.header.timestamp
        && resent.header.marker == heard.header.marker
        && resent.element(ExtensionKind::Mid) == heard.element(ExtensionKind::Mid)
        && resent.element(ExtensionKind::VideoOrientation) == heard.element(ExtensionKind::VideoOrientation)
}

/// RFC 4588: on a stream of its own (a nonce is never used twice), with the original number before the original payload.
#[test]
fn a_lost_packet_is_sent_again_on_the_retransmission_stream() {
    let mut stage = Stage::set();
    let packets = frame(&mut stage, 6);
    let lost = [1, 2, 4].map(|place| packets[place].1.header.sequence.0);
    let resent = ask(&mut stage, &lost);
    assert_eq!(resent.len(), 3, "neighbours too");
    for (resent, place) in resent.iter().zip([1, 2, 4]) {
        assert!(is_retransmission_of(resent, &packets[place]), "{resent:?}");
        assert_eq!(resent.header.ssrc, stage.viewer.rtx_ssrc());
        assert_eq!(resent.header.payload_type.value(), RTX_PAYLOAD_TYPE);
    }
    assert_eq!((resent[1].index - resent[0].index, resent[2].index - resent[1].index), (1, 1));
    assert_eq!(stage.world.counters(0).retransmissions_out, 3);
    stage.last = packets.last().unwrap().clone();
    stage.assert_unharmed();
}

/// A viewer repeats its NACK until the packet is there, and the first answer may still be on its way.
#[test]
fn a_packet_is_sent_again_once_a_round_trip() {
    let mut stage = Stage::set();
    let lost = frame(&mut stage, 1).remove(0);
    let sequence = lost.1.header.sequence.0;
    assert_eq!(ask(&mut stage, &[sequence]).len(), 1);
    assert_eq!(ask(&mut stage, &[sequence, sequence]).len(), 0);
    stage.world.pass(RESEND_INTERVAL_MIN - Duration::from_millis(1));
    assert_eq!(ask(&mut stage, &[sequence]).len(), 0);
    stage.world.pass_ms(1);
    let resent = ask(&mut stage, &[sequence]);
    assert_eq!(resent.len(), 1);
    assert!(is_retransmission_of(&resent[0], &lost));
}

/// The future, what was never sent to this viewer, another stream and another session: each must come to nothing.
#[test]
fn a_nack_for_what_was_never_sent_sends_nothing() {
    let mut stage = Stage::set();
    let mut other = Viewer::join(&mut stage.world, 0, &stage.publisher);
    let (_, heard) = stage.pass_packet();
    let newest = heard.header.sequence;
    let first = newest.wrapping_add(0_u16.wrapping_sub(2));
    let before = [1, 2, 30_000].map(|packets| first.wrapping_add(0_u16.wrapping_sub(packets)).0);
    assert_eq!(ask(&mut stage, &before).len(), 0, "from before it began");
    let future = [1, 2, 30_000].map(|packets| newest.wrapping_add(packets).0);
    assert_eq!(ask(&mut stage, &future).len(), 0, "from the future");
    let foreign =
        [other.video_ssrc(), other.rtx_ssrc(), stage.viewer.rtx_ssrc(), stage.publisher.video.ssrc, Ssrc(0)];
    other.receive(&mut stage.world);
    for media in foreign {
        stage.viewer.nack(&mut stage.world, media, &[newest.0]);
    }
    assert_eq!(stage.viewer.receive(&mut stage.world).len(), 0);
    assert_eq!(other.receive(&mut stage.world).len(), 0, "it asked for nothing");
    assert_eq!(stage.world.counters(0).retransmissions_out, 0);
    // The same question about what was sent is answered: it was not the question that was wrong.
    assert_eq!(ask(&mut stage, &[newest.0]).len(), 1);
}

/// One packet of 1,200 bytes can name 5,049 sequences, some 6 MB: what a viewer can make us send must be bounded by what it
/// was sent.
#[test]
fn a_nack_bomb_costs_a_bounded_share_of_the_media() {
    let mut stage = Stage::set();
    for _ in 0..25 {
        frame(&mut stage, 40);
    }
    let (_, newest) = stage.pass_packet();
    let everything: Vec<u16> =
        (0..5000).rev().map(|back| newest.header.sequence.0.wrapping_sub(back)).collect();
    let media_bytes: u64 = 1001 * 700;
    let bound = RESEND_BYTES_START + media_bytes / 5;
    let before = *stage.world.counters(0);
    assert!(ask(&mut stage, &everything).len() <= RESENDS_PER_NACK_MAX);
    for round in 0..200 {
        stage.world.pass(RESEND_INTERVAL_MIN);
        let chunk = &everything[4000 + (round * 50) % 900..][..100];
        ask(&mut stage, chunk);
    }
    let after = stage.world.counters(0);
    let packets = after.retransmissions_out - before.retransmissions_out;
    let bytes = after.bytes_out - before.bytes_out;
    assert!(packets >= 100, "the budget was there to be spent: {packets}");
    // Headers, extensions and tag of each, and the reports of four seconds.
    assert!(bytes <= bound + packets * 64 + 2000, "{bytes} bytes in {packets} packets");
    assert!(after.resends_refused > 10_000);
    stage.viewer.receive(&mut stage.world);
}

fn sender_reports(told: &[Told], ssrc: Ssrc) -> Vec<(NtpTime, Timestamp, u32, u32)> {
    let reports = told.iter().filter_map(|told| match told {
        Told::SenderReport { sender, ntp, timestamp, packets, octets } if *sender == ssrc => {
            Some((*ntp, *timestamp, *packets, *octets))
        }
        _ => None,
    });
    reports.collect()
}

/// Lip sync: sender reports put a viewer's audio and video on the publisher's own clock, to the tick, on every shard, though
/// each stream's timestamps were shifted by another random number.
#[test]
fn sender_reports_carry_the_publishers_clock() {
    let mut world = World::of_two();
    let mut publisher = Publisher::join(&mut world, 0);
    let mut viewers = [0, 1].map(|shard| Viewer::join(&mut world, shard, &publisher));
    let video = publisher.deliver_frame(&mut world, true, &[900, 700]);
    let audio = publisher.deliver_sound(&mut world);
    let ntp = NtpTime::from_parts(3_900_000_000, 0x8000_0000);
    // The audio was captured 40 ms before the video that was sent at that time.
    let audio_ntp = ntp.wrapping_sub(Duration::from_millis(40));
    let video_ssrc = publisher.video.ssrc;
    publisher.tell_time(&mut world, video_ssrc, ntp, video[0].timestamp);
    let audio_ssrc = publisher.audio.ssrc;
    publisher.tell_time(&mut world, audio_ssrc, audio_ntp, audio.timestamp);
    let heard = viewers.each_mut().map(|viewer| viewer.receive(&mut world));
    world.pass_ms(3500);
    for (viewer, heard) in viewers.iter_mut().zip(heard) {
        let told = viewer.told(&mut world);
        let streams = [
            (viewer.video_ssrc(), VIDEO_CLOCK_HZ, ntp, 2, 1600),
            (viewer.audio_ssrc(), AUDIO_CLOCK_HZ, audio_ntp, 1, 80),
        ];
        for (ssrc, clock_hz, captured, packets, octets) in streams {
            let first = heard.iter().find(|heard| heard.header.ssrc == ssrc).unwrap();
            let reports = sender_reports(&told, ssrc);
            assert_eq!(reports.len(), 4, "soon, then each second");
            for (ntp, timestamp, packets_told, octets_told) in reports {
                let elapsed = ntp.wrapping_since(captured);
                let ticks = (elapsed.as_secs_f64() * f64::from(clock_hz)).round();
                let told_ticks = f64::from(timestamp.distance_from(first.header.timestamp));
                assert!((told_ticks - ticks).abs() <= 1.0, "{told_ticks} is not {ticks}");
                assert_eq!((packets_told, octets_told), (packets, octets));
            }
            let name = Told::Name { ssrc, cname: CNAME.as_bytes().to_vec() };
            assert!(told.contains(&name), "one CNAME for both, or players do not synchronise them");
        }
    }
}

/// Before the publisher's first report nothing true can be said of its clock.
#[test]
fn there_is_no_sender_report_before_the_publishers() {
    let mut stage = Stage::set();
    stage.world.pass_ms(2500);
    assert_eq!(stage.viewer.told(&mut stage.world), []);
}

/// The round trip bounds retransmission and is on the dashboard. RFC 3550 §6.4.1, figure 2.
#[test]
fn a_report_block_gives_the_round_trip() {
    let mut stage = Stage::set();
    let ntp = NtpTime::from_parts(3_900_000_000, 0);
    let (ssrc, timestamp) = (stage.publisher.video.ssrc, stage.publisher.video.timestamp);
    stage.publisher.tell_time(&mut stage.world, ssrc, ntp, timestamp);
    stage.world.pass_ms(1500);
    let told = stage.viewer.told(&mut stage.world);
    let (report, ..) = *sender_reports(&told, stage.viewer.video_ssrc()).last().unwrap();
    // It came 1,100 ms after we joined, so 400 ms ago; 330 ms of that were the viewer's own.
    let block = |ssrc, delay: u32| ReportBlock {
        ssrc,
        fraction_lost: 77,
        cumulative_lost: 5,
        extended_highest_sequence: 0,
        jitter: 0,
        last_sender_report: report.middle(),
        delay_since_last_sender_report: delay,
    };
    let delay = 65_536 * 330 / 1000;
    let foreign = Ssrc(0xdead);
    stage.viewer.say(&mut stage.world, |rtcp| rtcp.receiver_report(foreign, &[block(foreign, delay)]));
    let seat = stage.viewer.seat;
    assert_eq!(stage.world.report_of(&seat).round_trip, None, "a stream that is not ours says nothing");
    let video = stage.viewer.video_ssrc();
    stage.viewer.say(&mut stage.world, |rtcp| rtcp.receiver_report(foreign, &[block(video, delay)]));
    let report = stage.world.report_of(&seat);
    let round_trip = report.round_trip.unwrap();
    assert!(round_trip.abs_diff(Duration::from_millis(70)) < Duration::from_millis(1), "{round_trip:?}");
    assert_eq!(report.fraction_lost, Some(77));
    // A block that would make the round trip negative, as a liar's does.
    stage
        .viewer
        .say(&mut stage.world, |rtcp| rtcp.receiver_report(foreign, &[block(video, 65_536 * 600 / 1000)]));
    assert_eq!(stage.world.report_of(&seat).round_trip, Some(round_trip));

    // And it is the time within which a packet is sent again once.
    let (_, heard) = stage.pass_packet();
    let sequence = heard.header.sequence.0;
    assert_eq!(ask(&mut stage, &[sequence]).len(), 1);
    stage.world.pass_ms(69);
    assert_eq!(ask(&mut stage, &[sequence]).len(), 0);
    stage.world.pass_ms(2);
    assert_eq!(ask(&mut stage, &[sequence]).len(), 1);
}

/// All members of a compound count, as browsers send them: report, estimate, NACK and key-frame wish in one.
#[test]
fn a_compound_is_read_to_its_end() {
    let mut stage = Stage::set();
    stage.world.pass(KEY_FRAME_INTERVAL_MIN);
    stage.publisher.receive(&mut stage.world);
    let (_, heard) = stage.pass_packet();
    let (us, media) = (Ssrc(1), stage.viewer.video_ssrc());
    stage.viewer.say(&mut stage.world, |rtcp| {
        rtcp.receiver_report(us, &[])?;
        rtcp.remb(us, 1_500_000, &[media])?;
        rtcp.nack(us, media, [heard.header.sequence, Sequence(0)].into_iter())?;
        rtcp.fir(us, media, 1)
    });
    stage.world.pass_ms(50);
    let heard = stage.viewer.receive(&mut stage.world);
    let resent = heard.iter().filter(|heard| heard.header.ssrc == stage.viewer.rtx_ssrc());
    assert_eq!((resent.count(), heard.len()), (1, 1 + 3), "what was lost, and the group of pictures again");
    let seat = stage.viewer.seat;
    let estimate = stage.world.report_of(&seat).estimate_bps.unwrap();
    assert!((1_490_000..=1_500_000).contains(&estimate), "{estimate}");
}

/// A packet that was lost on both legs is fetched from the publisher and forwarded late. The viewer's next request for it is
/// on its way then, and must not bring it a second time.
#[test]
fn what_was_forwarded_late_is_not_sent_again_at_once() {
    let mut stage = Stage::set();
    let held_back = stage.publisher.frame(false, &[700]).remove(0);
    let (_, heard) = stage.pass_packet();
    stage.publisher.deliver(&mut stage.world, &[held_back]);
    assert_eq!(stage.viewer.receive(&mut stage.world).len(), 1);
    let sequence = heard.header.sequence.wrapping_add(u16::MAX).0;
    assert_eq!(ask(&mut stage, &[sequence]).len(), 0, "it is there already");
    stage.world.pass(RESEND_INTERVAL_MIN);
    assert_eq!(ask(&mut stage, &[sequence]).len(), 1, "or it was lost again");
}
