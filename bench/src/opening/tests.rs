use fanlight_srtp::{Profile, RtpSealer};
use fanlight_wire::{PayloadType, RtpFields, Sequence, Ssrc, Timestamp, write_rtp_header};

use super::*;
use crate::content::Content;
use crate::plan::Publishers;

fn key() -> MasterKey {
    MasterKey::new(Profile::AeadAes128Gcm, &[7; 16], &[9; 12]).unwrap()
}

/// The packets of a key frame as a server would send them, numbered from `first`.
fn packets(key: &MasterKey, first: u16, due_ns: u64) -> Vec<Vec<u8>> {
    let (content, sealer) = (Content::new(&Publishers::default(), 1), RtpSealer::new(key));
    let contents = content.packets(Kind::Picture, 3, true, 0);
    let count = u16::try_from(contents.len()).unwrap();
    let seal = |(packet, content): (u16, &crate::content::Packet)| {
        let ordinal = 100 + u32::from(packet);
        let (publisher, layer) = (0, 0);
        let stamp = Stamp { frame: 3, ordinal, packet, packets: count, publisher, layer, key: true, due_ns };
        let payload = content.stamped(&stamp);
        let sequence = Sequence(first + packet);
        let payload_type = PayloadType::new(96).unwrap();
        let fields = RtpFields {
            marker: packet + 1 == count,
            payload_type,
            sequence,
            timestamp: Timestamp(1),
            ssrc: Ssrc(5),
            padding: false,
        };
        let mut out = vec![0; 1_500];
        let header = write_rtp_header(&mut out, &fields, std::iter::empty()).unwrap();
        let len = sealer.seal(sequence.0.into(), &mut out, header, &payload).unwrap();
        out.truncate(len);
        out
    };
    (0..).zip(&contents).map(seal).collect()
}

/// What the clock shows when packets come.
const NOW_NS: u64 = 9_000_000;

/// How many key frames the packets complete.
fn take(opening: &mut Opening, packets: impl IntoIterator<Item = Vec<u8>>) -> usize {
    measure(opening, packets, &mut Latency::default())
}

fn measure(
    opening: &mut Opening,
    packets: impl IntoIterator<Item = Vec<u8>>,
    latency: &mut Latency,
) -> usize {
    let take = |mut packet: Vec<u8>| {
        let header = RtpHeader::parse(&packet).unwrap();
        let opened = opening.take(Kind::Picture, &header, &mut packet, NOW_NS, latency);
        opening.completes_key_frame(opened)
    };
    packets.into_iter().map(take).filter(|completed| *completed).count()
}

/// The time to the first picture ends with the last packet of a key frame, whichever comes last.
#[test]
fn a_key_frame_is_complete_with_its_last_packet_in_any_order() {
    let mut opening = Opening::new(&key());
    let mut packets = packets(&key(), 500, 0);
    packets.swap(0, 7);
    let last = packets.pop().unwrap();
    assert_eq!(take(&mut opening, packets.clone()), 0);
    // What comes twice must not stand in for what is missing.
    assert_eq!(take(&mut opening, packets.clone()), 0);
    assert_eq!(take(&mut opening, [last]), 1);
    let findings = opening.findings();
    assert_eq!(
        (findings.intact, findings.not_authentic, findings.displaced),
        (packets.len() as u64 + 1, 0, 0)
    );
}

/// A server that spoils packets must not look good.
#[test]
fn spoilt_packets_are_found() {
    let mut opening = Opening::new(&key());
    let mut forged = packets(&key(), 500, 0);
    forged[2][40] ^= 1;
    assert_eq!(take(&mut opening, forged), 0);
    assert_eq!(opening.findings().not_authentic, 1);
    // The same content under other numbers, two of them skipped: authentic, and out of place once.
    opening.begin_again();
    let mut skipping = packets(&key(), 600, 0);
    skipping.truncate(4);
    skipping.extend(packets(&key(), 602, 0).split_off(4));
    assert_eq!(take(&mut opening, skipping), 1);
    assert_eq!(opening.findings().displaced, 2, "once where the numbers begin anew, once where they skip");
}

/// Latency is the age of the stamp; what is only read for its numbers is not measured.
#[test]
fn latency_is_counted_from_the_stamp() {
    let (mut opening, mut latency) = (Opening::new(&key()), Latency::default());
    let packets = packets(&key(), 500, NOW_NS - 4_000_000);
    let count = packets.len() as u64;
    assert_eq!(measure(&mut opening, packets, &mut latency), 1);
    let quantiles = latency.quantiles().unwrap();
    assert_eq!(quantiles.samples, count);
    assert!((quantiles.p50_ms - 4.0).abs() < 0.01 && (quantiles.max_ms - 4.0).abs() < 0.01, "{quantiles:?}");
}

/// A retransmission is opened under its own numbers, and names the one that it had first.
#[test]
fn a_retransmission_brings_back_the_number_that_was_missing() {
    let (mut opening, sealer) = (Opening::new(&key()), RtpSealer::new(&key()));
    let content = Content::new(&Publishers::default(), 1).packets(Kind::Picture, 3, true, 0).remove(1);
    let stamp =
        Stamp { frame: 3, ordinal: 101, packet: 1, packets: 9, publisher: 0, layer: 0, key: true, due_ns: 5 };
    let payload = [&501_u16.to_be_bytes()[..], &content.stamped(&stamp)].concat();
    let fields = RtpFields {
        marker: false,
        payload_type: PayloadType::new(97).unwrap(),
        sequence: Sequence(7),
        timestamp: Timestamp(1),
        ssrc: Ssrc(6),
        padding: false,
    };
    let mut packet = vec![0; 1_500];
    let header = write_rtp_header(&mut packet, &fields, std::iter::empty()).unwrap();
    let len = sealer.seal(7, &mut packet, header, &payload).unwrap();
    packet.truncate(len);
    let header = RtpHeader::parse(&packet).unwrap();
    let resent = opening.take_resent(&header, &mut packet, NOW_NS, &mut Latency::default());
    assert_eq!(resent, Some((Sequence(501), Opened::Intact(stamp))));
}
