//! What a track's packets are called in one subscription: their index (which is the SRTP nonce) and their timestamps.
//!
//! A viewer sees one stream without a seam, whatever happens behind it: a pause, a skip to a newer key frame, another
//! publisher. Each of these begins a new *run* of the track's packets, and a run goes on where the last one ended:
//!
//! ```text
//!   track     … 70 71 72 73        94 95 96 …         another track   12 13 14 …
//!   viewer    … 10 11 12 13        14 15 16 …                         17 18 19 …
//!                          (pause)           (publisher replaced)
//! ```
//!
//! A run that begins in the past catches up: its past is played faster, so timestamps before the moment in which it will be
//! live are drawn together by that factor. A player then needs no hint to show it, and no delay is left over in its buffer.

use std::time::{Duration, Instant};

use fanlight_wire::{ExtendedSequence, Sequence, Timestamp};

use crate::gop::Gop;
use crate::limits::CATCH_UP_MARGIN;
use crate::nonces::Nonces;

/// A catch-up is forgotten when the media is this many ticks of a 90 kHz clock past it: no packet of it is sent again then,
/// and distances between timestamps, which are 31 bits, stay true.
const FORGET_AFTER_TICKS: i32 = 90_000 * 60;

/// A run's way from the past to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CatchUp {
    /// Track timestamp where it begins.
    from: Timestamp,
    /// Track timestamp at which it will be live.
    live: Timestamp,
    /// How much faster than it was captured the media is sent.
    speed: u32,
    started: Instant,
}

impl CatchUp {
    /// Plans the way from `from` to live, which is at `newest` now and moves on at the clock's rate. None: there is nothing to
    /// catch up, or it could never be.
    pub(crate) fn plan(now: Instant, from: Timestamp, newest: Timestamp, speed: u32) -> Option<Self> {
        let behind = u32::try_from(newest.distance_from(from)).ok()?;
        let while_catching_up = behind.checked_div(speed.checked_sub(1)?)?;
        let live = newest.wrapping_add(while_catching_up);
        (behind > 0).then_some(Self { from, live, speed, started: now })
    }

    /// When the packet of that track timestamp is to leave.
    pub(crate) fn due(&self, timestamp: Timestamp, clock_rate_hz: u32) -> Instant {
        let ticks = u64::try_from(timestamp.distance_from(self.from)).unwrap_or_default();
        let divisor = u64::from(clock_rate_hz).saturating_mul(u64::from(self.speed));
        self.started + Duration::from_micros((ticks * 1_000_000).checked_div(divisor).unwrap_or_default())
    }

    /// How long ago it began.
    pub(crate) fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }

    /// Whether media of that timestamp is live again.
    pub(crate) fn is_over_at(&self, timestamp: Timestamp) -> bool {
        timestamp.distance_from(self.live) >= 0
    }

    fn draw_together(&self, timestamp: Timestamp) -> Timestamp {
        match u32::try_from(self.live.distance_from(timestamp)) {
            Ok(behind) => Timestamp(self.live.0.wrapping_sub(behind / self.speed.max(1))),
            Err(_) => timestamp,
        }
    }
}

/// See the file's head.
#[derive(Debug, Clone)]
pub(crate) struct Numbering {
    /// Track sequence of the run's first packet: what is before it was never sent, or under other numbers.
    first: ExtendedSequence,
    /// Packet index = track sequence + this, wrapping. The index (ROC and sequence) is the SRTP nonce: one for each track
    /// packet of a run, runs never overlap, and no packet is taken twice (see [`crate::store`] and [`crate::nonces`]).
    index_offset: u64,
    nonces: Nonces,
    timestamp_offset: u32,
    has_gone_over: bool,
    catch_up: Option<CatchUp>,
    /// The newest packet: what the viewer saw as its timestamp, and when.
    newest: Option<(Timestamp, Instant)>,
}

impl Numbering {
    /// The first run, which begins with the packet `first`, under `index`, with timestamps shifted by `timestamp_offset`.
    pub(crate) fn begin(first: ExtendedSequence, index: u64, timestamp_offset: u32) -> Self {
        Self {
            first,
            index_offset: index.wrapping_sub(first.0),
            nonces: Nonces::used_to(index.saturating_sub(1)),
            timestamp_offset,
            has_gone_over: false,
            catch_up: None,
            newest: None,
        }
    }

    /// A new run of the same track.
    pub(crate) fn splice(&mut self, first: ExtendedSequence) {
        self.first = first;
        self.index_offset = self.nonces.highest().wrapping_add(1).wrapping_sub(first.0);
        self.catch_up = None;
    }

