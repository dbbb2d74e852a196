//! A publisher's numbers may leap; its viewers' do not.

use fanlight_shard::Reject;

use crate::common::{Stage, Viewer};

/// A viewer guesses the roll-over counter from the last number: after a leap of half a cycle it guesses wrong and opens nothing
/// any more, for ever (RFC 3711 §3.3.1). Found by fuzzing: a publisher that went on 40,000 packets later took its viewers with it.
#[test]
fn a_publisher_that_leaps_ahead_goes_on_for_its_viewers_where_it_was() {
    for leap in [16_385, 40_000, 60_000] {
        let mut stage = Stage::set();
        stage.world.pass_ms(600);
        stage.publisher.receive(&mut stage.world);
        stage.publisher.video.index += leap;
        let sent = stage.publisher.deliver_frame(&mut stage.world, true, &[700, 700]);
        let heard = stage.viewer.receive_of(&mut stage.world, stage.viewer.video_ssrc());
        let payloads = heard.iter().map(|heard| &heard.payload);
        assert!(payloads.eq(sent.iter().map(|packet| &packet.payload)), "after a leap of {leap}");
        let indices: Vec<u64> = heard.iter().map(|heard| heard.index - stage.last.1.index).collect();
        assert_eq!(indices, [1, 2], "after a leap of {leap}");

        // What is late from before the leap is too old, and the next packet is the next.
        let late = sent[0].clone();
        let late = crate::common::Packet { index: late.index - leap / 2, ..late };
        stage.publisher.deliver(&mut stage.world, &[late]);
        assert_eq!(stage.world.rejected(Reject::TooOld), 1);
        let next = stage.publisher.deliver_frame(&mut stage.world, false, &[500]);
        let heard = stage.viewer.receive_of(&mut stage.world, stage.viewer.video_ssrc());
        assert_eq!((heard.len(), &heard[0].payload), (1, &next[0].payload));
        assert_eq!(heard[0].index - stage.last.1.index, 3);
    }
}

/// What was lost in a leap was the reference of what comes: without a key frame the viewers' decoders stand still.
#[test]
fn a_leap_asks_for_a_key_frame() {
    let mut stage = Stage::set();
    stage.world.pass_ms(600);
    stage.publisher.receive(&mut stage.world);
    stage.publisher.video.index += 20_000;
    stage.publisher.deliver_frame(&mut stage.world, false, &[700]);
    stage.world.pass_ms(100);
    let told = stage.publisher.receive(&mut stage.world);
    assert_eq!(crate::common::rtcp::key_frame_requests(&told), 1);
    assert!(
        crate::common::rtcp::nacked(&told, stage.publisher.video.ssrc).is_empty(),
        "20,000 packets are not asked for"
    );
}

/// A retransmission names a packet that was missed. Found by fuzzing: one that named a packet far ahead moved the track there,
/// and all that came after it was too old.
#[test]
fn a_retransmission_of_what_was_never_sent_moves_nothing() {
    let mut stage = Stage::set();
    let mut viewer = Viewer::join(&mut stage.world, 0, &stage.publisher);
    stage.publisher.deliver_frame(&mut stage.world, true, &[900]);
    let last = stage.publisher.deliver_frame(&mut stage.world, false, &[900]).remove(0);
    stage.last = (last.clone(), stage.viewer.receive(&mut stage.world).pop().unwrap());
    viewer.receive(&mut stage.world);
    for ahead in [129, 5_000, 30_000, 59_000] {
        let never = crate::common::Packet { index: last.index + ahead, ..last.clone() };
        let forged = stage.publisher.retransmission(&never);
        stage.publisher.deliver(&mut stage.world, &[forged]);
    }
    assert_eq!(stage.world.rejected(Reject::BadRetransmission), 4);
    assert!(stage.viewer.receive(&mut stage.world).is_empty() && viewer.receive(&mut stage.world).is_empty());
    stage.assert_unharmed();
}
