//! When to probe for more, and how far: only while a rate is wanted, by steps, and seldom while that fails.
//!
//! After WebRTC's `modules/congestion_controller/goog_cc/probe_controller.cc` in what a step is; looked at: str0m 0.25.0,
//! `src/bwe/probe/control.rs`. When it probes is ours: there the estimator wants to know by itself, here the choice of layers does.

use super::cluster::Cluster;
use super::sent::{NO_CLUSTER, SentPacket};
use crate::limits::ESTIMATE_BPS_MAX;

/// The first probe goes so far at once, bit/s: WebRTC's second initial one, six times the rate it begins with.
const FIRST_BPS: f64 = 1_800_000.0;
/// Those after it go up to this multiple of what is known.
const STEP: f64 = 2.0;
/// A probe that reached this share of its target succeeded, and another may follow at once.
const REACHED: f64 = 0.9;
/// Of a probe at least this share is padding, whatever is sent beside it.
const PADDING_SHARE_MIN: f64 = 0.5;
/// Pauses after probes that failed, µs. The longest bounds how late it is noticed that a limit was lifted.
const PAUSE_US_FIRST: u64 = 1_500_000;
const PAUSE_US_MAX: u64 = 2_500_000;
/// After an overuse of the media's own a queue has to empty first, µs.
const OVERUSE_PAUSE_US: u64 = 1_000_000;
/// Feedback on a probe's last packets is waited for so long beyond the round trip, µs.
const PATIENCE_US: u64 = 500_000;
/// So long after a probe the queue that it made may still show, µs.
const QUEUE_US: u64 = 300_000;

/// See the file's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probing {
    cluster: Option<(Cluster, u64)>,
    last_id: u8,
    not_before_us: u64,
    pause_us: u64,
    quiet_from_us: u64,
}

impl Probing {
    pub(super) fn new() -> Self {
        Self {
            cluster: None,
            last_id: NO_CLUSTER,
            not_before_us: 0,
            pause_us: PAUSE_US_FIRST,
            quiet_from_us: 0,
        }
    }

    /// Forgets what failed, and the probe under way, whose packets are not to be taken for those of another.
    pub(super) fn begin_anew(&mut self) {
        *self = Self { last_id: self.last_id, ..Self::new() };
    }

    /// Begins a probe towards the target unless it is too soon. `known_bps`: the estimate. `arrived_bps`: the media's rate.
    pub(super) fn begin(&mut self, now_us: u64, target_bps: f64, known_bps: Option<f64>, arrived_bps: f64) {
        if self.cluster.is_some() || now_us < self.not_before_us {
            return;
        }
        let reach = known_bps.map_or(FIRST_BPS, |known| STEP * known);
        let rate = target_bps.min(reach).min(ESTIMATE_BPS_MAX);
        let padding = (rate - arrived_bps).max(PADDING_SHARE_MIN * rate);
        self.last_id = self.last_id.checked_add(1).unwrap_or(NO_CLUSTER + 1);
        let cluster = Cluster::new(self.last_id, now_us, super::whole(rate), super::whole(padding));
        self.cluster = Some((cluster, now_us));
    }

    /// The media alone was too much for the link.
    pub(super) fn overused(&mut self, now_us: u64) {
        self.not_before_us = self.not_before_us.max(now_us + OVERUSE_PAUSE_US);
    }

    /// Nothing more of the probe leaves.
    pub(super) fn stop(&mut self) {
        if let Some((cluster, _)) = &mut self.cluster {
            cluster.stop();
        }
    }

    /// Whether a queue that shows now may be of our own making.
    pub(super) fn explains_queue(&self, now_us: u64) -> bool {
        self.cluster.is_some() || now_us < self.quiet_from_us
    }

    /// Bytes of padding that are to leave now.
    pub(super) fn due_bytes(&self, now_us: u64) -> u64 {
        self.cluster.as_ref().map_or(0, |(cluster, _)| cluster.due_bytes(now_us))
    }

    /// When padding is due next.
    pub(super) fn due_us(&self, now_us: u64) -> Option<u64> {
        self.cluster
            .as_ref()
            .filter(|(cluster, _)| cluster.is_open(now_us))
            .map(|(cluster, _)| cluster.due_us())
    }

    /// A packet leaves. Returns the cluster it is of.
    pub(super) fn sent(&mut self, now_us: u64, bytes: u16, is_padding: bool) -> u8 {
        let Some((cluster, last_us)) = self.cluster.as_mut().filter(|(cluster, _)| cluster.is_open(now_us))
        else {
            return NO_CLUSTER;
        };
        cluster.sent(bytes, is_padding);
        *last_us = now_us;
        cluster.id()
    }

