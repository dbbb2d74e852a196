//! Packets to one viewer, sealed side by side into a send slot and handed to the kernel as one message.
//!
//! A message costs the kernel 700–1,100 ns whatever it carries, a further segment 30–315: so runs of equal size leave as one
//! `sendmsg` with UDP_SEGMENT. Only the last segment may be shorter; a longer packet begins the next train.

use fanlight_wire::{RtpFields, Sequence, write_rtp_header};

use crate::counters::Counters;
use crate::elements::ViewerElements;
use crate::limits::TRAIN_SEGMENTS_MAX;
use crate::remote::Remote;
use crate::session::Srtp;
use crate::turn::Egress;

/// What stands behind the RTP header.
#[derive(Clone, Copy)]
pub(crate) enum Body<'a> {
    /// Sealed out of place from the store.
    Media(&'a [u8]),
    /// The original sequence number and the original payload. RFC 4588 §4.
    Retransmission(Sequence, &'a [u8]),
}

impl Body<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Media(payload) => payload.len(),
            Self::Retransmission(_, payload) => 2 + payload.len(),
        }
    }
}

/// A train that is being put together. It leaves when it is dropped.
pub(crate) struct Train<'a> {
    egress: &'a mut dyn Egress,
    counters: &'a mut Counters,
    srtp: &'a Srtp,
    to: Remote,
    /// Bytes, and of them in each segment.
    len: usize,
    segment: usize,
}

impl<'a> Train<'a> {
    pub(crate) fn new(
        egress: &'a mut dyn Egress,
        counters: &'a mut Counters,
        srtp: &'a Srtp,
        to: Remote,
    ) -> Self {
        Self { egress, counters, srtp, to, len: 0, segment: 0 }
    }

    /// Seals a packet into the train, or into the next one if it does not fit. False: it is lost, for want of a slot.
    pub(crate) fn push(
        &mut self,
        index: u64,
        fields: &RtpFields,
        elements: &ViewerElements<'_>,
        body: Body<'_>,
    ) -> bool {
        self.append(index, fields, elements, body)
            || (self.len > 0 && {
                self.depart();
                self.append(index, fields, elements, body)
            })
    }

    fn append(
        &mut self,
        index: u64,
        fields: &RtpFields,
        elements: &ViewerElements<'_>,
        body: Body<'_>,
    ) -> bool {
        let Some(slot) = self.egress.slot() else {
            self.counters.egress_full += 1;
            return false;
        };
        let Some(room) = slot.get_mut(self.len..) else { return false };
        let Some(header_len) = write_rtp_header(room, fields, elements.clone()) else { return false };
        let total = header_len + body.len() + self.srtp.rtp_overhead;
        let is_first = self.len == 0;
        if total > room.len() || (!is_first && total > self.segment) {
            return false;
        }
        let sealed = match body {
            Body::Media(payload) => self.srtp.rtp_sealer.seal(index, room, header_len, payload),
            Body::Retransmission(original, payload) => {
                let Some(plain) = room.get_mut(header_len..header_len + body.len()) else { return false };
                let (front, back) = plain.split_at_mut(2);
                front.copy_from_slice(&original.0.to_be_bytes());
                back.copy_from_slice(payload);
                self.srtp.rtp_sealer.seal_in_place(index, room, header_len, body.len())
            }
        };
        let Ok(sealed) = sealed else { return false };
        if is_first {
            self.segment = sealed;
        }
        self.len += sealed;
        self.counters.datagrams_out += 1;
        let full = self.len >= self.segment * TRAIN_SEGMENTS_MAX;
        if sealed < self.segment || full {
            self.depart();
        }
        true
    }

    fn depart(&mut self) {
        if self.len > 0 {
            self.egress.send(self.to, self.len, self.segment);
            self.counters.messages_out += 1;
            self.counters.bytes_out += self.len as u64;
            self.len = 0;
        }
    }
}

impl Drop for Train<'_> {
    fn drop(&mut self) {
        self.depart();
    }
}
