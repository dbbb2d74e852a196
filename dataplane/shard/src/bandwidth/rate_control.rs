//! The rate that the delay allows: down to a part of what arrives at overuse, up again while no queue grows.
//!
//! Follows WebRTC's `modules/remote_bitrate_estimator/aimd_rate_control.cc` and draft-ietf-rmcat-gcc-02 §5.5; looked at: str0m
//! 0.25.0, `src/bwe/delay/rate_control.rs`.
//!
//! ```text
//!                 over              over
//!   Increase ───────────► Decrease ◄────── Hold       under: Hold, until the queue is empty
//!      ▲                     │ done         ▲ │
//!      └── normal ── Hold ◄──┘              └─┘
//! ```
//!
//! Ours differs in two things, since what we send is given by the layers there are and not by the estimate. What arrives while no
//! queue grows is carried, and the estimate is not below it. And where far less is sent than the link was found to carry, a
//! queue is more likely a stall of the radio than a link that lost most of its rate: the first decrease stops above what
//! arrives, and only an overuse that lasts leads below it.

use super::capacity::Capacity;
use super::trendline::Usage;
use crate::limits::{ESTIMATE_BPS_MAX, ESTIMATE_BPS_MIN};

/// Before anything is known, bit/s. As in WebRTC.
pub(super) const START_BPS: f64 = 300_000.0;
/// Of what arrived, at overuse: less than the link carries, so that the queue empties.
const DECREASE: f64 = 0.85;
/// Less than this share of the estimate arrives: it is not our stream that fills the link. WebRTC's share for an
/// application-limited region.
const IDLE: f64 = 0.65;
/// Of what arrives then, at the first overuse.
const FIRST_DECREASE: f64 = 1.25;
/// A second, far from the known capacity.
const INCREASE_A_SECOND: f64 = 0.08;
/// Up to this multiple of what arrives and this much more, bit/s: beyond it nothing was shown but by a probe.
const UNPROVED_FACTOR: f64 = 1.5;
const UNPROVED_BPS: f64 = 10_000.0;
/// bit/s a second at least, near the known capacity.
const ADDED_BPS_MIN: f64 = 4_000.0;
/// Time in which overuse shows beyond a round trip, µs.
const DETECTION_US: u64 = 100_000;
/// Of an estimate that decreased, so much has to arrive within a round trip; else it decreases again at once.
const FAR_BELOW: f64 = 0.5;
/// Bounds of the time between two decreases, µs.
const DECREASE_US: (u64, u64) = (10_000, 200_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Increase,
    Hold,
}

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct RateControl {
    state: State,
    bps: f64,
    capacity: Capacity,
    changed_us: u64,
}

impl RateControl {
    pub(super) fn new() -> Self {
        Self { state: State::Increase, bps: START_BPS, capacity: Capacity::default(), changed_us: 0 }
    }

    pub(super) fn bps(&self) -> f64 {
        self.bps
    }

    /// `arrived_bps`: the rate at which packets arrive. `round_trip_us`: without it, the time of detection alone counts.
    pub(super) fn update(&mut self, now_us: u64, usage: Usage, arrived_bps: f64, round_trip_us: u64) {
        match (usage, self.state) {
            (Usage::Over, _) => self.decrease(now_us, arrived_bps, round_trip_us),
            (Usage::Under, _) => self.state = State::Hold,
            (Usage::Normal, State::Hold) => {
                self.state = State::Increase;
                self.changed_us = now_us;
            }
            (Usage::Normal, State::Increase) => self.increase(now_us, arrived_bps, round_trip_us),
        }
    }

    /// A probe has shown what the link carries.
    pub(super) fn prove(&mut self, now_us: u64, bps: f64) {
        self.capacity.probed(bps);
        self.set(now_us, bps);
    }

    /// Nothing is heard from the viewer.
    pub(super) fn halve(&mut self, now_us: u64) {
        self.set(now_us, self.bps / 2.0);
    }

    fn set(&mut self, now_us: u64, bps: f64) {
        self.bps = bps.clamp(ESTIMATE_BPS_MIN, ESTIMATE_BPS_MAX);
        self.changed_us = now_us;
    }

    fn decrease(&mut self, now_us: u64, arrived_bps: f64, round_trip_us: u64) {
        self.state = State::Hold;
        let (shortest, longest) = DECREASE_US;
        let too_soon = now_us.saturating_sub(self.changed_us) < round_trip_us.clamp(shortest, longest);
        if too_soon && arrived_bps >= FAR_BELOW * self.bps {
            return;
        }
        let is_idle = arrived_bps < IDLE * self.bps;
        let mut lower = if is_idle { FIRST_DECREASE } else { DECREASE } * arrived_bps;
        if lower > self.bps {
            lower = self.capacity.bps().map_or(lower, |capacity| DECREASE * capacity);
        }
        self.capacity.doubt_below(arrived_bps);
        self.capacity.overused(arrived_bps);
        self.set(now_us, lower.min(self.bps));
    }