    /// A new run on another track, whose clock stands at `live` now: time goes on for the viewer as it did on the wall.
    pub(crate) fn splice_clock(&mut self, now: Instant, live: Timestamp, clock_rate_hz: u32) {
        self.has_gone_over = true;
        let Some((seen, at)) = self.newest else { return };
        let ticks = now.saturating_duration_since(at).as_micros() * u128::from(clock_rate_hz) / 1_000_000;
        let ticks = u32::try_from(ticks & 0xffff_ffff).unwrap_or_default().max(1);
        self.timestamp_offset = seen.wrapping_add(ticks).0.wrapping_sub(live.0);
    }

    /// A new run on another layer of the source, which begins with `gop`. `apart`: what makes the layer's clock the one of the run
    /// before, if both are known; time by the wall says the same less exactly. What the viewer would see under a time that it has
    /// seen already comes a little later, and is drawn together until time is right again.
    pub(crate) fn splice_over(
        &mut self,
        now: Instant,
        gop: Gop,
        apart: Option<u32>,
        clock_rate_hz: u32,
        speed: u32,
    ) {
        self.splice(gop.first);
        let Some((seen, _)) = self.newest else { return };
        let by_clock = apart.map(|apart| self.timestamp_offset.wrapping_add(apart));
        self.splice_clock(now, gop.timestamp, clock_rate_hz);
        let by_wall = self.timestamp_offset;
        let is_plausible = |offset: &u32| {
            // Sender reports of a publisher whose clock was set are worth nothing for a while.
            offset.wrapping_sub(by_wall).cast_signed().unsigned_abs() <= clock_rate_hz
        };
        self.timestamp_offset = by_clock.filter(is_plausible).unwrap_or(by_wall);
        if gop.timestamp.wrapping_add(self.timestamp_offset).distance_from(seen) <= 0 {
            let margin = u128::from(clock_rate_hz) * CATCH_UP_MARGIN.as_micros() / 1_000_000;
            let margin = u32::try_from(margin).unwrap_or_default();
            let from = Timestamp(seen.0.wrapping_sub(self.timestamp_offset)).wrapping_add(margin);
            self.catch_up = CatchUp::plan(now, gop.timestamp, from, speed);
            if self.catch_up.is_none() {
                self.timestamp_offset = by_wall;
            }
        }
    }

    /// What the viewer saw last, as a time of the track: later than the track's newest, where that has fallen behind in the middle
    /// of a catch-up.
    pub(crate) fn seen(&self) -> Option<Timestamp> {
        self.newest.map(|(seen, _)| Timestamp(seen.0.wrapping_sub(self.timestamp_offset)))
    }

    /// Whether its runs are of more than one track.
    pub(crate) fn has_gone_over(&self) -> bool {
        self.has_gone_over
    }

    /// The newest packet of the run that was sent.
    pub(crate) fn last(&self) -> Option<ExtendedSequence> {
        let last = ExtendedSequence(self.nonces.highest().wrapping_sub(self.index_offset));
        (last >= self.first).then_some(last)
    }

    pub(crate) fn catch_up(&self) -> Option<&CatchUp> {
        self.catch_up.as_ref()
    }

    pub(crate) fn set_catch_up(&mut self, catch_up: Option<CatchUp>) {
        self.catch_up = catch_up;
    }

    /// The index of a track's packet; None: it is none of this run.
    pub(crate) fn index(&self, sequence: ExtendedSequence) -> Option<u64> {
        (sequence >= self.first).then(|| sequence.0.wrapping_add(self.index_offset))
    }

    /// The track's timestamp as the viewer sees it.
    pub(crate) fn rewrite(&self, timestamp: Timestamp) -> Timestamp {
        let timestamp = self.catch_up.map_or(timestamp, |catch_up| catch_up.draw_together(timestamp));
        timestamp.wrapping_add(self.timestamp_offset)
    }

    /// Takes the index for a packet that is to be sent. False: it has been used, and the packet must not leave.
    pub(crate) fn claim(&mut self, now: Instant, index: u64, timestamp: Timestamp) -> bool {
        if !self.is_late(index) {
            self.newest = Some((self.rewrite(timestamp), now));
        }
        let is_free = self.nonces.claim(index);
        if self.catch_up.is_some_and(|way| timestamp.distance_from(way.live) > FORGET_AFTER_TICKS) {
            self.catch_up = None;
        }
        is_free
    }

    /// Whether later packets than this one have left already.
    pub(crate) fn is_late(&self, index: u64) -> bool {
        index < self.nonces.highest()
    }

    /// The track's packet that the viewer knows under `sequence`. None: never sent, or in an earlier run.
    pub(crate) fn track_sequence(&self, sequence: Sequence) -> Option<ExtendedSequence> {
        let highest = self.nonces.highest();
        let behind = ExtendedSequence(highest).sequence().distance_from(sequence);
        let index = highest.checked_sub(u64::try_from(behind).ok()?)?;
        let track = ExtendedSequence(index.wrapping_sub(self.index_offset));
        let newest = highest.wrapping_sub(self.index_offset);
        (track >= self.first && track.0 <= newest).then_some(track)
    }
}

#[cfg(test)]
#[path = "numbering_tests.rs"]
mod tests;
