//! Packets to one viewer, sealed side by side into a send slot and handed to the kernel as one message.
//!
//! A message costs the kernel 700–1,100 ns whatever it carries, a further segment 30–315: so runs of equal size leave as one
//! `sendmsg` with UDP_SEGMENT. Only the last segment may be shorter; a longer packet begins the next train.

use std::time::Instant;

use fanlight_wire::{RtpFields, Sequence, write_rtp_header};

use crate::bandwidth::Bandwidth;
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
    /// Another head in place of the payload's own, and the payload behind its own.
    Edited(&'a [u8], &'a [u8]),
    /// The original sequence number and the original payload, head and rest. RFC 4588 §4.
    Retransmission(Sequence, &'a [u8], &'a [u8]),
    /// Nothing but RTP padding of so many bytes, the last of which counts them. RFC 3550 §5.1.
    Padding(u8),
}

impl<'a> Body<'a> {
    /// A payload as it is, or with another head, which is as long as its own.
    pub(crate) fn of(payload: &'a [u8], head: Option<&'a [u8]>) -> Self {
        match head {
            Some(head) => Self::Edited(head, payload.get(head.len()..).unwrap_or_default()),
            None => Self::Media(payload),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Media(payload) => payload.len(),
            Self::Edited(head, rest) => head.len() + rest.len(),
            Self::Retransmission(_, head, rest) => 2 + head.len() + rest.len(),
            Self::Padding(len) => usize::from(*len),
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
    /// The time, and who is told of each packet.
    measured: Option<(Instant, &'a mut Bandwidth)>,
}

impl<'a> Train<'a> {
    pub(crate) fn new(
        egress: &'a mut dyn Egress,
        counters: &'a mut Counters,
        srtp: &'a Srtp,
        to: Remote,
    ) -> Self {
        Self { egress, counters, srtp, to, len: 0, segment: 0, measured: None }
    }

    /// To a viewer that tells what became of each packet: they are numbered, and written down.
    pub(crate) fn measured(mut self, now: Instant, bandwidth: Option<&'a mut Bandwidth>) -> Self {
        self.measured = bandwidth.map(|bandwidth| (now, bandwidth));
        self
    }

    /// Seals a packet into the train, or into the next one if it does not fit. False: it is lost, for want of a slot.
    pub(crate) fn push(
        &mut self,
        index: u64,
        fields: &RtpFields,
        elements: &ViewerElements<'_>,
        body: Body<'_>,
    ) -> bool {
        let Some((_, bandwidth)) = &mut self.measured else {
            return self.place(index, fields, elements, body).is_some();
        };
        let sequence = bandwidth.next_sequence();
        let placed = self.place(index, fields, &elements.numbered(&sequence.0.to_be_bytes()), body);
        if let (Some(bytes), Some((now, bandwidth))) = (placed, &mut self.measured) {
            bandwidth.sent(*now, sequence, bytes, matches!(body, Body::Padding(_)));
        }
        placed.is_some()
    }

    /// Returns the bytes of the sealed packet.
    fn place(
        &mut self,
        index: u64,
        fields: &RtpFields,
        elements: &ViewerElements<'_>,
        body: Body<'_>,
    ) -> Option<usize> {
        let appended = self.append(index, fields, elements, body);
        if appended.is_some() || self.len == 0 {
            return appended;
        }
        self.depart();
        self.append(index, fields, elements, body)
    }

    fn append(
        &mut self,
        index: u64,
        fields: &RtpFields,
        elements: &ViewerElements<'_>,
        body: Body<'_>,
    ) -> Option<usize> {
        let Some(slot) = self.egress.slot() else {
            self.counters.egress_full += 1;
            return None;
        };
        let room = slot.get_mut(self.len..)?;
        let header_len = write_rtp_header(room, fields, elements.clone())?;
        let total = header_len + body.len() + self.srtp.rtp_overhead;
        let is_first = self.len == 0;
        if total > room.len() || (!is_first && total > self.segment) {
            return None;
        }
        let sealed = match body {
            Body::Media(payload) => self.srtp.rtp_sealer.seal(index, room, header_len, payload),
            Body::Edited(head, rest) => {
                put(room.get_mut(header_len..)?, [head, rest])?;
                self.srtp.rtp_sealer.seal_in_place(index, room, header_len, body.len())
            }
            Body::Retransmission(original, head, rest) => {
                put(room.get_mut(header_len..)?, [&original.0.to_be_bytes(), head, rest])?;
                self.srtp.rtp_sealer.seal_in_place(index, room, header_len, body.len())
            }
            Body::Padding(len) => {
                let plain = room.get_mut(header_len..header_len + body.len())?;
                plain.fill(0);
                *plain.last_mut()? = len;
                self.srtp.rtp_sealer.seal_in_place(index, room, header_len, body.len())
            }
        };
        let sealed = sealed.ok()?;
        if is_first {
            self.segment = sealed;
        }
        self.len += sealed;
        self.counters.datagrams_out += 1;
        let full = self.len >= self.segment * TRAIN_SEGMENTS_MAX;
        if sealed < self.segment || full {
            self.depart();
        }
        Some(sealed)
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

/// Copies the parts one behind the other.
fn put<const PARTS: usize>(mut room: &mut [u8], parts: [&[u8]; PARTS]) -> Option<()> {
    for part in parts {
        let (place, rest) = room.split_at_mut_checked(part.len())?;
        place.copy_from_slice(part);
        room = rest;
    }
    Some(())
}

impl Drop for Train<'_> {
    fn drop(&mut self) {
        self.depart();
    }
}
