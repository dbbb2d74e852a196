//! Hostile and broken input: each is rejected under its name, moves nothing and reaches nobody, and the stream goes on.

use fanlight_shard::limits::REBIND_INTERVAL_MIN;
use fanlight_shard::{Reject, Remote};
use fanlight_wire::{ExtensionKind, MEMBERS_MAX, Ssrc};

use crate::common::keys::PeerContexts;
use crate::common::publisher::id;
use crate::common::rtcp::{self, key_frame_requests};
use crate::common::{Packet, Publisher, Stage, Viewer, World};

/// Hands datagrams to the shard; returns what they were rejected as. Nobody gets anything for them.
fn attack(
    world: &mut World,
    from: Remote,
    datagrams: impl IntoIterator<Item = Vec<u8>>,
) -> Vec<(Reject, u64)> {
    let before = *world.counters(0);
    let shard = fanlight_shard::ShardId(0);
    datagrams.into_iter().for_each(|datagram| world.hand(shard, from, datagram));
    world.settle();
    assert_eq!(world.addressed(), [], "an attack was answered or forwarded");
    world.rejects_since(&before)
}

/// Keys that no session here has.
fn foreign() -> PeerContexts {
    PeerContexts::new(0xbad)
}

/// A15: whoever spoofs the publisher's address knows SSRC and sequence numbers from the wire, but not the key. No number of
/// such packets ends the session or moves its window.
#[test]
fn a_forged_packet_does_not_move_the_stream() {
    let mut stage = Stage::set();
    let mut next = stage.publisher.frame(false, &[700]).remove(0);
    stage.publisher.video.index -= 1;
    let address = stage.publisher.seat.address;
    let forged: Vec<Vec<u8>> = (0..3000)
        .map(|ahead| {
            next.index += ahead % 3;
            next.seal(&foreign().rtp_sealer)
        })
        .collect();
    assert_eq!(attack(&mut stage.world, address, forged), [(Reject::NotAuthentic, 3000)]);
    stage.assert_unharmed();
}

/// A17: an SSRC that nobody knows, with the MID of the video, from the right address. If it were bound before it was opened,
/// one such packet would stop the stream.
#[test]
fn a_forged_packet_does_not_bind_a_new_ssrc() {
    let mut stage = Stage::set();
    stage.world.pass(2 * REBIND_INTERVAL_MIN);
    stage.publisher.receive(&mut stage.world);
    stage.viewer.receive(&mut stage.world);
    let template = stage.publisher.frame(true, &[700]).remove(0);
    stage.publisher.video.index -= 1;
    let forged = (0..500).map(|place| {
        let elements = vec![(id::MID, if place % 2 == 0 { b"v".to_vec() } else { b"a".to_vec() })];
        Packet { ssrc: Ssrc(0xbad_0000 + place), elements, ..template.clone() }.seal(&foreign().rtp_sealer)
    });
    let address = stage.publisher.seat.address;
    assert_eq!(attack(&mut stage.world, address, forged.collect::<Vec<_>>()), [(Reject::NotAuthentic, 500)]);
    stage.assert_unharmed();
    stage.world.pass_ms(500);
    assert_eq!(
        key_frame_requests(&stage.publisher.receive(&mut stage.world)),
        0,
        "nor does it cost a key frame"
    );
}

/// A16: an authentic packet counts once, however often the network or an attacker brings it, over the wrap of the sequence.
#[test]
fn a_replayed_packet_is_taken_once() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    publisher.video.index = 65_400;
    let mut viewer = Viewer::join(&mut world, 0, &publisher);
    let mut sealed = Vec::new();
    for frame in 0..100 {
        for packet in publisher.frame(frame == 0, &[300; 3]) {
            sealed.push(publisher.seal(&packet));
        }
    }
    for datagram in &sealed {
        (0..5).for_each(|_| world.hand(publisher.seat.shard, publisher.seat.address, datagram.clone()));
    }
    world.pass_ms(200); // so many at once are paced
    assert_eq!(viewer.receive(&mut world).len(), 300);
    assert_eq!(world.rejected(Reject::Replayed), 4 * 300);
    publisher.receive(&mut world);
    assert_eq!(
        attack(&mut world, publisher.seat.address, sealed),
        [(Reject::Replayed, 300)],
        "and the minute again"
    );
}

