//! The rate that losses allow: where a link drops what it cannot carry instead of queueing it, the delay says nothing.
//!
//! Follows draft-ietf-rmcat-gcc-02 §6 (above 10 % down by half of the loss, up below 2 %), which WebRTC's
//! `modules/congestion_controller/goog_cc/send_side_bandwidth_estimation.cc` has too. Radio links lose at random, however little is
//! sent: so what was lost all the time, up to 10 %, is held to be the link's own, and only what is lost beyond it is answered.

/// Losses are judged when so much time has passed and so many packets were told of.
const WINDOW_US: u64 = 500_000;
const WINDOW_PACKETS: u32 = 40;
/// The mean of so many windows is the link's own loss: two seconds.
const OWN_WINDOWS: usize = 4;
const OWN_LOSS_MAX: f64 = 0.1;
const HEAVY_LOSS: f64 = 0.1;
const LIGHT_LOSS: f64 = 0.02;
const INCREASE: f64 = 1.05;
/// What arrives is carried, whatever is lost beside it; by so much less is sent that the losses end.
const CARRIED: f64 = 0.85;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    arrived: u32,
    lost: u32,
    since_us: Option<u64>,
    /// Share lost in the last windows.
    windows: [f64; OWN_WINDOWS],
    place: usize,
    bound_bps: Option<f64>,
}

impl Loss {
    pub(super) fn new() -> Self {
        Self { arrived: 0, lost: 0, since_us: None, windows: [0.0; OWN_WINDOWS], place: 0, bound_bps: None }
    }

    /// None: losses bound nothing.
    pub(super) fn bound_bps(&self) -> Option<f64> {
        self.bound_bps
    }

    /// A probe has shown that the link carries more.
    pub(super) fn prove(&mut self, bps: f64) {
        self.bound_bps = self.bound_bps.filter(|bound| *bound > bps);
    }

    /// What one feedback told. `delay_bps`: what the delay allows. `arrived_bps`: the rate at which packets arrive.
    pub(super) fn add(&mut self, now_us: u64, arrived: u32, lost: u32, delay_bps: f64, arrived_bps: f64) {
        let since_us = *self.since_us.get_or_insert(now_us);
        self.arrived = self.arrived.saturating_add(arrived);
        self.lost = self.lost.saturating_add(lost);
        let packets = self.arrived.saturating_add(self.lost);
        if packets >= WINDOW_PACKETS && now_us.saturating_sub(since_us) >= WINDOW_US {
            self.judge(f64::from(self.lost) / f64::from(packets), delay_bps, arrived_bps);
            (self.arrived, self.lost, self.since_us) = (0, 0, Some(now_us));
        }
        // What no longer binds is forgotten.
        self.bound_bps = self.bound_bps.filter(|bound| *bound < delay_bps);
    }

    fn judge(&mut self, share: f64, delay_bps: f64, arrived_bps: f64) {
        let own = (self.windows.iter().sum::<f64>() / OWN_WINDOWS as f64).min(OWN_LOSS_MAX);
        if let Some(window) = self.windows.get_mut(self.place) {
            *window = share;
        }
        self.place = (self.place + 1) % OWN_WINDOWS;
        let excess = share - own;
        if excess > HEAVY_LOSS {
            let before = self.bound_bps.unwrap_or(delay_bps);
            // A rate that was measured before all was lost is no longer one.
            let carried = if self.arrived > 0 { CARRIED * arrived_bps } else { 0.0 };
            self.bound_bps = Some((before * (1.0 - share / 2.0)).max(carried).min(before));
        } else if excess < LIGHT_LOSS {
            self.bound_bps = self.bound_bps.map(|bound| bound * INCREASE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bound after so many seconds of 100 packets each, of which so many are lost, told in 20 messages.
    fn after(loss: &mut Loss, now_us: &mut u64, seconds: u32, lost: u32, arrived_bps: f64) -> Option<f64> {
        for _ in 0..seconds * 20 {
            *now_us += 50_000;
            loss.add(*now_us, 100 - lost, lost, 2_000_000.0, arrived_bps);
        }
        loss.bound_bps()
    }

    /// Reordering and radio lose a few: no reason to send less.
    #[test]
    fn a_link_that_always_loses_a_few_bounds_nothing() {
        for lost in [0, 2, 10] {
            let (mut loss, mut now_us) = (Loss::new(), 0);
            assert_eq!(after(&mut loss, &mut now_us, 30, lost, 2e6), None, "{lost} %");
        }
    }

    /// A policer drops what is too much and never queues.
    #[test]
    fn heavy_loss_leads_down_to_what_arrives_and_no_further() {
        let (mut loss, mut now_us) = (Loss::new(), 0);
        assert_eq!(after(&mut loss, &mut now_us, 3, 50, 1e6), Some(850_000.0));
        let later = after(&mut loss, &mut now_us, 20, 0, 850_000.0);
        assert!(later.is_none_or(|bound| bound > 1_500_000.0), "{later:?}");
    }

    /// A cruel receiver harms itself alone, but that it does.
    #[test]
    fn a_receiver_of_nothing_is_sent_next_to_nothing() {
        let (mut loss, mut now_us) = (Loss::new(), 0);
        assert!(after(&mut loss, &mut now_us, 10, 100, 2e6).is_some_and(|bound| bound < 10_000.0));
    }

    #[test]
    fn a_probe_that_arrived_lifts_the_bound() {
        let (mut loss, mut now_us) = (Loss::new(), 0);
        assert!(after(&mut loss, &mut now_us, 3, 50, 1e6).is_some());
        loss.prove(1_200_000.0);
        assert_eq!(loss.bound_bps(), None);
    }
}