    /// A packet arrived, or was lost.
    pub(super) fn told(&mut self, packet: &SentPacket, arrival_us: Option<i64>) {
        let Some((cluster, _)) = self.cluster.as_mut().filter(|(cluster, _)| cluster.id() == packet.cluster)
        else {
            return;
        };
        match arrival_us {
            Some(at) => cluster.arrived(packet, at),
            None => cluster.lost(),
        }
    }

    /// What a probe that is over has shown, bit/s.
    pub(super) fn result(&mut self, now_us: u64, round_trip_us: u64) -> Option<f64> {
        let (cluster, last_us) = self.cluster?;
        let given_up = !cluster.is_open(now_us) && now_us >= last_us + round_trip_us + PATIENCE_US;
        if !cluster.is_told(now_us) && !given_up {
            return None;
        }
        self.cluster = None;
        self.quiet_from_us = now_us + QUEUE_US;
        let measured = cluster.measured_bps();
        if measured.is_some_and(|bps| bps >= REACHED * cluster.target_bps() as f64) {
            self.pause_us = PAUSE_US_FIRST;
        } else {
            self.not_before_us = now_us + self.pause_us;
            self.pause_us = (self.pause_us * 3 / 2).min(PAUSE_US_MAX);
        }
        measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends one probe as it is due and lets each packet arrive so many µs after the one before, or 10 ms later at the least.
    fn run(probing: &mut Probing, now_us: &mut u64, apart_us: i64) -> (u64, Option<f64>) {
        let (mut bytes, mut free_us, mut told) = (0, 0, Vec::new());
        while let Some(due_us) = probing.due_us(*now_us) {
            *now_us = due_us.max(*now_us);
            while probing.due_bytes(*now_us) > 0 {
                let cluster = probing.sent(*now_us, 1_000, true);
                free_us = (free_us + apart_us).max(now_us.cast_signed() + 10_000);
                told.push((SentPacket { sent_us: *now_us, bytes: 1_000, cluster }, free_us));
                bytes += 1_000;
            }
        }
        *now_us += 100_000;
        told.iter().for_each(|(packet, arrival_us)| probing.told(packet, Some(*arrival_us)));
        (bytes, probing.result(*now_us, 50_000))
    }

    /// From a phone's rate to a television's in a second, without ever sending far more than is known to pass.
    #[test]
    fn successful_probes_climb_by_steps() {
        let (mut probing, mut now_us, mut known, mut steps) = (Probing::new(), 0, 400_000.0, 0);
        while known < 5_000_000.0 {
            probing.begin(now_us, 6_000_000.0, Some(known), 0.0);
            let (_, measured) = run(&mut probing, &mut now_us, 10);
            let measured = measured.unwrap();
            assert!(measured <= 2.6 * known, "{measured} after {known}");
            (known, steps) = (measured, steps + 1);
        }
        assert!(steps <= 4 && now_us < 1_000_000, "{steps} in {now_us} µs");
    }

    /// Probing a full link for ever costs its viewer little, and notices within seconds that it is full no more.
    #[test]
    fn failing_probes_become_seldom_but_do_not_end() {
        let (mut probing, mut now_us, mut began) = (Probing::new(), 0, Vec::new());
        while now_us < 60_000_000 {
            probing.begin(now_us, 2_500_000.0, Some(1_000_000.0), 500_000.0);
            if probing.due_bytes(now_us) > 0 {
                began.push(now_us);
                assert_eq!(run(&mut probing, &mut now_us, 8_000).1, Some(950_000.0));
            }
            now_us += 10_000;
        }
        let longest = began.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!((20..26).contains(&began.len()), "{began:?}");
        assert!(longest.is_some_and(|pause| pause < 3_000_000), "{longest:?}");
    }

    #[test]
    fn a_stopped_probe_sends_no_more() {
        let mut probing = Probing::new();
        probing.begin(0, 2_500_000.0, None, 0.0);
        assert!(probing.due_bytes(0) > 0);
        probing.stop();
        assert_eq!((probing.due_bytes(5_000), probing.due_us(5_000)), (0, None));
        assert_eq!(probing.sent(6_000, 1_000, false), NO_CLUSTER);
    }

    /// A viewer that falls silent in the midst of a probe must not keep the next from being made.
    #[test]
    fn a_probe_of_which_nothing_is_told_is_given_up() {
        let mut probing = Probing::new();
        probing.begin(0, 2_500_000.0, None, 0.0);
        probing.sent(0, 1_000, true);
        assert!(probing.explains_queue(500_000));
        assert_eq!(probing.result(1_000_000, 50_000), None);
        assert!(!probing.explains_queue(2_000_000));
        probing.begin(4_000_000, 2_500_000.0, None, 0.0);
        assert!(probing.due_bytes(4_000_000) > 0);
    }
}