/// Behind the replay window there is no memory of what came: everything there is refused.
#[test]
fn a_packet_from_before_the_window_is_too_old() {
    let mut stage = Stage::set();
    let held_back = stage.publisher.frame(false, &[200]).remove(0);
    stage.publisher.deliver_frame(&mut stage.world, false, &[200; 1030]);
    stage.viewer.receive(&mut stage.world);
    stage.world.pass_ms(400);
    stage.viewer.receive(&mut stage.world);
    stage.publisher.receive(&mut stage.world);
    let address = stage.publisher.seat.address;
    let late = stage.publisher.seal(&held_back);
    assert_eq!(attack(&mut stage.world, address, [late]), [(Reject::TooOld, 1)]);
    stage.assert_unharmed();
}

/// A18: a forged number half a cycle ahead would push the roll-over counter on, after which no honest packet opens.
#[test]
fn a_forged_jump_does_not_move_the_rollover_counter() {
    let mut stage = Stage::set();
    let next = stage.publisher.frame(false, &[700]).remove(0);
    stage.publisher.video.index -= 1;
    let jumps = [1, 32_000, 32_767, 32_768, 32_769, 65_000];
    let forged =
        jumps.map(|ahead| Packet { index: next.index + ahead, ..next.clone() }.seal(&foreign().rtp_sealer));
    let address = stage.publisher.seat.address;
    assert_eq!(attack(&mut stage.world, address, forged), [(Reject::NotAuthentic, 6)]);
    // Authentic packets of another cycle: a replay of an hour ago, or of a sender that lost count.
    let cycles = [1, 2].map(|cycle| Packet { index: next.index + (cycle << 16), ..next.clone() });
    let sealed = cycles.map(|packet| stage.publisher.seal(&packet));
    assert_eq!(attack(&mut stage.world, address, sealed), [(Reject::NotAuthentic, 2)]);
    stage.assert_unharmed();
}

/// An honest jump, after a sleep or a long outage, must not lose the stream.
#[test]
fn an_honest_jump_of_nearly_half_a_cycle_goes_on() {
    let mut stage = Stage::set();
    stage.publisher.video.index += 32_000;
    stage.pass_packet();
    stage.publisher.video.index += 32_000;
    let (_, before) = stage.pass_packet();
    let (_, after) = stage.pass_packet();
    assert_eq!(after.index, before.index + 1);
}

/// When a publisher changed its SSRC, the replay window of the old one is gone with it. A recorded packet of that SSRC is
/// authentic and must all the same not take the track back.
#[test]
fn a_replay_from_before_a_change_of_ssrc_does_not_take_the_track_back() {
    let mut stage = Stage::set();
    let recorded = stage.publisher.deliver_frame(&mut stage.world, true, &[500]).remove(0);
    let again = stage.publisher.retransmission(&recorded);
    stage.publisher.deliver(&mut stage.world, std::slice::from_ref(&again));
    stage.world.pass(REBIND_INTERVAL_MIN);
    stage.publisher.video.ssrc = Ssrc(0x00c0_ffee);
    stage.publisher.rtx.ssrc = Ssrc(0x00c0_ffef);
    let first = stage.publisher.deliver_frame(&mut stage.world, true, &[500]).remove(0);
    let first_again = stage.publisher.retransmission(&first);
    stage.publisher.deliver(&mut stage.world, &[first_again]);
    stage.world.pass(2 * REBIND_INTERVAL_MIN);
    stage.viewer.receive(&mut stage.world);
    stage.publisher.receive(&mut stage.world);
    stage.last = stage.pass_packet();
    let replays = [stage.publisher.seal(&recorded), stage.publisher.seal(&again)];
    let address = stage.publisher.seat.address;
    assert_eq!(attack(&mut stage.world, address, replays), [(Reject::Replayed, 2)]);
    stage.assert_unharmed();

    // Its owner may come back all the same, where it left off.
    let before = stage.last.1.index;
    stage.publisher.video.ssrc = recorded.ssrc;
    stage.publisher.video.index = recorded.index + 1;
    assert_eq!(stage.pass_packet().1.index, before + 1);
}

