//! Redundant audio (RFC 2198) on its way: as it is to those who negotiated it, its newest block to the others.

use fanlight_shard::Reject;
use fanlight_wire::PayloadType;

use crate::common::publisher::AUDIO_PAYLOAD_TYPE as PUBLISHERS_OPUS;
use crate::common::viewer::AUDIO_PAYLOAD_TYPE;
use crate::common::{Packet, Publisher, Viewer, World};

/// In the publisher's and in the viewer's numbering.
const PUBLISHERS_RED: u8 = 63;
const VIEWERS_RED: u8 = 62;

fn number(value: u8) -> Option<PayloadType> {
    Some(PayloadType::new(value).unwrap())
}

/// The payload behind one redundant block of another packet's.
fn redundant(old: &[u8], new: &[u8], payload_type: u8) -> Vec<u8> {
    let [high, low] = u16::try_from(old.len()).unwrap().to_be_bytes();
    // 960 ticks before this one: 960 << 2 is 0x0f00, so that the length's two highest bits stand alone.
    let mut payload = vec![0x80 | payload_type, 0x0f, high, low, payload_type];
    payload.extend(old);
    payload.extend(new);
    payload
}

/// A viewer without RED must hear the same as one without loss: the primary block under its own Opus number, nothing twice and
/// nothing missing; one with RED gets all that the publisher sent, under its RED number. On the publisher's shard and beside it.
#[test]
fn each_viewer_gets_of_redundant_audio_what_it_can_read() {
    let mut world = World::of_two();
    let mut publisher =
        Publisher::join_with(&mut world, 0, |spec| spec.tracks[1].red_payload_type = number(PUBLISHERS_RED));
    let mut viewers = [(0, true), (0, false), (1, true), (1, false)].map(|(shard, knows_red)| {
        let viewer = Viewer::join_with(&mut world, shard, &publisher, |spec| {
            spec.subscriptions[1].red_payload_type = number(VIEWERS_RED).filter(|_| knows_red);
        });
        (viewer, knows_red)
    });
    let mut sent: Vec<(Packet, Vec<u8>)> = Vec::new();
    for place in 0..6 {
        let mut packet = publisher.sound(80 + place);
        let primary = packet.payload.clone();
        // Browsers send the first packet of a pause plain: both kinds alternate here.
        if place % 3 != 0 {
            packet.payload_type = PUBLISHERS_RED;
            packet.payload = redundant(&sent.last().unwrap().1, &primary, PUBLISHERS_OPUS);
        }
        publisher.deliver(&mut world, std::slice::from_ref(&packet));
        world.pass_ms(20);
        sent.push((packet, primary));
    }
    for (viewer, knows_red) in &mut viewers {
        let ssrc = viewer.audio_ssrc();
        let heard = viewer.receive_of(&mut world, ssrc);
        assert_eq!(heard.len(), sent.len());
        for (heard, (packet, primary)) in heard.iter().zip(&sent) {
            let is_red = *knows_red && packet.payload_type == PUBLISHERS_RED;
            let expected = if is_red { &packet.payload } else { primary };
            assert_eq!(&heard.payload, expected);
            let payload_type = if is_red { VIEWERS_RED } else { AUDIO_PAYLOAD_TYPE };
            assert_eq!(heard.header.payload_type.value(), payload_type);
        }
        assert!(heard.windows(2).all(|pair| pair[1].index == pair[0].index + 1));
    }
}

/// What is no redundant audio, or wraps another codec, is dropped under a name; and who did not negotiate it may not send it.
#[test]
fn redundant_audio_that_is_none_is_dropped_by_name() {
    let mut world = World::small();
    let mut publisher =
        Publisher::join_with(&mut world, 0, |spec| spec.tracks[1].red_payload_type = number(PUBLISHERS_RED));
    let mut other = Publisher::join(&mut world, 0);
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    publisher.deliver_sound(&mut world);
    world.pass_ms(20);
    for (payload, reject) in [
        (vec![], Reject::MalformedRtp),
        (vec![0x80 | PUBLISHERS_OPUS, 0, 3, 0xff, PUBLISHERS_OPUS], Reject::MalformedRtp),
        (redundant(b"old", b"new", 9), Reject::UnknownPayloadType),
    ] {
        let mut packet = publisher.sound(0);
        (packet.payload_type, packet.payload) = (PUBLISHERS_RED, payload);
        let before = world.rejected(reject);
        publisher.deliver(&mut world, &[packet]);
        assert_eq!(world.rejected(reject), before + 1, "{reject:?}");
    }
    let mut packet = other.sound(80);
    packet.payload_type = PUBLISHERS_RED;
    let before = world.rejected(Reject::UnknownPayloadType);
    other.deliver(&mut world, &[packet]);
    assert_eq!(world.rejected(Reject::UnknownPayloadType), before + 1);
    let ssrc = viewer.audio_ssrc();
    assert_eq!(viewer.receive_of(&mut world, ssrc).len(), 1, "the sound one");
}
