use super::*;
use crate::limits::MID_BYTES_MAX;
use crate::rng::Rng;
use crate::spec::{LayerSpec, ShardId, TrackId};
use arrayvec::ArrayVec;
use fanlight_wire::codec::Codec;
use fanlight_wire::{PayloadType, Ssrc};
use proptest::prelude::*;

fn subscription(codec: Codec, rng: &mut Rng) -> Subscription {
    let spec = SubscriptionSpec {
        track: TrackId(1),
        home: ShardId(0),
        layers: [LayerSpec { track: TrackId(1), rid: None }].into_iter().collect(),
        mid: ArrayVec::<u8, MID_BYTES_MAX>::new(),
        codec,
        clock_rate_hz: 90_000,
        payload_type: PayloadType::new(96).unwrap(),
        red_payload_type: None,
        ssrc: Ssrc(7),
        rtx: Some((Ssrc(8), PayloadType::new(97).unwrap())),
        nack: true,
    };
    Subscription::new(spec, crate::testing::start(), rng)
}

fn facts(timestamp: u32, key_frame_start: bool) -> PacketFacts {
    PacketFacts {
        timestamp: Timestamp(timestamp),
        marker: false,
        key_frame_start,
        extension_len: 0,
        payload_len: 1000,
        redundant_len: 0,
        layer: None,
    }
}

/// A decoder that begins anywhere else shows grey or nothing.
#[test]
fn video_begins_with_a_key_frame_and_audio_at_once() {
    let now = crate::testing::start();
    let mut rng = Rng::new(1);
    let mut video = subscription(Codec::Vp8, &mut rng);
    assert!(!video.begin_live(now, ExtendedSequence(10), &facts(1, false), None, &mut rng));
    assert!(video.begin_live(now, ExtendedSequence(11), &facts(2, true), None, &mut rng));
    assert!(video.number(ExtendedSequence(12), &facts(2, false), None).is_some());
    assert!(video.number(ExtendedSequence(10), &facts(1, false), None).is_none(), "before it began");
    let mut audio = subscription(Codec::Opus, &mut rng);
    assert!(audio.begin_live(now, ExtendedSequence(10), &facts(1, false), None, &mut rng));
}

proptest! {
    /// The viewer's numbering keeps gaps and order, over every wrap; each NACKed number leads back to its packet.
    #[test]
    fn numbering_follows_the_track(seed: u64, start in 0..1u64 << 40, steps in proptest::collection::vec(1..100u64, 1..200)) {
        let now = crate::testing::start();
        let mut rng = Rng::new(seed);
        let mut subscription = subscription(Codec::Opus, &mut rng);
        let mut sequence = start;
        prop_assert!(subscription.begin_live(now, ExtendedSequence(sequence), &facts(0, false), None, &mut rng));
        let (first, _) = subscription.number(ExtendedSequence(sequence), &facts(0, false), None).unwrap();
        prop_assert!((1..=0x7fff).contains(&first), "room for late packets and the peer's first guess");
        for step in steps {
            sequence += step;
            let (index, fields) = subscription.number(ExtendedSequence(sequence), &facts(0, false), None).unwrap();
            prop_assert!(subscription.claim(now, index, &facts(0, false)));
            prop_assert_eq!(index - first, sequence - start);
            prop_assert_eq!(fields.sequence, ExtendedSequence(index).sequence());
            prop_assert_eq!(subscription.track_sequence(fields.sequence, None), Some(ExtendedSequence(sequence)));
        }
    }
}

/// NACKs for the future, or for what this viewer never got, must send nothing.
#[test]
fn a_number_that_was_never_sent_leads_nowhere() {
    let now = crate::testing::start();
    let mut rng = Rng::new(3);
    let mut subscription = subscription(Codec::Opus, &mut rng);
    assert_eq!(subscription.track_sequence(Sequence(5), None), None, "nothing sent yet");
    subscription.begin_live(now, ExtendedSequence(1000), &facts(0, false), None, &mut rng);
    let (index, _) = subscription.number(ExtendedSequence(1000), &facts(0, false), None).unwrap();
    assert_eq!(
        subscription.track_sequence(ExtendedSequence(index).sequence(), None),
        None,
        "numbered and not sent"
    );
    assert!(subscription.claim(now, index, &facts(0, false)));
    assert!(!subscription.is_late(ExtendedSequence(1000), None), "the newest");
    assert_eq!(subscription.track_sequence(ExtendedSequence(index + 1).sequence(), None), None, "the future");
    assert_eq!(
        subscription.track_sequence(ExtendedSequence(index - 1).sequence(), None),
        None,
        "before the first"
    );
}

/// A viewer that asks for everything at every moment gets each packet once a round trip, and a share of the media at most.
#[test]
fn retransmission_is_limited_in_time_and_in_bytes() {
    let mut now = crate::testing::start();
    let mut rng = Rng::new(4);
    let mut subscription = subscription(Codec::Opus, &mut rng);
    let round_trip = Some(Duration::from_millis(100));
    assert!(subscription.may_resend(now, Sequence(5), 1000, round_trip));
    assert!(!subscription.may_resend(now + Duration::from_millis(99), Sequence(5), 1000, round_trip));
    assert!(subscription.may_resend(now + Duration::from_millis(100), Sequence(5), 1000, round_trip));
    let mut bytes = 0;
    for sequence in 100..10_000 {
        now += Duration::from_millis(1);
        bytes += 1000 * u64::from(subscription.may_resend(now, Sequence(sequence), 1000, round_trip));
    }
    assert!(bytes <= RESEND_BYTES_START, "{bytes}");
    let before = subscription.resend_budget;
    subscription.sent(&facts(0, false), false);
    assert_eq!(subscription.resend_budget, before + 1000 / RESEND_SHARE);
}

/// A retransmission repeats time and marker of the original on a stream of its own.
#[test]
fn a_retransmission_has_its_own_numbering() {
    let mut rng = Rng::new(5);
    let mut subscription = subscription(Codec::Opus, &mut rng);
    subscription.begin_live(
        crate::testing::start(),
        ExtendedSequence(77),
        &facts(960, false),
        None,
        &mut rng,
    );
    let (_, media) = subscription.number(ExtendedSequence(77), &facts(960, false), None).unwrap();
    let (first, rtx) = subscription.retransmission(ExtendedSequence(77), &facts(960, false)).unwrap();
    let (second, _) = subscription.retransmission(ExtendedSequence(77), &facts(960, false)).unwrap();
    assert_eq!(second, first + 1);
    assert_eq!((rtx.ssrc, rtx.payload_type.value(), rtx.timestamp), (Ssrc(8), 97, media.timestamp));
}