/// A23: payload types that were not negotiated, or not for this stream, before any key is tried on them.
#[test]
fn a_payload_type_that_was_not_negotiated_is_refused() {
    let mut stage = Stage::set();
    let next = stage.publisher.frame(true, &[700]).remove(0);
    stage.publisher.video.index -= 1;
    let address = stage.publisher.seat.address;
    // 64 to 95 are RTCP's (RFC 5761 §4); 96 is this stream's own.
    let foreign_types: Vec<u8> = (0..64).chain(97..128).collect();
    let count = foreign_types.len() as u64;
    let sealed = foreign_types
        .iter()
        .map(|payload_type| stage.publisher.seal(&Packet { payload_type: *payload_type, ..next.clone() }));
    let sealed: Vec<_> = sealed.collect();
    assert_eq!(attack(&mut stage.world, address, sealed), [(Reject::UnknownPayloadType, count)]);
    let unknown = Packet { payload_type: 98, ssrc: Ssrc(77), ..next.clone() };
    let sealed = stage.publisher.seal(&unknown);
    assert_eq!(attack(&mut stage.world, address, [sealed]), [(Reject::UnknownPayloadType, 1)]);
    let sealed: Vec<_> =
        (64..96).map(|payload_type| stage.publisher.seal(&Packet { payload_type, ..next.clone() })).collect();
    let rejects = attack(&mut stage.world, address, sealed);
    assert!(
        rejects.iter().all(|(reject, _)| matches!(reject, Reject::NotEncrypted | Reject::NotAuthentic)),
        "{rejects:?}"
    );
    stage.assert_unharmed();
}

/// Authentic, and for no track: a MID that was not agreed on, or of a track with another payload type.
#[test]
fn an_authentic_packet_for_no_track_is_not_bound() {
    let mut stage = Stage::set();
    let next = stage.publisher.frame(true, &[700]).remove(0);
    stage.publisher.video.index -= 1;
    let address = stage.publisher.seat.address;
    let with_mid =
        |mid: &[u8]| Packet { ssrc: Ssrc(77), elements: vec![(id::MID, mid.to_vec())], ..next.clone() };
    let sealed =
        [b"x".as_slice(), b"vv", b"0123456789abcdef"].map(|mid| stage.publisher.seal(&with_mid(mid)));
    assert_eq!(attack(&mut stage.world, address, sealed), [(Reject::Unbound, 3)]);
    let sealed = stage.publisher.seal(&with_mid(b"a"));
    assert_eq!(attack(&mut stage.world, address, [sealed]), [(Reject::UnknownPayloadType, 1)]);
    stage.assert_unharmed();
}

/// A viewer has keys of its own and nothing to publish; a stranger has neither; and nobody's media is another's.
#[test]
fn media_from_the_wrong_place_goes_nowhere() {
    let mut stage = Stage::set();
    let next = stage.publisher.frame(true, &[700]).remove(0);
    stage.publisher.video.index -= 1;
    let own = next.seal(&stage.viewer.contexts.rtp_sealer);
    let publishers = stage.publisher.seal(&next);
    let viewer = stage.viewer.seat.address;
    assert_eq!(
        attack(&mut stage.world, viewer, [own.clone(), publishers.clone()]),
        [(Reject::NotPublishing, 2)]
    );
    let publisher = stage.publisher.seat.address;
    assert_eq!(attack(&mut stage.world, publisher, [own]), [(Reject::NotAuthentic, 1)]);
    let feedback = rtcp::seal(&mut stage.viewer.contexts.rtcp_sealer, |rtcp| rtcp.pli(Ssrc(1), Ssrc(2)));
    let rejects = attack(&mut stage.world, World::stranger(), [publishers, feedback, vec![22; 60]]);
    assert_eq!(rejects, [(Reject::UnknownAddress, 3)]);
    stage.assert_unharmed();
}