    fn increase(&mut self, now_us: u64, arrived_bps: f64, round_trip_us: u64) {
        self.capacity.doubt_above(arrived_bps);
        let limit = UNPROVED_FACTOR * arrived_bps + UNPROVED_BPS;
        let elapsed_us = now_us.saturating_sub(self.changed_us).min(1_000_000);
        let elapsed = elapsed_us as f64 / 1e6;
        let added = match self.capacity.bps() {
            Some(_) => self.additive_bps(round_trip_us) * elapsed,
            None => (self.bps * INCREASE_A_SECOND * elapsed).max(1_000.0),
        };
        let higher = (self.bps + added).min(limit).max(arrived_bps);
        // What a probe has shown stays, however little is sent.
        self.set(now_us, higher.max(self.bps));
    }

    /// bit/s a second: about one packet more in the time in which overuse would show.
    fn additive_bps(&self, round_trip_us: u64) -> f64 {
        let frame_bits = self.bps / 30.0;
        let packet_bits = frame_bits / (frame_bits / 9_600.0).ceil().max(1.0);
        let response_us = 2 * (round_trip_us + DETECTION_US);
        (packet_bits * 1e6 / response_us as f64).max(ADDED_BPS_MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP_US: u64 = 50_000;

    /// The estimate after so many updates, 50 ms apart.
    fn after(
        control: &mut RateControl,
        now_us: &mut u64,
        updates: u32,
        usage: Usage,
        arrived_bps: f64,
    ) -> f64 {
        for _ in 0..updates {
            *now_us += 50_000;
            control.update(*now_us, usage, arrived_bps, ROUND_TRIP_US);
        }
        control.bps()
    }

    /// Less than what arrives, or the queue would stay; and no more less while the answer is not there.
    #[test]
    fn overuse_leads_below_what_arrives() {
        let (mut control, mut now_us) = (RateControl::new(), 0);
        after(&mut control, &mut now_us, 2, Usage::Normal, 1.2e6);
        assert_eq!(after(&mut control, &mut now_us, 1, Usage::Over, 1e6), 850_000.0);
        now_us -= 40_000;
        assert_eq!(after(&mut control, &mut now_us, 1, Usage::Over, 0.8e6), 850_000.0);
        assert_eq!(after(&mut control, &mut now_us, 1, Usage::Under, 0.8e6), 850_000.0);
    }

    /// A stall of the radio while a small layer flows must not cost that layer; a link that is gone must.
    #[test]
    fn overuse_of_an_idle_link_has_to_last_to_lead_below_what_arrives() {
        let (mut control, mut now_us) = (RateControl::new(), 0);
        control.prove(now_us, 2.75e6);
        assert_eq!(after(&mut control, &mut now_us, 1, Usage::Over, 0.4e6), 500_000.0);
        assert_eq!(after(&mut control, &mut now_us, 1, Usage::Over, 0.4e6), 340_000.0);
    }

    /// Near what the link was found to carry the estimate gains some packets a second, elsewhere 8 %.
    #[test]
    fn growth_is_careful_near_the_known_capacity() {
        let (mut control, mut now_us) = (RateControl::new(), 0);
        after(&mut control, &mut now_us, 2, Usage::Normal, 2e6);
        let from = control.bps();
        let far = after(&mut control, &mut now_us, 20, Usage::Normal, 2e6) - from;
        assert!((150_000.0..180_000.0).contains(&far), "{far}");
        after(&mut control, &mut now_us, 1, Usage::Over, 2e6);
        after(&mut control, &mut now_us, 1, Usage::Normal, 1.7e6);
        let from = control.bps();
        let near = after(&mut control, &mut now_us, 20, Usage::Normal, 1.7e6) - from;
        assert!((10_000.0..60_000.0).contains(&near), "{near}");
    }

    /// A still picture proves nothing about the link: neither that it carries more, nor that it does not.
    #[test]
    fn a_sender_with_little_to_send_neither_inflates_nor_collapses_it() {
        let (mut control, mut now_us) = (RateControl::new(), 0);
        let grown = after(&mut control, &mut now_us, 2_000, Usage::Normal, 400_000.0);
        assert_eq!(grown, 610_000.0);
        control.prove(now_us, 2.5e6);
        assert_eq!(after(&mut control, &mut now_us, 2_000, Usage::Normal, 400_000.0), 2.5e6);
    }

    /// A stream that flows well although the estimate is below it.
    #[test]
    fn what_arrives_without_a_queue_is_carried() {
        let (mut control, mut now_us) = (RateControl::new(), 0);
        assert!(after(&mut control, &mut now_us, 2, Usage::Normal, 3e6) >= 3e6);
    }
}
