//! How much one viewer's link carries, from what the viewer tells of the packets that it got: Google's congestion control (GCC),
//! the sender's side. draft-ietf-rmcat-gcc-02; transport-wide feedback: draft-holmer-rmcat-transport-wide-cc-extensions-01.
//!
//! ```text
//!               sent ─────► sent log ◄──── padding due ◄── probe ◄── a rate is wanted
//!                              │                              ▲
//!   feedback ─► receiver clock ┼─► groups ─► trendline ─┐     │ cluster: rate that arrived
//!                              ├─► acknowledged ────────┼─► rate control ─┐
//!                              └─► loss ──────────────────────────────────┴─► estimate
//! ```
//!
//! Each component names the file of WebRTC that it follows. Those were not at hand: it was written from the draft, from what is
//! commonly known of them, and with a look at str0m 0.25.0, which follows WebRTC revision bd3d2d31501d. Not taken over: the
//! detector of application-limited regions (an estimate grows no further than one and a half times what arrives, and a probe's
//! result stays), and the loss-based control of maximum likelihood (a simpler one is in `loss.rs`).
//!
//! Bounds: [`SENT_PACKETS`] packets of 8 bytes are remembered, allocated once; a feedback costs what its bytes are; the estimate
//! is within [`ESTIMATE_BPS_MIN`] and [`ESTIMATE_BPS_MAX`], whatever a viewer tells.
//!
//! [`SENT_PACKETS`]: crate::limits::SENT_PACKETS

mod acknowledged;
mod capacity;
mod cluster;
mod groups;
mod loss;
mod probe;
mod rate_control;
mod receiver_clock;
mod sent;
#[cfg(test)]
mod testing;
mod trendline;

use std::time::{Duration, Instant};

use fanlight_wire::{Sequence, Twcc};

use self::acknowledged::Acknowledged;
use self::groups::Groups;
use self::loss::Loss;
use self::probe::Probing;
use self::rate_control::RateControl;
use self::receiver_clock::ReceiverClock;
use self::sent::SentLog;
use self::trendline::{Trendline, Usage};
use crate::limits::{ESTIMATE_BPS_MAX, ESTIMATE_BPS_MIN};

/// Without feedback for so long while packets leave, the estimate is halved, and again after as long.
const SILENCE_US: u64 = 2_000_000;

/// Before a round trip was measured. As in WebRTC.
const ROUND_TRIP_DEFAULT: Duration = Duration::from_millis(200);

/// See the file's head.
#[derive(Debug)]
pub struct Bandwidth {
    /// Its clock begins here.
    started: Instant,
    log: SentLog,
    clock: ReceiverClock,
    groups: Groups,
    trendline: Trendline,
    acknowledged: Acknowledged,
    rate: RateControl,
    loss: Loss,
    probing: Probing,
    wanted_bps: Option<f64>,
    /// Whether anything was measured.
    is_known: bool,
    sent_us: u64,
    /// When something was last heard, or the estimate halved because nothing was.
    heard_us: u64,
}