/// A35: SRTCP may be sent unencrypted by the RFC; nobody negotiates that with us.
#[test]
fn rtcp_that_is_not_encrypted_is_refused() {
    let mut stage = Stage::set();
    let media = stage.viewer.video_ssrc();
    let mut sealed = rtcp::seal(&mut stage.viewer.contexts.rtcp_sealer, |rtcp| rtcp.pli(Ssrc(1), media));
    let word = sealed.len() - 4;
    sealed[word] &= 0x7f;
    let address = stage.viewer.seat.address;
    assert_eq!(attack(&mut stage.world, address, [sealed]), [(Reject::NotEncrypted, 1)]);
}

/// RTCP has a replay window of its own: a recorded NACK must not be worth anything twice.
#[test]
fn replayed_rtcp_is_refused() {
    let mut stage = Stage::set();
    let (_, heard) = stage.pass_packet();
    let media = stage.viewer.video_ssrc();
    let nack = rtcp::seal(&mut stage.viewer.contexts.rtcp_sealer, |rtcp| {
        rtcp.nack(Ssrc(1), media, [heard.header.sequence].into_iter())
    });
    stage.world.hand(stage.viewer.seat.shard, stage.viewer.seat.address, nack.clone());
    stage.world.settle();
    assert_eq!(stage.viewer.receive(&mut stage.world).len(), 1);
    stage.world.pass_ms(100);
    stage.publisher.receive(&mut stage.world);
    let address = stage.viewer.seat.address;
    assert_eq!(attack(&mut stage.world, address, vec![nack; 5]), [(Reject::Replayed, 5)]);
}

/// A31, A35: feedback about tracks of others, and about one's own from the wrong side, has no effect, though it is authentic.
#[test]
fn feedback_about_what_is_not_ones_own_has_no_effect() {
    let mut stage = Stage::set();
    let mut other = Publisher::join(&mut stage.world, 0);
    let mut guest = Viewer::join(&mut stage.world, 0, &other);
    stage.world.pass_ms(3000);
    other.receive(&mut stage.world);
    stage.publisher.receive(&mut stage.world);
    stage.viewer.receive(&mut stage.world);
    guest.receive(&mut stage.world);
    let names = [
        stage.publisher.video.ssrc,
        stage.viewer.video_ssrc(),
        stage.viewer.rtx_ssrc(),
        stage.viewer.audio_ssrc(),
    ];
    for ssrc in names {
        guest.say(&mut stage.world, |rtcp| {
            rtcp.pli(Ssrc(1), ssrc)?;
            rtcp.fir(Ssrc(1), ssrc, 1)?;
            rtcp.nack(Ssrc(1), ssrc, (0..200).map(fanlight_wire::Sequence))?;
            rtcp.cname(ssrc, b"somebody else")?;
            rtcp.bye(&[ssrc])
        });
        stage.publisher.say(&mut stage.world, |rtcp| {
            rtcp.pli(Ssrc(1), ssrc)?;
            rtcp.bye(&[ssrc])
        });
        assert_eq!(stage.world.addressed(), []);
    }
    stage.world.pass_ms(600);
    assert_eq!(key_frame_requests(&stage.publisher.receive(&mut stage.world)), 0);
    stage.assert_unharmed();
}

/// A27: a compound of many members is read up to a bound. Those before the bound stand; the datagram has a name.
#[test]
fn an_rtcp_bomb_is_cut_off() {
    let mut stage = Stage::set();
    stage.world.pass_ms(600);
    stage.publisher.receive(&mut stage.world);
    let media = stage.viewer.video_ssrc();
    let before = *stage.world.counters(0);
    stage.viewer.say(&mut stage.world, |rtcp| (0..150).try_for_each(|_| rtcp.pli(Ssrc(1), media)));
    assert_eq!(stage.world.rejects_since(&before), [(Reject::MalformedRtcp, 1)]);
    let asked = stage.world.report_of(&stage.viewer.seat.clone()).tracks[0].key_frame_requests;
    assert_eq!(asked, MEMBERS_MAX as u64);
    assert_eq!(stage.viewer.receive(&mut stage.world).len(), 2, "the group of pictures comes again, once");
    assert_eq!(stage.publisher.receive(&mut stage.world), []);
}

