//! A thousand viewers that join at once, while media flows.

use std::time::Duration;

use fanlight_shard::Role;
use fanlight_shard::limits::{HANDSHAKES_PER_TURN_MAX, KEY_FRAME_INTERVAL_MIN};
use fanlight_wire::{Kind, classify};

use crate::common::trace::Order;
use crate::common::{Publisher, Viewer};
use crate::rig::Rig;

const JOINS: usize = 1000;
/// Who watches already.
const VIEWERS: usize = 10;
const FRAME: [usize; 3] = [1000; 3];

/// Media packets of the last turn to those who watched before.
fn media_of(rig: &Rig, viewers: &[Viewer]) -> usize {
    let to_viewers =
        rig.sent.datagrams().filter(|(to, _)| viewers.iter().any(|viewer| viewer.seat.address == *to));
    to_viewers.filter(|(_, datagram)| classify(datagram) == Kind::Rtp).count()
}

/// Those who watch get each frame in the turn in which it came, however many wait at the door; no turn works on more than its
/// share of handshakes; all get in; and the publisher is asked for a key frame as often as for one who joins.
#[test]
fn a_thousand_joins_at_once_hold_up_no_media_and_all_connect() {
    let mut rig = Rig::new(1);
    let seat = rig.seat(0);
    let mut publisher = Publisher::seated(seat, Publisher::usual_spec(&seat));
    rig.seat_keyed(&seat, |adoption| Order::Publish(adoption, publisher.spec.clone()));
    let viewers: Vec<Viewer> = (0..VIEWERS)
        .map(|_| {
            let seat = rig.seat(0);
            let spec = Viewer::usual_spec(&seat, &publisher);
            rig.seat_keyed(&seat, |adoption| Order::Watch(adoption, spec.clone()));
            Viewer::seated(seat, spec)
        })
        .collect();
    let hand_frame = |rig: &mut Rig, publisher: &mut Publisher, key_frame| {
        for packet in publisher.frame(key_frame, &FRAME) {
            rig.hand(&publisher.seat, publisher.seal(&packet));
        }
    };
    // The group of pictures is too old for those who join: they wish for a key frame.
    for frame in 0..250 {
        hand_frame(&mut rig, &mut publisher, frame == 0);
        rig.pass(Duration::from_millis(33));
    }
    for _ in 0..JOINS {
        let seat = rig.seat(0);
        rig.seat_client(seat, Role::Viewer(Viewer::usual_spec(&seat, &publisher)));
    }
    let (before, began) = (*rig.shards[0].counters(), rig.now);
    rig.connected = 0;
    for millisecond in 0..3000 {
        rig.now += Duration::from_millis(1);
        rig.sent.clear();
        let frame_is_due = millisecond % 33 == 0;
        if frame_is_due {
            hand_frame(&mut rig, &mut publisher, false);
        }
        let mut worked_on = 0;
        rig.turn(0);
        worked_on = worked_on.max(rig.handshake_datagrams);
        assert_eq!(media_of(&rig, &viewers), if frame_is_due { FRAME.len() * VIEWERS } else { 0 });
        for _ in 0..2 {
            rig.turn(0);
            worked_on = worked_on.max(rig.handshake_datagrams);
        }
        assert!(worked_on <= HANDSHAKES_PER_TURN_MAX, "{worked_on} datagrams of handshakes in a turn");
        rig.exchange_with_clients();
        if rig.connected == JOINS {
            break;
        }
    }
    assert_eq!(rig.connected, JOINS);
    let asked = rig.shards[0].counters().key_frame_requests_out - before.key_frame_requests_out;
    let allowed = 1 + (rig.now - began).as_millis() / KEY_FRAME_INTERVAL_MIN.as_millis();
    assert!((1..=allowed).contains(&asked.into()), "{asked} requests for key frames, {allowed} allowed");
}
