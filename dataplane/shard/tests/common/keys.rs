//! SRTP keys that both sides of a test know: what a DTLS exporter would have given, from a number instead.

use fanlight_srtp::{Profile, RtcpOpener, RtcpSealer, RtpOpener, RtpSealer, SessionKeys};

/// The profile that browsers and we agree on.
const PROFILE: Profile = Profile::AeadAes128Gcm;

/// Bytes that the seal adds to a packet.
pub(crate) const RTP_OVERHEAD: usize = PROFILE.rtp_overhead();

/// The keys of the session with this number, as the shard holds them: the server's side.
pub(crate) fn of_shard(number: u32) -> SessionKeys {
    exported(number, false)
}

/// The four contexts of the peer.
pub(crate) struct PeerContexts {
    pub(crate) rtp_sealer: RtpSealer,
    pub(crate) rtcp_sealer: RtcpSealer,
    pub(crate) rtp_opener: RtpOpener,
    pub(crate) rtcp_opener: RtcpOpener,
}

impl PeerContexts {
    pub(crate) fn new(number: u32) -> Self {
        let keys = exported(number, true);
        Self {
            rtp_sealer: RtpSealer::new(&keys.local),
            rtcp_sealer: RtcpSealer::new(&keys.local),
            rtp_opener: RtpOpener::new(&keys.remote),
            rtcp_opener: RtcpOpener::new(&keys.remote),
        }
    }
}

fn exported(number: u32, client: bool) -> SessionKeys {
    let places = 0..u32::try_from(PROFILE.exporter_len()).unwrap();
    let material: Vec<u8> = places
        .map(|place| number.wrapping_mul(0x9e37_79b1).wrapping_add(place * 0x0101_0b47).to_be_bytes()[1])
        .collect();
    SessionKeys::from_dtls(PROFILE, &material, client).unwrap()
}
