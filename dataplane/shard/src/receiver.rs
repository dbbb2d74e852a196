//! One SSRC that a publisher sends: its packet index, its losses, and what a receiver report says of it. RFC 3550 §6.4.1.

use std::time::Instant;

use fanlight_srtp::{Authenticated, ReceiveIndex};
use fanlight_wire::{ExtendedSequence, NtpTime, ReportBlock, Ssrc, Timestamp};

use crate::limits::{GAP_MAX, LEAP_MAX};
use crate::missing::MissingList;

/// Track sequences begin here, one cycle above zero: an SSRC that takes over goes on from the highest, and packets of it that
/// were sent before its first to arrive have numbers below that, at most a cycle.
const TRACK_SEQUENCE_FIRST: u64 = 1 << 16;

/// What the stream carries for its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Media,
    Retransmission,
}

/// See the file's head.
pub(crate) struct Receiver {
    pub(crate) ssrc: Ssrc,
    pub(crate) stream: Stream,
    /// Place of its track in the publisher's list.
    pub(crate) track: usize,
    pub(crate) index: ReceiveIndex,
    pub(crate) missing: MissingList,
    /// Track sequence = packet index + this. A track goes on counting when its SSRC changes.
    pub(crate) sequence_offset: u64,
    /// Track timestamp = RTP timestamp + this.
    pub(crate) timestamp_offset: u32,
    span: Option<Span>,
    received: u64,
    jitter_sixteenths: u32,
    transit: Option<u32>,
    sender_report: Option<(NtpTime, Instant)>,
    reported_expected: u64,
    reported_received: u64,
}

/// First and highest packet index seen.
#[derive(Clone, Copy)]
struct Span {
    first: u64,
    highest: u64,
}

impl Receiver {
    pub(crate) fn new(ssrc: Ssrc, stream: Stream, track: usize) -> Self {
        Self {
            ssrc,
            stream,
            track,
            index: ReceiveIndex::new(),
            missing: MissingList::default(),
            sequence_offset: TRACK_SEQUENCE_FIRST,
            timestamp_offset: 0,
            span: None,
            received: 0,
            jitter_sixteenths: 0,
            transit: None,
            sender_report: None,
            reported_expected: 0,
            reported_received: 0,
        }
    }

    /// Whether a retransmission can be of the packet with this index: of one that was missed, or that will come as one of the
    /// next. None can before anything has come.
    pub(crate) fn may_be_resent(&self, index: u64) -> bool {
        self.span.is_some_and(|span| index <= span.highest + GAP_MAX)
    }

    /// A stream that leaps ahead goes on, for its track, right behind `highest`. Returns whether it leapt.
    ///
    /// Viewers' roll-over counters do not follow a leap of half a cycle (RFC 3711 §3.3.1), and nothing of what lies between
    /// will come.
    pub(crate) fn bridge_leap(&mut self, index: u64, highest: ExtendedSequence) -> bool {
        let ahead = self.track_sequence(index).0.saturating_sub(highest.0);
        if ahead <= LEAP_MAX {
            return false;
        }
        self.sequence_offset = (highest.0 + 1).wrapping_sub(index);
        self.missing.give_up(ahead - 1);
        true
    }

    /// Counts an authentic packet.
    pub(crate) fn count(&mut self, proof: &Authenticated) {
        let index = proof.index();
        self.index.accept(proof);
        self.received += 1;
        let span = self.span.get_or_insert(Span { first: index, highest: index });
        span.first = span.first.min(index);
        span.highest = span.highest.max(index);
    }

    /// RFC 3550 §A.8. `arrival_ticks`: the arrival on the stream's RTP clock, from any origin.
    pub(crate) fn observe_jitter(&mut self, arrival_ticks: u32, timestamp: Timestamp) {
        let transit = arrival_ticks.wrapping_sub(timestamp.0);
        if let Some(before) = self.transit.replace(transit) {
            let difference = transit.wrapping_sub(before).cast_signed().unsigned_abs();
            let decayed = self.jitter_sixteenths.saturating_sub((self.jitter_sixteenths + 8) >> 4);
            self.jitter_sixteenths = decayed.saturating_add(difference);
        }
    }

    /// RTP clock ticks.
    pub(crate) fn jitter(&self) -> u32 {
        self.jitter_sixteenths >> 4
    }

    /// The publisher's sender report came.
    pub(crate) fn note_sender_report(&mut self, now: Instant, ntp: NtpTime) {
        self.sender_report = Some((ntp, now));
    }

    pub(crate) fn track_sequence(&self, index: u64) -> ExtendedSequence {
        ExtendedSequence(index.wrapping_add(self.sequence_offset))
    }

    /// The next report block, or None before the first packet. RFC 3550 §A.3.
    pub(crate) fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let span = self.span?;
        let expected = span.highest - span.first + 1;
        let lost = expected.saturating_sub(self.received);
        let expected_since = expected - self.reported_expected;
        let received_since = self.received - self.reported_received;
        self.reported_expected = expected;
        self.reported_received = self.received;
        let lost_since = expected_since.saturating_sub(received_since);
        let fraction_lost = (lost_since * 256).checked_div(expected_since).unwrap_or_default().min(255);
        let (last_sender_report, delay) = match self.sender_report {
            Some((ntp, at)) => {
                (ntp.middle(), now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000)
            }
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction_lost).unwrap_or(u8::MAX),
            cumulative_lost: i32::try_from(lost.min(0x7f_ffff)).unwrap_or(0x7f_ffff),
            extended_highest_sequence: u32::try_from(span.highest & 0xffff_ffff).unwrap_or_default(),
            jitter: self.jitter(),
            last_sender_report,
            delay_since_last_sender_report: u32::try_from(delay).unwrap_or(u32::MAX),
        })
    }
}
