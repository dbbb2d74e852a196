//! What a connected viewer keeps on the heap of its shard.

use std::time::Duration;

use fanlight_shard::Role;
use fanlight_wire::{ExtensionMap, PayloadType};
use str0m::media::MediaKind;

use crate::common::trace::Order;
use crate::common::{Publisher, Viewer, publisher};
use crate::rig::Rig;

/// Of each, so that what grows by doubling is counted as it is on average.
const VIEWERS: u32 = 20;

/// What memory allows: 25 viewers in a mebibyte.
const VIEWER_BYTES_MAX: i64 = 40 * 1024;
/// Of that what is ours: specification, subscriptions, SRTP contexts, notes, addresses, log of what was sent again.
const VIEWER_OURS_BYTES_MAX: i64 = 4 * 1024;

/// A publisher whose media flows.
fn publish(rig: &mut Rig) -> Publisher {
    let seat = rig.seat(0);
    let mut publisher = Publisher::seated(seat, Publisher::usual_spec(&seat));
    rig.seat_keyed(&seat, |adoption| Order::Publish(adoption, publisher.spec.clone()));
    for _ in 0..10 {
        pass_frame(rig, &mut publisher, false);
    }
    publisher
}

fn pass_frame(rig: &mut Rig, publisher: &mut Publisher, key_frame: bool) {
    for packet in publisher.frame(key_frame, &[1000, 1000]) {
        rig.hand(&publisher.seat, publisher.seal(&packet));
    }
    rig.pass(Duration::from_millis(33));
}

/// A viewer as it is after some seconds: connected by a real handshake, with media, reports and a retransmission behind it.
///
/// Counted is all that its shard and its transport have on the heap: the session, its contexts, ICE and DTLS. Not counted: what
/// the crypto library allocates by itself, the track's store, which is once for all, and tables of the shard that grow by
/// doubling.
#[test]
fn a_viewer_keeps_less_than_forty_kibibytes() {
    let mut rig = Rig::new(1);
    let mut publisher = publish(&mut rig);
    rig.forget_spent();
    let mut made = 0;
    for _ in 0..VIEWERS {
        let seat = rig.seat(0);
        let mut spec = Viewer::usual_spec(&seat, &publisher);
        spec.extensions = ExtensionMap::new();
        let video = &mut spec.subscriptions[0];
        let (ssrc, rtx) = (video.ssrc.0, video.rtx.unwrap().0.0);
        video.payload_type = PayloadType::new(publisher::VIDEO_PAYLOAD_TYPE).unwrap();
        video.rtx = video.rtx.map(|(ssrc, _)| (ssrc, PayloadType::new(publisher::RTX_PAYLOAD_TYPE).unwrap()));
        made += rig.seat_client(seat, Role::Viewer(spec));
        let mut direct = rig.clients.last_mut().unwrap().rtc.direct_api();
        direct.declare_media("0".into(), MediaKind::Video);
        direct.expect_stream_rx(ssrc.into(), Some(rtx.into()), "0".into(), None);
    }
    for _ in 0..100 {
        rig.pass(Duration::from_millis(10));
    }
    for frame in 0..200 {
        // A packet is lost on its way to each of them.
        rig.loses_downwards = frame == 100;
        pass_frame(&mut rig, &mut publisher, frame % 30 == 0);
    }
    assert!(rig.shards[0].counters().retransmissions_out >= u64::from(VIEWERS));
    let kept = (made + rig.spent.bytes_current) / i64::from(VIEWERS);
    assert!(kept <= VIEWER_BYTES_MAX, "{kept} bytes a viewer");
}

/// The same without a transport: so much is ours to keep small.
#[test]
fn of_that_the_shard_itself_keeps_less_than_four() {
    let mut rig = Rig::new(1);
    let mut publisher = publish(&mut rig);
    rig.forget_spent();
    for _ in 0..VIEWERS {
        let seat = rig.seat(0);
        let spec = Viewer::usual_spec(&seat, &publisher);
        rig.seat_keyed(&seat, |adoption| Order::Watch(adoption, spec));
    }
    for frame in 0..200 {
        pass_frame(&mut rig, &mut publisher, frame % 30 == 0);
    }
    let kept = rig.spent.bytes_current / i64::from(VIEWERS);
    assert!(kept <= VIEWER_OURS_BYTES_MAX, "{kept} bytes a viewer");
}