/// Padding that claims more than there is would make a payload of negative length.
#[test]
fn padding_longer_than_the_payload_is_refused() {
    let mut stage = Stage::set();
    let address = stage.publisher.seat.address;
    for count in [0, 201, 255] {
        let mut packet = stage.publisher.frame(false, &[200]).remove(0);
        *packet.payload.last_mut().unwrap() = count;
        let mut header = packet.header();
        header[0] |= 0x20;
        let sealed = packet.seal_behind(&header, &stage.publisher.contexts.rtp_sealer);
        assert_eq!(attack(&mut stage.world, address, [sealed]), [(Reject::BadPadding, 1)]);
    }
    stage.assert_unharmed();
}

/// Retransmissions that carry no number, one of a stream that never spoke, or one that is there already.
#[test]
fn a_retransmission_of_nothing_is_refused() {
    let mut world = World::small();
    let mut publisher = Publisher::join(&mut world, 0);
    let packet = publisher.frame(true, &[200]).remove(0);
    let early = publisher.retransmission(&packet);
    let sealed = publisher.seal(&early);
    assert_eq!(attack(&mut world, publisher.seat.address, [sealed]), [(Reject::BadRetransmission, 1)]);
    publisher.deliver(&mut world, std::slice::from_ref(&packet));
    let mut stump = publisher.retransmission(&packet);
    stump.payload.truncate(1);
    let sealed = publisher.seal(&stump);
    assert_eq!(attack(&mut world, publisher.seat.address, [sealed]), [(Reject::BadRetransmission, 1)]);
    let again = publisher.retransmission(&packet);
    let sealed = publisher.seal(&again);
    assert_eq!(attack(&mut world, publisher.seat.address, [sealed]), [(Reject::Duplicate, 1)]);
}

/// A24: a canary. Contributing sources and extensions that were not negotiated tell of others in the publisher's room; no
/// viewer may learn them. (Ids that a viewer did not negotiate make its reader fail.)
#[test]
fn what_was_not_negotiated_is_not_forwarded() {
    let mut stage = Stage::set();
    let mut packet = stage.publisher.frame(false, &[200]).remove(0);
    packet.elements = (1..=14).map(|id| (id, b"canary".to_vec())).collect();
    let mut header = packet.header();
    header[0] |= 2;
    header.splice(12..12, *b"canary!!");
    let sealed = packet.seal_behind(&header, &stage.publisher.contexts.rtp_sealer);
    stage.world.hand(stage.publisher.seat.shard, stage.publisher.seat.address, sealed);
    stage.world.settle();
    let heard = stage.viewer.receive(&mut stage.world).remove(0);
    assert_eq!(heard.payload, packet.payload);
    assert_eq!(heard.header.csrc_count, 0);
    let canaries: Vec<ExtensionKind> =
        heard.elements.iter().filter(|(_, data)| data == b"canary").map(|(kind, _)| *kind).collect();
    assert_eq!(
        canaries,
        [ExtensionKind::AudioLevel, ExtensionKind::VideoOrientation],
        "what both sides agreed on"
    );
}

