//! Packets as they come: what Chromium sent, and for what it does not send, the seeds of the fuzz targets.

use std::hint::black_box;

use fanlight_wire::codec::Codec;
use fanlight_wire::{
    ExtensionElement, PayloadType, RtpFields, Sequence, Ssrc, Timestamp, abs_send_time, write_rtp_header,
};

/// Video of Chromium's: a header with three extension elements.
pub(crate) const RTP: &[u8] = include_bytes!("../../../fuzz/seeds/rtp/chromium_97_0");
/// A connectivity check of Chromium's.
pub(crate) const STUN: &[u8] = include_bytes!("../../../fuzz/seeds/stun/chromium_request_0");
/// A receiver's report.
pub(crate) const RECEIVER_REPORT: &[u8] = include_bytes!("../../../fuzz/seeds/rtcp/receiver");
/// Reports, names, NACK, PLI, FIR, REMB, transport-wide feedback and BYE in one datagram.
pub(crate) const COMPOUND: &[u8] = include_bytes!("../../../fuzz/seeds/rtcp/everything");

/// The first packet of a key frame, or what comes closest.
pub(crate) const PAYLOADS: [(&str, Codec, &[u8]); 4] = [
    ("vp8", Codec::Vp8, include_bytes!("../../../fuzz/seeds/vp8/key")),
    ("vp9", Codec::Vp9, include_bytes!("../../../fuzz/seeds/vp9/svc")),
    ("h264", Codec::H264, include_bytes!("../../../fuzz/seeds/h264/stap_a")),
    ("av1", Codec::Av1, include_bytes!("../../../fuzz/seeds/av1/key")),
];

/// Roll-over counter and sequence number of a packet to be sealed. Sealing one packet again and again is safe: what is used
/// twice is not the nonce alone but all of it.
pub(crate) const INDEX: u64 = 7;

/// Writes the header that a viewer of video gets: media identification, send time, orientation. Returns its length.
pub(crate) fn write_header(out: &mut [u8]) -> usize {
    let fields = RtpFields {
        marker: false,
        payload_type: PayloadType::new(96).unwrap(),
        sequence: Sequence(7),
        timestamp: Timestamp(3_000_000_000),
        ssrc: Ssrc(0x0102_0304),
        padding: false,
    };
    let send_time = abs_send_time(std::time::Duration::from_millis(1_234));
    let elements =
        [(9, b"0".as_slice()), (8, &send_time), (1, &[0])].map(|(id, data)| ExtensionElement { id, data });
    // In a shard none of it is known when it is compiled.
    write_rtp_header(out, &black_box(fields), black_box(elements).into_iter()).unwrap()
}
