use fanlight_srtp::{Profile, RtpSealer};
use fanlight_wire::{PayloadType, RtpFields, Sequence, Ssrc, Timestamp, write_rtp_header};

use super::*;
use crate::content::Content;

fn key() -> MasterKey {
    MasterKey::new(Profile::AeadAes128Gcm, &[7; 16], &[9; 12]).unwrap()
}

/// The packets of a key frame as a server would send them, numbered from `first`.
fn packets(key: &MasterKey, first: u16, sent_ns: u64) -> Vec<Vec<u8>> {
    let (content, sealer) = (Content::new(2_500_000), RtpSealer::new(key));
    let sizes = content.cut(Kind::Picture, 3, true);
    let count = u16::try_from(sizes.len()).unwrap();
    let seal = |(packet, bytes): (u16, usize)| {
        let ordinal = 100 + u32::from(packet);
        let stamp = Stamp { frame: 3, ordinal, packet, packets: count, key: true, sent_ns };
        let payload = content.payload(Kind::Picture, &stamp, bytes);
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
    (0..).zip(sizes).map(seal).collect()
}

/// How many key frames the packets complete.
fn take(opening: &mut Opening, packets: impl IntoIterator<Item = Vec<u8>>) -> usize {
    let take = |mut packet: Vec<u8>| {
        let header = RtpHeader::parse(&packet).unwrap();
        opening.take(Kind::Picture, &header, &mut packet)
    };
    packets.into_iter().map(take).filter(|completed| *completed).count()
}

/// The time to the first picture ends with the last packet of a key frame, whichever comes last.
#[test]
fn a_key_frame_is_complete_with_its_last_packet_in_any_order() {
    let mut opening = Opening::new(&key(), Clock::start());
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
    assert_eq!(findings.latencies_ns.len(), packets.len() + 1);
}

/// A server that spoils packets must not look good.
#[test]
fn spoilt_packets_are_found() {
    let mut opening = Opening::new(&key(), Clock::start());
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

/// Latency is the age of the stamp, in nanoseconds.
#[test]
fn latency_is_counted_from_the_stamp() {
    let clock = Clock::start();
    let mut opening = Opening::new(&key(), clock);
    let before = clock.now_ns();
    take(&mut opening, packets(&key(), 500, before));
    let longest = clock.now_ns() - before;
    let latencies = &opening.findings().latencies_ns;
    assert!(latencies.iter().all(|latency| *latency > 0 && *latency <= longest), "{latencies:?}");
    assert!(latencies.is_sorted());
}
