//! One viewer's wish for one track: how far it is, under which numbers, and what it may be sent again.

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, PayloadType, RtpFields, Sequence, Timestamp};

use crate::gop::Gop;
use crate::layers::descriptor::{Continuation, Edited};
use crate::layers::layering::Layering;
use crate::limits::{CATCH_UP_MARGIN, RESEND_BYTES_START, RESEND_INTERVAL_MIN, RESEND_SHARE};
use crate::numbering::{CatchUp, Numbering};
use crate::rng::Rng;
use crate::spec::SubscriptionSpec;
use crate::store::{PacketFacts, Stored};
use crate::svc::{Gate, Point, Points};
use crate::track::Track;

/// Places of the log of recent retransmissions; a power of two.
const RESEND_LOG: usize = 128;

/// When packets were last sent out of order, by their numbers. Most viewers need none.
#[derive(Default)]
struct ResendLog(Option<Box<Places>>);

struct Places {
    began: Instant,
    /// Of the numbers that share a place, the last one, and when it left: milliseconds since `began`, rounded up.
    left: [Option<(Sequence, u32)>; RESEND_LOG],
}

impl ResendLog {
    fn note(&mut self, now: Instant, sequence: Sequence) {
        let places = self.0.get_or_insert_with(|| Box::new(Places { began: now, left: [None; RESEND_LOG] }));
        let since = now.saturating_duration_since(places.began).as_micros().div_ceil(1000);
        if let Some(place) = places.left.get_mut(usize::from(sequence.0) % RESEND_LOG) {
            *place = Some((sequence, u32::try_from(since).unwrap_or(u32::MAX)));
        }
    }

    fn last(&self, sequence: Sequence) -> Option<Instant> {
        let Places { began, left } = self.0.as_deref()?;
        let place = left.get(usize::from(sequence.0) % RESEND_LOG)?;
        let (_, since) = place.filter(|(last, _)| *last == sequence)?;
        Some(*began + Duration::from_millis(since.into()))
    }
}

/// Where a subscription stands in its track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It begins with the next packet that a decoder can begin with.
    Waiting { since: Instant },
    /// It gets each packet as it comes.
    Live,
    /// It goes through the store, as fast as its pace and its way back to live allow.
    Behind(Cursor),
    /// Its layer is far more than the link takes: nothing more of it is put into the queue that the next layer has to go through.
    Hushed,
    /// Its viewer wants nothing now.
    Paused,
}

/// A place in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The packet that leaves next. All before it have left, or leave late, when they come.
    pub(crate) next: ExtendedSequence,
    /// Since when it has been waited for, if it is not there.
    pub(crate) missing_since: Option<Instant>,
    /// Since when the subscription has not been live.
    pub(crate) behind_since: Instant,
}

impl Cursor {
    pub(crate) fn at(next: ExtendedSequence, now: Instant) -> Self {
        Self { next, missing_since: None, behind_since: now }
    }

    /// The next packet's turn.
    pub(crate) fn step(self) -> Self {
        Self { next: ExtendedSequence(self.next.0 + 1), missing_since: None, ..self }
    }
}

/// See the file's head. It lies in memory as it is written down: what each packet touches comes first.
#[repr(C)]
pub(crate) struct Subscription {
    pub(crate) flow: Flow,
    /// When the cursor can go on.
    pub(crate) due: Option<Instant>,
    /// The turn in which it was served last.
    pub(crate) served: u64,
    /// None until the first packet.
    numbering: Option<Numbering>,
    resend_budget: u64,
    pub(crate) packets: u64,
    /// Payload bytes, retransmissions apart: the octet count of a sender report.
    pub(crate) octets: u64,
    pub(crate) key_frames: u64,
    pub(crate) frames: u64,
    pub(crate) spec: SubscriptionSpec,
    /// Once it is on its track, where its source has several layers.
    pub(crate) layering: Option<Box<Layering>>,
    /// Of a stream in layers what it gets, once that is not everything.
    gate: Option<Box<Gate>>,
    /// Of its descriptors, once it has gone over to another track.
    continuation: Continuation,
    /// The next run is on another track, with a clock of its own.
    clock_changed: bool,
    /// When it last began from the store, and how often it has.
    pub(crate) restarted: Option<Instant>,
    pub(crate) restarts: u32,
    /// Packet index of the retransmission stream.
    rtx_index: u64,
    resent: ResendLog,
    pub(crate) retransmitted: u64,
    pub(crate) not_resent: u64,
    pub(crate) nacks: u64,
    pub(crate) key_frame_requests: u64,
}

