use fanlight_wire::{Malformed, Member, RtcpWriter, Ssrc};

use crate::bits::Bits;
use crate::member;

/// Receivers' estimates (draft-alvestrand-rmcat-remb-03 §2.2).
///
/// The input is the body of application-layer feedback. The bit rate is mantissa × 2^exponent or the largest number, the
/// streams are those that are there; written anew, the estimate is the same, since 18 bits hold what 18 bits told.
pub fn remb(data: &[u8]) {
    let packet = member::around(15, 206, data);
    let body = &packet[4..];
    let is_named = body.get(8..12) == Some(b"REMB".as_slice());
    let remb = match member::only(&packet) {
        Ok(Member::Remb(remb)) => remb,
        Ok(Member::Other { packet_type: 206, format: 15 }) => return assert!(!is_named),
        Err(Malformed::BadLength) => return assert!(is_named && reference_len(body).is_none()),
        other => panic!("{other:?}"),
    };
    assert!(is_named && reference_len(body).is_some());
    let mut bits = Bits::new(&body[12..]);
    let mut number = |width| bits.number(width).unwrap();
    let (count, exponent, mantissa) = (number(8), number(6), number(18));
    let exact = u128::from(mantissa) * 2_u128.pow(exponent);
    assert_eq!(u128::from(remb.bitrate_bps()), exact.min(u128::from(u64::MAX)));
    let sources: Vec<Ssrc> = remb.ssrcs().collect();
    assert!(sources.iter().copied().eq((0..count).map(|_| Ssrc(number(32)))));

    let mut out = vec![0; packet.len()];
    let mut writer = RtcpWriter::new(&mut out);
    writer.remb(remb.sender(), remb.bitrate_bps(), &sources).expect("no longer than it was");
    let Ok(Member::Remb(again)) = member::only(writer.as_bytes()) else { panic!("ours is not read") };
    assert_eq!((again.sender(), again.ssrcs().collect()), (remb.sender(), sources));
    let rounded_by = remb.bitrate_bps() - again.bitrate_bps();
    // The one rate that 18 bits did not tell is that of too large an exponent.
    assert!(rounded_by == 0 || remb.bitrate_bps() == u64::MAX && rounded_by < 1 << 46);
}

/// Bytes of the fixed part and of the streams that it counts, if they are there.
fn reference_len(body: &[u8]) -> Option<usize> {
    let len = 16 + 4 * usize::from(*body.get(12)?);
    (len <= body.len()).then_some(len)
}
