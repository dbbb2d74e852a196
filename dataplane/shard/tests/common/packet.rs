//! RTP packets as a peer makes them: in the clear, then sealed.

use fanlight_srtp::RtpSealer;
use fanlight_wire::{
    ExtendedSequence, ExtensionElement, PayloadType, RtpFields, Ssrc, Timestamp, write_rtp_header,
};

use super::keys::RTP_OVERHEAD;

/// A packet in the clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) ssrc: Ssrc,
    pub(crate) payload_type: u8,
    /// Roll-over counter and sequence number.
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// Id and data.
    pub(crate) elements: Vec<(u8, Vec<u8>)>,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    pub(crate) fn sequence(&self) -> u16 {
        ExtendedSequence(self.index).sequence().0
    }

    /// The header on the wire: fixed part and extensions.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut out = vec![0; 1024];
        let fields = RtpFields {
            marker: self.marker,
            payload_type: PayloadType::new(self.payload_type).unwrap(),
            sequence: ExtendedSequence(self.index).sequence(),
            timestamp: Timestamp(self.timestamp),
            ssrc: self.ssrc,
            padding: false,
        };
        let elements = self.elements.iter().map(|(id, data)| ExtensionElement { id: *id, data });
        let len = write_rtp_header(&mut out, &fields, elements).unwrap();
        out.truncate(len);
        out
    }

    pub(crate) fn seal(&self, sealer: &RtpSealer) -> Vec<u8> {
        self.seal_behind(&self.header(), sealer)
    }

    /// Seals the payload behind a header that a test has bent.
    pub(crate) fn seal_behind(&self, header: &[u8], sealer: &RtpSealer) -> Vec<u8> {
        let mut out = vec![0; header.len() + self.payload.len() + RTP_OVERHEAD];
        out[..header.len()].copy_from_slice(header);
        let len = sealer.seal(self.index, &mut out, header.len(), &self.payload).unwrap();
        assert_eq!(len, out.len());
        out
    }

    /// The same packet as a retransmission. RFC 4588 §4.
    pub(crate) fn retransmitted(&self, ssrc: Ssrc, payload_type: u8, index: u64) -> Self {
        let payload = [&self.sequence().to_be_bytes(), self.payload.as_slice()].concat();
        Self { ssrc, payload_type, index, payload, ..self.clone() }
    }
}

/// A VP8 payload of `len` bytes: descriptor, then the frame header or its continuation. RFC 7741 §4.2.
pub(crate) fn vp8_payload(key_frame: bool, frame_start: bool, len: usize, filling: u64) -> Vec<u8> {
    let descriptor = if frame_start { 0x10 } else { 0x00 };
    let frame_header = u8::from(!key_frame);
    let mut payload = vec![descriptor, frame_header];
    payload.extend(noise(filling, len.saturating_sub(2)));
    payload.truncate(len);
    payload
}

/// Bytes that are the same for the same number, and hardly for another.
pub(crate) fn noise(number: u64, len: usize) -> Vec<u8> {
    let mut state = number;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        // Knuth's MMIX multiplier and increment.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    bytes.truncate(len);
    bytes
}