/// Each kind of authentic packet, cut at each length: rejected at each, and good when it comes whole.
#[test]
fn a_packet_cut_anywhere_is_refused() {
    let mut stage = Stage::set();
    stage.world.pass_ms(600);
    stage.publisher.receive(&mut stage.world);
    let (publisher, viewer) = (stage.publisher.seat.address, stage.viewer.seat.address);
    let lost = stage.publisher.frame(false, &[300]).remove(0);
    let video = stage.publisher.frame(false, &[400]).remove(0);
    let sound = stage.publisher.sound(80);
    let again = stage.publisher.retransmission(&lost);
    let media = stage.viewer.video_ssrc();
    let ssrc = stage.publisher.video.ssrc;
    let report = rtcp::seal(&mut stage.publisher.contexts.rtcp_sealer, |rtcp| {
        rtcp.receiver_report(ssrc, &[])?;
        rtcp.cname(ssrc, b"publisher")
    });
    let wishes = rtcp::seal(&mut stage.viewer.contexts.rtcp_sealer, |rtcp| {
        rtcp.receiver_report(media, &[])?;
        rtcp.pli(Ssrc(1), media)
    });
    let whole = [
        (publisher, stage.publisher.seal(&video)),
        (publisher, stage.publisher.seal(&sound)),
        (publisher, stage.publisher.seal(&again)),
        (publisher, report),
        (viewer, wishes),
    ];
    let mut kinds = Vec::new();
    for (from, datagram) in &whole {
        let cuts = (0..datagram.len()).map(|len| datagram[..len].to_vec());
        let rejects = attack(&mut stage.world, *from, cuts);
        assert_eq!(rejects.iter().map(|(_, count)| count).sum::<u64>(), datagram.len() as u64);
        kinds.extend(rejects.into_iter().map(|(reject, _)| reject));
    }
    let expected = [
        Reject::Unclassified,
        Reject::MalformedRtp,
        Reject::SrtpTooShort,
        Reject::NotAuthentic,
        Reject::NotEncrypted,
    ];
    assert!(kinds.iter().all(|kind| expected.contains(kind)), "{kinds:?}");
    let before = *stage.world.counters(0);
    for (from, datagram) in whole {
        stage.world.hand(stage.viewer.seat.shard, from, datagram);
    }
    stage.world.settle();
    assert_eq!(stage.world.rejects_since(&before), []);
    stage.world.pass_ms(300);
    assert_eq!(stage.viewer.receive(&mut stage.world).len(), 1 + 4, "sound, and the group of pictures anew");
}

mod random {
    #![allow(clippy::disallowed_types, reason = "proptest's macros share strategies by Arc")]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A datagram from somewhere: noise, noise that looks like one of our protocols, or an honest packet with one byte
    /// damaged.
    #[derive(Debug, Clone)]
    enum Shot {
        Noise(Vec<u8>),
        Damaged { honest: prop::sample::Index, place: prop::sample::Index, flip: u8 },
    }

    fn shot() -> impl Strategy<Value = Shot> {
        let first = prop_oneof![0..=3_u8, 20..=63_u8, 128..=191_u8, any::<u8>()];
        let noise = (first, vec(any::<u8>(), 0..300)).prop_map(|(first, mut bytes)| {
            bytes.insert(0, first);
            Shot::Noise(bytes)
        });
        let damaged = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1..=255_u8)
            .prop_map(|(honest, place, flip)| Shot::Damaged { honest, place, flip });
        prop_oneof![noise, damaged, Just(Shot::Noise(Vec::new()))]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever comes from wherever: nothing of it is taken, nothing is sent for it, and the stream goes on.
        #[test]
        fn noise_and_damage_are_refused(shots in vec((0..3_usize, shot()), 1..120)) {
            let mut stage = Stage::set();
            let video = stage.publisher.frame(false, &[200]).remove(0);
            stage.publisher.video.index -= 1;
            let ssrc = stage.viewer.video_ssrc();
            let honest = [
                stage.publisher.seal(&video),
                rtcp::seal(&mut stage.publisher.contexts.rtcp_sealer, |rtcp| rtcp.cname(Ssrc(9), b"p")),
                rtcp::seal(&mut stage.viewer.contexts.rtcp_sealer, |rtcp| rtcp.pli(Ssrc(1), ssrc)),
            ];
            let places = [stage.publisher.seat.address, stage.viewer.seat.address, World::stranger()];
            let before = *stage.world.counters(0);
            for (place, shot) in shots {
                let datagram = match shot {
                    Shot::Noise(bytes) => bytes,
                    Shot::Damaged { honest: which, place, flip } => {
                        let mut datagram = which.get(&honest).clone();
                        *place.get_mut(&mut datagram) ^= flip;
                        datagram
                    }
                };
                attack(&mut stage.world, places[place], [datagram]);
            }
            prop_assert_eq!(stage.world.counters(0).accepted, before.accepted);
            stage.assert_unharmed();
        }
    }
}