impl Bandwidth {
    /// Of a viewer that connects now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            started: now,
            log: SentLog::new(),
            clock: ReceiverClock::default(),
            groups: Groups::default(),
            trendline: Trendline::default(),
            acknowledged: Acknowledged::default(),
            rate: RateControl::new(),
            loss: Loss::new(),
            probing: Probing::new(),
            wanted_bps: None,
            is_known: false,
            sent_us: 0,
            heard_us: 0,
        }
    }

    /// The transport-wide sequence number of the packet that is to be sealed next.
    pub fn next_sequence(&mut self) -> Sequence {
        self.log.next_sequence()
    }

    /// The packet under that number left. `bytes`: of the datagram. Padding is what [`Self::padding_due`] asked for.
    pub fn sent(&mut self, now: Instant, sequence: Sequence, bytes: usize, is_padding: bool) {
        let now_us = self.microseconds(now);
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        let cluster = self.probing.sent(now_us, bytes, is_padding);
        self.log.sent(now_us, sequence, bytes, cluster);
        self.sent_us = now_us;
    }

    /// The viewer tells what became of packets.
    pub fn feedback(&mut self, now: Instant, twcc: &Twcc<'_>, round_trip: Option<Duration>) {
        let now_us = self.microseconds(now);
        let reading = self.clock.read(now_us, twcc);
        if reading.leapt {
            self.groups = Groups::default();
            self.trendline.begin_anew();
            self.acknowledged.begin_anew();
        }
        let (mut arrived, mut lost) = (0, 0);
        for (sequence, arrival_us) in twcc.packets() {
            match arrival_us {
                Some(at_us) => arrived += u32::from(self.arrived(now_us, sequence, at_us + reading.shift_us)),
                None => lost += u32::from(self.lost(now_us, sequence)),
            }
        }
        if arrived + lost > 0 {
            self.heard_us = now_us;
            self.conclude(now_us, arrived, lost, round_trip.unwrap_or(ROUND_TRIP_DEFAULT));
        }
    }

    /// Time goes by: to be called about once a second.
    pub fn tick(&mut self, now: Instant) {
        let now_us = self.microseconds(now);
        if self.sent_us > self.heard_us && now_us >= self.heard_us + SILENCE_US {
            self.heard_us = now_us;
            self.rate.halve(now_us);
        }
    }

    /// The way to the viewer is another now: what was measured says nothing of it. Numbers go on.
    pub fn route_changed(&mut self) {
        self.groups = Groups::default();
        self.trendline = Trendline::default();
        self.acknowledged = Acknowledged::default();
        self.rate = RateControl::new();
        self.loss = Loss::new();
        self.probing.begin_anew();
        self.is_known = false;
    }

    /// What the link carries, bit/s. None: nothing was measured yet.
    #[must_use]
    pub fn estimate_bps(&self) -> Option<u64> {
        self.is_known.then(|| whole(self.bound_bps()))
    }

    /// What would be of use, bit/s: while the estimate is below, probes find out now and then whether the link carries as much.
    /// None: nothing more would be, and nothing is probed.
    pub fn want(&mut self, bps: Option<u64>) {
        self.wanted_bps = bps.map(|bps| bps as f64);
        if bps.is_none() {
            self.stop_probe();
        }
    }

    /// The probe under way cannot leave.
    pub fn stop_probe(&mut self) {
        self.probing.stop();
    }

    /// Bytes of padding that are to leave now.
    #[must_use]
    pub fn padding_due(&self, now: Instant) -> u64 {
        self.probing.due_bytes(self.microseconds(now))
    }

    /// When padding is due next. None: no probe is under way.
    #[must_use]
    pub fn padding_due_at(&self, now: Instant) -> Option<Instant> {
        let due_us = self.probing.due_us(self.microseconds(now))?;
        Some(self.started + Duration::from_micros(due_us))
    }

    fn arrived(&mut self, now_us: u64, sequence: Sequence, arrival_us: i64) -> bool {
        let Some(packet) = self.log.arrived(now_us, sequence) else { return false };
        self.acknowledged.add(arrival_us, packet.bytes);
        self.probing.told(&packet, Some(arrival_us));
        if let Some(delta) = self.groups.add(packet.sent_us.cast_signed(), arrival_us) {
            self.trendline.add(&delta);
        }
        true
    }

    fn lost(&mut self, now_us: u64, sequence: Sequence) -> bool {
        let Some(packet) = self.log.lost(now_us, sequence) else { return false };
        self.probing.told(&packet, None);
        true
    }

    fn conclude(&mut self, now_us: u64, arrived: u32, lost: u32, round_trip: Duration) {
        let round_trip_us = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX).min(SILENCE_US);
        let usage = self.trendline.usage();
        if usage == Usage::Over {
            self.probing.stop();
        }
        let arrived_bps = self.acknowledged.bps();
        if let Some(bps) = arrived_bps {
            self.is_known = true;
            // A queue that our own probe made says nothing of the media.
            let explained = usage == Usage::Over && self.probing.explains_queue(now_us);
            if usage == Usage::Over && !explained {
                self.probing.overused(now_us);
            }
            let usage = if explained { Usage::Under } else { usage };
            self.rate.update(now_us, usage, bps, round_trip_us);
        }
        let arrived_bps = arrived_bps.unwrap_or_default();
        if let Some(measured_bps) = self.probing.result(now_us, round_trip_us) {
            // What arrives all the time needs no proof.
            let proved_bps = measured_bps.max(arrived_bps.min(self.bound_bps()));
            self.is_known = true;
            // Nor does the line that goes through the queue which it left.
            self.trendline.begin_anew();
            self.rate.prove(now_us, proved_bps);
            self.loss.prove(proved_bps);
        }
        self.loss.add(now_us, arrived, lost, self.rate.bps(), arrived_bps);
        self.probe(now_us, usage, arrived_bps);
    }

    /// Only on feedback: who tells nothing might never tell what became of a probe.
    fn probe(&mut self, now_us: u64, usage: Usage, arrived_bps: f64) {
        let known_bps = self.is_known.then(|| self.bound_bps());
        if let Some(wanted) = self.wanted_bps.filter(|wanted| known_bps.is_none_or(|known| known < *wanted))
            && usage == Usage::Normal
        {
            self.probing.begin(now_us, wanted, known_bps, arrived_bps);
        }
    }

    fn bound_bps(&self) -> f64 {
        let bound = self.loss.bound_bps().unwrap_or(f64::INFINITY);
        self.rate.bps().min(bound).clamp(ESTIMATE_BPS_MIN, ESTIMATE_BPS_MAX)
    }

    fn microseconds(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_micros()).unwrap_or(u64::MAX)
    }
}

/// A rate without its fraction.
#[expect(clippy::cast_possible_truncation, reason = "a cast saturates; rates are bounded and not negative")]
fn whole(bps: f64) -> u64 {
    bps as u64
}

#[cfg(test)]
mod tests;
