use fanlight_wire::{Kind, RtpHeader, Stun};

/// What a datagram is (RFC 7983, RFC 5761).
///
/// Total, and decided by two bytes: the kind is the one of the ranges written out here, whatever follows. What a parser takes
/// is never sent to another one.
pub fn classify(data: &[u8]) {
    let kind = fanlight_wire::classify(data);
    assert_eq!(kind, reference(data));
    let padded = [data, &[0; 40]].concat();
    if data.len() >= 2 {
        assert_eq!(fanlight_wire::classify(&padded), kind, "the tail has no say");
        assert_eq!(fanlight_wire::classify(&data[..2]), kind);
    }
    if RtpHeader::parse(data).is_ok() {
        assert!(matches!(kind, Kind::Rtp | Kind::Rtcp));
    }
    // Methods from 0x100 on begin with a byte that RFC 7983 gives to others.
    if Stun::parse(data).is_ok_and(|stun| stun.method() < 0x100) {
        assert_eq!(kind, Kind::Stun);
    }
}

fn reference(data: &[u8]) -> Kind {
    let Some(first) = data.first() else { return Kind::Unknown };
    if *first < 4 {
        return Kind::Stun;
    }
    if *first > 19 && *first < 64 {
        return Kind::Dtls;
    }
    // Version 2 of RTP is the two top bits.
    match data.get(1) {
        Some(second) if first >> 6 == 2 => {
            if matches!(second & 0x7f, 64..96) { Kind::Rtcp } else { Kind::Rtp }
        }
        _ => Kind::Unknown,
    }
}
