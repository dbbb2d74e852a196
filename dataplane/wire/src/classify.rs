//! What a datagram is, by its first two bytes. RFC 7983 §7 and RFC 5761 §4.

/// The protocols that share our UDP ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Connectivity checks and consent: first byte 0 to 3.
    Stun,
    /// Handshakes and data channels: first byte 20 to 63.
    Dtls,
    /// Media: first byte 128 to 191 and a payload type outside 64 to 95.
    Rtp,
    /// Reports and feedback: first byte 128 to 191 and a second byte whose low seven bits are 64 to 95.
    Rtcp,
    /// None of these (ZRTP, TURN channels, QUIC, noise), or too short to tell.
    Unknown,
}

/// Sorts a datagram: a guess from two bytes that nobody has authenticated, which chooses a parser, no more.
///
/// The second byte tells RTCP from RTP. RTCP's packet types 192 to 223 read as RTP payload types 64 to 95
/// with the marker set, which is why those payload types are never used beside RTCP; without the marker they
/// are taken for RTCP as well, and fall there. RFC 5761 §4.
#[must_use]
pub const fn classify(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        [128..=191, second, ..] => match *second & 0x7f {
            64..=95 => Kind::Rtcp,
            _ => Kind::Rtp,
        },
        _ => Kind::Unknown,
    }
}
