//! The media of the tests: what we and the stock peer send, and how to read it.

use str0m::format::Codec;
use str0m::media::{MediaKind, Mid, Pt};
use str0m::rtp::RtpWrite;

use crate::session::Session;

/// The SSRC of our stream to the stock peer, and of its stream to us.
pub(crate) const OURS: u32 = 0x0fa1_1195;
pub(crate) const THEIRS: u32 = 0x570c_0001;

/// Indices round the first wrap of the sequence number.
pub(crate) const INDICES: std::ops::Range<u64> = 65_500..65_600;

/// The one media line.
pub(crate) fn mid() -> Mid {
    "aud".into()
}

/// A payload of its own for each index, of changing length, from empty to nearly a datagram.
pub(crate) fn payload(index: u64) -> Vec<u8> {
    let len = (index * 37 % 1150) as usize;
    index.to_be_bytes().into_iter().cycle().take(len).collect()
}

/// Gives the stock peer the media line and returns its payload type.
pub(crate) fn declare_audio(session: &mut Session) -> Pt {
    let opus = session.stock().codec_config().find(|format| format.spec().codec == Codec::Opus);
    let pt = opus.unwrap().pt();
    session.stock().direct_api().declare_media(mid(), MediaKind::Audio);
    pt
}

/// The fixed RTP header of a packet of ours.
pub(crate) fn header(pt: Pt, index: u64) -> [u8; 12] {
    let mut header = [0x80; 12];
    header[1] = *pt;
    header[2..4].copy_from_slice(&index.to_be_bytes()[6..]);
    header[4..8].copy_from_slice(&(index * 960).to_be_bytes()[4..]);
    header[8..].copy_from_slice(&OURS.to_be_bytes());
    header
}

/// A sender report of our stream without report blocks, RFC 3550 §6.4.1.
pub(crate) fn sender_report(packet_count: u32) -> Vec<u8> {
    let mut report = vec![0x80, 200, 0, 6];
    report.extend(OURS.to_be_bytes());
    report.extend(0xe8d1_0000_0000_0000_u64.to_be_bytes());
    report.extend((packet_count * 960).to_be_bytes());
    report.extend(packet_count.to_be_bytes());
    report.extend((packet_count * 100).to_be_bytes());
    report
}

/// Length of the RTP header with CSRCs and extension, RFC 3550 §5.1 and §5.3.1.
pub(crate) fn header_len(packet: &[u8]) -> usize {
    let fixed = 12 + 4 * usize::from(packet[0] & 0x0f);
    if packet[0] & 0x10 == 0 {
        return fixed;
    }
    fixed + 4 + 4 * usize::from(u16::from_be_bytes([packet[fixed + 2], packet[fixed + 3]]))
}

/// RFC 5761 §4: these second bytes are RTCP.
pub(crate) fn is_rtcp(packet: &[u8]) -> bool {
    (192..224).contains(&packet[1])
}

/// Lets the stock peer send one packet for each of [`INDICES`], and returns all SRTP and SRTCP that came.
pub(crate) fn recording(session: &mut Session) -> Vec<Vec<u8>> {
    let pt = declare_audio(session);
    session.stock().direct_api().declare_stream_tx(THEIRS.into(), None, mid(), None);
    for index in INDICES {
        let now = session.now();
        let time = u32::try_from(index * 960).unwrap();
        let packet = RtpWrite::new(pt, index.into(), time, now, payload(index));
        let mut api = session.stock().direct_api();
        api.stream_tx(&THEIRS.into()).unwrap().write_rtp(packet);
        session.step();
    }
    session.received.drain(..).collect()
}
