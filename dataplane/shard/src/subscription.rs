//! One viewer's wish for one track: where its numbering stands against the track's, and what it may be sent again.

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, RtpFields, Sequence, Timestamp};

use crate::limits::{RESEND_BYTES_START, RESEND_INTERVAL_MIN, RESEND_SHARE};
use crate::rng::Rng;
use crate::spec::SubscriptionSpec;
use crate::store::PacketFacts;

/// Places of the log of recent retransmissions; a power of two.
const RESEND_LOG: usize = 128;

/// Of the numbers that share a place, the one that was sent again last, and when.
type ResendLog = [Option<(Sequence, Instant)>; RESEND_LOG];

/// The viewer's numbering: what the track's packets are called in this subscription.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    /// Track sequence of the first packet sent.
    first: ExtendedSequence,
    /// Packet index = track sequence + this, wrapping. The index (ROC and sequence) is the SRTP nonce: one for each track
    /// packet, and no packet is taken twice (see [`crate::store`]).
    index_offset: u64,
    timestamp_offset: u32,
    highest_index: u64,
}

/// See the file's head.
pub(crate) struct Subscription {
    pub(crate) spec: SubscriptionSpec,
    mapping: Option<Mapping>,
    /// Packet index of the retransmission stream.
    rtx_index: u64,
    resent: Option<Box<ResendLog>>,
    resend_budget: u64,
    pub(crate) packets: u64,
    /// Payload bytes, retransmissions apart: the octet count of a sender report.
    pub(crate) octets: u64,
    pub(crate) retransmitted: u64,
    pub(crate) not_resent: u64,
    pub(crate) nacks: u64,
    pub(crate) key_frame_requests: u64,
    pub(crate) key_frames: u64,
    pub(crate) frames: u64,
}

impl Subscription {
    pub(crate) fn new(spec: SubscriptionSpec, rng: &mut Rng) -> Self {
        Self {
            spec,
            mapping: None,
            rtx_index: first_index(rng),
            resent: None,
            resend_budget: RESEND_BYTES_START,
            packets: 0,
            octets: 0,
            retransmitted: 0,
            not_resent: 0,
            nacks: 0,
            key_frame_requests: 0,
            key_frames: 0,
            frames: 0,
        }
    }

    /// Where the track's packet goes in this subscription: its packet index and header. None: not for this viewer.
    pub(crate) fn admit(
        &mut self,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        rng: &mut Rng,
    ) -> Option<(u64, RtpFields)> {
        if self.mapping.is_none() && (!self.spec.codec.is_video() || facts.key_frame_start) {
            let index = first_index(rng);
            self.mapping = Some(Mapping {
                first: sequence,
                index_offset: index.wrapping_sub(sequence.0),
                timestamp_offset: rng.next_u32(),
                highest_index: index,
            });
        }
        let mapping = self.mapping.as_mut().filter(|mapping| sequence >= mapping.first)?;
        let index = sequence.0.wrapping_add(mapping.index_offset);
        mapping.highest_index = mapping.highest_index.max(index);
        Some((index, self.fields(index, facts)?))
    }

    /// Counts what was sealed and sent.
    pub(crate) fn sent(&mut self, facts: &PacketFacts) {
        self.packets += 1;
        self.octets += u64::from(facts.payload_len);
        self.resend_budget = self.resend_budget.saturating_add(u64::from(facts.payload_len) / RESEND_SHARE);
        self.key_frames += u64::from(facts.key_frame_start);
        self.frames += u64::from(facts.marker);
    }

    fn fields(&self, index: u64, facts: &PacketFacts) -> Option<RtpFields> {
        Some(RtpFields {
            marker: facts.marker,
            payload_type: self.spec.payload_type,
            sequence: ExtendedSequence(index).sequence(),
            timestamp: self.rewrite(facts.timestamp)?,
            ssrc: self.spec.ssrc,
            padding: false,
        })
    }

    /// The track's timestamp in this subscription, or None before it began.
    pub(crate) fn rewrite(&self, timestamp: Timestamp) -> Option<Timestamp> {
        self.mapping.map(|mapping| timestamp.wrapping_add(mapping.timestamp_offset))
    }

    /// The track's packet that the viewer knows under `sequence`. None: never sent.
    pub(crate) fn track_sequence(&self, sequence: Sequence) -> Option<ExtendedSequence> {
        let mapping = self.mapping?;
        let behind = ExtendedSequence(mapping.highest_index).sequence().distance_from(sequence);
        let index = mapping.highest_index.checked_sub(u64::try_from(behind).ok()?)?;
        let track = ExtendedSequence(index.wrapping_sub(mapping.index_offset));
        (track >= mapping.first && track.0 <= mapping.highest_index.wrapping_sub(mapping.index_offset))
            .then_some(track)
    }

    /// Takes the right to send `bytes` again for a NACK of `sequence`: once a round trip, and within the budget.
    pub(crate) fn may_resend(
        &mut self,
        now: Instant,
        sequence: Sequence,
        bytes: usize,
        round_trip: Option<Duration>,
    ) -> bool {
        let interval = round_trip.unwrap_or_default().max(RESEND_INTERVAL_MIN);
        let log = self.resent.get_or_insert_with(|| Box::new([None; RESEND_LOG]));
        let Some(entry) = log.get_mut(usize::from(sequence.0) % RESEND_LOG) else { return false };
        let recent = entry.is_some_and(|(last, at)| last == sequence && now < at + interval);
        let bytes = bytes as u64;
        if recent || self.resend_budget < bytes {
            return false;
        }
        *entry = Some((sequence, now));
        self.resend_budget -= bytes;
        true
    }

    /// Index and header of the next packet of the retransmission stream. RFC 4588 §4. None: not negotiated.
    pub(crate) fn retransmission(&mut self, facts: &PacketFacts) -> Option<(u64, RtpFields)> {
        let (ssrc, payload_type) = self.spec.rtx?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let sequence = ExtendedSequence(index).sequence();
        let fields = self.fields(index, facts)?;
        Some((index, RtpFields { ssrc, payload_type, sequence, ..fields }))
    }
}

/// A random start in the first half of the first cycle, so that neither a late packet nor the peer's guess of the roll-over
/// counter goes below zero. RFC 3711 §3.3.1.
fn first_index(rng: &mut Rng) -> u64 {
    1 + u64::from(rng.next_u32() % 0x7fff)
}

#[cfg(test)]
#[path = "subscription_tests.rs"]
mod tests;