impl Subscription {
    pub(crate) fn new(spec: SubscriptionSpec, now: Instant, rng: &mut Rng) -> Self {
        Self {
            spec,
            flow: Flow::Waiting { since: now },
            due: None,
            served: 0,
            numbering: None,
            continuation: Continuation::default(),
            layering: None,
            gate: None,
            clock_changed: false,
            restarted: None,
            restarts: 0,
            rtx_index: first_index(rng),
            resent: ResendLog::default(),
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

    pub(crate) fn is_video(&self) -> bool {
        self.spec.codec.is_video()
    }

    /// Waits for a packet to begin with.
    pub(crate) fn wait(&mut self, now: Instant) {
        self.flow = Flow::Waiting { since: now };
        self.due = None;
    }

    /// The next run is on another track.
    pub(crate) fn change_clock(&mut self) {
        self.clock_changed = true;
    }

    /// Begins with a packet that has just come, if a decoder can begin with it. False: it waits on.
    pub(crate) fn begin_live(
        &mut self,
        now: Instant,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        points: Option<&Points>,
        rng: &mut Rng,
    ) -> bool {
        if self.is_video() && !facts.key_frame_start {
            return false;
        }
        let first = self.enter(sequence, points);
        self.begin_run(now, first, facts.timestamp, rng);
        self.flow = Flow::Live;
        true
    }

    /// Begins with a group of pictures of a track that is in the store, to be live by and by. `newest`: where the track's clock
    /// stands.
    pub(crate) fn begin_from_store(
        &mut self,
        now: Instant,
        (gop, points): (Gop, Option<&Points>),
        newest: Timestamp,
        speed: u32,
        rng: &mut Rng,
    ) {
        // A viewer may have seen the newest frame already: what comes now is later than that.
        let ticks = u128::from(self.spec.clock_rate_hz) * CATCH_UP_MARGIN.as_micros() / 1_000_000;
        let seen = self.numbering.as_ref().and_then(Numbering::seen).filter(|_| !self.clock_changed);
        let newest = seen.filter(|seen| seen.distance_from(newest) > 0).unwrap_or(newest);
        let live = newest.wrapping_add(u32::try_from(ticks).unwrap_or_default());
        let first = self.enter(gop.first, points);
        let numbering = self.begin_run(now, first, live, rng);
        numbering.set_catch_up(CatchUp::plan(now, gop.timestamp, live, speed));
        self.flow = Flow::Behind(Cursor::at(gop.first, now));
        self.due = Some(now);
        self.restarted = Some(now);
        self.restarts = self.restarts.saturating_add(1);
    }

    /// Begins a run with that packet of its track. Returns what it is numbered as.
    fn enter(&mut self, first: ExtendedSequence, points: Option<&Points>) -> ExtendedSequence {
        self.gate.as_deref_mut().map_or(first, |gate| gate.begin(first, points))
    }

    /// What a packet of its track is numbered as: its sequence, where it gets everything.
    fn place(&self, sequence: ExtendedSequence, points: Option<&Points>) -> Option<ExtendedSequence> {
        self.gate.as_deref().map_or(Some(sequence), |gate| gate.number(sequence, points))
    }

    fn begin_run(
        &mut self,
        now: Instant,
        first: ExtendedSequence,
        live: Timestamp,
        rng: &mut Rng,
    ) -> &mut Numbering {
        if let Some(numbering) = &mut self.numbering {
            numbering.splice(first);
            if std::mem::take(&mut self.clock_changed) {
                numbering.splice_clock(now, live, self.spec.clock_rate_hz);
            }
        }
        self.numbering.get_or_insert_with(|| Numbering::begin(first, first_index(rng), rng.next_u32()))
    }

    /// It is to leave its track: what that track's packets showed is to be continued.
    pub(crate) fn leave_track(&mut self, track: Option<&Track>) {
        let last = self.numbering.as_ref().and_then(Numbering::last).zip(track);
        if let Some(stored) = last.and_then(|(last, track)| track.store.find(last)) {
            self.continuation.leave(self.spec.codec, stored.payload);
        }
    }

    /// Goes over to a layer whose group of pictures has just begun.
    pub(crate) fn go_over(
        &mut self,
        now: Instant,
        track: &Track,
        old: Option<&Track>,
        gop: Gop,
        speed: u32,
        rng: &mut Rng,
    ) {
        self.leave_track(old);
        let begun = Gop { first: self.enter(gop.first, track.points()), ..gop };
        let clocks = old.and_then(|old| old.clock).zip(track.clock);
        // Before it began on its old track it was on one of another publisher.
        let clocks = clocks.filter(|_| !std::mem::take(&mut self.clock_changed));
        let clock_rate_hz = self.spec.clock_rate_hz;
        let apart = clocks.map(|(old, new)| old.apart_from(&new, clock_rate_hz));
        match &mut self.numbering {
            Some(numbering) => numbering.splice_over(now, begun, apart, clock_rate_hz, speed),
            None => {
                self.begin_run(now, begun.first, begun.timestamp, rng);
            }
        }
        self.spec.track = track.id;
        self.flow = Flow::Behind(Cursor::at(gop.first, now));
        self.due = Some(now);
    }

    /// Whether it is on its way back to live; `newest`: where its track's clock stands.
    pub(crate) fn is_catching_up(&self, newest: Timestamp) -> bool {
        matches!(self.flow, Flow::Behind(_)) && self.catch_up().is_some_and(|way| !way.is_over_at(newest))
    }

    /// Goes on at a newer key frame, and leaves out what is between.
    pub(crate) fn skip_to(&mut self, now: Instant, first: ExtendedSequence, points: Option<&Points>) {
        let begun = self.enter(first, points);
        if let Some(numbering) = &mut self.numbering {
            numbering.splice(begun);
        }
        self.flow = Flow::Behind(Cursor::at(first, now));
    }

    /// The way back to live, until it is over.
    pub(crate) fn catch_up(&self) -> Option<&CatchUp> {
        self.numbering.as_ref().and_then(Numbering::catch_up)
    }

    /// Whether later packets of the track than this one have been sent in this run.
    pub(crate) fn is_late(&self, sequence: ExtendedSequence, points: Option<&Points>) -> bool {
        self.numbering.as_ref().is_some_and(|numbering| {
            let index = self.place(sequence, points).and_then(|place| numbering.index(place));
            index.is_none_or(|index| numbering.is_late(index))
        })
    }

    /// The operating point to be at, as soon as the stream allows that.
    pub(crate) fn aim(&mut self, point: Point) {
        match &mut self.gate {
            Some(gate) => gate.wanted = point,
            None if point != Point::TOP => self.gate = Some(Box::new(Gate::open(point))),
            None => {}
        }
    }

    /// The operating point that it is at, and the one that it would be at.
    pub(crate) fn point(&self) -> (Point, Point) {
        self.gate.as_deref().map_or((Point::TOP, Point::TOP), |gate| (gate.point(), gate.wanted))
    }

    /// Whether a packet that is to leave now is for this viewer, which may change its operating point with it.
    pub(crate) fn lets_through(
        &mut self,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        points: Option<&Points>,
    ) -> bool {
        let (Some(layer), Some(points)) = (facts.layer, points) else { return true };
        let is_late = self.gate.is_some() && self.is_late(sequence, Some(points));
        let Some(gate) = &mut self.gate else { return true };
        if !is_late {
            gate.steer(sequence, layer, points);
        }
        gate.admits(sequence, facts.layer)
    }

    /// Whether a packet of its track was for this viewer when it came.
    pub(crate) fn admits(&self, sequence: ExtendedSequence, facts: &PacketFacts) -> bool {
        self.gate.as_deref().is_none_or(|gate| gate.admits(sequence, facts.layer))
    }

    /// Index and header of a track's packet in this subscription. None: it is not for this viewer.
    fn number(
        &self,
        sequence: ExtendedSequence,
        facts: &PacketFacts,
        points: Option<&Points>,
    ) -> Option<(u64, RtpFields)> {
        let index = self.numbering.as_ref()?.index(self.place(sequence, points)?)?;
        Some((index, self.fields(index, sequence, facts)?))
    }

    /// Takes the index for a packet that is to leave now. False: it must not.
    pub(crate) fn claim(&mut self, now: Instant, index: u64, facts: &PacketFacts) -> bool {
        let Some(numbering) = &mut self.numbering else { return false };
        if numbering.is_late(index) {
            // The viewer has asked for it meanwhile: its request meets the packet on the way.
            self.resent.note(now, ExtendedSequence(index).sequence());
        }
        let is_free = numbering.claim(now, index, facts.timestamp);
        debug_assert!(is_free, "the numbering gave index {index} to two packets");
        is_free
    }

    /// Counts what was sealed and sent.
    pub(crate) fn sent(&mut self, facts: &PacketFacts, marker: bool) {
        self.packets += 1;
        self.octets += u64::from(facts.payload_len);
        self.resend_budget = self.resend_budget.saturating_add(u64::from(facts.payload_len) / RESEND_SHARE);
        self.key_frames += u64::from(facts.key_frame_start);
        self.frames += u64::from(marker);
    }

    fn fields(&self, index: u64, sequence: ExtendedSequence, facts: &PacketFacts) -> Option<RtpFields> {
        // RFC 9628 §4.1: who leaves out the layers above marks the end of the highest that is left.
        let gate = self.gate.as_deref().zip(facts.layer);
        let ends_here = gate.is_some_and(|(gate, layer)| gate.ends_picture(sequence, layer));
        Some(RtpFields {
            marker: facts.marker || ends_here,
            payload_type: self.red_payload_type(facts).unwrap_or(self.spec.payload_type),
            sequence: ExtendedSequence(index).sequence(),
            timestamp: self.rewrite(facts.timestamp)?,
            ssrc: self.spec.ssrc,
            padding: false,
        })
    }

    /// Under which the viewer takes a packet of redundant audio as it is.
    fn red_payload_type(&self, facts: &PacketFacts) -> Option<PayloadType> {
        self.spec.red_payload_type.filter(|_| facts.is_redundant())
    }

    /// What of a packet's payload the viewer can read: without RED of its own the newest block alone.
    pub(crate) fn readable<'p>(&self, stored: &'p Stored<'_>) -> &'p [u8] {
        if self.red_payload_type(stored.facts).is_some() { stored.payload } else { stored.primary() }
    }

    /// Index, header and payload of a track's packet in this subscription, padded as the packets are that leave with it. None: it
    /// is not for this viewer.
    pub(crate) fn packet<'p>(
        &self,
        sequence: ExtendedSequence,
        stored: &'p Stored<'_>,
        points: Option<&Points>,
    ) -> Option<(u64, RtpFields, &'p [u8])> {
        let (index, fields) = self.number(sequence, stored.facts, points)?;
        let padding = stored.padded.len() > stored.payload.len();
        let payload = if padding { stored.padded } else { self.readable(stored) };
        Some((index, RtpFields { padding, ..fields }, payload))
    }

    /// What stands in place of the descriptor of a payload that leaves now. None: it is sent as it is.
    pub(crate) fn continue_descriptor(&mut self, payload: &[u8]) -> Option<Edited> {
        if !self.numbering.as_ref().is_some_and(Numbering::has_gone_over) {
            return None;
        }
        self.continuation.begin(payload);
        self.continuation.edit(payload)
    }

    /// As [`Self::continue_descriptor`], for a packet that has left before.
    pub(crate) fn repeat_descriptor(&self, payload: &[u8]) -> Option<Edited> {
        self.continuation.edit(payload)
    }

    /// The track's timestamp in this subscription, or None before it began.
    pub(crate) fn rewrite(&self, timestamp: Timestamp) -> Option<Timestamp> {
        self.numbering.as_ref().map(|numbering| numbering.rewrite(timestamp))
    }

    /// The track's packet that the viewer knows under `sequence`. None: never sent.
    pub(crate) fn track_sequence(
        &self,
        sequence: Sequence,
        points: Option<&Points>,
    ) -> Option<ExtendedSequence> {
        let place = self.numbering.as_ref()?.track_sequence(sequence)?;
        self.gate.as_deref().map_or(Some(place), |gate| gate.sequence(place, points))
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
        let recent = self.resent.last(sequence).is_some_and(|at| now < at + interval);
        let bytes = bytes as u64;
        if recent || self.resend_budget < bytes {
            return false;
        }
        self.resent.note(now, sequence);
        self.resend_budget -= bytes;
        true
    }

    /// Index and header of the next packet of the retransmission stream. RFC 4588 §4. None: not negotiated.
    pub(crate) fn retransmission(
        &mut self,
        original: ExtendedSequence,
        facts: &PacketFacts,
    ) -> Option<(u64, RtpFields)> {
        let (ssrc, payload_type) = self.spec.rtx?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let sequence = ExtendedSequence(index).sequence();
        let fields = self.fields(index, original, facts)?;
        Some((index, RtpFields { ssrc, payload_type, sequence, ..fields }))
    }

    /// Index and header of the next packet of the retransmission stream, for one that is padding alone. `timestamp`: where the
    /// track's clock stands. None: not negotiated, or nothing was sent yet.
    pub(crate) fn padding(&mut self, timestamp: Timestamp) -> Option<(u64, RtpFields)> {
        let (ssrc, payload_type) = self.spec.rtx?;
        let timestamp = self.rewrite(timestamp)?;
        let index = self.rtx_index;
        self.rtx_index += 1;
        let sequence = ExtendedSequence(index).sequence();
        Some((index, RtpFields { marker: false, payload_type, sequence, timestamp, ssrc, padding: true }))
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
